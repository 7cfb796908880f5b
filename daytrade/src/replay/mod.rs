//! `daytrade replay`: plays workload files through the embedded system and writes what came of
//! it.

mod acknowledgements;
mod complete;
mod console;
pub mod folder;
mod origin;
mod outputs;
mod pipe;
mod stop;
mod unreadable;

use crate::Failure;
use crate::audit::retain::retain;
use crate::cli::{ClockKind, ReplayOptions};
use crate::followers::{self, Store};
use crate::keys;
use crate::output;
use crate::restore::payload::Facts;
use crate::restore::{self, Opened, Restored, warn_of};
use crate::system::{Stopped, System, default_workers};
use crate::terminal::{during, say, warn, width};
use ::workload::input::{Input, InputError};
use ::workload::player::{PlayError, Player, Tally};
use ::workload::report::{self, RunReport};
use ::workload::scoreboard::{DumpReply, Scoreboard};
use anyhow::anyhow;
use audit_logger::dumplog::DumpRequest;
use audit_logger::follow::Follower;
use audit_logger::log::{LogEnd, LogOptions, LogWriter, segments};
use audit_logger::proof::{InstallationKey, Keeper};
use bus::Clock;
use console::Console;
use domain::trading::Reject;
use folder::OutFolder;
use frontend::StateView;
use indicatif::HumanCount;
use origin::Origin;
use outputs::Dumps;
use pipe::Pipe;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use stop::Stop;

pub fn run(options: ReplayOptions) -> Result<ExitCode, Failure> {
    let stop = Stop::default();
    if options.setup.quote_cache.is_some() && options.clock == ClockKind::Virtual {
        return Err(Failure::Usage(anyhow!(
            "--quote-cache asks a server outside, for which no virtual clock can wait: leave out \
             --quote-cache, or --clock virtual"
        )));
    }
    // Files that cannot be opened are told before anything is written.
    let inputs = options
        .files
        .iter()
        .map(|path| open(path, &options, &stop))
        .collect::<Result<Vec<_>, _>>()?;
    options.setup.check(options.strict)?;
    acknowledgements::check(&options)?;
    if let Some(named) = &options.out {
        output::check_folder(named)?;
    }
    let out = OutFolder::make(options.out.as_deref())?;
    let ran = run_in(&options, inputs, &out, &stop);
    if ran.is_err() {
        out.discard();
    }
    ran
}

fn run_in(
    options: &ReplayOptions,
    inputs: Vec<Input>,
    out: &OutFolder,
    stop: &Stop,
) -> Result<ExitCode, Failure> {
    let lock = segments::lock(&out.log())?;
    let dumps = Dumps { options, out, foreign: check_origin(options, &inputs, out)? };
    let opened = during("reading the log", || Opened::open(&out.log(), &options.key.trusted()))?;
    let complete = complete::contents(options, &inputs, opened.restored())?;
    // A complete run's log is left as it is, but for a torn end.
    let (restored, end) = match complete.is_some() && opened.is_whole() {
        true => opened.unchanged(),
        false => opened.restore(&out.log())?,
    };
    if let Some(torn) = &end.torn {
        warn_of(torn);
    }
    if let Some(contents) = complete {
        stop.nothing_to_lose();
        return complete::finish(&dumps, &contents, restored, &end);
    }
    let begins_at = end.position.next;
    let key = keys::of_run(&options.key, &out.log())?;
    if key.is_none() && options.retain.is_some() {
        return Err(Failure::Usage(anyhow!("--retain needs a key: --key names its file")));
    }
    restored.save_if_long(&out.log(), &end, key.as_ref())?;
    let system = match options.clock {
        ClockKind::Real => actix::System::new(),
        ClockKind::Virtual => actix::System::with_tokio_rt(paused_runtime),
    };
    let played = play(options, inputs, out, lock, restored, &end, key.as_ref(), stop);
    match system.block_on(played)? {
        Played::ToTheEnd(run) => {
            stop.nothing_to_lose();
            finish(&dumps, begins_at - 1, *run, key.as_ref())
        }
        Played::Stopped { durable } => {
            warn(format_args!(
                "stopped: {} commands are durable in {}\ngo on:   {}",
                HumanCount(durable),
                out.log().display(),
                folder::resume_command(out)
            ));
            Ok(ExitCode::from(stop::EXIT_CODE))
        }
    }
}

fn open(path: &Path, options: &ReplayOptions, stop: &Stop) -> Result<Input, InputError> {
    // Under the virtual clock a run must not depend on when its input came.
    let patient = options.clock == ClockKind::Virtual;
    if path == Path::new("-") {
        let pipe = Pipe::new(io::stdin(), stop.clone(), patient);
        return Input::new("standard input".to_string(), Box::new(pipe));
    }
    let is_pipe = fs::metadata(path).is_ok_and(|kind| !kind.is_file() && !kind.is_dir());
    if is_pipe && let Ok(file) = File::open(path) {
        let pipe = Pipe::new(file, stop.clone(), patient);
        return Input::new(path.display().to_string(), Box::new(pipe));
    }
    Input::open(path)
}

/// Sees to it that a run begins in a folder without a log, or goes on with what it was begun with.
/// Returns the names in the folder that the run did not make.
fn check_origin(
    options: &ReplayOptions,
    inputs: &[Input],
    out: &OutFolder,
) -> Result<BTreeSet<String>, Failure> {
    let mut ours = Origin::of(options, inputs, outputs::describe_quotes(options))?;
    if !restore::holds_log(&out.log())? {
        // What an earlier run left that came to nothing is its own.
        let earlier = Origin::read(out)?;
        if earlier.is_none() {
            for name in folder::RESERVED.iter().filter(|name| **name != "log") {
                output::check(&out.path().join(name), &options.files, options.overwrite)?;
            }
        }
        ours.foreign = match earlier {
            Some(earlier) => earlier.foreign,
            None => out.foreign_names()?,
        };
        out.write_json(origin::FILE, &ours)?;
        return Ok(ours.foreign);
    }
    let folder = out.path().display();
    if !options.resume {
        return Err(Failure::Usage(anyhow!(
            "{folder} holds the log of a run already: --resume goes on with it, another --out \
             begins anew"
        )));
    }
    let Some(begun) = Origin::read(out)? else { return Ok(BTreeSet::new()) };
    if let Some(mismatch) = begun.refuses(&ours) {
        return Err(Failure::Usage(anyhow!("{folder}: {mismatch}")));
    }
    if (&begun.quotes, begun.seed) != (&ours.quotes, ours.seed) {
        warn(format_args!(
            "warning: the run was begun with other quotes ({}, seed {}); it goes on with {}, seed {}",
            begun.quotes, begun.seed, ours.quotes, ours.seed
        ));
    }
    Ok(begun.foreign)
}

/// The runtime of a virtual clock: one thread, whose time goes on only when there is nothing to
/// do but wait.
#[allow(
    clippy::expect_used,
    reason = "actix takes no error here, and a process that cannot make \
    a runtime has nothing else to do"
)]
pub fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be made")
}

/// How a run ended.
enum Played {
    /// Everything was played.
    ToTheEnd(Box<Run>),
    /// Ctrl-C came before. The log has been closed in order.
    Stopped { durable: u64 },
}

/// A run that was played to its end, and what it leaves.
struct Run {
    scoreboard: Scoreboard,
    tally: Tally,
    stopped: Stopped,
    started_at_ms: u64,
    /// All DUMPLOGs of the log.
    dumps: Vec<DumpRequest>,
    followers: Vec<Follower>,
    ended: Instant,
}

#[allow(clippy::too_many_arguments, reason = "what a run is made of")]
async fn play(
    options: &ReplayOptions,
    inputs: Vec<Input>,
    out: &OutFolder,
    lock: segments::FolderLock,
    restored: Restored,
    end: &LogEnd,
    key: Option<&InstallationKey>,
    stop: &Stop,
) -> anyhow::Result<Played> {
    let clock = match options.clock {
        ClockKind::Real => Clock::real_from(restored.last_ms),
        ClockKind::Virtual => Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS.max(restored.last_ms)),
    };
    let workers = match options.clock {
        ClockKind::Virtual => 1,
        ClockKind::Real => default_workers(),
    };
    let mut console = Console::new(options, &inputs, out, stop.clone())?;
    let Restored { ledger, played, mut dumps, highest, .. } = restored;
    let log_options = LogOptions { segment_bytes: options.segment_mib << 20 };
    let mut writer = LogWriter::open(&out.log(), lock, end, log_options)?;
    let keeper = Keeper::start(&out.log(), key.cloned(), !options.no_compress)?;
    writer.tell_closed(keeper.listener());
    let stores = Store::given(options.audit.as_ref(), options.search.as_ref());
    let followers = followers::start(&stores, &out.log(), &options.server, &writer.durable())?;
    let system =
        System::start(options.setup.system(workers), &clock, writer, ledger.into_accounts())
            .await?;
    stop.listen(console.bar());

    let started_at_ms = clock.unix_ms(clock.now());
    let mut player = Player::new(system.queue.clone(), clock.clone(), &played, &mut console)
        .at_rate(options.rate);
    let mut outcome = Ok(());
    for input in inputs {
        outcome = player.play(input).await;
        if outcome.is_err() {
            break;
        }
    }
    let settled = match outcome {
        // A file that cannot be read further takes nothing from what was read of it.
        Ok(()) | Err(PlayError::Input(_)) => player.settle().await,
        // Some of the replies will never come.
        Err(PlayError::Halted(_) | PlayError::Closed(_)) => std::mem::replace(&mut outcome, Ok(())),
    };
    let (scoreboard, tally) = player.finish();
    console.end();
    settled.or_else(|error| halted(error, out))?;
    let ended = Instant::now();
    let stopped = system.stop().await?;
    let last_ms = clock.unix_ms(clock.now());
    let mut done = played;
    let told = console.finish(&mut done);
    let durable = done.len();
    dumps.extend(scoreboard.dumps().iter().map(request));
    // Going on with the log need not read it from its beginning.
    let highest = done.ranges().last().map_or(highest, |(_, last)| highest.max(*last));
    let facts = Facts { played: done, dumps, last_ms, highest };
    let accounts = stopped.accounts.iter().map(|(user, account)| (user, account));
    let saved = restore::save(key, &out.log(), &stopped.log, accounts, &facts, last_ms);
    during("compressing segments", || drop(keeper));
    told?;
    saved?;
    if stop.is_wanted() {
        return Ok(Played::Stopped { durable });
    }
    outcome.map_err(|error| {
        anyhow!(
            "{error}\nthe {} commands before it are durable in {}",
            HumanCount(durable),
            out.log().display()
        )
    })?;
    Ok(Played::ToTheEnd(Box::new(Run {
        scoreboard,
        tally,
        stopped,
        started_at_ms,
        dumps: facts.dumps,
        followers,
        ended,
    })))
}

/// The log takes no more, or a worker is gone: what was acknowledged is safe, the rest is not
/// there.
fn halted(error: PlayError, out: &OutFolder) -> anyhow::Result<()> {
    Err(anyhow!(
        "{error}\nwhat was acknowledged is safe; once the cause is gone, go on with: {}",
        folder::resume_command(out)
    ))
}

/// Writes what a finished run leaves: dumps, accounts, report. `earlier` is the last entry that the
/// log held when the run was resumed, 0 for a run from its beginning.
fn finish(
    dumps: &Dumps<'_>,
    earlier: u64,
    run: Run,
    key: Option<&InstallationKey>,
) -> Result<ExitCode, Failure> {
    let Dumps { options, out, .. } = *dumps;
    let Run { scoreboard, tally, stopped, started_at_ms, .. } = run;
    let Run { dumps: requests, followers, ended, .. } = run;
    let accounts = || stopped.accounts.iter().map(|(user, account)| (user, account));
    let log = &stopped.log;

    let mut report = RunReport {
        started_at_ms,
        users: stopped.accounts.len() as u64,
        unreadable: tally.unreadable,
        skipped: tally.skipped,
        quote_requests: stopped.quotes.requests,
        quote_abandoned: stopped.quotes.abandoned,
        quote_shared_hits: stopped.quotes.shared_hits,
        orders_fired: stopped.unattended.fired,
        orders_armed: stopped.orders.armed,
        orders_asked: stopped.orders.asks,
        pending_expired: stopped.unattended.expired,
        log: outputs::log_facts(out, log.last, log.chain.to_string())?,
        ..outputs::report(options)
    };
    scoreboard.fill(&mut report);
    if earlier > 0 {
        outputs::count_whole_run(&mut report, out, earlier)?;
    }
    outputs::tell_of_missing_dump(out, &requests);
    let requests = dumps.possible(requests)?;
    let (written, mut failed) = dumps.write(requests)?;
    report.dumps = written;
    // What cannot be written takes nothing from the rest.
    failed.extend(out.write_json("state.json", &StateView::new(accounts())).err());
    report.peak_memory_bytes = peak_memory_bytes();
    failed.extend(outputs::write_report(out, &report));

    say(report::table(&report, width().unwrap_or(100)));
    console::tell_files(out);
    let unpriced = unpriced(&report);
    if unpriced > 0 {
        warn_of_unpriced(unpriced, report.commands, stopped.quote_failure.as_deref());
    }
    if report.log.entries > 0 {
        out.point_latest();
    }
    let complete = followers::watch_until(&followers, Some(log.last + 1))?;
    for (follower, status) in followers.into_iter().zip(complete) {
        say(followers::completed(follower.name(), &status, ended));
        follower.stop();
    }
    // A dump that is still to be written needs the whole log.
    if let (Some(keep), Some(key), true) = (options.retain, key, failed.is_empty()) {
        let stores = Store::given(options.audit.as_ref(), options.search.as_ref());
        say(retain(&out.log(), keep, key, &stores)?);
    }
    if options.search.is_some() {
        followers::warn_of_dead_letters(&out.log())?;
    }
    let imperfect = tally.unreadable > 0 || unpriced > 0;
    conclude(options, out, &failed, report.commands, imperfect)
}

/// The exit code of a run that was played to its end. `imperfect`: whether `--strict` fails it.
fn conclude(
    options: &ReplayOptions,
    out: &OutFolder,
    failed: &[anyhow::Error],
    commands: u64,
    imperfect: bool,
) -> Result<ExitCode, Failure> {
    if !failed.is_empty() {
        return Err(outputs::not_written(failed, out).into());
    }
    if commands == 0 {
        return Err(outputs::no_command(options).into());
    }
    Ok(if options.strict && imperfect { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Commands that were rejected because no price could be fetched.
fn unpriced(report: &RunReport) -> u64 {
    report.rejected.get(Reject::QuoteUnavailable.code()).copied().unwrap_or_default()
}

/// Warns of commands that were rejected because no price could be fetched.
fn warn_of_unpriced(unpriced: u64, commands: u64, failure: Option<&str>) {
    let (unpriced, commands) = (HumanCount(unpriced), HumanCount(commands));
    let failure = failure.map(|failure| format!("; last failure: {failure}")).unwrap_or_default();
    warn(format_args!(
        "warning: {unpriced} of {commands} commands were rejected for want of a price \
         (quote_unavailable){failure}"
    ));
}

fn request(reply: &DumpReply) -> DumpRequest {
    DumpRequest { file: reply.file.clone(), user: reply.user.clone(), last: reply.entry }
}

/// The most memory that the process held, as Linux tells it; 0 elsewhere.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
