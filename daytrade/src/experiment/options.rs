//! The command line of the experiments.

use crate::cli::ClockKind;
use crate::output::Overwrite;
use crate::setup::parse_far_orders;
use crate::urls::UrlParser;
use audit_logger::elasticsearch::SearchUrl;
use audit_logger::postgres::PostgresUrl;
use autotx::FarPolicy;
use clap::{Args, Subcommand};
use quote_manager::simulator::DelayModel;
use quote_manager::source::{Connect, StrategyKind};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum ExperimentCommand {
    /// Trade at full speed while each kind of store takes the log in: how far it falls behind, and
    /// how long it takes to be complete
    Logging(LoggingOptions),
    /// Take the delays of a quote server apart, and find out what each way to ask makes of them
    QuoteDelay(QuoteDelayOptions),
    /// Ask the built-in quote server in all ways side by side: time to a quote against requests
    QuoteTimeout(QuoteTimeoutOptions),
    /// Arm many orders and let prices wander: how fast they are armed and fired, how late, and what
    /// they cost in quotes
    Triggers(TriggersOptions),
}

#[derive(Args)]
pub struct TriggersOptions {
    /// How many orders the trigger book is measured with
    #[arg(long, default_value_t = 1_000_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1_000..=20_000_000))]
    pub orders: u32,

    /// How many orders are armed in the whole system, from command to durable fill
    #[arg(long, default_value_t = 100_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    pub durable: u32,

    /// How many stocks share them
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=17_576))]
    pub stocks: u32,

    /// How many prices of the walk come in a second
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub ticks: u32,

    /// How long the walk is, in seconds of real time
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=50))]
    pub walk: u32,

    /// How long a market is watched in virtual time, in minutes: what waiting orders cost in
    /// quotes
    #[arg(long, default_value_t = 60, value_name = "MINUTES",
          value_parser = clap::value_parser!(u32).range(1..=1_440))]
    pub watch: u32,

    /// How often stocks are asked for whose orders all are far, as for `replay`
    #[arg(long, value_name = "PERCENT:SECONDS", value_parser = parse_far_orders)]
    pub far_orders: Option<FarPolicy>,

    /// Prices follow from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The folder for `result.json`, `index.html` and the logs; a new numbered folder under `out`
    /// if not given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,
}

#[derive(Args)]
pub struct LoggingOptions {
    /// A Postgres to measure: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`. What is written
    /// there is removed again; without it the stores in it are left out
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    pub audit: Option<PostgresUrl>,

    /// An Elasticsearch to measure: `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`. What is written there is
    /// removed again
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    pub search: Option<SearchUrl>,

    /// How long a store is waited for after the last command; one that is not complete by then is
    /// told with what it has
    #[arg(long, default_value_t = 40, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub patience: u64,

    /// How many commands are traded for each store
    #[arg(long, default_value_t = 200_000, value_name = "N",
          value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    pub commands: u64,

    /// The commands and the prices follow from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The folder for `result.json` and `index.html`; a new numbered folder under `out` if not
    /// given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,
}

#[derive(Args)]
pub struct QuoteDelayOptions {
    /// A CSV file with a delay in seconds on each line, in the order they were measured; without
    /// it and --server the built-in model of the course's server is sampled
    #[arg(value_name = "FILE.csv", conflicts_with = "server")]
    pub file: Option<PathBuf>,

    /// Measure this server: `tcp://HOST:PORT`. Each sample is one request, which it may charge for
    #[arg(long, value_name = "SERVER", value_parser = parse_server)]
    pub server: Option<(String, Connect)>,

    /// How many delays are measured or drawn
    #[arg(long, default_value_t = 1_200, value_name = "N", conflicts_with = "file",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub samples: u32,

    /// How many requests are under way at once while a server is measured
    #[arg(long, default_value_t = 1, value_name = "N", requires = "server",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub at_once: u16,

    /// How many quotes each point of the cost curve is tried out with, in virtual time
    #[arg(long, default_value_t = 10_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub quotes: u32,

    /// What is drawn at random follows from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The folder for `result.json` and `index.html`; a new numbered folder under `out` if not
    /// given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,
}

fn parse_server(text: &str) -> Result<(String, Connect), String> {
    let address = text.strip_prefix("tcp://").ok_or("`tcp://HOST:PORT` is expected")?;
    let connect = Connect::parse(address).map_err(|error| error.to_string())?;
    Ok((text.to_string(), connect))
}

#[derive(Args)]
pub struct QuoteTimeoutOptions {
    /// How many quotes are asked for in each way
    #[arg(long, default_value_t = 15_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub quotes: u32,

    /// How many quotes are asked for in a second, whatever becomes of the earlier ones
    #[arg(long, default_value_t = 500, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,

    /// How many different stocks there are, asked for in turn
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=17_576))]
    pub stocks: u32,

    /// The most requests at once, in each way; far more than are needed, so that it bounds none
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=4_096))]
    pub in_flight: u16,

    /// How long the server takes: `measured` (like the course's), `none` or a CSV file with a
    /// delay in seconds on each line
    #[arg(long, default_value = "measured", value_name = "DELAY")]
    pub delay: DelayModel,

    /// The ways to ask, with commas between them
    #[arg(long, value_delimiter = ',', default_values_t = StrategyKind::ALL, value_name = "NAMES")]
    pub strategies: Vec<StrategyKind>,

    /// `real` time over TCP on this machine, or `virtual` time inside the process: waiting takes
    /// no time, and the same seed gives the same figures
    #[arg(long, default_value = "real")]
    pub clock: ClockKind,

    /// The delays follow from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The folder for `result.json` and `index.html`; a new numbered folder under `out` if not
    /// given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,
}
