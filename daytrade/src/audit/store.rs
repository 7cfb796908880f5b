//! `daytrade audit status`, `rebuild` and `follow`: the stores that follow a log.

use super::{Data, no_entry, prometheus};
use crate::Failure;
use crate::followers::{self, Store};
use crate::terminal::{say, warn};
use crate::urls::UrlParser;
use anyhow::{Context as _, anyhow};
use audit_logger::elasticsearch::SearchUrl;
use audit_logger::follow::{Follower, Frontier, LogId, Position, Tail};
use audit_logger::postgres::PostgresUrl;
use clap::{Args, ValueEnum};
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Which stores are meant: one or both.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct Stores {
    /// A Postgres: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    audit: Option<PostgresUrl>,

    /// An Elasticsearch: `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    search: Option<SearchUrl>,
}

impl Stores {
    fn all(&self) -> Vec<Store> {
        Store::given(self.audit.as_ref(), self.search.as_ref())
    }
}

#[derive(Args)]
pub struct StatusOptions {
    #[command(flatten)]
    data: Data,

    #[command(flatten)]
    stores: Stores,

    /// A table, JSON, or the text that Prometheus reads
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: StatusForm,
}

/// The form in which the status of a store is told.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusForm {
    Table,
    Json,
    Prometheus,
}

#[derive(Args)]
pub struct RebuildOptions {
    /// The kind of store
    store: StoreKind,

    #[command(flatten)]
    data: Data,

    #[command(flatten)]
    stores: Stores,

    /// The name of the server in the store
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    server: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    Postgres,
    Elasticsearch,
}

#[derive(Args)]
pub struct FollowOptions {
    #[command(flatten)]
    data: Data,

    #[command(flatten)]
    stores: Stores,

    /// End once the store has what the log has now
    #[arg(long)]
    until_complete: bool,

    /// The name of the server in the store, where the log is new to it
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    server: String,
}

/// How far a store is.
#[derive(Serialize)]
struct Answer {
    store: &'static str,
    /// The last entry that the log has, and the last that the store has.
    log_entries: u64,
    stored_entries: u64,
    lag_entries: u64,
    /// Between the last entry of the log and the last that the store has.
    lag_s: f64,
    entries_per_s: f64,
    /// How long ago the store last took entries.
    updated_ago_s: Option<f64>,
    /// Entries that an Elasticsearch refused for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters: Option<u64>,
}

impl Answer {
    /// The store, and its figures in the order that [`prometheus::text`] wants.
    fn figures(&self) -> (&'static str, [f64; 4]) {
        let position = self.stored_entries as f64 + 1.0;
        (self.store, [position, self.lag_entries as f64, self.lag_s, self.entries_per_s])
    }
}

pub fn status(options: &StatusOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let frontier = Frontier::of(&folder).map_err(anyhow::Error::from)?;
    let log = LogId::of(&folder)?;
    let stores = options.stores.all();
    let mut answers = Vec::new();
    for store in &stores {
        answers.push(ask(store, log.as_ref(), &frontier)?);
    }
    match (options.format, answers.as_slice()) {
        (StatusForm::Json, [answer]) => say(serde_json::to_string_pretty(answer)?),
        (StatusForm::Json, answers) => say(serde_json::to_string_pretty(answers)?),
        (StatusForm::Prometheus, answers) => {
            let figures: Vec<_> = answers.iter().map(Answer::figures).collect();
            say(prometheus::text(&figures).trim_end());
        }
        (StatusForm::Table, answers) => {
            for (nth, (store, answer)) in stores.iter().zip(answers).enumerate() {
                if nth > 0 {
                    say("");
                }
                tell(answer, store);
            }
        }
    }
    if options.stores.search.is_some() {
        followers::warn_of_dead_letters(&folder)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(store: &Store, log: Option<&LogId>, frontier: &Frontier) -> anyhow::Result<Answer> {
    let log_entries = frontier.next() - 1;
    let stored = match log {
        None => None,
        Some(log) => runtime()?.block_on(store.stored(log)).with_context(|| store.to_string())?,
    };
    let mut answer = Answer {
        store: store.name(),
        log_entries,
        stored_entries: 0,
        lag_entries: log_entries,
        lag_s: 0.0,
        entries_per_s: 0.0,
        updated_ago_s: None,
        dead_letters: None,
    };
    if let Some(stored) = stored {
        answer.stored_entries = stored.position.next - 1;
        answer.lag_entries = log_entries.saturating_sub(answer.stored_entries);
        // Entries are not quite in the order of their times: one behind is no lag.
        if let Some(last_ms) = stored.last_ms.filter(|_| answer.lag_entries > 0) {
            let log_ms = frontier.last_ms().unwrap_or_default();
            answer.lag_s = log_ms.saturating_sub(last_ms) as f64 / 1000.0;
        }
        answer.entries_per_s = stored.entries_per_s;
        answer.updated_ago_s = Some(stored.updated_ago.as_secs_f64());
        answer.dead_letters = stored.dead_letters;
    }
    Ok(answer)
}

fn tell(answer: &Answer, store: &Store) {
    say(format_args!("{}  {store}", answer.store));
    say(format_args!("log       {} entries", HumanCount(answer.log_entries)));
    let Some(ago) = answer.updated_ago_s else {
        say("position  nothing of this log is there");
        return;
    };
    let ago = HumanDuration(Duration::from_secs_f64(ago));
    say(format_args!("position  entry {}, {ago} ago", HumanCount(answer.stored_entries)));
    say(format_args!(
        "lag       {} entries, {:.1} s",
        HumanCount(answer.lag_entries),
        answer.lag_s
    ));
    say(format_args!("rate      {}", rate(answer.entries_per_s)));
    if let Some(dead) = answer.dead_letters {
        say(format_args!("refused   {} entries for good", HumanCount(dead)));
    }
}

/// A rate is measured between two batches that follow each other: of a few entries there is none.
fn rate(entries_per_s: f64) -> String {
    match entries_per_s {
        rate if rate >= 10.0 => {
            format!("{} entries/s when it last took any", HumanCount(rate as u64))
        }
        rate if rate > 0.0 => format!("{rate:.2} entries/s when it last took any"),
        _ => "not measured: the store took all at once".to_string(),
    }
}

pub fn rebuild(options: &RebuildOptions) -> Result<ExitCode, Failure> {
    let stores = &options.stores;
    let store = match (options.store, &stores.audit, &stores.search) {
        (StoreKind::Postgres, Some(url), None) => Store::Postgres(url.clone()),
        (StoreKind::Elasticsearch, None, Some(url)) => Store::Elasticsearch(url.clone()),
        (StoreKind::Postgres, ..) => return Err(only("postgres", "--audit postgres://…")),
        (StoreKind::Elasticsearch, ..) => {
            return Err(only("elasticsearch", "--search http://…"));
        }
    };
    let folder = options.data.log()?;
    let log = LogId::of(&folder)?.ok_or_else(|| no_entry(&folder))?;
    // A log that has lost its beginning can fill nothing anew: then nothing is forgotten.
    Tail::open(&folder, Position::START)?;
    runtime()?
        .block_on(store.reset(&folder, &log, &options.server))
        .with_context(|| store.to_string())?;
    let next = Frontier::of(&folder).map_err(anyhow::Error::from)?.next();
    let follower = store.follow(&folder, &options.server, None)?;
    complete(&[follower], next, "from the first")?;
    if options.stores.search.is_some() {
        followers::warn_of_dead_letters(&folder)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn only(store: &str, option: &str) -> Failure {
    anyhow!("to rebuild {store}, give {option} and no other store").into()
}

/// Waits until each has every entry before `next`, and tells of it.
fn complete(followers: &[Follower], next: u64, how: &str) -> anyhow::Result<()> {
    let all = followers::watch_until(followers, Some(next))?;
    for (follower, status) in followers.iter().zip(all) {
        say(format_args!("{}: {} entries, {how}", follower.name(), HumanCount(status.next - 1)));
    }
    Ok(())
}

pub fn follow(options: &FollowOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let next = Frontier::of(&folder).map_err(anyhow::Error::from)?.next();
    let stores = options.stores.all();
    let started = stores.iter().map(|store| store.follow(&folder, &options.server, None));
    let followers = started.collect::<anyhow::Result<Vec<Follower>>>()?;
    if options.until_complete {
        complete(&followers, next, "complete")?;
        if options.stores.search.is_some() {
            followers::warn_of_dead_letters(&folder)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    warn("following; Ctrl-C ends it, and the next one goes on where this one ended");
    // What a store took without its position is known again, so there is nothing to put in order
    // when Ctrl-C comes.
    followers::watch_until(&followers, None)?;
    Err(anyhow!("the follower has ended").into())
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_is_not_a_rate_of_zero() {
        assert_eq!(rate(1234.5), "1,234 entries/s when it last took any");
        assert_eq!(rate(0.25), "0.25 entries/s when it last took any");
        assert!(rate(0.0).starts_with("not measured"));
    }
}
