//! What a follower tells of itself to whatever collects metrics (the `metrics` facade; without a
//! recorder it costs nothing). Each has the label `store`:
//!
//! * `daytrade_follower_position`: the next entry that the store does not have.
//! * `daytrade_follower_lag_entries`: entries that the store does not have.
//! * `daytrade_follower_lag_seconds`: how long ago it last had every entry; 0 while it has.
//! * `daytrade_follower_entries_per_second`: what it took lately.
//! * `daytrade_follower_attempts`: attempts that failed since the last that did not.
//! * `daytrade_follower_state`: 1 for the `state` it is in, 0 for the others.

use super::{State, Status};
use metrics::gauge;
use std::time::Instant;

/// Every state by its name.
const STATES: [&str; 5] = ["starting", "following", "waiting", "refused", "stopped"];

/// Keeps what is told over time.
pub(super) struct Meter {
    store: &'static str,
    complete: Instant,
}

impl Meter {
    /// A meter of the store with that name.
    pub(super) fn new(store: &'static str) -> Meter {
        Meter { store, complete: Instant::now() }
    }

    /// Tells how things stand.
    pub(super) fn tell(&mut self, status: &Status) {
        let now = Instant::now();
        let complete = status.lag() == 0 && status.state == State::Following;
        if complete {
            self.complete = now;
        }
        let attempts = match &status.state {
            State::Waiting { attempts, .. } => *attempts,
            _ => 0,
        };
        let store = self.store;
        gauge!("daytrade_follower_position", "store" => store).set(status.next as f64);
        gauge!("daytrade_follower_lag_entries", "store" => store).set(status.lag() as f64);
        let late = now.duration_since(self.complete).as_secs_f64();
        gauge!("daytrade_follower_lag_seconds", "store" => store).set(late);
        gauge!("daytrade_follower_entries_per_second", "store" => store).set(status.rate);
        gauge!("daytrade_follower_attempts", "store" => store).set(f64::from(attempts));
        for state in STATES {
            let is = f64::from(u8::from(state == status.state.name()));
            gauge!("daytrade_follower_state", "store" => store, "state" => state).set(is);
        }
    }
}
