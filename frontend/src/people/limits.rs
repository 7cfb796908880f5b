//! How often one may ask: a bucket for each who asks, that holds so many and fills at a rate.

use crate::Fault;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Buckets that are remembered; full ones are forgotten first.
const REMEMBERED: usize = 100_000;

/// How many at once, and how many a minute in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// At once.
    pub burst: u32,
    /// A minute.
    pub per_minute: u32,
}

/// The buckets of one kind of request.
pub struct Limits<K> {
    limit: Limit,
    /// Milliseconds of the clock in one that passes.
    speed: u64,
    /// What each may still ask, in ten-thousandths of a request, and when that was so.
    buckets: Mutex<HashMap<K, (u64, u64)>>,
}

/// A request, as it is counted: what a bucket gains in a millisecond at one a minute is whole.
const REQUEST: u64 = 60_000;

impl<K: Hash + Eq> Limits<K> {
    /// Nobody has asked yet.
    pub fn new(limit: Limit) -> Limits<K> {
        Limits { limit, speed: 1, buckets: Mutex::default() }
    }

    /// As many requests in the time that passes, by a clock that runs `speed` times as fast.
    pub fn by_clock_of(self, speed: u32) -> Limits<K> {
        Limits { speed: u64::from(speed.max(1)), ..self }
    }

    /// `who` asks at `now_ms`.
    ///
    /// # Errors
    /// Too often: says when to come again.
    pub fn take(&self, who: K, now_ms: u64) -> Result<(), Fault> {
        let now_ms = now_ms / self.speed;
        let most = u64::from(self.limit.burst) * REQUEST;
        let rate = u64::from(self.limit.per_minute).max(1);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now_holds = |(held, at): (u64, u64)| {
            most.min(held.saturating_add(now_ms.saturating_sub(at).saturating_mul(rate)))
        };
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| now_holds(*bucket) < most);
            if buckets.len() >= REMEMBERED {
                return Err(Fault::RateLimited(60));
            }
        }
        let bucket = buckets.entry(who).or_insert((most, now_ms));
        let held = now_holds(*bucket);
        if held < REQUEST {
            *bucket = (held, now_ms);
            return Err(Fault::RateLimited((REQUEST - held).div_ceil(rate * 1000).max(1)));
        }
        *bucket = (held - REQUEST, now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let limits = Limits::new(Limit { burst: 3, per_minute: 6 });
        for _ in 0..3 {
            limits.take("a", 1000).unwrap();
        }
        assert_eq!(limits.take("a", 1000), Err(Fault::RateLimited(10)));
        limits.take("b", 1000).unwrap();
        assert_eq!(limits.take("a", 10_999), Err(Fault::RateLimited(1)));
        limits.take("a", 11_000).unwrap();
        assert!(limits.take("a", 11_000).is_err());
        for _ in 0..3 {
            limits.take("a", 10_000_000).unwrap();
        }
        assert!(limits.take("a", 10_000_000).is_err());
    }

    #[test]
    fn a_fast_clock_admits_nobody_more_often() {
        let limits = Limits::new(Limit { burst: 1, per_minute: 6 }).by_clock_of(100);
        limits.take("a", 1_000_000).unwrap();
        assert_eq!(limits.take("a", 1_010_000), Err(Fault::RateLimited(10)));
        assert!(limits.take("a", 1_999_900).is_err());
        limits.take("a", 2_000_000).unwrap();
    }
}
