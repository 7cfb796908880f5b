//! `daytrade experiment logging`: the same commands traded at full speed once for each kind of
//! store that takes the log in. What the seed system did (a flat file, Postgres row by row) stands
//! beside what this one does.

mod load;
mod show;
mod stores;
mod xml_file;

use super::options::LoggingOptions;
use super::write;
use crate::Failure;
use crate::replay::folder::OutFolder;
use crate::terminal::say;
use ::workload::generate::{GenerateError, Profile, Spec, generate};
use anyhow::{Context as _, anyhow};
use indicatif::ProgressBar;
use load::{Load, Ran, run as trade};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use stores::Store;

/// The log by itself: what every store follows.
const ALONE: &str = "entry_log";

/// What is done for an entry in the log, in a few words.
const ABOUT_ALONE: &str = "the entry log by itself, which every store here follows: binary, in \
                           batches, synced to the disk before anybody is told";

/// Commands before the first measurement: a processor that rests is slow for a moment.
const WARM_UP: u64 = 20_000;

/// `result.json`.
#[derive(Serialize)]
struct Figures {
    stores: Vec<Measured>,
}

/// What one store came to.
#[derive(Serialize)]
struct Measured {
    name: &'static str,
    /// Entries a second from the first command until the store had all of them, or was waited for
    /// no longer.
    entries_per_s: f64,
    /// From the last reply until it had them, or, where it is not complete, until it was waited for
    /// no longer.
    complete_s: f64,
    complete: bool,
    /// Entries a second from the last reply on, while it had the machine for itself; none where
    /// nothing was left to take.
    alone_entries_per_s: Option<f64>,
    entries: u64,
    /// Entries that were found in the store afterwards.
    stored_entries: u64,
    commands: u64,
    trading_s: f64,
    commands_per_s: f64,
    /// The speed of trading as a share of that without a store.
    trading_share: f64,
    most_behind: u64,
    /// Seconds since the first command, and entries that the store lacked then.
    backlog: Vec<(f64, u64)>,
    #[serde(skip)]
    about: &'static str,
}

pub fn run(options: LoggingOptions) -> Result<ExitCode, Failure> {
    let users = u32::try_from(options.commands / 20).unwrap_or(1_000).clamp(1, 1_000);
    let spec = Spec {
        users,
        commands: options.commands,
        stocks: 1_000,
        profile: Profile::Course,
        seed: options.seed,
    };
    // What cannot be measured is told before a folder is made.
    stores::check(&options)?;
    let (stores, left_out) = stores::given(&options);
    super::check_folder(options.out.as_deref(), None, options.overwrite)?;
    let out = OutFolder::make(options.out.as_deref())?;
    let work = out.path().join("work");
    // It is removed at the end, so it must be the experiment's own.
    fs::create_dir(&work).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Usage(anyhow!(
            "{}: exists, but the experiment needs a folder of that name for itself; name another \
             --out",
            work.display()
        )),
        _ => Failure::Fault(anyhow!(error).context(work.display().to_string())),
    })?;
    let work = Work(work);
    let begun = Instant::now();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));

    bar.set_message("warming up");
    let small = Spec { commands: WARM_UP.min(spec.commands), ..spec };
    let file = work.0.join("load");
    put(&small, &file)?;
    let load = Load {
        file: file.clone(),
        seed: options.seed,
        patience: Duration::from_secs(options.patience),
    };
    trade(&load, &work.0.join("warm").join("log"), None)?;
    put(&spec, &file)?;
    let mut measured = Vec::new();
    bar.set_message(ALONE);
    // What the others are compared with must not be what was slow by chance.
    let twice = ["once", "again"].map(|name| trade(&load, &work.0.join(name).join("log"), None));
    let [once, again] = twice;
    let (once, again) = (once?, again?);
    let ran = if once.trading < again.trading { once } else { again };
    let alone = per_s(ran.commands, ran.trading);
    let held = ran.entries;
    measured.push(Measured::of(ALONE, ABOUT_ALONE, ran, held, alone));
    for store in &stores {
        bar.set_message(store.name());
        let log = work.0.join(store.name()).join("log");
        measured.push(measure(&**store, &load, &log, alone)?);
    }
    bar.finish_and_clear();
    drop(work);

    let figures = Figures { stores: measured };
    say(show::table(&options, &figures, &left_out, begun.elapsed()));
    write(&out, &figures, &show::page(&options, &figures, &left_out, begun.elapsed()))?;
    Ok(ExitCode::SUCCESS)
}

/// Measures one store, looks whether it has everything, and removes what it has.
fn measure(store: &dyn Store, load: &Load, log: &Path, alone: f64) -> anyhow::Result<Measured> {
    let measured = trade(load, log, Some(store)).and_then(|ran| {
        let held = store.held(log)?;
        // Where it is not complete, some of what it took last may be there too.
        let complete = ran.taken == ran.entries;
        if held < ran.taken || held > ran.entries || (complete && held != ran.entries) {
            return Err(anyhow!("{}: {held} of {} entries are there", store.name(), ran.taken));
        }
        Ok(Measured::of(store.name(), store.about(), ran, held, alone))
    });
    let removed = store.remove(log);
    let measured = measured?;
    removed.with_context(|| format!("{}: removing what was measured", store.name()))?;
    Ok(measured)
}

impl Measured {
    fn of(name: &'static str, about: &'static str, ran: Ran, held: u64, alone: f64) -> Measured {
        let late = ran.complete.saturating_sub(ran.trading);
        let commands_per_s = per_s(ran.commands, ran.trading);
        Measured {
            name,
            entries_per_s: per_s(ran.taken, ran.complete),
            complete_s: late.as_secs_f64(),
            complete: ran.taken == ran.entries,
            alone_entries_per_s: (ran.missing > 0 && !late.is_zero())
                .then(|| per_s(ran.missing.saturating_sub(ran.entries - ran.taken), late)),
            entries: ran.entries,
            stored_entries: held,
            commands: ran.commands,
            trading_s: ran.trading.as_secs_f64(),
            commands_per_s,
            trading_share: commands_per_s / alone,
            most_behind: ran.backlog.iter().map(|(_, behind)| *behind).max().unwrap_or(0),
            backlog: ran.backlog,
            about,
        }
    }
}

fn per_s(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// Writes the load.
fn put(spec: &Spec, path: &Path) -> Result<(), Failure> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    match generate(spec, &mut BufWriter::new(file)) {
        Ok(()) => Ok(()),
        Err(GenerateError::Write(error)) => Err(Failure::Fault(error.into())),
        Err(error) => Err(Failure::Usage(error.into())),
    }
}

/// The folder for logs and files, which goes with the experiment.
struct Work(std::path::PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}
