//! The cost curve: time to a quote against requests a quote, for every patience worth a thought.

use super::super::options::QuoteDelayOptions;
use super::super::{runtime, text};
use bus::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use quote_manager::experiment::cost::{Cost, QUANTILES, cost};
use quote_manager::experiment::delays::Delays;
use quote_manager::experiment::load::{Flown, Load, Unlearning};
use quote_manager::simulator::{DelayModel, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{
    Bounds, ClientOptions, Connect, Hedge, LegacyClient, Retry, Strategy, StrategyKind, Wait,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// The patiences that are looked at, as multiples of the network's median.
const PATIENCES: [f64; 13] =
    [0.5, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.25, 3.0, 5.0, 10.0, 30.0, 120.0];

/// Quotes a second of virtual time. It costs nothing, but the client learns as it would.
const PER_SECOND: f64 = 1_000.0;
const STOCKS: usize = 1_000;
/// More than are ever needed: here the bound on requests at once is to bound nothing.
const IN_FLIGHT: usize = 1 << 16;

/// A strategy with a patience, and what it comes to.
#[derive(Serialize)]
pub struct Point {
    /// `wait`, `retry` or `hedge`.
    pub strategy: String,
    /// The patience with the first request; none where there is no end to it.
    pub patience_ms: Option<f64>,
    /// Whether this is what daytrade does unless told otherwise.
    pub chosen: bool,
    /// What it comes to by calculation.
    pub calculated: Costs,
    /// What it came to when it was tried out.
    pub simulated: Costs,
}

/// Time to a quote and what it costs.
#[derive(Serialize)]
pub struct Costs {
    /// Requests a quote.
    pub requests_per_quote: f64,
    /// Half of the quotes take no longer.
    pub p50_ms: Option<f64>,
    /// Nine of ten.
    pub p90_ms: Option<f64>,
    /// 99 of 100.
    pub p99_ms: Option<f64>,
    /// 999 of 1,000.
    pub p999_ms: Option<f64>,
    /// The share of quotes that take less than 50 ms.
    pub under_50_ms: f64,
}

impl Costs {
    /// The quantiles, from the median on.
    pub fn times(&self) -> [Option<f64>; 4] {
        [self.p50_ms, self.p90_ms, self.p99_ms, self.p999_ms]
    }

    fn calculated(cost: &Cost) -> Costs {
        Costs::new(cost.requests, cost.times.map(|time| Some(text::ms(time))), cost.under_50_ms)
    }

    fn simulated(flown: &Flown) -> Costs {
        let times = QUANTILES.map(|quantile| flown.time(quantile).map(text::ms));
        Costs::new(flown.requests_per_quote(), times, flown.under(Duration::from_millis(50)))
    }

    fn new(requests_per_quote: f64, times: [Option<f64>; 4], under_50_ms: f64) -> Costs {
        let [p50_ms, p90_ms, p99_ms, p999_ms] = times;
        Costs { requests_per_quote, p50_ms, p90_ms, p99_ms, p999_ms, under_50_ms }
    }
}

/// A point before it is worked out.
struct Plan {
    kind: StrategyKind,
    strategy: Arc<dyn Strategy>,
    chosen: bool,
}

/// Works all points out: `wait`, then `retry`, then `hedge`, each by patience.
pub fn draw(delays: &Delays, options: &QuoteDelayOptions) -> anyhow::Result<Vec<Point>> {
    let plans = plans(delays);
    let bar = ProgressBar::new(plans.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/blue} {pos} of {len} points") {
        bar.set_style(style);
    }
    let mut points = Vec::new();
    for Plan { kind, strategy, chosen } in plans {
        let flown = try_out(strategy.clone(), delays, options)?;
        // The shipped hedge has learned its patience by now.
        let calculated = cost(delays, &*strategy, Bounds::default());
        points.push(Point {
            strategy: kind.to_string(),
            patience_ms: strategy.patience(1).map(text::ms),
            chosen,
            calculated: Costs::calculated(&calculated),
            simulated: Costs::simulated(&flown),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    points.sort_by(|a, b| {
        let place =
            |point: &Point| StrategyKind::ALL.map(|kind| kind.to_string() != point.strategy);
        let patience = |point: &Point| point.patience_ms.unwrap_or_default();
        place(a).cmp(&place(b)).then(patience(a).total_cmp(&patience(b)))
    });
    Ok(points)
}

fn plans(delays: &Delays) -> Vec<Plan> {
    let median_ms = text::ms(delays.network().quantile(0.5)).max(1.0);
    let mut patiences: Vec<u64> =
        PATIENCES.iter().map(|times| ((times * median_ms).round() as u64).max(1)).collect();
    patiences.dedup();
    let mut plans =
        vec![Plan { kind: StrategyKind::Wait, strategy: Arc::new(Wait), chosen: false }];
    let shipped = Retry::default();
    for &patience in &patiences {
        let first = Duration::from_millis(patience);
        if first != shipped.first {
            let strategy = Arc::new(Retry { first, step: shipped.step });
            plans.push(Plan { kind: StrategyKind::Retry, strategy, chosen: false });
        }
        if first >= Hedge::FLOOR {
            let strategy = Arc::new(Unlearning(Hedge::guessing(first)));
            plans.push(Plan { kind: StrategyKind::Hedge, strategy, chosen: false });
        }
    }
    for kind in [StrategyKind::Retry, StrategyKind::Hedge] {
        plans.push(Plan { kind, strategy: kind.make(), chosen: true });
    }
    plans
}

/// The client itself against the simulator, in virtual time.
fn try_out(
    strategy: Arc<dyn Strategy>,
    delays: &Delays,
    options: &QuoteDelayOptions,
) -> anyhow::Result<Flown> {
    let delay = DelayModel::Empirical(delays.sorted().into());
    Ok(runtime(true)?.block_on(async {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let (seed, faults) = (options.seed, Faults::NONE);
        let config = SimulatorConfig { seed, delay, faults, clock: clock.clone() };
        let simulator = Simulator::new(config);
        let client = LegacyClient::with(
            Connect::Memory(simulator.handle()),
            ClientOptions { strategy, max_in_flight: IN_FLIGHT, ..ClientOptions::default() },
        );
        let quotes = options.quotes as usize;
        Load { quotes, per_second: PER_SECOND, stocks: STOCKS }.ask(&client, &clock, |_| ()).await
    }))
}
