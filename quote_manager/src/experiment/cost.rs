//! What a strategy costs and gains at a server of given delays, calculated: each request draws
//! anew, so a flight is a product of what its requests do.

use super::delays::Delays;
use crate::source::{Bounds, Strategy};
use std::time::Duration;

/// The quantiles that a strategy is judged by.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// Less than this is left out of sums: one flight in a thousand million.
const NEGLIGIBLE: f64 = 1e-9;

/// What one quote takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Requests a quote, on average.
    pub requests: f64,
    /// The time to a quote that the share of [`QUANTILES`] does not exceed.
    pub times: [Duration; 4],
    /// The share of quotes that take less than 50 ms.
    pub under_50_ms: f64,
}

/// A strategy at a server: when its requests are sent, if nothing answers before.
#[derive(Debug)]
struct Course<'a> {
    delays: &'a Delays,
    /// When each request is sent, counted from the first.
    sent: Vec<Duration>,
    keeps_slow: bool,
    total: Duration,
}

/// Calculates what `strategy`, as it stands, makes of a server whose answers take `delays`, each
/// as likely as the others whatever came before. Times of flights without an answer count as the
/// total time of the bounds.
pub fn cost(delays: &Delays, strategy: &dyn Strategy, bounds: Bounds) -> Cost {
    let course = Course::of(delays, strategy, bounds);
    let requests = course.sent.iter().enumerate();
    let requests = requests.map(|(nth, at)| course.without_answer(*at, nth)).sum();
    let just_under = Duration::from_millis(50) - Duration::from_nanos(1);
    Cost {
        requests,
        times: QUANTILES.map(|quantile| course.time(quantile)),
        under_50_ms: 1.0 - course.without_answer(just_under, usize::MAX),
    }
}

impl Course<'_> {
    fn of<'a>(delays: &'a Delays, strategy: &dyn Strategy, bounds: Bounds) -> Course<'a> {
        let keeps_slow = strategy.keeps_slow();
        let mut course = Course { delays, sent: Vec::new(), keeps_slow, total: bounds.total };
        let most = if keeps_slow { bounds.per_stock } else { usize::MAX };
        let most = most.min(bounds.attempts as usize);
        let mut at = Duration::ZERO;
        while course.sent.len() < most && at < bounds.total {
            // This one may be sent: nothing that was sent before has answered.
            if course.without_answer(at, course.sent.len()) < NEGLIGIBLE {
                break;
            }
            course.sent.push(at);
            let Some(patience) = strategy.patience(course.sent.len() as u32) else { break };
            at += patience;
        }
        course
    }

    /// The probability that none of the first `requests` requests has been answered by `at`.
    fn without_answer(&self, at: Duration, requests: usize) -> f64 {
        if at >= self.total {
            return 0.0;
        }
        let mut none = 1.0;
        for (nth, sent) in self.sent.iter().enumerate().take(requests) {
            let Some(mut listens) = at.checked_sub(*sent) else { break };
            if !self.keeps_slow
                && let Some(next) = self.sent.get(nth + 1)
            {
                // An answer at the very end of the patience still counts.
                listens = listens.min(*next - *sent);
            }
            none *= 1.0 - self.delays.within(listens);
        }
        none
    }

    /// The time that a share of `quantile` does not exceed, to the microsecond.
    fn time(&self, quantile: f64) -> Duration {
        let (mut low, mut high) = (0, self.total.as_micros() as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            let at = Duration::from_micros(middle);
            if 1.0 - self.without_answer(at, usize::MAX) >= quantile - 1e-12 {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Duration::from_micros(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Hedge, Retry, Wait};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Two answers in three take 10 ms, the third 1,000.
    fn two_in_three() -> Delays {
        Delays::new(vec![MS(10), MS(10), MS(1_000)]).unwrap()
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn waiting_costs_one_request_and_the_servers_own_time() {
        let cost = cost(&two_in_three(), &Wait, Bounds::default());
        near(cost.requests, 1.0);
        assert_eq!(cost.times, [MS(10), MS(1_000), MS(1_000), MS(1_000)]);
        near(cost.under_50_ms, 2.0 / 3.0);
    }

    #[test]
    fn giving_up_is_a_chain_of_tries() {
        let retry = Retry { first: MS(20), step: MS(5) };
        let cost = cost(&two_in_three(), &retry, Bounds::default());
        // 1 + 1/3 + 1/9 + ... = 3/2.
        near(cost.requests, 1.5);
        // Answers come at 10, 20 + 10, 20 + 25 + 10, 20 + 25 + 30 + 10 ms, ..., and 8 of 9 by the
        // second, 26 of 27 by the third, 80 of 81 by the fourth, 242 of 243 by the fifth, 728 of
        // 729 by the sixth, 2186 of 2187 by the seventh.
        let seventh = 20 + 25 + 30 + 35 + 40 + 45 + 10;
        assert_eq!(cost.times, [MS(10), MS(55), MS(120), MS(seventh)]);
        near(cost.under_50_ms, 8.0 / 9.0);
    }

    #[test]
    fn patience_that_is_just_long_enough_gets_its_answer() {
        let retry = Retry { first: MS(10), step: MS(0) };
        near(cost(&two_in_three(), &retry, Bounds::default()).requests, 1.5);
        let retry = Retry { first: MS(9), step: MS(1) };
        // The first request never answers in time.
        near(cost(&two_in_three(), &retry, Bounds::default()).requests, 2.5);
    }

    #[test]
    fn a_hedge_listens_to_all_it_has_sent() {
        let hedge = Hedge::guessing(MS(40));
        let cost = cost(&two_in_three(), &hedge, Bounds::default());
        // Of three tries the third is slow; then two go out at once: the fifth whenever the fourth
        // does, the seventh with the sixth, and the eighth is the last.
        let third = |tries: i32| 3_f64.powi(-tries);
        near(cost.requests, 1.0 + third(1) + third(2) + 2.0 * third(3) + 2.0 * third(5) + third(7));
        // Answers come at 10, 50, 90, 130 twice, 170 twice.
        assert_eq!(cost.times, [MS(10), MS(90), MS(130), MS(170)]);
        near(cost.under_50_ms, 2.0 / 3.0);

        // The slow first answer wins where patience is of its order: 1,000 ms, not 1,510.
        let late = Hedge::guessing(MS(995));
        let cost = super::cost(&two_in_three(), &late, Bounds::default());
        assert_eq!(cost.times[3], MS(1_000));
        near(cost.requests, 1.0 + 1.0 / 3.0);
    }

    #[test]
    fn bounds_end_what_has_no_end() {
        let never = Delays::new(vec![MS(60_000)]).unwrap();
        let bounds = Bounds { per_stock: 8, attempts: 200, total: MS(1_000) };
        let hedged = cost(&never, &Hedge::guessing(MS(10)), bounds);
        near(hedged.requests, 8.0);
        assert_eq!(hedged.times, [MS(1_000); 4]);
        let retried = cost(&never, &Retry { first: MS(100), step: MS(0) }, bounds);
        near(retried.requests, 10.0);
    }
}
