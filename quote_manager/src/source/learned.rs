//! What the network time of the server is, learned from the answers themselves.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Answers that are remembered: enough for a steady quantile, few enough that a network that has
/// changed is known within a second of traffic.
const REMEMBERED: usize = 256;

/// Before so many answers the guess stands.
const ENOUGH: usize = 16;

/// The quantile is computed anew after so many answers.
const EVERY: usize = 16;

/// The quantile is taken for one of the slow mode beyond this many medians.
const MEDIANS: u32 = 3;

/// A running quantile of the newest answers' times.
///
/// The answers that are seen are those that won: an answer of the slow mode nearly always loses
/// to a second request, so the quantile is one of the fast mode without anyone telling the two
/// apart. At a server that fails so often that slow answers win as well, the quantile is held to
/// [`MEDIANS`] medians: half of the winners are fast all the same.
#[derive(Debug)]
pub(super) struct NetworkTime {
    quantile: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    newest: Vec<Duration>,
    next: usize,
    since: usize,
    value: Duration,
}

impl NetworkTime {
    /// A quantile (between 0 and 1) of the answers to come; `guess` until there are enough.
    pub(super) fn new(quantile: f64, guess: Duration) -> NetworkTime {
        let state = State { newest: Vec::new(), next: 0, since: 0, value: guess };
        NetworkTime { quantile, state: Mutex::new(state) }
    }

    /// Takes in the time of one answer.
    pub(super) fn learn(&self, took: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.newest.len() < REMEMBERED {
            state.newest.push(took);
        } else {
            let next = state.next;
            state.newest[next] = took;
            state.next = (next + 1) % REMEMBERED;
        }
        state.since += 1;
        if state.since >= EVERY && state.newest.len() >= ENOUGH {
            state.since = 0;
            let mut sorted = state.newest.clone();
            let at = ((sorted.len() - 1) as f64 * self.quantile).round() as usize;
            let quantile = *sorted.select_nth_unstable(at).1;
            let middle = sorted.len() / 2;
            let median = *sorted.select_nth_unstable(middle).1;
            state.value = quantile.min(median * MEDIANS);
        }
    }

    /// The quantile as it is known now.
    pub(super) fn get(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn it_follows_a_network_that_becomes_slower_and_faster_again() {
        let network = NetworkTime::new(0.95, MS(20));
        assert_eq!(network.get(), MS(20));
        for (from, count, expected) in [(7, 400, 7 + 19), (50, 400, 50 + 19), (2, 400, 2 + 19)] {
            (0..count).for_each(|nth| network.learn(MS(from + nth % 20)));
            let learned = network.get();
            assert!(learned >= MS(expected - 2) && learned <= MS(expected), "{learned:?}");
        }
    }

    #[test]
    fn slow_answers_that_win_often_do_not_make_it_patient() {
        let network = NetworkTime::new(0.98, MS(20));
        (0..1000).for_each(|nth| network.learn(MS(if nth % 5 == 0 { 2000 } else { 9 })));
        assert_eq!(network.get(), MS(27));
    }

    #[test]
    fn a_rare_answer_of_seconds_does_not_move_it() {
        let network = NetworkTime::new(0.95, MS(20));
        for nth in 0..1000 {
            network.learn(if nth % 50 == 0 { MS(4000) } else { MS(9) });
        }
        assert_eq!(network.get(), MS(9));
    }
}
