//! The connection to Redis: shared by all requests, given up when it fails, and made again behind
//! their backs.
//!
//! A request never connects and never waits for a connection: there is one, or Redis counts as
//! down. So a Redis that is slow, hangs or is gone costs a few requests their time limit, and all
//! others nothing, until one task of its own finds it well again.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long connecting may take, with all that is said before the first request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection on which so many requests in a row fail is given up. A single late answer is no
/// sign yet; a broken connection is at once.
const FAILURES: u32 = 3;

/// The pause before each attempt to connect again: a Redis that comes back is noticed within
/// little more than this, and one that is down is not stormed.
const REPAIR_PAUSE: Duration = Duration::from_millis(250);

/// At most one warning in this time; what is left unsaid is counted.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The connection, while there is one.
pub(super) struct Link {
    client: Client,
    /// A ping must be answered within this time, or Redis counts as down still.
    answers_within: Duration,
    state: Mutex<State>,
    warnings: Warnings,
}

enum State {
    Up { line: Line, failures: u32 },
    Down,
}

/// A connection to ask on.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    /// How many connections there were before: a request that fails late says nothing about a
    /// connection made since.
    ordinal: u64,
}

impl Link {
    /// Connects. A Redis that does not answer counts as down, and is tried again in a task of the
    /// runtime that this is called in.
    pub(super) async fn connect(client: Client, answers_within: Duration) -> Arc<Link> {
        let opened = open(&client, CONNECT_TIMEOUT).await;
        let (state, failure) = match opened {
            Ok(connection) => {
                (State::Up { line: Line { connection, ordinal: 0 }, failures: 0 }, None)
            }
            Err(reason) => (State::Down, Some(reason)),
        };
        let link = Arc::new(Link {
            client,
            answers_within,
            state: Mutex::new(state),
            warnings: Warnings::default(),
        });
        if let Some(reason) = failure {
            link.warn(
                "the shared quote cache is unavailable: quotes are fetched without it until it is \
                 back",
                &reason,
            );
            tokio::spawn(repair(Arc::downgrade(&link), 0));
        }
        link
    }

    /// The connection, if there is one.
    pub(super) fn line(&self) -> Option<Line> {
        match &*self.lock() {
            State::Up { line, .. } => Some(line.clone()),
            State::Down => None,
        }
    }

    /// A request on `line` was answered.
    pub(super) fn worked(&self, line: &Line) {
        if let State::Up { line: current, failures } = &mut *self.lock()
            && current.ordinal == line.ordinal
        {
            *failures = 0;
        }
    }

    /// A request on `line` was not answered as it should be. `broken`: nor will any other be.
    pub(super) fn failed(self: &Arc<Self>, line: &Line, broken: bool, why: &dyn fmt::Display) {
        self.warn("the shared quote cache failed: prices are asked for without it", why);
        let mut state = self.lock();
        let State::Up { line: current, failures } = &mut *state else { return };
        if current.ordinal != line.ordinal {
            return;
        }
        *failures += 1;
        if broken || *failures >= FAILURES {
            *state = State::Down;
            tokio::spawn(repair(Arc::downgrade(self), line.ordinal + 1));
        }
    }

    /// Warns of something, but not again and again.
    pub(super) fn warn(&self, what: &str, why: &dyn fmt::Display) {
        if let Some(unsaid) = self.warnings.may_speak(Instant::now()) {
            let server = self.client.get_connection_info().addr();
            tracing::warn!(%server, reason = %why, unsaid, "{what}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects again and again until Redis answers as fast as it should, or nobody is left to ask it.
async fn repair(link: Weak<Link>, ordinal: u64) {
    let since = Instant::now();
    loop {
        sleep(REPAIR_PAUSE).await;
        let Some(link) = link.upgrade() else { return };
        let Ok(connection) = open(&link.client, link.answers_within).await else { continue };
        *link.lock() = State::Up { line: Line { connection, ordinal }, failures: 0 };
        let server = link.client.get_connection_info().addr();
        let away_ms = since.elapsed().as_millis() as u64;
        tracing::warn!(%server, away_ms, "the shared quote cache is back");
        return;
    }
}

/// A new connection, on which a ping was answered within `answers_within`.
async fn open(client: &Client, answers_within: Duration) -> RedisResult<MultiplexedConnection> {
    let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    // Time limits are set for each request.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = timeout(CONNECT_TIMEOUT, connecting).await.map_err(late)??;
    let ping = redis::cmd("PING");
    timeout(answers_within, ping.exec_async(&mut connection)).await.map_err(late)??;
    Ok(connection)
}

/// Holds warnings back that come too fast.
#[derive(Default)]
struct Warnings(Mutex<Said>);

#[derive(Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Warnings {
    /// Whether a warning may be given at `now`; if so, how many were not since the last.
    fn may_speak(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < WARN_EVERY) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_fails_all_the_time_does_not_flood_the_log() {
        let warnings = Warnings::default();
        let start = Instant::now();
        let spoken: Vec<u64> = (0..25_000)
            .filter_map(|ms| warnings.may_speak(start + Duration::from_millis(ms)))
            .collect();
        assert_eq!(spoken, [0, 9_999, 9_999]);
    }
}
