//! `daytrade audit status`, `rebuild` and `follow`: the stores that follow a log.

use super::{Data, prometheus};
use crate::terminal::{say, warn};
use crate::{Failure, followers};
use anyhow::{Context as _, anyhow};
use audit_logger::follow::{Frontier, LogId, Position, Sink as _, Tail};
use audit_logger::postgres::{self, PostgresSink, PostgresUrl};
use clap::{Args, ValueEnum};
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

#[derive(Args)]
pub struct StatusOptions {
    #[command(flatten)]
    data: Data,

    /// The store: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`
    #[arg(long, value_name = "URL")]
    audit: PostgresUrl,

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

    /// The store: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`
    #[arg(long, value_name = "URL")]
    audit: PostgresUrl,

    /// The name of the server in the store
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    server: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    Postgres,
}

#[derive(Args)]
pub struct FollowOptions {
    #[command(flatten)]
    data: Data,

    /// The store: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`
    #[arg(long, value_name = "URL")]
    audit: PostgresUrl,

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
}

pub fn status(options: &StatusOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let frontier = Frontier::of(&folder).map_err(anyhow::Error::from)?;
    let log_entries = frontier.next() - 1;
    let stored = match LogId::of(&folder)? {
        None => None,
        Some(log) => runtime()?.block_on(async {
            let client = options.audit.look().await?;
            postgres::stored(&client, &log).await
        })?,
    };
    let log_ms = frontier.last_ms().unwrap_or_default();
    let mut answer = Answer {
        store: "postgres",
        log_entries,
        stored_entries: 0,
        lag_entries: log_entries,
        lag_s: 0.0,
        entries_per_s: 0.0,
        updated_ago_s: None,
    };
    if let Some(stored) = stored {
        answer.stored_entries = stored.position.next - 1;
        answer.lag_entries = log_entries.saturating_sub(answer.stored_entries);
        // Entries are not quite in the order of their times: one behind is no lag.
        if let Some(last_ms) = stored.last_ms.filter(|_| answer.lag_entries > 0) {
            answer.lag_s = log_ms.saturating_sub(last_ms) as f64 / 1000.0;
        }
        answer.entries_per_s = stored.entries_per_s;
        answer.updated_ago_s = Some(stored.updated_ago.as_secs_f64());
    }
    match options.format {
        StatusForm::Json => say(serde_json::to_string_pretty(&answer)?),
        StatusForm::Table => tell(&answer, &options.audit),
        StatusForm::Prometheus => say(prometheus::text(
            answer.store,
            [
                answer.stored_entries as f64 + 1.0,
                answer.lag_entries as f64,
                answer.lag_s,
                answer.entries_per_s,
            ],
        )
        .trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(answer: &Answer, url: &PostgresUrl) {
    say(format_args!("{}  {url}", answer.store));
    say(format_args!("log       {} entries", HumanCount(answer.log_entries)));
    let Some(ago) = answer.updated_ago_s else {
        say("position  nothing of this log is there");
        return;
    };
    let ago = HumanDuration(Duration::from_secs_f64(ago));
    let rate = HumanCount(answer.entries_per_s as u64);
    say(format_args!("position  entry {}, {ago} ago", HumanCount(answer.stored_entries)));
    say(format_args!(
        "lag       {} entries, {:.1} s",
        HumanCount(answer.lag_entries),
        answer.lag_s
    ));
    say(format_args!("rate      {rate} entries/s when it last took any"));
}

pub fn rebuild(options: &RebuildOptions) -> Result<ExitCode, Failure> {
    let StoreKind::Postgres = options.store;
    let folder = options.data.log()?;
    let log = LogId::of(&folder)?.context("the log holds no entry yet")?;
    // A log that has lost its beginning can fill nothing anew: then nothing is forgotten.
    Tail::open(&folder, Position::START)?;
    let mut sink = PostgresSink::new(options.audit.clone(), "", "");
    runtime()?.block_on(sink.reset(&log)).with_context(|| options.audit.to_string())?;
    let next = Frontier::of(&folder).map_err(anyhow::Error::from)?.next();
    let follower = followers::postgres(&options.audit, &folder, &options.server, None)?;
    let status = followers::watch_until(&follower, Some(next))?;
    say(format_args!("postgres: {} entries, from the first", HumanCount(status.next - 1)));
    Ok(ExitCode::SUCCESS)
}

pub fn follow(options: &FollowOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let next = Frontier::of(&folder).map_err(anyhow::Error::from)?.next();
    let follower = followers::postgres(&options.audit, &folder, &options.server, None)?;
    if options.until_complete {
        let status = followers::watch_until(&follower, Some(next))?;
        say(format_args!("postgres: {} entries, complete", HumanCount(status.next - 1)));
        return Ok(ExitCode::SUCCESS);
    }
    warn("following; Ctrl-C ends it, and the next one goes on where this one ended");
    // A store takes a batch or nothing, so there is nothing to put in order when Ctrl-C comes.
    followers::watch_until(&follower, None)?;
    Err(anyhow!("the follower has ended").into())
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
