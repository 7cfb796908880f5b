//! Logs read back with and without snapshots, and the numbers that go on behind them.

use super::*;
use audit_logger::log::{ChainHash, LogOptions, LogWriter};
use bus::Entries;
use domain::trading::command::Command;
use domain::trading::entry::{CommandDecided, QuoteReceived, QuoteRefused, decide};
use domain::trading::parse::parse_action;
use domain::trading::verbs::Stamp;
use domain::trading::{Price, RulesVersion, Stock, TransactionNum, command::CommandName};

/// A key outside the log's folder.
fn key() -> (tempfile::TempDir, InstallationKey) {
    let folder = tempfile::tempdir().unwrap();
    let key = InstallationKey::load_or_make(&folder.path().join("signing.key")).unwrap();
    (folder, key)
}

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
/// most `segment_bytes`; returns what it came to before. `key` signs a snapshot, if there is one.
fn go_on(
    folder: &Path,
    count: u64,
    segment_bytes: u64,
    key: &InstallationKey,
    snapshot: bool,
) -> Restored {
    let lock = segments::lock(folder).unwrap();
    let (mut restored, end) = restore(folder, &[key.public()]).unwrap();
    let mut writer = LogWriter::open(folder, lock, &end, LogOptions { segment_bytes }).unwrap();
    let name = UserName::parse(b"a").unwrap();
    let found = restored.ledger.accounts().iter().find(|(user, _)| **user == name);
    let mut account = found.map(|(_, account)| account.clone()).unwrap_or_default();
    for number in end.position.next..end.position.next + count {
        append(&mut writer, &entry(number, &mut account));
    }
    writer.close(1).unwrap();
    if snapshot {
        save_all(folder, &writer, key);
    }
    let (now, _) = look(folder, &[]).unwrap();
    restored.ledger = now.ledger;
    restored
}

fn append(writer: &mut LogWriter, entry: &Entry) {
    let mut entries = Entries::default();
    entries.push(entry);
    writer.append([&entries].into_iter(), 1).unwrap();
}

/// Signs a snapshot of all that `writer` wrote.
fn save_all(folder: &Path, writer: &LogWriter, key: &InstallationKey) {
    let (restored, _) = look(folder, &[]).unwrap();
    let Restored { ledger, played, dumps, last_ms, highest, .. } = restored;
    let facts = Facts { played, dumps, last_ms, highest };
    let (last, chain) = (writer.next_entry() - 1, writer.chain());
    let log = LogSummary { last, chain, bytes_written: 0 };
    save(Some(key), folder, &log, ledger.accounts(), &facts, 1).unwrap();
}

/// Segments begin and end everywhere around the snapshot's last entry.
#[test]
fn a_snapshot_is_found_its_place_in_the_log_wherever_segments_end() {
    let (_keys, key) = key();
    let restore = |folder: &Path| restore(folder, &[key.public()]);
    for segment_bytes in [1, 150, 300, 1_000, 1 << 20] {
        for count in 1..8 {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            go_on(folder, count, segment_bytes, &key, true);
            let (restored, _) = restore(folder).unwrap();
            assert_eq!((restored.played.len(), restored.replayed), (count, 0));
            // Closed once more behind the snapshot, and once more behind three entries.
            go_on(folder, 0, segment_bytes, &key, false);
            go_on(folder, 3, segment_bytes, &key, false);
            let (restored, end) = restore(folder).unwrap();
            assert_eq!((restored.played.len(), restored.replayed), (count + 3, 3));
            assert_eq!(end.position.next, count + 4);
        }
    }
}

/// Batches that the snapshot covers are gone: to cut there would hide it.
#[test]
fn a_tail_that_the_snapshot_covers_is_never_cut() {
    let (_keys, key) = key();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    go_on(folder, 5, 1 << 20, &key, true);
    // The checkpoint alone would end the start too.
    let (_, path) = segments::list(folder).unwrap().remove(0);
    let whole = std::fs::read(&path).unwrap();
    for length in 1..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(restore(folder, &[key.public()]).is_err(), "{length}");
        assert_eq!(std::fs::read(&path).unwrap(), &whole[..length], "{length}");
    }
}

fn quote(transaction: u64) -> Entry {
    Entry::Quote(QuoteReceived {
        transaction: TransactionNum(transaction),
        user: UserName::parse(b"b").unwrap(),
        received_ms: 5,
        stock: Stock::parse(b"ABC").unwrap(),
        price: Price::from_cents(100).unwrap(),
        server_time_ms: 5,
        cryptokey: "key".into(),
    })
}

fn refused(transaction: u64) -> Entry {
    Entry::QuoteRefused(QuoteRefused {
        transaction: TransactionNum(transaction),
        name: CommandName::Buy,
        user: UserName::parse(b"b").unwrap(),
        failed_ms: 5,
        stock: Stock::parse(b"ABC").unwrap(),
        message: "no".into(),
    })
}

/// The process died between the quote and the command that had asked for it.
#[test]
fn a_dead_commands_number_is_not_reused() {
    let (_keys, key) = key();
    for asked in [quote(9), refused(9), quote(1 << 40)] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        go_on(folder, 3, 1 << 20, &key, false);
        let lock = segments::lock(folder).unwrap();
        let (_, end) = restore(folder, &[]).unwrap();
        let mut writer = LogWriter::open(folder, lock, &end, LogOptions::default()).unwrap();
        append(&mut writer, &asked);
        let next = asked.transaction().0 + 1;
        assert_eq!(look(folder, &[]).unwrap().0.next_transaction(), next);
        // A snapshot remembers it.
        writer.close(1).unwrap();
        save_all(folder, &writer, &key);
        drop(writer);
        let (restored, _) = restore(folder, &[key.public()]).unwrap();
        assert_eq!((restored.next_transaction(), restored.replayed), (next, 0));
    }
    assert_eq!(Restored::default().next_transaction(), 1);
}

/// Nobody could tell it from a forged one.
#[test]
fn without_a_key_no_snapshot_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (_keys, key) = key();
    go_on(folder.path(), 3, 1 << 20, &key, false);
    let log = LogSummary { last: 3, chain: ChainHash::START, bytes_written: 0 };
    save(None, folder.path(), &log, [], &Facts::default(), 1).unwrap();
    assert!(snapshot::list(folder.path()).unwrap().is_empty());
}
