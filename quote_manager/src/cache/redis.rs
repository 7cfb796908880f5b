//! The prices that all processes of a run share, in Redis.
//!
//! A price stands under `PREFIX:STOCK` and expires when its 60 s are over, so what a key has left
//! tells how old its price is. Wall clocks of two machines are never compared. A reader counts
//! what is left from before it asked. A writer reads Redis's clock first, and says by that clock
//! when the price ends: a write that is held up on its way gives the price no more time, however
//! late Redis gets it. What is left to trust is that Redis's clock is not set back by hand while
//! it runs; set back by a minute or more it is found out, because no price has so much left.
//!
//! Redis is a help and never a condition: each request has a time limit, and its failure is a miss.

use super::link::{Line, Link};
use super::value;
use bus::quotes::QUOTE_TTL;
use bus::{Clock, FreshQuote};
use domain::trading::Stock;
use redis::{Client, IntoConnectionInfo, RedisError, RedisResult, Script};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// The longest a lookup holds a question up. A Redis nearby answers within one; past this it is
/// cheaper to ask the quote server.
pub const GET_TIMEOUT: Duration = Duration::from_millis(50);

/// The longest a write is waited for. Nobody else waits for it.
pub const PUT_TIMEOUT: Duration = Duration::from_secs(1);

/// A price from Redis is given up this much before its time: for the milliseconds in which Redis
/// counts, and for clocks that do not run at the same speed (by up to 0.05 % while they are being
/// adjusted, 30 ms in a minute).
pub const MARGIN: Duration = Duration::from_millis(100);

/// The prices that all processes of a run share. Clones share the connection.
#[derive(Clone)]
pub struct RedisCache {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    prefix: Box<str>,
    link: Arc<Link>,
    lookup: Script,
    keep: Script,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

/// What came of asking Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Lookups that found a price.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Lookups that found something that is no price: counted as misses too.
    pub refused: u64,
    /// Lookups and writes that failed, and those left out while Redis was down.
    pub failures: u64,
}

/// A text that is no address of a Redis.
#[derive(Debug, Error)]
#[error(
    "{url}: no address of a Redis server ({reason}); expected is \
     redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH"
)]
pub struct BadUrl {
    /// What was given, without its password.
    pub url: String,
    /// What is wrong with it.
    pub reason: RedisError,
}

/// Why Redis could not be asked.
#[derive(Debug, Error)]
pub enum CacheError {
    /// It failed lately, and was not asked.
    #[error("Redis is down")]
    Down,
    /// It did not answer in time.
    #[error("Redis did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It refused, or the connection broke.
    #[error("Redis: {0}")]
    Failed(#[source] RedisError),
}

impl RedisCache {
    /// Whether `url` is the address of a Redis.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn check_url(url: &str) -> Result<(), BadUrl> {
        client_of(url).map(drop)
    }

    /// Connects to the Redis at `url`, where prices stand under keys that begin with `prefix`. One
    /// that does not answer within 2 s counts as down, and is used once it is there.
    ///
    /// The moments of all prices are those of `clock`. Must be called within the tokio runtime
    /// that is to drive the connection.
    ///
    /// # Errors
    ///
    /// Where `url` is no address.
    pub async fn connect(url: &str, prefix: &str, clock: Clock) -> Result<RedisCache, BadUrl> {
        let link = Link::connect(client_of(url)?, GET_TIMEOUT).await;
        let shared = Shared {
            clock,
            prefix: prefix.into(),
            link,
            lookup: Script::new(include_str!("lookup.lua")),
            keep: Script::new(include_str!("keep.lua")),
            counters: Counters::default(),
        };
        Ok(RedisCache { shared: Arc::new(shared) })
    }

    /// Looks for a price of `stock` that may be used now. Takes [`GET_TIMEOUT`] at most.
    ///
    /// # Errors
    ///
    /// Where Redis is down, late or refuses: for the caller that is a miss.
    pub async fn get(&self, stock: Stock) -> Result<Option<FreshQuote>, CacheError> {
        let Shared { clock, link, lookup, counters, .. } = &*self.shared;
        let mut line = self.line()?;
        let asked = clock.now();
        let call = lookup.key(self.key(stock));
        let reply = timeout(GET_TIMEOUT, call.invoke_async(&mut line.connection)).await;
        let found: Option<(Vec<u8>, i64)> = self.judge(&line, GET_TIMEOUT, reply)?;
        let Some((bytes, left_ms)) = found else {
            counters.misses.fetch_add(1, Relaxed);
            return Ok(None);
        };
        let left = u64::try_from(left_ms).ok().map(Duration::from_millis);
        let Some(((price, asked_by), left)) =
            value::read(&bytes).zip(left.filter(|left| *left <= QUOTE_TTL))
        else {
            counters.misses.fetch_add(1, Relaxed);
            counters.refused.fetch_add(1, Relaxed);
            let found = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
            let why = format!("{}: {found:?} for {left_ms} ms", self.key(stock));
            link.warn("something that is no price stands in the shared quote cache", &why);
            return Ok(None);
        };
        // What is left was read after `asked`; to count it from there makes the price older than
        // it is, never younger.
        let ends = asked.plus(left.saturating_sub(MARGIN));
        let quote = FreshQuote { stock, price, sent: ends.minus(QUOTE_TTL), asked_by };
        let fresh = quote.is_fresh(clock.now());
        if fresh { &counters.hits } else { &counters.misses }.fetch_add(1, Relaxed);
        Ok(fresh.then_some(quote))
    }

    /// Keeps `quote` for all, unless a newer one is there already. Returns whether it does. Takes
    /// [`PUT_TIMEOUT`] at most.
    ///
    /// # Errors
    ///
    /// Where Redis is down, late or refuses: then the price is not shared, or was and nobody says
    /// so.
    pub async fn put(&self, quote: &FreshQuote) -> Result<bool, CacheError> {
        let mut line = self.line()?;
        let kept = timeout(PUT_TIMEOUT, self.keep(&mut line, quote)).await;
        self.judge(&line, PUT_TIMEOUT, kept)
    }

    async fn keep(&self, line: &mut Line, quote: &FreshQuote) -> RedisResult<bool> {
        let (seconds, micros): (u64, u64) =
            redis::cmd("TIME").query_async(&mut line.connection).await?;
        // By now Redis's clock shows this or more, so the end comes too early, never too late.
        let redis_ms = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
        let left_ms = quote.sent.plus(QUOTE_TTL).since(self.shared.clock.now()).as_millis() as u64;
        let most_ms = QUOTE_TTL.as_millis() as u64;
        if left_ms == 0 || left_ms > most_ms {
            return Ok(false);
        }
        let mut call = self.shared.keep.key(self.key(quote.stock));
        call.arg(value::write(quote.price, quote.asked_by));
        call.arg(redis_ms.saturating_add(left_ms)).arg(left_ms).arg(most_ms);
        call.invoke_async(&mut line.connection).await
    }

    /// What came of asking so far.
    pub fn stats(&self) -> CacheStats {
        let counters = &self.shared.counters;
        CacheStats {
            hits: counters.hits.load(Relaxed),
            misses: counters.misses.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            failures: counters.failures.load(Relaxed),
        }
    }

    fn line(&self) -> Result<Line, CacheError> {
        self.shared.link.line().ok_or_else(|| {
            self.shared.counters.failures.fetch_add(1, Relaxed);
            CacheError::Down
        })
    }

    /// Tells the link what came of a request on `line`.
    fn judge<T>(
        &self,
        line: &Line,
        limit: Duration,
        outcome: Result<RedisResult<T>, tokio::time::error::Elapsed>,
    ) -> Result<T, CacheError> {
        let link = &self.shared.link;
        let error = match outcome {
            Ok(Ok(answer)) => {
                link.worked(line);
                return Ok(answer);
            }
            Ok(Err(error)) => CacheError::Failed(error),
            Err(_) => CacheError::Late(limit),
        };
        self.shared.counters.failures.fetch_add(1, Relaxed);
        let broken = matches!(&error, CacheError::Failed(error) if error.is_unrecoverable_error());
        link.failed(line, broken, &error);
        Err(error)
    }

    fn key(&self, stock: Stock) -> String {
        format!("{}:{stock}", self.shared.prefix)
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("prefix", &self.shared.prefix).finish_non_exhaustive()
    }
}

fn client_of(url: &str) -> Result<Client, BadUrl> {
    let bad = |reason| BadUrl { url: without_password(url), reason };
    Client::open(url.into_connection_info().map_err(bad)?).map_err(bad)
}

/// `url` as it may be shown: what stands before its `@` names a user and tells a password.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            format!("{}***{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_tells_a_password() {
        let shown = |url| without_password(url);
        assert_eq!(shown("redis://host:1/2"), "redis://host:1/2");
        assert_eq!(shown("redis://me:secret@host"), "redis://***@host");
        assert_eq!(shown("redis://:se@cr@et@host:1"), "redis://***@host:1");
        assert_eq!(shown("nonsense"), "nonsense");
    }
}
