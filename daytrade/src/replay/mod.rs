//! `daytrade replay`: plays workload files through the embedded system and writes what came of
//! it.

mod console;
mod folder;

use crate::Failure;
use crate::cli::{ClockKind, QuoteSource, ReplayOptions};
use crate::restore::{self, Restored, warn_of};
use crate::system::{Stopped, System, SystemOptions};
use crate::terminal::{say, width};
use ::workload::input::Input;
use ::workload::player::{Player, Tally};
use ::workload::report::{self, DumpFacts, LogFacts, RunReport};
use ::workload::scoreboard::{DumpReply, Scoreboard};
use anyhow::Context;
use audit_logger::dumplog::{self, DumpRequest};
use audit_logger::log::{LogEnd, LogOptions, LogWriter, segments};
use bus::Clock;
use console::Console;
use folder::OutFolder;
use frontend::StateView;
use std::process::ExitCode;
use std::time::Instant;

pub fn run(options: ReplayOptions) -> Result<ExitCode, Failure> {
    // Files that cannot be opened are told before anything is written.
    let inputs =
        options.files.iter().map(|path| Input::open(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(named) = &options.out
        && !options.resume
        && restore::holds_log(&folder::log_in(named))?
    {
        return Err(Failure::Usage(anyhow::anyhow!(
            "{} holds the log of a run already: --resume goes on with it, another --out begins anew",
            named.display()
        )));
    }
    let out = OutFolder::make(options.out.as_deref())?;
    let lock = segments::lock(&out.log())?;
    let (restored, end) = restore::restore(&out.log())?;
    if let Some(torn) = &end.torn {
        warn_of(torn);
    }
    let system = match options.clock {
        ClockKind::Real => actix::System::new(),
        ClockKind::Virtual => actix::System::with_tokio_rt(paused_runtime),
    };
    let played = system.block_on(play(&options, inputs, &out, lock, restored, &end))?;
    finish(&options, &out, played)
}

/// The runtime of a virtual clock: one thread, whose time goes on only when there is nothing to
/// do but wait.
#[allow(
    clippy::expect_used,
    reason = "actix takes no error here, and a process that cannot make \
    a runtime has nothing else to do"
)]
fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be made")
}

/// A run that is over, and what it leaves.
struct Played {
    scoreboard: Scoreboard,
    tally: Tally,
    console: Console,
    stopped: Stopped,
    started_at_ms: u64,
    earlier_dumps: Vec<DumpRequest>,
    done: ::workload::played::Played,
    last_ms: u64,
}

async fn play(
    options: &ReplayOptions,
    inputs: Vec<Input>,
    out: &OutFolder,
    lock: segments::FolderLock,
    restored: Restored,
    end: &LogEnd,
) -> anyhow::Result<Played> {
    let clock = match options.clock {
        ClockKind::Real => Clock::real_from(restored.last_ms),
        ClockKind::Virtual => Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS.max(restored.last_ms)),
    };
    let workers = match (options.workers, options.clock) {
        (Some(workers), _) => usize::from(workers),
        (None, ClockKind::Virtual) => 1,
        (None, ClockKind::Real) => {
            std::thread::available_parallelism().map_or(1, |cores| cores.get().min(bus::PARTITIONS))
        }
    };
    let setup = SystemOptions {
        workers,
        quotes: options.quotes.clone(),
        quote_delay: options.quote_delay.clone(),
        quote_faults: options.quote_faults,
        seed: options.seed,
    };
    let mut console = Console::new(options, &inputs, out)?;
    let Restored { ledger, played, dumps, .. } = restored;
    let writer = LogWriter::open(&out.log(), lock, end, LogOptions::default())?;
    let system = System::start(setup, &clock, writer, ledger.into_accounts()).await?;

    let started_at_ms = clock.unix_ms(clock.now());
    let mut player = Player::new(system.queue.clone(), clock.clone(), &played, &mut console);
    for input in inputs {
        player.play(input).await?;
    }
    let (scoreboard, tally) = player
        .finish()
        .await
        .context("what was acknowledged is safe; run again with --resume once the cause is gone")?;
    console.end();
    let stopped = system.stop().await?;
    let last_ms = clock.unix_ms(clock.now());
    let mut done = played;
    console.finish(&mut done)?;
    Ok(Played {
        scoreboard,
        tally,
        console,
        stopped,
        started_at_ms,
        earlier_dumps: dumps,
        done,
        last_ms,
    })
}

/// Writes what a finished run leaves: dumps, accounts, report.
fn finish(options: &ReplayOptions, out: &OutFolder, played: Played) -> Result<ExitCode, Failure> {
    let Played { scoreboard, tally, console, stopped, started_at_ms, earlier_dumps, done, last_ms } =
        played;
    let accounts = || stopped.accounts.iter().map(|(user, account)| (user, account));
    let mut requests = earlier_dumps;
    requests.extend(scoreboard.dumps().iter().map(request));
    let log = &stopped.log;
    restore::save(&out.log(), log.last, log.chain, accounts(), &done, &requests, last_ms)?;

    let mut report = RunReport {
        version: env!("CARGO_PKG_VERSION").to_string(),
        started_at_ms,
        files: options.files.iter().map(|path| path.display().to_string()).collect(),
        clock: match options.clock {
            ClockKind::Real => "real".to_string(),
            ClockKind::Virtual => "virtual".to_string(),
        },
        quotes: describe_quotes(options),
        seed: Some(options.seed),
        users: stopped.accounts.len() as u64,
        unreadable: tally.unreadable,
        skipped: tally.skipped,
        quote_requests: stopped.quotes.requests,
        log: LogFacts {
            entries: log.last,
            bytes: out.log_bytes()?,
            segments: segments::list(&out.log())?.len() as u64,
            head: log.chain.to_string(),
        },
        ..RunReport::default()
    };
    scoreboard.fill(&mut report);
    report.dumps = write_dumps(out, &options.server, &requests)?;
    out.write_json("state.json", &StateView::new(accounts()))?;
    report.peak_memory_bytes = peak_memory_bytes();
    out.write_json("report.json", &report)?;
    out.write("report.html", report::html(&report).as_bytes())?;

    say(report::table(&report, width()));
    console.tell_files(out);
    let strict = options.strict && tally.unreadable > 0;
    Ok(if strict { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn request(reply: &DumpReply) -> DumpRequest {
    DumpRequest { file: reply.file.clone(), user: reply.user.clone(), last: reply.entry }
}

fn write_dumps(
    out: &OutFolder,
    server: &str,
    requests: &[DumpRequest],
) -> anyhow::Result<Vec<DumpFacts>> {
    let started = Instant::now();
    let dumps = dumplog::write(&out.log(), out.path(), server, &folder::RESERVED, requests)?;
    // All dumps of a pass are written together.
    let wall_s = started.elapsed().as_secs_f64();
    Ok(dumps
        .into_iter()
        .map(|dump| DumpFacts {
            file: dump.path.display().to_string(),
            bytes: dump.bytes,
            elements: dump.elements,
            wall_s,
        })
        .collect())
}

fn describe_quotes(options: &ReplayOptions) -> String {
    match &options.quotes {
        QuoteSource::Simulator => {
            format!("built-in quote server, delay {}", options.quote_delay)
        }
        QuoteSource::Fixed(price) => format!("{price} for every stock"),
        QuoteSource::Server { address, .. } => format!("quote server at {address}"),
    }
}

/// The most memory that the process held, as Linux tells it; 0 elsewhere.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
