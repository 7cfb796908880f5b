//! Leaves the cores to trading. Where a store shares them with it, every entry that is stored while
//! commands come in fast is paid for by commands. What is left for later costs nothing: the log
//! holds it.

use std::time::{Duration, Instant};

/// Above this many entries a second trading has the cores: well below what it does on one, and far
/// above what people type.
const BUSY_ENTRIES_PER_S: f64 = 50_000.0;

/// How long a follower rests for the time it has worked, while trading is busy. On two cores one
/// part in ten of one core is one in twenty of both.
const REST_PER_WORK: u32 = 9;

/// The longest rest: then it is looked again whether trading is still busy.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Watches how fast a log grows.
#[derive(Debug)]
pub struct Pace {
    seen: Option<(Instant, u64)>,
    busy: bool,
}

impl Pace {
    /// A pace that knows nothing yet.
    pub fn new() -> Pace {
        Pace { seen: None, busy: false }
    }

    /// Notes that the log ended before entry `next` at `now`.
    pub fn saw(&mut self, now: Instant, next: u64) {
        let Some((at, before)) = self.seen else {
            self.seen = Some((now, next));
            return;
        };
        let seconds = now.duration_since(at).as_secs_f64();
        // Batches come in lumps: a shorter time says nothing.
        if seconds >= 0.05 {
            self.busy = next.saturating_sub(before) as f64 / seconds > BUSY_ENTRIES_PER_S;
            self.seen = Some((now, next));
        }
    }

    /// How long to rest after `work`.
    pub fn rest(&self, work: Duration) -> Duration {
        if self.busy { (work * REST_PER_WORK).min(LONGEST_REST) } else { Duration::ZERO }
    }
}

impl Default for Pace {
    fn default() -> Pace {
        Pace::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_rests_while_much_comes_in_and_not_when_nothing_does() {
        let work = Duration::from_millis(10);
        let mut pace = Pace::new();
        let mut now = Instant::now();
        pace.saw(now, 1);
        assert_eq!(pace.rest(work), Duration::ZERO, "it is not known yet");
        now += Duration::from_millis(100);
        pace.saw(now, 50_001);
        assert_eq!(pace.rest(work), Duration::from_millis(90));
        assert_eq!(pace.rest(Duration::from_secs(1)), LONGEST_REST);
        now += Duration::from_millis(100);
        pace.saw(now, 50_101);
        assert_eq!(pace.rest(work), Duration::ZERO, "a thousand a second is no load");
    }
}
