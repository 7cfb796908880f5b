//! Rate limits: a token bucket for each key, which holds so many requests and refills at a rate.
//!
//! A bucket is kept as one number: when it will be full again. A full bucket is as good as none,
//! so it is dropped, and the table holds the keys of the last seconds only. Where even those are
//! more than [`REMEMBERED`], the bucket that is full soonest is evicted: it loses the least. So a
//! newcomer is never refused, and nobody can have a drained bucket forgotten by making up other
//! keys: all of those would have to be drained as far first.

use crate::Fault;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buckets that are remembered: about 10 MB of addresses.
pub const REMEMBERED: usize = 100_000;

/// Full buckets that are dropped at each request. More than the one that it may add.
const DROPPED: usize = 8;

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
    buckets: Mutex<Buckets<K>>,
}

/// When each bucket is full again, in [ticks](REQUEST), by key and in order.
struct Buckets<K> {
    full_at: HashMap<K, u64>,
    in_order: BTreeSet<(u64, K)>,
}

/// Ticks that a request takes to refill. There are as many in a millisecond as requests in a
/// minute, so that no rate needs fractions.
const REQUEST: u64 = 60_000;

impl<K: Hash + Ord + Clone> Limits<K> {
    /// Nobody has asked yet.
    pub fn new(limit: Limit) -> Limits<K> {
        let buckets = Buckets { full_at: HashMap::new(), in_order: BTreeSet::new() };
        Limits { limit, speed: 1, buckets: Mutex::new(buckets) }
    }

    /// As many requests in the time that passes, by a clock that runs `speed` times as fast.
    pub fn by_clock_of(self, speed: u32) -> Limits<K> {
        Limits { speed: u64::from(speed.max(1)), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets<K>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Buckets that are remembered: those that are not full, and some that are.
    pub fn remembered(&self) -> usize {
        self.lock().full_at.len()
    }

    /// `who` asks at `now_ms`.
    ///
    /// # Errors
    /// Too often: says when to come again.
    pub fn take(&self, who: K, now_ms: u64) -> Result<(), Fault> {
        let rate = u64::from(self.limit.per_minute).max(1);
        let now = (now_ms / self.speed).saturating_mul(rate);
        let holds = u64::from(self.limit.burst) * REQUEST;
        let mut buckets = self.lock();
        buckets.drop_full(now);
        let before = buckets.full_at.get(&who).copied();
        let full_at = before.unwrap_or(now).max(now) + REQUEST;
        let missing = full_at.saturating_sub(now + holds);
        if missing > 0 {
            return Err(Fault::RateLimited(missing.div_ceil(rate * 1000).max(1)));
        }
        buckets.put(who, before, full_at);
        Ok(())
    }
}

impl<K: Hash + Ord + Clone> Buckets<K> {
    fn drop_full(&mut self, now: u64) {
        for _ in 0..DROPPED {
            if self.in_order.first().is_none_or(|(full_at, _)| *full_at > now) {
                return;
            }
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, who)) = self.in_order.pop_first() {
            self.full_at.remove(&who);
        }
    }

    fn put(&mut self, who: K, before: Option<u64>, full_at: u64) {
        let mut entry = (before.unwrap_or(full_at), who);
        match before {
            Some(_) => drop(self.in_order.remove(&entry)),
            None if self.full_at.len() >= REMEMBERED => self.drop_first(),
            None => {}
        }
        entry.0 = full_at;
        self.full_at.insert(entry.1.clone(), full_at);
        self.in_order.insert(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

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

    #[test]
    fn a_million_addresses_keep_no_newcomer_out() {
        let limits: Limits<IpAddr> = Limits::new(Limit { burst: 30, per_minute: 30 });
        let address = |nth: u32| IpAddr::V4(Ipv4Addr::from_bits(nth));
        let (guesser, now_ms) = (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 1_000_000);
        for _ in 0..30 {
            limits.take(guesser, now_ms).unwrap();
        }
        let started = std::time::Instant::now();
        for nth in 0..1_000_000 {
            assert_eq!(limits.take(address(nth), now_ms), Ok(()), "newcomer {nth}");
        }
        println!("a million addresses took {:?}", started.elapsed());
        assert!(limits.remembered() <= REMEMBERED);
        // Nobody has a drained bucket forgotten by coming from elsewhere in between.
        assert!(limits.take(guesser, now_ms).is_err());
        // Buckets that are full again are dropped as others ask.
        for nth in 0..REMEMBERED as u32 {
            limits.take(address(nth % 100), now_ms + 60_000 + u64::from(nth) * 3000).unwrap();
        }
        assert!(limits.remembered() <= 200, "{}", limits.remembered());
    }
}
