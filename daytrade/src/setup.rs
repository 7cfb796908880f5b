//! How the system is set up, as the command line says: the same options wherever it runs.

use crate::Failure;
use crate::cli::QuoteSource;
use crate::system::SystemOptions;
use crate::terminal::warn;
use anyhow::anyhow;
use autotx::FarPolicy;
use bus::quotes::QUOTE_TTL;
use clap::Args;
use quote_manager::cache::RedisCache;
use quote_manager::simulator::{DelayModel, Faults};
use quote_manager::source::{ClientOptions, StrategyKind};
use std::time::Duration;
use tokio::runtime::Builder;

#[derive(Args)]
pub struct SetupArgs {
    /// How many workers share the users; one a core if not given (one with `replay --clock virtual`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// Where prices come from: `sim` (the built-in quote server), `fixed:PRICE` (one price for
    /// every stock) or `tcp://HOST:PORT` (a quote server that is running)
    #[arg(long, default_value = "sim", value_name = "SOURCE")]
    pub quotes: QuoteSource,

    /// How long the built-in quote server takes: `none`, `measured` (like the course's) or a
    /// CSV file with a delay in seconds on each line
    #[arg(long, default_value = "none", value_name = "DELAY")]
    pub quote_delay: DelayModel,

    /// What goes wrong at the built-in quote server, as shares of its answers, for example
    /// `na=0.05,garbage=0.01,silence=0.02`
    #[arg(long, default_value = "none", value_name = "FAULTS")]
    quote_faults: Faults,

    /// When to ask the quote server again: `wait` (never), `retry` (give up after 20 ms, then with
    /// 5 ms more each time) or `hedge` (a second request beside a late first one)
    #[arg(long, default_value_t, value_name = "STRATEGY")]
    quote_strategy: StrategyKind,

    /// The most requests to the quote server in any minute: beyond them commands that need a price
    /// are refused. With `up`, one user may cause a quarter of them
    #[arg(long, value_name = "N")]
    quote_budget: Option<u32>,

    /// The most requests to the quote server at once
    #[arg(long, default_value_t = 256, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    quote_in_flight: u16,

    /// Ask for a price in use again this many seconds before it runs out, so that nobody waits for
    /// it; not done if not given, because quotes cost money (but `up --seed-demo` does it, at its
    /// own quote server)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=30))]
    quote_refresh: Option<u64>,

    /// Ask for the price of a stock whose armed orders all are farther than PERCENT from it only
    /// every so many seconds (60 or more), for example `20:300`; whenever it runs out if not
    /// given. Orders that the price jumps to in between fire later
    #[arg(long, value_name = "PERCENT:SECONDS", value_parser = parse_far_orders)]
    far_orders: Option<FarPolicy>,

    /// How many quote managers share the stocks
    #[arg(long, default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    quote_managers: u16,

    /// A Redis in which the quote managers share their prices:
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` or `unix:///PATH`. Each start has keys of
    /// its own there, `daytrade:RUN:quote:STOCK`: a price that is used stands in the log that used
    /// it. A Redis that fails, or is not there yet, holds nothing up. Not with a clock that runs faster than time
    #[arg(long, value_name = "URL")]
    pub quote_cache: Option<String>,

    /// Prices and delays of the built-in quote server follow from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

impl SetupArgs {
    /// Checks the addresses of the servers that are asked for: that of a quote server by
    /// connecting to it, without a request, which might cost something.
    ///
    /// # Errors
    /// An address is none; or the quote server cannot be reached, where `strict` (else that is a
    /// warning: it may come later).
    pub fn check(&self, strict: bool) -> Result<(), Failure> {
        if let Some(url) = &self.quote_cache {
            RedisCache::check_url(url).map_err(|error| Failure::Usage(error.into()))?;
        }
        let QuoteSource::Server { address, connect } = &self.quotes else { return Ok(()) };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let reached = runtime.block_on(connect.check());
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
        match reached {
            Ok(()) => Ok(()),
            Err(error) if strict => Err(anyhow!("tcp://{address}: {error}").into()),
            Err(error) => {
                warn(format_args!(
                    "warning: tcp://{address}: {error}; commands that need a price are rejected \
                     until it can be reached"
                ));
                Ok(())
            }
        }
    }

    /// The system that is asked for; `workers` of them if the command line names no number.
    /// Nobody listens to it yet.
    pub fn system(&self, workers: usize) -> SystemOptions {
        SystemOptions {
            workers: self.workers.map_or(workers, usize::from),
            quotes: self.quotes.clone(),
            quote_delay: self.quote_delay.clone(),
            quote_faults: self.quote_faults,
            quote_managers: usize::from(self.quote_managers),
            quote_refresh: self.quote_refresh.map(Duration::from_secs),
            quote_cache: self.quote_cache.clone(),
            far_orders: self.far_orders,
            news: None,
            updates: None,
            client: ClientOptions {
                strategy: self.quote_strategy.make(),
                budget_per_minute: self.quote_budget,
                max_in_flight: usize::from(self.quote_in_flight),
                ..ClientOptions::default()
            },
            seed: self.seed,
        }
    }
}

pub fn parse_far_orders(text: &str) -> Result<FarPolicy, String> {
    let expected = || "a percentage and 60 or more seconds, as in `20:300`".to_string();
    let (percent, seconds) = text.split_once(':').ok_or_else(expected)?;
    let percent: u32 = percent.parse().map_err(|_| expected())?;
    let seconds: u32 = seconds.parse().map_err(|_| expected())?;
    if u64::from(seconds) < QUOTE_TTL.as_secs() {
        return Err(expected());
    }
    Ok(FarPolicy {
        beyond_ppm: u64::from(percent) * 10_000,
        every: Duration::from_secs(seconds.into()),
    })
}
