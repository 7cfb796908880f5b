//! Reads a log back: the accounts, what was played, the DUMPLOGs, and where a writer goes on.

pub mod payload;
#[cfg(test)]
mod tests;

use crate::keys;
use crate::terminal::warn;
use audit_logger::LogError;
use audit_logger::dumplog::DumpRequest;
use audit_logger::log::actor::LogSummary;
use audit_logger::log::recovery::{LogEnd, TornTail, find_end};
use audit_logger::log::snapshot::{self, Snapshot, SnapshotHash};
use audit_logger::log::{LogReader, segments};
use audit_logger::proof::snapshots::{PassedOver, Snapshots};
use audit_logger::proof::{InstallationKey, PublicKey, vouched};
use domain::trading::command::{Action, Verb};
use domain::trading::{Account, Entry, Outcome, UserName};
use payload::{Facts, Payload};
use std::io;
use std::path::Path;
use worker::{Ledger, ParallelFold};
use workload::played::Played;

/// A snapshot is written once this many entries would have to be replayed without it.
const SNAPSHOT_EVERY: u64 = 1_000_000;

/// What a log comes to.
#[derive(Debug, Default)]
pub struct Restored {
    pub ledger: Ledger,
    /// Transactions whose commands the log holds.
    pub played: Played,
    /// The DUMPLOGs in it.
    pub dumps: Vec<DumpRequest>,
    /// The latest time in it, in Unix milliseconds.
    pub last_ms: u64,
    /// The highest transaction number in it, of whatever entry.
    pub highest: u64,
    /// Entries that were replayed, those behind the snapshot.
    pub replayed: u64,
}

/// Reads the log in `folder` from its newest snapshot on that a key of `trusted` signed, to be gone
/// on with: what is torn at its end is cut off. A log that is not what somebody vouched for is left
/// alone: what builds on it would be signed with it.
pub fn restore(folder: &Path, trusted: &[PublicKey]) -> Result<(Restored, LogEnd), LogError> {
    Opened::open(folder, trusted)?.restore(folder)
}

/// A log that was read and not changed yet.
pub struct Opened {
    restored: Restored,
    reader: LogReader,
    stopped: Result<(), LogError>,
}

impl Opened {
    /// Reads the log in `folder`, as [`restore`] does.
    pub fn open(folder: &Path, trusted: &[PublicKey]) -> Result<Opened, LogError> {
        let (restored, reader, stopped) = read(folder, trusted)?;
        vouched::compare(folder)?;
        Ok(Opened { restored, reader, stopped })
    }

    /// What the log comes to.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Whether every byte of the log belongs to a whole batch.
    pub fn is_whole(&self) -> bool {
        self.stopped.is_ok()
    }

    /// What the log comes to and where it ends, for whoever writes nothing more to it.
    pub fn unchanged(self) -> (Restored, LogEnd) {
        (self.restored, LogEnd { position: self.reader.position(), torn: None })
    }

    /// Prepares the log for a writer, as [`restore`] does.
    pub fn restore(self, folder: &Path) -> Result<(Restored, LogEnd), LogError> {
        let end = find_end(&self.reader, self.stopped, folder)?;
        Ok((self.restored, end))
    }
}

/// Reads the log in `folder` up to its last whole batch, and changes nothing; also what ended the
/// reading before the end of the files, a write that is under way for example.
pub fn look(
    folder: &Path,
    trusted: &[PublicKey],
) -> Result<(Restored, Option<LogError>), LogError> {
    let (restored, _, stopped) = read(folder, trusted)?;
    Ok((restored, stopped.err()))
}

fn read(
    folder: &Path,
    trusted: &[PublicKey],
) -> Result<(Restored, LogReader, Result<(), LogError>), LogError> {
    let (start, passed_over) = newest_snapshot(folder, trusted)?;
    warn_of_snapshots(&passed_over, start.as_ref().map(|(found, _)| found.last));
    let (start, mut restored) = match start {
        Some((found, restored)) => (Some(found), restored),
        None => (None, Restored::default()),
    };
    // From the segment that holds the last entry of the snapshot: its chain ends there.
    let after = start.as_ref().map_or(0, |found| found.last);
    let mut reader = match LogReader::open_at(folder, after.max(1), None) {
        Err(LogError::BeginsLate { first, .. }) if !passed_over.is_empty() => {
            return Err(no_snapshot_to_begin_with(&passed_over[0], first));
        }
        opened => opened?,
    };
    let stopped = replay(&mut reader, start.as_ref(), &mut restored);
    if reader.position().next <= after {
        // Entries that were durable once are gone: what is left of them is no torn tail.
        return Err(stopped.err().unwrap_or_else(|| shorter_than_snapshot(folder, &reader, after)));
    }
    Ok((restored, reader, stopped))
}

/// The newest snapshot that may be used, with what it holds; and those newer ones that may not.
#[allow(clippy::type_complexity, reason = "it has one caller")]
fn newest_snapshot(
    folder: &Path,
    trusted: &[PublicKey],
) -> Result<(Option<(Snapshot, Restored)>, Vec<PassedOver>), LogError> {
    let mut passed_over = Vec::new();
    for judged in Snapshots::of(folder, trusted)?.judge() {
        let read = judged.and_then(|judged| {
            let path = judged.path.clone();
            let found = judged.trusted()?;
            match payload::decode(&found.payload) {
                Some(payload) => Ok((found, Restored::from(payload))),
                None => Err(PassedOver { path, reason: "holds what no program wrote".to_string() }),
            }
        });
        match read {
            Ok(newest) => return Ok((Some(newest), passed_over)),
            Err(reason) => passed_over.push(reason),
        }
    }
    Ok((None, passed_over))
}

/// One line, however many there are.
fn warn_of_snapshots(passed_over: &[PassedOver], used: Option<u64>) {
    let Some(first) = passed_over.first() else { return };
    let more = match passed_over.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let begins = used.map_or(1, |last| last + 1);
    warn(format_args!("warning: {first}{more}; the log is read from entry {begins} on"));
}

fn no_snapshot_to_begin_with(newest: &PassedOver, first: u64) -> LogError {
    LogError::Damaged {
        path: newest.path.clone(),
        offset: 0,
        entry: first,
        reason: format!(
            "the log begins with entry {first}, so it needs a snapshot, and this one {}; --key \
             names the key that signed it",
            newest.reason
        ),
    }
}

fn replay(
    reader: &mut LogReader,
    start: Option<&Snapshot>,
    restored: &mut Restored,
) -> Result<(), LogError> {
    if let Some(found) = start
        && !skip_to(reader, found)?
    {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut fold = ParallelFold::new(std::mem::take(&mut restored.ledger), cores);
    let read = reader.for_each_with_rules(u64::MAX, |number, rules, entry| {
        restored.note(number, &entry);
        fold.push(number, rules, entry);
        Ok(())
    });
    restored.ledger =
        fold.finish().map_err(|(entry, source)| LogError::Diverges { entry, source })?;
    read
}

/// Passes over the batches that the snapshot covers, which are checked all the same; whether the
/// log reaches so far.
fn skip_to(reader: &mut LogReader, snapshot: &Snapshot) -> Result<bool, LogError> {
    loop {
        let position = reader.position();
        if position.next > snapshot.last && position.chain == snapshot.chain {
            return Ok(true);
        }
        // The empty batch that closed the log may stand between its last entry and the snapshot;
        // an entry may not.
        let foreign = match reader.next_batch()? {
            Some((first, bytes)) => first > snapshot.last && !bytes.is_empty(),
            None if position.next > snapshot.last => true,
            None => return Ok(false),
        };
        if foreign {
            return Err(LogError::Damaged {
                path: position.segment.map(|(path, _)| path).unwrap_or_default(),
                offset: 0,
                entry: snapshot.last,
                reason: "the log is not the one that the snapshot beside it was made of"
                    .to_string(),
            });
        }
    }
}

fn shorter_than_snapshot(folder: &Path, reader: &LogReader, snapshot: u64) -> LogError {
    LogError::Damaged {
        path: folder.to_path_buf(),
        offset: 0,
        entry: reader.position().next,
        reason: format!("the log ends here, but a snapshot was made behind entry {snapshot}"),
    }
}

impl Restored {
    /// The first transaction number that nothing in the log has.
    pub fn next_transaction(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// Notes what an entry says beside what it does to an account.
    pub fn note(&mut self, number: u64, entry: &Entry) {
        self.replayed += 1;
        // A quote can stand there whose command was never written.
        self.highest = self.highest.max(entry.transaction().0);
        let at_ms = match entry {
            Entry::Command(decided) => {
                self.played.insert(decided.command.transaction.0);
                if let Outcome::Accepted(_) = decided.outcome {
                    self.note_dump(number, &decided.command.action);
                }
                decided.applied_ms
            }
            Entry::Quote(quote) => quote.received_ms,
            Entry::QuoteRefused(refused) => refused.failed_ms,
            Entry::Expired(expired) => expired.expired_ms,
            Entry::Filled(filled) => filled.filled_ms,
        };
        self.last_ms = self.last_ms.max(at_ms);
    }

    fn note_dump(&mut self, number: u64, action: &Action) {
        let (user, file) = match action {
            Action::DumpAll(file) => (None, file),
            Action::User { user, verb: Verb::DumpLog(file) } => (Some(user.to_string()), file),
            _ => return,
        };
        self.dumps.push(DumpRequest { file: file.clone(), user, last: number });
    }

    /// [Saves](Self::save) a snapshot where reading the log took long.
    pub fn save_if_long(
        &self,
        folder: &Path,
        end: &LogEnd,
        key: Option<&InstallationKey>,
    ) -> Result<(), LogError> {
        match self.replayed < SNAPSHOT_EVERY {
            true => Ok(()),
            false => self.save(folder, end, key),
        }
    }

    /// Writes a snapshot of all this beside the log, which ends at `end`, and signs both.
    pub fn save(
        &self,
        folder: &Path,
        end: &LogEnd,
        key: Option<&InstallationKey>,
    ) -> Result<(), LogError> {
        let (last, chain) = (end.position.next - 1, end.position.chain);
        let log = LogSummary { last, chain, bytes_written: 0 };
        let facts = Facts {
            played: self.played.clone(),
            dumps: self.dumps.clone(),
            last_ms: self.last_ms,
            highest: self.highest,
        };
        let accounts = self.ledger.accounts();
        save(key, folder, &log, accounts, &facts, self.last_ms)
    }
}

impl From<Payload> for Restored {
    fn from(payload: Payload) -> Restored {
        let mut played = Played::default();
        for (first, last) in payload.played {
            (first..=last).for_each(|transaction| played.insert(transaction));
        }
        Restored {
            ledger: Ledger::new(payload.accounts),
            played,
            dumps: payload.dumps,
            last_ms: payload.last_ms,
            highest: payload.highest,
            replayed: 0,
        }
    }
}

/// Writes a snapshot of `accounts` and `facts` behind the end of `log`, and signs the log together
/// with it. Without a key nothing is written: nobody could tell such a snapshot from a forged one.
///
/// # Errors
/// The snapshot cannot be written. The log is signed all the same.
pub fn save<'a>(
    key: Option<&InstallationKey>,
    folder: &Path,
    log: &LogSummary,
    accounts: impl IntoIterator<Item = (&'a UserName, &'a Account)>,
    facts: &Facts,
    now_ms: u64,
) -> Result<(), LogError> {
    let Some(key) = key.filter(|_| log.last > 0) else { return Ok(()) };
    let saved = payload::encode(facts, accounts)
        .map_err(|reason| LogError::io(folder, "save a snapshot in")(io::Error::other(reason)))
        .and_then(|payload| {
            snapshot::save(folder, &Snapshot { last: log.last, chain: log.chain, payload })
        });
    let hash: Option<SnapshotHash> = saved.as_ref().ok().copied();
    keys::vouch(key, folder, log, hash, now_ms);
    saved.map(drop)
}

/// Tells the user what was cut off the end of a log.
pub fn warn_of(torn: &TornTail) {
    warn(format_args!(
        "warning: {} bytes behind the last whole batch were cut off; they are kept in {}\n         {}",
        torn.bytes,
        torn.kept_in.display(),
        torn.reason
    ));
}

/// Whether there is a log in `folder`.
pub fn holds_log(folder: &Path) -> Result<bool, LogError> {
    Ok(!segments::list(folder)?.is_empty())
}
