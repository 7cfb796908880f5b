//! A run of the whole system with one store that follows its log, watched until the store is
//! complete.

use super::stores::Store;
use crate::cli::QuoteSource;
use crate::restore::{self, Restored};
use crate::system::{System, SystemOptions};
use ::workload::input::Input;
use ::workload::player::{Player, Silence};
use anyhow::{Context as _, anyhow};
use audit_logger::follow::{Follower, State};
use audit_logger::log::{LogOptions, LogWriter, segments};
use bus::Clock;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the backlog is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How much later than one point of the backlog the next is that is kept.
const POINT_EVERY: f64 = 1.03;

/// What is played.
pub struct Load {
    /// The workload file.
    pub file: PathBuf,
    /// Prices follow from this number.
    pub seed: u64,
    /// How long a store is waited for after the last reply.
    pub patience: Duration,
}

/// What a run came to.
pub struct Ran {
    /// Commands that were replied to, and the entries that they left.
    pub commands: u64,
    pub entries: u64,
    /// From the first line to the last reply.
    pub trading: Duration,
    /// Entries that the store had at the end.
    pub taken: u64,
    /// From the first line until the store had every entry, or was waited for no longer.
    pub complete: Duration,
    /// Entries that the store lacked at the last reply.
    pub missing: u64,
    /// Seconds since the first line, and the entries that the store lacked then.
    pub backlog: Vec<(f64, u64)>,
}

/// Plays `load` into a new log in `log`; `store` follows it, if there is one.
pub fn run(load: &Load, log: &Path, store: Option<&dyn Store>) -> anyhow::Result<Ran> {
    fs::create_dir_all(log).with_context(|| log.display().to_string())?;
    let lock = segments::lock(log)?;
    let (restored, end) = restore::restore(log, &[])?;
    let writer = LogWriter::open(log, lock, &end, LogOptions::default())?;
    let durable = writer.durable();
    let follower = match store {
        Some(store) => Some(store.follow(log, durable.clone())?),
        None => None,
    };
    let started = Instant::now();
    let over = AtomicBool::new(false);
    let (played, backlog) = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(started, &durable, follower.as_ref(), &over));
        let played = actix::System::new()
            .block_on(trade(load, writer, restored, follower.as_ref()))
            .and_then(|played| wait_for(load.patience, played, &durable, follower.as_ref()));
        over.store(true, Ordering::SeqCst);
        let backlog = watching.join().map_err(|_| anyhow!("nobody watched"));
        (played, backlog)
    });
    let (Traded { commands, last, ended, missing }, complete, next) = played?;
    Ok(Ran {
        commands,
        entries: last,
        taken: (next - 1).min(last),
        trading: ended.duration_since(started),
        complete: complete.max(ended).duration_since(started),
        missing,
        backlog: thinned(backlog?),
    })
}

/// How trading ended.
struct Traded {
    commands: u64,
    last: u64,
    ended: Instant,
    missing: u64,
}

async fn trade(
    load: &Load,
    writer: LogWriter,
    restored: Restored,
    follower: Option<&Follower>,
) -> anyhow::Result<Traded> {
    let clock = Clock::real();
    let setup = SystemOptions::plain(QuoteSource::Simulator, load.seed);
    let Restored { ledger, played, .. } = restored;
    let system = System::start(setup, &clock, writer, ledger.into_accounts()).await?;
    let input = Input::new("the load".to_string(), Box::new(File::open(&load.file)?))?;
    let mut audience = Silence;
    let mut player = Player::new(system.queue.clone(), clock.clone(), &played, &mut audience);
    let mut outcome = player.play(input).await;
    if outcome.is_ok() {
        outcome = player.settle().await;
    }
    let ended = Instant::now();
    let next = follower.map(|follower| follower.status().next);
    let (scoreboard, _) = player.finish();
    outcome.map_err(|error| anyhow!("{error}"))?;
    let stopped = system.stop().await?;
    let last = stopped.log.last;
    let missing = next.map_or(0, |next| (last + 1).saturating_sub(next));
    Ok(Traded { commands: scoreboard.commands(), last, ended, missing })
}

/// Waits until the store has every entry; when that was, or when it was waited for no longer, and
/// the next entry that it does not have.
fn wait_for(
    patience: Duration,
    traded: Traded,
    durable: &watch::Receiver<u64>,
    follower: Option<&Follower>,
) -> anyhow::Result<(Traded, Instant, u64)> {
    let Some(follower) = follower else {
        // A reply tells of what is durable already.
        let (next, ended) = (*durable.borrow(), traded.ended);
        return if next > traded.last {
            Ok((traded, ended, next))
        } else {
            Err(anyhow!("entry {next} was replied to and is not durable"))
        };
    };
    loop {
        let status = follower.status();
        if status.next > traded.last {
            return Ok((traded, status.changed, status.next));
        }
        let name = follower.name();
        match status.state {
            State::Refused(reason) => return Err(anyhow!("{name}: {reason}")),
            State::Waiting { reason, .. } if traded.ended.elapsed() > patience => {
                return Err(anyhow!("{name}: {reason}"));
            }
            _ if traded.ended.elapsed() > patience => {
                return Ok((traded, Instant::now(), status.next));
            }
            _ => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Looks at the backlog until `over`.
fn watch(
    started: Instant,
    durable: &watch::Receiver<u64>,
    follower: Option<&Follower>,
    over: &AtomicBool,
) -> Vec<(f64, u64)> {
    let mut backlog = Vec::new();
    loop {
        let last = over.load(Ordering::SeqCst);
        let next = follower.map(|follower| follower.status().next);
        let there = *durable.borrow();
        let missing = there.saturating_sub(next.unwrap_or(there));
        backlog.push((started.elapsed().as_secs_f64(), missing));
        if last {
            return backlog;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// As many points as tell the story: what is over soon is looked at more closely.
fn thinned(points: Vec<(f64, u64)>) -> Vec<(f64, u64)> {
    let last = points.len().saturating_sub(1);
    let mut kept: Vec<(f64, u64)> = Vec::new();
    for (at, point) in points.into_iter().enumerate() {
        let before = kept.last().map_or(0.0, |(before, _)| *before);
        if at == 0 || at == last || point.0 >= before * POINT_EVERY {
            kept.push(point);
        }
    }
    kept
}
