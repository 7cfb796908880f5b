//! How fast a store takes entries.

use std::time::{Duration, Instant};

/// The time over which the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(1);

/// How many entries a second a store takes while it has any to take.
#[derive(Debug, Default)]
pub(super) struct Rate {
    since: Option<Instant>,
    entries: u64,
    /// What it came to lately.
    pub(super) per_second: f64,
}

impl Rate {
    /// So many entries were taken.
    pub(super) fn took(&mut self, entries: u64) {
        self.entries += entries;
        let Some(since) = self.since else {
            // The first batch of a spell began at an unknown time: it only starts the clock.
            self.since = Some(Instant::now());
            self.entries = 0;
            return;
        };
        let elapsed = since.elapsed();
        if elapsed > Duration::ZERO && self.entries > 0 {
            self.per_second = self.entries as f64 / elapsed.as_secs_f64();
        }
        if elapsed >= RATE_OVER {
            self.since = Some(Instant::now());
            self.entries = 0;
        }
    }

    /// There is nothing to take.
    pub(super) fn pause(&mut self) {
        self.since = None;
        self.entries = 0;
    }
}
