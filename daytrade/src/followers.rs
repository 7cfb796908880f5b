//! The stores that follow the log of a run, and what is told of them.

use crate::terminal::warn;
use anyhow::anyhow;
use audit_logger::elasticsearch::dead::DeadLetters;
use audit_logger::elasticsearch::{self, ElasticsearchSink, SearchUrl};
use audit_logger::follow::{
    Follower, FollowerOptions, LogId, Position, Sink as _, SinkError, State, Status, name_of,
};
use audit_logger::postgres::{self, PostgresSink, PostgresUrl};
use indicatif::{HumanCount, ProgressBar};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long the start waits for the stores to answer. One that is only slow is waited for no
/// longer: it follows when it can.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// How often what a follower does is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// A store that can follow a log, by its URL.
#[derive(Clone, Debug)]
pub enum Store {
    Postgres(PostgresUrl),
    Elasticsearch(SearchUrl),
}

/// What a store has of a log.
pub struct Stored {
    /// Up to where its entries are there.
    pub position: Position,
    /// When the last of them took effect, in Unix milliseconds.
    pub last_ms: Option<u64>,
    /// Entries a second that were stored when the last were.
    pub entries_per_s: f64,
    /// How long ago that was.
    pub updated_ago: Duration,
    /// Entries that the store refused for good, where there can be such.
    pub dead_letters: Option<u64>,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Store::Postgres(url) => url.fmt(f),
            Store::Elasticsearch(url) => url.fmt(f),
        }
    }
}

impl Store {
    /// The stores that are given.
    pub fn given(audit: Option<&PostgresUrl>, search: Option<&SearchUrl>) -> Vec<Store> {
        let audit = audit.cloned().map(Store::Postgres);
        audit.into_iter().chain(search.cloned().map(Store::Elasticsearch)).collect()
    }

    /// The store of that name (`postgres`) at that address; none where there is no such kind of
    /// store or the address is none.
    pub fn named(name: &str, address: &str) -> Option<Store> {
        match name {
            "postgres" => address.parse().ok().map(Store::Postgres),
            "elasticsearch" => address.parse().ok().map(Store::Elasticsearch),
            _ => None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Store::Postgres(_) => "postgres",
            Store::Elasticsearch(_) => "elasticsearch",
        }
    }

    /// Starts to bring the store up to the log in `folder`. `durable` tells how far the log is,
    /// where this process writes it.
    pub fn follow(
        &self,
        folder: &Path,
        server: &str,
        durable: Option<watch::Receiver<u64>>,
    ) -> anyhow::Result<Follower> {
        let options = FollowerOptions { durable, ..FollowerOptions::default() };
        let server = server.to_string();
        let log = folder.to_path_buf();
        Ok(match self.clone() {
            Store::Postgres(url) => {
                let named = name_of(folder);
                let make = move || PostgresSink::new(url, &named, &server);
                Follower::start(self.name(), folder, options, make)?
            }
            Store::Elasticsearch(url) => {
                let make = move || ElasticsearchSink::new(url, &log, &server);
                Follower::start(self.name(), folder, options, make)?
            }
        })
    }

    /// What the store has of `log`, if anything.
    pub async fn stored(&self, log: &LogId) -> Result<Option<Stored>, SinkError> {
        match self {
            Store::Postgres(url) => {
                let client = url.look().await?;
                let stored = postgres::stored(&client, log).await?;
                Ok(stored.map(|stored| Stored {
                    position: stored.position,
                    last_ms: stored.last_ms,
                    entries_per_s: stored.entries_per_s,
                    updated_ago: stored.updated_ago,
                    dead_letters: None,
                }))
            }
            Store::Elasticsearch(url) => {
                let Some(stored) = elasticsearch::stored(url, log).await? else { return Ok(None) };
                Ok(Some(Stored {
                    position: stored.position()?,
                    last_ms: stored.last_ms,
                    entries_per_s: stored.entries_per_s,
                    updated_ago: stored.updated_ago(),
                    dead_letters: Some(stored.dead_letters),
                }))
            }
        }
    }

    /// Forgets every entry that the store has of `log`, which is in `folder`. In a Postgres the log
    /// keeps its number; `server` names the server in it from now on.
    pub async fn reset(&self, folder: &Path, log: &LogId, server: &str) -> Result<(), SinkError> {
        match self {
            Store::Postgres(url) => {
                PostgresSink::new(url.clone(), &name_of(folder), server).begin_anew(log).await
            }
            Store::Elasticsearch(url) => {
                ElasticsearchSink::new(url.clone(), folder, "").reset(log).await
            }
        }
    }
}

/// Starts a follower for each of `stores` and waits until each has been reached or is known not to
/// be. One that is unavailable holds nothing up: its follower has said so, and tries again.
///
/// # Errors
/// A store will never take the log, for a reason that only somebody can put right.
pub fn start(
    stores: &[Store],
    folder: &Path,
    server: &str,
    durable: &watch::Receiver<u64>,
) -> anyhow::Result<Vec<Follower>> {
    let started = stores.iter().map(|store| store.follow(folder, server, Some(durable.clone())));
    let followers = started.collect::<anyhow::Result<Vec<Follower>>>()?;
    let deadline = Instant::now() + START_PATIENCE;
    for (store, follower) in stores.iter().zip(&followers) {
        let left = deadline.saturating_duration_since(Instant::now());
        match follower.wait_started(left).state {
            State::Refused(reason) => {
                return Err(anyhow!("failed to open the audit store {store}: {reason}"));
            }
            State::Starting => warn(format_args!(
                "warning: {store} has not answered yet; entries follow once it does"
            )),
            _ => {}
        }
    }
    Ok(followers)
}

/// Shows how far `followers` are until each has every entry before `next`, or for good if that is
/// none. Tells each trouble once. Returns what it came to; one that refuses the log is waited for
/// no more.
pub fn watch_until(followers: &[Follower], next: Option<u64>) -> anyhow::Result<Vec<Status>> {
    let bar = ProgressBar::new_spinner();
    let mut told = vec![String::new(); followers.len()];
    loop {
        let all: Vec<Status> = followers.iter().map(Follower::status).collect();
        let refused = |status: &Status| matches!(status.state, State::Refused(_));
        let over =
            |status: &Status| refused(status) || next.is_some_and(|next| status.next >= next);
        if all.iter().all(over) {
            bar.finish_and_clear();
            let faults = followers.iter().zip(&all).filter_map(|(follower, status)| {
                let State::Refused(reason) = &status.state else { return None };
                let (name, stored) = (follower.name(), HumanCount(status.next - 1));
                let all = HumanCount(next.unwrap_or(status.log_next) - 1);
                Some(format!(
                    "{name}: the store is incomplete, it has {stored} of {all} entries: {reason}; \
                     the log has them all: `daytrade audit follow` goes on once the cause is gone"
                ))
            });
            let faults: Vec<String> = faults.collect();
            return if faults.is_empty() { Ok(all) } else { Err(anyhow!(faults.join("\n"))) };
        }
        for ((follower, status), told) in followers.iter().zip(&all).zip(&mut told) {
            let (State::Waiting { reason, .. } | State::Refused(reason)) = &status.state else {
                continue;
            };
            if told == reason {
                continue;
            }
            // The follower itself has said why; this is what it means for whoever waits.
            let outlook = if refused(status) {
                "takes no more entries"
            } else {
                "is waited for (Ctrl-C ends that: the log is whole, `daytrade audit follow` goes on)"
            };
            bar.suspend(|| warn(format_args!("{} {outlook}: {reason}", follower.name())));
            told.clone_from(reason);
        }
        let shown =
            followers.iter().zip(&all).map(|(follower, status)| progress(follower.name(), status));
        bar.set_message(shown.collect::<Vec<_>>().join("   "));
        bar.tick();
        std::thread::sleep(if next.is_some() { SHOWN_EVERY / 10 } else { SHOWN_EVERY });
    }
}

fn progress(name: &str, status: &Status) -> String {
    format!(
        "{name}: {} entries, {} to go, {}/s",
        HumanCount(status.next - 1),
        HumanCount(status.lag()),
        HumanCount(status.rate as u64)
    )
}

/// The line that a run ends with.
pub fn completed(name: &str, status: &Status, last_command: Instant) -> String {
    let late = status.changed.saturating_duration_since(last_command);
    format!(
        "{name:13} {} entries, complete {:.2} s after the last command",
        HumanCount(status.next - 1),
        late.as_secs_f64()
    )
}

/// Warns of documents that Elasticsearch refused for good, where the log in `folder` has such.
pub fn warn_of_dead_letters(folder: &Path) -> anyhow::Result<()> {
    let letters = DeadLetters::of(folder);
    let all = letters.read()?;
    if let Some(first) = all.first() {
        warn(format_args!(
            "elasticsearch refused {} {} for good, kept in {}; the first is entry {}: {}",
            HumanCount(all.len() as u64),
            if all.len() == 1 { "document" } else { "documents" },
            letters.path().display(),
            first.entry,
            first.reason
        ));
    }
    Ok(())
}
