//! A disk that is full, or fails to flush: the writer halts for good, and what it acknowledged is
//! there after a restart.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::log::disk::FileSystem;
use audit_logger::log::recovery::find_end_on;
use audit_logger::log::{LogOptions, LogReader, LogWriter};
use bus::{Entries, LogHalted};
use domain::trading::command::{Action, Malformed, MalformedCode};
use domain::trading::entry::CommandDecided;
use domain::trading::outcome::Reject;
use domain::trading::{Command, CommandName, Entry, Outcome, TransactionNum};
use std::fs;
use std::path::Path;

const TINY: LogOptions = LogOptions { segment_bytes: 300 };

/// Appends groups of 1, 2 and 3 entries by turns until the log halts or there are twelve groups;
/// returns how many entries were acknowledged.
fn append_until_halt(writer: &mut LogWriter) -> (u64, Option<LogHalted>) {
    let mut acknowledged = 0;
    for turn in 0..12 {
        let group = entries(writer.next_entry(), turn % 3 + 1);
        match writer.append([&group].into_iter(), NOW_MS) {
            Ok(first) => {
                assert_eq!(first, acknowledged + 1);
                acknowledged += u64::from(group.count());
            }
            Err(halted) => return (acknowledged, Some(halted)),
        }
    }
    (acknowledged, None)
}

/// Nothing is acknowledged any more, always for the same reason.
fn assert_halted(writer: &mut LogWriter, halted: &LogHalted) {
    let group = entries(writer.next_entry(), 1);
    for _ in 0..3 {
        assert_eq!(writer.append([&group].into_iter(), NOW_MS).as_ref(), Err(halted));
    }
    assert_eq!(writer.close(NOW_MS).as_ref(), Err(halted));
}

/// After a restart on a good disk the log holds the acknowledged entries, or whole batches more,
/// and goes on.
fn assert_recovers(folder: &Path, acknowledged: u64, attempted: u64) -> u64 {
    let (read, end) = read_back(folder).unwrap();
    let count = read.len() as u64;
    assert!(count == acknowledged || count == attempted, "{acknowledged} {count} {attempted}");
    assert_eq!(read, (1..=count).map(entry).collect::<Vec<_>>());
    assert!(end.torn.is_none_or(|torn| torn.bytes > 0 || torn.offset == 0));
    let mut writer = reopen(folder, TINY);
    append(&mut writer, 3);
    writer.close(NOW_MS).unwrap();
    drop(writer);
    assert_holds(folder, count + 3);
    count
}

#[test]
fn a_disk_full_at_any_byte_loses_nothing_acknowledged() {
    let whole = new_folder();
    let mut writer = FaultyDisk::default().open(whole.path(), TINY).unwrap();
    assert_eq!(append_until_halt(&mut writer), (24, None));
    let bytes = writer.bytes_written();
    drop(writer);
    assert!(paths(whole.path()).len() > 2);

    for room in 0..bytes as usize {
        let folder = new_folder();
        let disk = FaultyDisk::new(Plan { room: Some(room), ..Plan::default() });
        let mut writer = disk.open(folder.path(), TINY).unwrap();
        let (acknowledged, halted) = append_until_halt(&mut writer);
        let halted = halted.expect("the disk was full");
        assert!(halted.reason.contains(&folder.path().display().to_string()), "{halted}");
        // Only the lack of room can be known here: the batch never fitted.
        disk.0.lock().unwrap().room = None;
        assert_halted(&mut writer, &halted);
        assert_eq!(disk.0.lock().unwrap().calls_after_failure, 0, "a halted log asks nothing");
        drop(writer);
        let recovered = assert_recovers(folder.path(), acknowledged, acknowledged);
        assert_eq!(recovered, acknowledged);
    }
}

#[test]
fn a_failed_flush_is_never_tried_again() {
    for failing in 1..=12 {
        let folder = new_folder();
        let disk = FaultyDisk::new(Plan { failing_sync: Some(failing), ..Plan::default() });
        let mut writer = disk.open(folder.path(), TINY).unwrap();
        let (acknowledged, halted) = append_until_halt(&mut writer);
        let halted = halted.expect("the flush failed");
        let attempted = acknowledged + u64::from((failing - 1) % 3 + 1);
        assert_halted(&mut writer, &halted);
        let plan = disk.0.lock().unwrap();
        assert_eq!((plan.syncs, plan.calls_after_failure), (failing, 0));
        drop(plan);
        drop(writer);
        // The bytes had been written, so a restart finds the batch that nobody was told of.
        assert_recovers(folder.path(), acknowledged, attempted);
    }
}

#[test]
fn a_segment_whose_name_cannot_be_made_durable_halts_the_log() {
    let folder = new_folder();
    let disk = FaultyDisk::default();
    let mut writer = disk.open(folder.path(), TINY).unwrap();
    append(&mut writer, 5);
    disk.0.lock().unwrap().folder_fails = true;
    let (first, last) = (writer.next_entry(), writer.next_entry() + 3);
    let mut halted = None;
    for _ in 0..10 {
        let group = entries(writer.next_entry(), 2);
        if let Err(error) = writer.append([&group].into_iter(), NOW_MS) {
            halted = Some(error);
            break;
        }
    }
    let halted = halted.expect("the second segment has no name");
    assert!(writer.next_entry() >= first && writer.next_entry() <= last);
    assert_halted(&mut writer, &halted);
    let acknowledged = writer.next_entry() - 1;
    drop(writer);
    assert_recovers(folder.path(), acknowledged, acknowledged);
}

/// Opens a log on `disk`, which cannot flush.
#[track_caller]
fn assert_cannot_be_opened(disk: &FaultyDisk, folder: &Path) {
    match disk.open(folder, TINY) {
        Err(LogError::Io { action: "flush", .. }) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a log that cannot be flushed was opened"),
    }
}

#[test]
fn what_was_read_back_is_flushed_before_anything_is_built_on_it() {
    // A process that dies between its write and its flush leaves a batch that the next one reads.
    let folder = new_folder();
    let mut writer = reopen(folder.path(), TINY);
    append(&mut writer, 6);
    drop(writer);
    let disk = FaultyDisk::default();
    let writer = disk.open(folder.path(), TINY).unwrap();
    assert_eq!(disk.0.lock().unwrap().syncs, 1);
    drop(writer);
    let disk = FaultyDisk::new(Plan { failing_sync: Some(1), ..Plan::default() });
    assert_cannot_be_opened(&disk, folder.path());
    assert_holds(folder.path(), 6);
}

#[test]
fn a_batch_whose_flush_failed_is_on_the_disk_before_anything_is_built_on_it() {
    // The operating system reads back what it failed to flush, and flushes it no more. Every batch
    // is the one that fails: the first of a segment, the last of one, one in between.
    for failing in 1..=12 {
        for fails_again in [false, true] {
            let folder = new_folder();
            let disk = FaultyDisk::new(Plan { failing_sync: Some(failing), ..Plan::default() });
            let (acknowledged, _) = append_until_halt(&mut disk.open(folder.path(), TINY).unwrap());
            let lost = u64::from((failing - 1) % 3 + 1);
            if fails_again {
                disk.0.lock().unwrap().failing_sync = Some(failing + 1);
                assert_cannot_be_opened(&disk, folder.path());
            }
            let mut writer = disk.open(folder.path(), TINY).unwrap();
            assert_eq!(writer.next_entry(), acknowledged + lost + 1, "it was read from the cache");
            append(&mut writer, 3);
            drop(writer);
            disk.0.lock().unwrap().cut_power();
            assert_holds(folder.path(), acknowledged + lost + 3);
        }
    }
}

#[test]
fn a_last_batch_that_never_reached_the_disk_is_gone_with_the_power() {
    // What the test before this one would be worth if the disk forgot nothing.
    let folder = new_folder();
    let disk = FaultyDisk::new(Plan { failing_sync: Some(2), ..Plan::default() });
    let (acknowledged, _) = append_until_halt(&mut disk.open(folder.path(), TINY).unwrap());
    disk.0.lock().unwrap().cut_power();
    assert_holds(folder.path(), acknowledged);
}

#[test]
fn a_last_batch_that_changes_while_the_log_is_opened_is_not_built_on() {
    // Memory that is short drops what was read, and the disk holds something older.
    let folder = new_folder();
    let mut writer = reopen(folder.path(), LogOptions::default());
    append(&mut writer, 3);
    append(&mut writer, 3);
    drop(writer);
    let mut reader = LogReader::open(folder.path()).unwrap();
    let stopped = reader.for_each(u64::MAX, |_, _| Ok(()));
    let path = paths(folder.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 40;
    bytes[at..].fill(0);
    fs::write(&path, &bytes).unwrap();
    match find_end_on(&mut FileSystem, &reader, stopped, folder.path()) {
        Err(LogError::Damaged { entry: 7, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is touched");
}

/// The bytes of a batch's entries at most.
const MOST: usize = audit_logger::log::format::MAX_PAYLOAD;

/// What the log in `folder` holds behind entry 2: entries of each batch, and that they follow the
/// numbers of `group` again and again.
fn assert_batches(folder: &Path, group: &Entries) -> Vec<u64> {
    let (mut reader, mut batches) = (LogReader::open(folder).unwrap(), Vec::new());
    let mut all = Vec::new();
    while let Some((first, bytes)) = reader.next_batch().unwrap() {
        assert!(bytes.len() <= MOST);
        if first > 2 {
            all.extend_from_slice(bytes);
            batches.push(first);
        }
    }
    assert!(all.chunks(group.bytes().len()).all(|bytes| bytes == group.bytes()), "none is changed");
    batches.push(reader.position().next);
    batches.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn groups_that_are_too_long_together_are_several_batches() {
    let folder = new_folder();
    let mut writer = reopen(folder.path(), LogOptions::default());
    append(&mut writer, 2);
    let group = entries(3, 20_000);
    let groups = MOST / group.bytes().len();
    let first = writer.append(std::iter::repeat_n(&group, 2 * groups + 1), NOW_MS);
    assert_eq!((first, writer.next_entry()), (Ok(3), 3 + (2 * groups as u64 + 1) * 20_000));
    drop(writer);
    let batch = groups as u64 * 20_000;
    assert_eq!(assert_batches(folder.path(), &group), [batch, batch, 20_000]);
}

#[test]
fn a_group_that_is_too_long_alone_is_several_batches_of_whole_entries() {
    let folder = new_folder();
    let disk = FaultyDisk::default();
    let mut writer = disk.open(folder.path(), LogOptions::default()).unwrap();
    append(&mut writer, 2);
    // Commands that are as long as a line can be.
    let mut one = Entries::default();
    one.push(&long_entry());
    let mut long = Entries::default();
    (0..2 * MOST / one.bytes().len() + 3).for_each(|_| long.push(&long_entry()));
    // Between two that fit: the first goes before, the last behind what is left.
    let groups = [&one, &long, &one];
    assert_eq!(writer.append(groups.into_iter(), NOW_MS), Ok(3));
    let most = (MOST / one.bytes().len()) as u64;
    let all = u64::from(long.count()) + 2;
    assert_eq!(writer.next_entry(), 3 + all);
    drop(writer);
    assert_eq!(assert_batches(folder.path(), &one), [1, most, most, all - 2 * most - 1]);

    // Where the second flush fails, nobody is told that the entries are durable.
    let before = disk.0.lock().unwrap().syncs;
    let mut writer = disk.open(folder.path(), LogOptions::default()).unwrap();
    disk.0.lock().unwrap().failing_sync = Some(before + 3);
    let halted = writer.append([&long].into_iter(), NOW_MS).unwrap_err();
    assert_halted(&mut writer, &halted);
}

/// Nothing of it is written or acknowledged, and what was acknowledged before is there.
#[test]
fn an_entry_that_cannot_be_written_halts_the_log() {
    let folder = new_folder();
    let mut writer = reopen(folder.path(), TINY);
    append(&mut writer, 3);
    let mut early = entry(4);
    if let Entry::Command(decided) = &mut early {
        decided.applied_ms -= 1;
    }
    let (mut group, good) = (entries(5, 1), entries(4, 1));
    group.push(&early);
    let halted = writer.append([&good, &group].into_iter(), NOW_MS).unwrap_err();
    let told = "transaction 4 cannot be written: it took effect before it was received";
    assert!(halted.reason.contains(told), "{halted}");
    assert_halted(&mut writer, &halted);
    drop(writer);
    assert_eq!(assert_recovers(folder.path(), 3, 3), 3);
}

/// A command whose arguments are no good, and long.
fn long_entry() -> Entry {
    let action = Action::Malformed(Box::new(Malformed {
        name: CommandName::Buy,
        code: MalformedCode::InvalidUser,
        user: Some("x".repeat(60_000).into()),
        stock: None,
        file: None,
        funds: None,
        message: "a user name is expected".into(),
    }));
    Entry::Command(CommandDecided {
        command: Command::new(TransactionNum(1), NOW_MS, action),
        applied_ms: NOW_MS,
        price: None,
        outcome: Outcome::Rejected(Reject::Malformed),
    })
}
