//! The time, brought in from outside: the machine's own, or a virtual one for repeatable runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since [`BEFORE_START`] before the clock was started, never going back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment of that many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// Its nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; nothing if `earlier` is later.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved on by `by`.
    pub const fn plus(self, by: Duration) -> Moment {
        Moment(self.0.saturating_add(whole_nanos(by)))
    }

    /// This moment moved back by `by`, or the first of all moments.
    pub const fn minus(self, by: Duration) -> Moment {
        Moment(self.0.saturating_sub(whole_nanos(by)))
    }
}

/// The nanoseconds of `span`, or the most that 64 bits count.
const fn whole_nanos(span: Duration) -> u64 {
    let nanos = span.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// How far before the start of a clock its moments begin: what another process asked for up to so
/// long before this one was started has a moment here too. As long as a price may be used.
pub const BEFORE_START: Duration = Duration::from_secs(60);

/// A monotonic clock that knows what Unix time it was started at.
///
/// Unix times are the start plus monotonic time, so a machine whose wall clock is set back or
/// forth in mid-run moves no deadline and stamps nothing out of order.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    started_unix_ms: u64,
    /// Seconds of this clock in one of its source.
    speed: u32,
}

#[derive(Clone, Debug)]
enum Source {
    Real(std::time::Instant),
    Virtual(tokio::time::Instant),
}

impl Clock {
    /// The Unix time in milliseconds at which every virtual clock starts (2026-01-01T00:00:00Z).
    pub const VIRTUAL_START_UNIX_MS: u64 = 1_767_225_600_000;

    /// The machine's clock.
    pub fn real() -> Clock {
        Clock::real_from(0)
    }

    /// The machine's clock, but no earlier than `earliest_unix_ms`: after a restart time goes on
    /// where the log ends, even if the wall clock was set back.
    pub fn real_from(earliest_unix_ms: u64) -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            source: Source::Real(std::time::Instant::now()),
            started_unix_ms: earliest_unix_ms.max(since_epoch.as_millis() as u64),
            speed: 1,
        }
    }

    /// The clock of the current tokio runtime, which must be paused; starts at
    /// `started_unix_ms`.
    pub fn virtual_at(started_unix_ms: u64) -> Clock {
        let source = Source::Virtual(tokio::time::Instant::now());
        Clock { source, started_unix_ms, speed: 1 }
    }

    /// This clock, running `speed` times as fast as time passes; 0 counts as 1. To be said before
    /// anybody reads it: moments of a clock that changes its speed would not compare.
    pub fn at_speed(self, speed: u32) -> Clock {
        Clock { speed: speed.max(1), ..self }
    }

    /// How many times as fast as time passes it runs.
    pub fn speed(&self) -> u32 {
        self.speed
    }

    /// How long a timer is to be set for a `span` of this clock: never too short.
    pub fn to_wait(&self, span: Duration) -> Duration {
        let nanos = span.as_nanos().div_ceil(u128::from(self.speed));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let elapsed = match &self.source {
            Source::Real(start) => start.elapsed(),
            Source::Virtual(start) => start.elapsed(),
        };
        let nanos = BEFORE_START.as_nanos() + elapsed.as_nanos() * u128::from(self.speed);
        Moment(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The Unix time of `moment` in milliseconds. A later moment never has an earlier time, not
    /// even where a log has brought the clock to the end of what 64 bits count.
    pub fn unix_ms(&self, moment: Moment) -> u64 {
        const BEFORE_START_MS: u64 = BEFORE_START.as_millis() as u64;
        let ms = moment.0 / 1_000_000;
        match ms.checked_sub(BEFORE_START_MS) {
            Some(since_start) => self.started_unix_ms.saturating_add(since_start),
            None => self.started_unix_ms.saturating_sub(BEFORE_START_MS - ms),
        }
    }

    /// Whether time is virtual.
    pub fn is_virtual(&self) -> bool {
        matches!(self.source, Source::Virtual(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_runs_fast_waits_less_and_never_too_little() {
        let clock = Clock::virtual_at(1_000).at_speed(60);
        let started = clock.now();
        assert_eq!(clock.unix_ms(started), 1_000);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(clock.now().since(started), Duration::from_secs(30));
        assert_eq!(clock.unix_ms(clock.now()), 31_000);
        assert_eq!(clock.to_wait(Duration::from_secs(60)), Duration::from_secs(1));
        let odd = Duration::from_nanos(61);
        assert_eq!(clock.to_wait(odd), Duration::from_nanos(2));
        assert!(clock.to_wait(odd) * clock.speed() >= odd);
    }

    #[test]
    fn a_span_of_many_years_does_not_wrap() {
        let (moment, long) = (Moment::from_nanos(5), Duration::from_secs(u64::MAX));
        assert_eq!(moment.plus(long), Moment::from_nanos(u64::MAX));
        assert_eq!(moment.minus(long), Moment::from_nanos(0));
    }

    #[test]
    fn unix_time_never_goes_back() {
        for started in [0, 59_999, 1_767_225_600_000, u64::MAX - 1, u64::MAX] {
            let clock = Clock { started_unix_ms: started, ..Clock::real() };
            let start_ns = BEFORE_START.as_nanos() as u64;
            assert_eq!(clock.unix_ms(Moment::from_nanos(start_ns)), started);
            let times = [0, start_ns - 1, start_ns, start_ns + 1_000_000, u64::MAX]
                .map(|nanos| clock.unix_ms(Moment::from_nanos(nanos)));
            assert!(times.is_sorted(), "{started}: {times:?}");
        }
    }

    #[test]
    fn time_goes_on_where_a_log_ends_that_is_ahead_of_the_wall() {
        let ahead = Clock::real().unix_ms(Clock::real().now()) + 1_000_000_000;
        let clock = Clock::real_from(ahead);
        assert!(clock.unix_ms(clock.now()) >= ahead);
        let read = clock.now();
        assert!(clock.now() >= read && clock.unix_ms(clock.now()) < ahead + 1_000_000);
    }
}
