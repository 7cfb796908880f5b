//! `daytrade audit`: looks at the entry log of a run. It reads segments and writes nothing but
//! their indexes, so it can look at a run that is under way.

mod at;
mod export;
pub mod filter;
mod parity;
mod parquet;
mod place;
mod prometheus;
mod proof;
pub mod records;
pub mod retain;
mod search;
mod show;
mod snapshots;
pub mod stats;
mod store;
pub mod table;

use crate::Failure;
use crate::replay::folder::log_in;
use crate::terminal::warn;
use anyhow::anyhow;
use audit_logger::LogError;
use audit_logger::log::segments;
use audit_logger::query::Catalogue;
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Find entries by user, stock, command, outcome, transaction, time, amount or text
    ///
    /// The exit code is 0 also where no entry fits: standard error says so, and standard output is
    /// empty (of CSV, the head). In CSV, a cell that a spreadsheet would take for a formula has a
    /// ' in front.
    Search(search::SearchOptions),
    /// Tell one transaction with all that came of it
    Show(show::ShowOptions),
    /// Tell an account as it was right after a transaction
    At(at::AtOptions),
    /// Write entries as XML, JSON lines, CSV or Parquet
    ///
    /// In CSV, a cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or
    /// a line break, and is no number) has a ' in front.
    Export(export::ExportOptions),
    /// Count commands, refusals, users and quotes
    Stats(stats::StatsOptions),
    /// Vouch for the log as it is now: sign a checkpoint
    Prove(proof::ProveOptions),
    /// Find changed, lost, re-ordered and inserted entries of a log, or of an exported file
    ///
    /// Exit codes: 0 proven, 1 not proven, 2 no verdict (the log or the export cannot be found or
    /// read, or the command line is wrong), 4 consistent, but no key was expected.
    Check(proof::CheckOptions),
    /// Compare the log with the stores that follow it, entry by entry
    ///
    /// Exit codes: 0 the same, 1 different, 2 no verdict (the log or a store cannot be reached or
    /// read, or the command line is wrong).
    Parity(parity::ParityOptions),
    /// Compress the segments that are complete
    Compress(proof::CompressOptions),
    /// Remove old segments that nobody needs any more
    Retain(retain::RetainOptions),
    /// Tell how far a store is behind the log
    Status(store::StatusOptions),
    /// Forget what a store has of the log, and fill it from the first entry on
    Rebuild(store::RebuildOptions),
    /// Bring a store up to the log and keep it there until Ctrl-C
    Follow(store::FollowOptions),
}

pub fn run(command: AuditCommand) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Search(options) => search::run(options),
        AuditCommand::Show(options) => show::run(&options),
        AuditCommand::At(options) => at::run(&options),
        AuditCommand::Export(options) => export::run(options),
        AuditCommand::Stats(options) => stats::run(options),
        AuditCommand::Prove(options) => proof::prove(&options),
        AuditCommand::Check(options) => proof::check(&options),
        AuditCommand::Parity(options) => parity::run(&options),
        AuditCommand::Compress(options) => proof::compress(&options),
        AuditCommand::Retain(options) => retain::run(&options),
        AuditCommand::Status(options) => store::status(&options),
        AuditCommand::Rebuild(options) => store::rebuild(&options),
        AuditCommand::Follow(options) => store::follow(&options),
    }
}

/// Which log is looked at.
#[derive(Args)]
pub struct Data {
    /// The folder of the run, or its log's own; if not given, that of the newest run under `out`,
    /// and where there is none `data`, which is what `up` keeps
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Where a log is looked for if no folder is named: the newest run's, and that of `up`.
const USUAL: [&str; 2] = ["out/latest", "data"];

impl Data {
    /// Whether a folder was named.
    pub fn is_given(&self) -> bool {
        self.data.is_some()
    }

    /// The folder of the log.
    pub fn log(&self) -> anyhow::Result<PathBuf> {
        let given = match &self.data {
            Some(named) => named,
            None => USUAL.iter().map(Path::new).find(|usual| usual.exists()).ok_or_else(|| {
                let [run, up] = USUAL;
                anyhow!(
                    "neither {run} nor {up} is here: --data names the folder of a run, and \
                     `daytrade replay FILE` makes one"
                )
            })?,
        };
        if !given.exists() {
            return Err(anyhow!(
                "{}: there is no such folder (--data names the one that a run writes to)",
                given.display()
            ));
        }
        if !given.is_dir() {
            return Err(anyhow!("{}: is a file, not the folder of a run", given.display()));
        }
        let holds_log = |folder: &Path| segments::list(folder).map(|found| !found.is_empty());
        for folder in [log_in(given), given.to_path_buf()] {
            if holds_log(&folder)? {
                return Ok(folder);
            }
        }
        // A run that has just begun has a log without a segment.
        if log_in(given).is_dir() {
            return Ok(log_in(given));
        }
        Err(anyhow!(
            "{}: no log is in it, nor in a folder `log` there: --data names the folder of a run, and \
             `daytrade replay FILE` makes one",
            given.display()
        ))
    }

    /// Opens the log; tells of bytes at its end that are no whole batch.
    pub fn open(&self, indexed: bool) -> anyhow::Result<(PathBuf, Catalogue)> {
        let folder = self.log()?;
        let catalogue = open(&folder, indexed)?;
        if catalogue.segments() == 0 {
            return Err(no_entry(&folder));
        }
        if let Some(tail) = catalogue.tail() {
            warn(format_args!(
                "note: the last {} bytes of {} are no whole batch (a write under way, or a torn \
                 one): they are left out",
                tail.bytes,
                tail.path.display()
            ));
        }
        if catalogue.first() > 1 {
            warn(format_args!(
                "note: the log begins with entry {}: what stood before was removed (--retain)",
                catalogue.first()
            ));
        }
        Ok((folder, catalogue))
    }
}

/// Nothing was logged in `folder` yet.
fn no_entry(folder: &Path) -> anyhow::Error {
    anyhow!(
        "{}: the log holds no entry yet: --data names the folder of another run",
        folder.display()
    )
}

fn open(folder: &Path, indexed: bool) -> Result<Catalogue, LogError> {
    Catalogue::open(folder, indexed)
}

/// The form of an answer about one thing.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnswerForm {
    Table,
    Json,
}
