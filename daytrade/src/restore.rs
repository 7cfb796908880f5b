//! Reads a log back: the accounts, what was played, the DUMPLOGs, and where a writer goes on.

use crate::terminal::warn;
use audit_logger::LogError;
use audit_logger::dumplog::DumpRequest;
use audit_logger::log::format::ChainHash;
use audit_logger::log::recovery::{LogEnd, TornTail, find_end};
use audit_logger::log::snapshot::{self, Snapshot};
use audit_logger::log::{LogReader, segments};
use audit_logger::proof::vouched;
use domain::trading::codec::{Reader, decode_account, encode_account, put_text, put_u64};
use domain::trading::command::{Action, Verb};
use domain::trading::{Account, Entry, Outcome, UserName};
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
    /// Entries that were replayed, those behind the snapshot.
    pub replayed: u64,
}

/// Reads the log in `folder` from its newest snapshot on, to be gone on with: what is torn at its
/// end is cut off. A log that is not what somebody vouched for is left alone: what builds on it
/// would be signed with it.
pub fn restore(folder: &Path) -> Result<(Restored, LogEnd), LogError> {
    let (restored, reader, stopped) = read(folder)?;
    vouched::compare(folder)?;
    let end = find_end(&reader, stopped, folder)?;
    if restored.replayed >= SNAPSHOT_EVERY {
        restored.save(folder, &end)?;
    }
    Ok((restored, end))
}

/// Reads the log in `folder` up to its last whole batch, and changes nothing; also what ended the
/// reading before the end of the files, a write that is under way for example.
pub fn look(folder: &Path) -> Result<(Restored, Option<LogError>), LogError> {
    let (restored, _, stopped) = read(folder)?;
    Ok((restored, stopped.err()))
}

fn read(folder: &Path) -> Result<(Restored, LogReader, Result<(), LogError>), LogError> {
    let mut restored = Restored::default();
    let mut start = None;
    if let Some(found) = snapshot::load_newest(folder)? {
        match Restored::from_snapshot(&found.payload) {
            Some(from) => {
                restored = from;
                start = Some(found);
            }
            None => {
                tracing::warn!(last = found.last, "snapshot is of another version, passed over")
            }
        }
    }
    // From the segment that holds the last entry of the snapshot: its chain ends there.
    let after = start.as_ref().map_or(0, |found| found.last);
    let mut reader = LogReader::open_at(folder, after.max(1), None)?;
    let stopped = replay(&mut reader, start.as_ref(), &mut restored);
    if reader.position().next <= after {
        // Entries that were durable once are gone: what is left of them is no torn tail.
        return Err(stopped.err().unwrap_or_else(|| shorter_than_snapshot(folder, &reader, after)));
    }
    Ok((restored, reader, stopped))
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
    /// Notes what an entry says beside what it does to an account.
    fn note(&mut self, number: u64, entry: &Entry) {
        self.replayed += 1;
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

    /// Writes a snapshot of all this beside the log, which ends at `end`.
    pub fn save(&self, folder: &Path, end: &LogEnd) -> Result<(), LogError> {
        let accounts = self.ledger.accounts();
        let last = end.position.next - 1;
        save(folder, last, end.position.chain, accounts, &self.played, &self.dumps, self.last_ms)
    }

    fn from_snapshot(payload: &[u8]) -> Option<Restored> {
        let mut reader = Reader::new(payload);
        let last_ms = reader.u64("a time").ok()?;
        let mut played = Played::default();
        for _ in 0..reader.u64("a number of ranges").ok()? {
            let first = reader.u64("a transaction").ok()?;
            let last = reader.u64("a transaction").ok()?;
            (first..=last).for_each(|transaction| played.insert(transaction));
        }
        let mut dumps = Vec::new();
        for _ in 0..reader.u64("a number of dumps").ok()? {
            let file = reader.file().ok()?;
            let user = reader.text("a user").ok()?;
            let user = (!user.is_empty()).then(|| user.to_string());
            dumps.push(DumpRequest { file, user, last: reader.u64("an entry").ok()? });
        }
        let mut accounts = Vec::new();
        while !reader.is_at_end() {
            accounts.push(decode_account(&mut reader).ok()?);
        }
        Some(Restored { ledger: Ledger::new(accounts), played, dumps, last_ms, ..Self::default() })
    }
}

/// Writes a snapshot of `accounts` and what else a later run needs to know.
pub fn save<'a>(
    folder: &Path,
    last: u64,
    chain: ChainHash,
    accounts: impl IntoIterator<Item = (&'a UserName, &'a Account)>,
    played: &Played,
    dumps: &[DumpRequest],
    last_ms: u64,
) -> Result<(), LogError> {
    let mut payload = Vec::new();
    put_u64(last_ms, &mut payload);
    let ranges = played.ranges();
    put_u64(ranges.len() as u64, &mut payload);
    for (first, last) in ranges {
        put_u64(first, &mut payload);
        put_u64(last, &mut payload);
    }
    put_u64(dumps.len() as u64, &mut payload);
    for dump in dumps {
        put_text(dump.file.as_given(), &mut payload);
        put_text(dump.user.as_deref().unwrap_or_default(), &mut payload);
        put_u64(dump.last, &mut payload);
    }
    for (user, account) in accounts {
        encode_account(user, account, &mut payload).map_err(|reason| {
            LogError::io(folder, "save a snapshot in")(io::Error::other(reason))
        })?;
    }
    snapshot::save(folder, &Snapshot { last, chain, payload })
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

#[cfg(test)]
mod tests {
    use super::*;
    use audit_logger::log::{LogOptions, LogWriter};
    use bus::Entries;
    use domain::trading::command::Command;
    use domain::trading::entry::{CommandDecided, decide};
    use domain::trading::parse::parse_action;
    use domain::trading::verbs::Stamp;
    use domain::trading::{RulesVersion, TransactionNum, command::CommandName};

    /// An ADD of a cent by user `a`, as transaction `number`.
    fn entry(number: u64, account: &mut Account) -> Entry {
        let action = parse_action(CommandName::Add, Some(b"a,0.01"));
        let transaction = TransactionNum(number);
        let Action::User { verb, .. } = &action else { panic!("an ADD is a user's") };
        let stamp = Stamp { transaction, now_ms: number, rules: RulesVersion::CURRENT };
        let outcome = decide(account, stamp, verb, None);
        let command = Command::new(transaction, number, action);
        Entry::Command(CommandDecided { command, applied_ms: number, price: None, outcome })
    }

    /// Goes on with the log in `folder` by `count` batches of an entry each, in segments of at
    /// most `segment_bytes`; returns what it came to before.
    fn go_on(folder: &Path, count: u64, segment_bytes: u64, snapshot: bool) -> Restored {
        let lock = segments::lock(folder).unwrap();
        let (mut restored, end) = restore(folder).unwrap();
        let mut writer = LogWriter::open(folder, lock, &end, LogOptions { segment_bytes }).unwrap();
        let name = UserName::parse(b"a").unwrap();
        let found = restored.ledger.accounts().iter().find(|(user, _)| **user == name);
        let mut account = found.map(|(_, account)| account.clone()).unwrap_or_default();
        for number in end.position.next..end.position.next + count {
            let entry = entry(number, &mut account);
            let mut entries = Entries::default();
            entries.push(&entry);
            writer.append([&entries].into_iter(), number).unwrap();
            restored.ledger.replay(RulesVersion::CURRENT, &entry).unwrap();
            restored.note(number, &entry);
        }
        writer.close(1).unwrap();
        if snapshot {
            let accounts = restored.ledger.accounts();
            let (last, chain) = (writer.next_entry() - 1, writer.chain());
            save(folder, last, chain, accounts, &restored.played, &[], restored.last_ms).unwrap();
        }
        restored
    }

    /// Segments begin and end everywhere around the snapshot's last entry.
    #[test]
    fn a_snapshot_is_found_its_place_in_the_log_wherever_segments_end() {
        for segment_bytes in [1, 150, 300, 1_000, 1 << 20] {
            for count in 1..8 {
                let folder = tempfile::tempdir().unwrap();
                let folder = folder.path();
                go_on(folder, count, segment_bytes, true);
                let (restored, _) = restore(folder).unwrap();
                assert_eq!((restored.played.len(), restored.replayed), (count, 0));
                // Closed once more behind the snapshot, and once more behind three entries.
                go_on(folder, 0, segment_bytes, false);
                go_on(folder, 3, segment_bytes, false);
                let (restored, end) = restore(folder).unwrap();
                assert_eq!((restored.played.len(), restored.replayed), (count + 3, 3));
                assert_eq!(end.position.next, count + 4);
            }
        }
    }

    /// Batches that the snapshot covers are gone: to cut there would hide it.
    #[test]
    fn a_tail_that_the_snapshot_covers_is_never_cut() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        go_on(folder, 5, 1 << 20, true);
        let (_, path) = segments::list(folder).unwrap().remove(0);
        let whole = std::fs::read(&path).unwrap();
        for length in 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let restored = restore(folder);
            if let Ok((restored, end)) = restored {
                // Only the batch that closed the log may be torn.
                assert_eq!(restored.played.len(), 5);
                assert_eq!(end.position.next, 6);
            } else {
                assert_eq!(std::fs::read(&path).unwrap(), &whole[..length], "{length}");
            }
        }
    }
}
