//! Quotes asked for at a steady rate, whatever becomes of the earlier ones: as users do.

use crate::source::{LegacyClient, Strategy};
use bus::Clock;
use domain::trading::{Stock, UserName};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the quotes that have become due are asked for.
const TICK: Duration = Duration::from_millis(1);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Quotes in all.
    pub quotes: usize,
    /// Quotes a second.
    pub per_second: f64,
    /// Different stocks, asked for in turn.
    pub stocks: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Flown {
    /// The time to each quote that came, the shortest first.
    pub times: Vec<Duration>,
    /// Quotes that did not come.
    pub unavailable: usize,
    /// Requests that failed or were refused.
    pub failures: usize,
    /// Requests made.
    pub requests: u64,
    /// Requests given up before their answer.
    pub abandoned: u64,
}

/// One quote that was asked for.
struct One {
    took: Duration,
    came: bool,
    failures: usize,
    requests: u32,
    abandoned: u32,
}

impl Load {
    /// Asks `client`, and waits for all that was asked for. Time to a quote counts from the moment
    /// it is asked for to the moment whoever asked knows it, waiting for leave to send included.
    /// `progress` hears how many quotes are through.
    pub async fn ask(
        self,
        client: &LegacyClient,
        clock: &Clock,
        mut progress: impl FnMut(usize),
    ) -> Flown {
        let stocks = stocks(self.stocks);
        let user = UserName::parse(b"experiment");
        let mut flown = Flown::default();
        let mut up = JoinSet::new();
        let mut through = 0;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (started, mut asked) = (Instant::now(), 0);
        while asked < self.quotes {
            ticks.tick().await;
            let due = (started.elapsed().as_secs_f64() * self.per_second) as usize + 1;
            while asked < due.min(self.quotes) {
                let (client, clock, user) = (client.clone(), clock.clone(), user.clone());
                let stock = stocks[asked % stocks.len()];
                let asks = Instant::now();
                up.spawn(async move {
                    let user = user?;
                    let mut failures = 0;
                    let answer = client.ask(&clock, stock, &user, |_| failures += 1).await;
                    Some(One {
                        took: asks.elapsed(),
                        came: answer.result.is_ok(),
                        failures,
                        requests: answer.requests,
                        abandoned: answer.abandoned,
                    })
                });
                asked += 1;
            }
            while let Some(landed) = up.try_join_next() {
                flown.take(landed.ok().flatten());
                through += 1;
            }
            progress(through);
        }
        while let Some(landed) = up.join_next().await {
            flown.take(landed.ok().flatten());
            through += 1;
            progress(through);
        }
        flown.times.sort_unstable();
        flown
    }
}

impl Flown {
    fn take(&mut self, one: Option<One>) {
        let Some(one) = one else {
            self.unavailable += 1;
            return;
        };
        if one.came {
            self.times.push(one.took);
        } else {
            self.unavailable += 1;
        }
        self.failures += one.failures;
        self.requests += u64::from(one.requests);
        self.abandoned += u64::from(one.abandoned);
    }

    /// Quotes asked for.
    pub fn quotes(&self) -> usize {
        self.times.len() + self.unavailable
    }

    /// Requests a quote.
    pub fn requests_per_quote(&self) -> f64 {
        self.requests as f64 / self.quotes().max(1) as f64
    }

    /// The time that a share of `quantile` (0 to 1) of the quotes that came did not exceed;
    /// `None` where none came.
    pub fn time(&self, quantile: f64) -> Option<Duration> {
        let rank = (quantile * self.times.len() as f64).ceil() as usize;
        self.times.get(rank.max(1) - 1).copied()
    }

    /// The share of quotes that took less than `limit`.
    pub fn under(&self, limit: Duration) -> f64 {
        let under = self.times.partition_point(|took| *took < limit);
        under as f64 / self.quotes().max(1) as f64
    }
}

/// `count` different stocks (1 to 17,576), AAA, AAB and so on.
fn stocks(count: usize) -> Vec<Stock> {
    let letter = |at: usize| b'A' + (at % 26) as u8;
    (0..count.clamp(1, 26 * 26 * 26))
        .filter_map(|nth| Stock::parse(&[letter(nth / 676), letter(nth / 26), letter(nth)]))
        .collect()
}

/// A strategy that learns nothing, so that what is calculated for it is what it does.
#[derive(Debug)]
pub struct Unlearning<S>(pub S);

impl<S: Strategy> Strategy for Unlearning<S> {
    fn patience(&self, nth: u32) -> Option<Duration> {
        self.0.patience(nth)
    }

    fn keeps_slow(&self) -> bool {
        self.0.keeps_slow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::cost::{QUANTILES, cost};
    use crate::experiment::delays::Delays;
    use crate::simulator::{DelayModel, Faults, Simulator, SimulatorConfig};
    use crate::source::{Bounds, ClientOptions, Connect, Hedge, Retry, Wait};
    use std::sync::Arc;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    async fn fly(strategy: Arc<dyn Strategy>, delay: DelayModel, faults: Faults) -> Flown {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let config = SimulatorConfig { seed: 1, delay, faults, clock: clock.clone() };
        let simulator = Simulator::new(config);
        let options = ClientOptions { strategy, max_in_flight: 4_096, ..ClientOptions::default() };
        let client = LegacyClient::with(Connect::Memory(simulator.handle()), options);
        let load = Load { quotes: 4_000, per_second: 500.0, stocks: 1_000 };
        let mut last = 0;
        let flown = load.ask(&client, &clock, |through| last = through).await;
        assert_eq!(last, 4_000, "the progress is told to its end");
        flown
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_calculated_is_what_the_client_does() {
        let delays: Vec<_> = [8, 9, 9, 9, 10, 14, 1_009, 2_010, 4_009].map(MS).into();
        let model = DelayModel::Empirical(delays.clone().into());
        let delays = Delays::new(delays).unwrap();
        let strategies: [Arc<dyn Strategy>; 4] = [
            Arc::new(Wait),
            Arc::new(Retry::default()),
            Arc::new(Unlearning(Hedge::guessing(MS(12)))),
            Arc::new(Unlearning(Hedge::guessing(MS(40)))),
        ];
        for strategy in strategies {
            let calculated = cost(&delays, &*strategy, Bounds::default());
            let flown = fly(strategy.clone(), model.clone(), Faults::NONE).await;
            assert_eq!((flown.quotes(), flown.unavailable, flown.failures), (4_000, 0, 0));
            let off = flown.requests_per_quote() / calculated.requests;
            assert!((0.97..1.03).contains(&off), "{strategy:?}: {flown:?}, not {calculated:?}");
            let off = flown.under(MS(50)) - calculated.under_50_ms;
            assert!(off.abs() < 0.03, "{strategy:?}: {off}");
            // The rarest are too few for a figure of their own.
            for (quantile, expected) in QUANTILES.into_iter().zip(calculated.times).take(2) {
                let found = flown.time(quantile).unwrap();
                let off = found.abs_diff(expected);
                assert!(off <= MS(7), "{strategy:?}: {quantile}: {found:?}, not {expected:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quote_that_does_not_come_is_counted_and_never_timed() {
        let faults = "silence=1".parse().unwrap();
        let flown = fly(Arc::new(Hedge::default()), DelayModel::None, faults).await;
        assert_eq!((flown.unavailable, flown.times.len(), flown.time(0.5)), (4_000, 0, None));
        assert!(flown.under(MS(50)) < f64::EPSILON);
    }

    #[test]
    fn stocks_are_as_many_as_wanted_and_all_different() {
        for count in [1, 27, 1_000, 17_576] {
            let distinct: std::collections::HashSet<_> = stocks(count).into_iter().collect();
            assert_eq!(distinct.len(), count);
        }
    }
}
