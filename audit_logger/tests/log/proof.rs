//! Everything that can be done to a log behind its owner's back, and what the check says of it.

use crate::support::*;
use audit_logger::follow::LogId;
use audit_logger::log::compress::{compress, waiting};
use audit_logger::log::format::{BATCH_HEADER_LEN, BatchHeader, CHAIN_LEN, SEGMENT_HEADER_LEN};
use audit_logger::log::segment_file::compressed_path;
use audit_logger::log::{ChainHash, LogOptions, segments};
use audit_logger::proof::check::Kind;
use audit_logger::proof::{Check, Checkpoint, InstallationKey, Keeper, ProofError, check, prove};
use std::fs;
use std::path::Path;

pub(crate) fn key(folder: &Path) -> InstallationKey {
    InstallationKey::load_or_make(&folder.join("signing.key")).unwrap()
}

/// A log in one segment, of batches with `counts` entries, closed and vouched for.
pub(crate) struct Proven {
    pub(crate) log: tempfile::TempDir,
    pub(crate) keys: tempfile::TempDir,
    pub(crate) bytes: Vec<u8>,
    /// Offset and first entry of every batch; the last is the end.
    pub(crate) batches: Vec<(usize, u64)>,
}

impl Proven {
    pub(crate) fn of(counts: &[u64]) -> Proven {
        let one = OneSegment::of(counts, true);
        let (log, keys) = (new_folder(), new_folder());
        fs::write(segments::path_of(log.path(), 1), &one.bytes).unwrap();
        prove(log.path(), &key(keys.path()), NOW_MS).unwrap();
        Proven { log, keys, bytes: one.bytes, batches: one.batches }
    }

    fn check(&self) -> Check {
        check(self.log.path(), Some(key(self.keys.path()).public())).unwrap()
    }

    /// The check of the log as `bytes`.
    fn with(&self, bytes: &[u8]) -> Check {
        fs::write(segments::path_of(self.log.path(), 1), bytes).unwrap();
        self.check()
    }

    /// The entry that holds byte `at`.
    fn entry_at(&self, at: usize) -> u64 {
        let batch = self.batches.iter().rfind(|(offset, _)| *offset <= at).unwrap();
        let (mut from, mut entry) = (batch.0 + BATCH_HEADER_LEN, batch.1);
        loop {
            // None of these is longer than a length of one byte tells.
            from += 1 + usize::from(self.bytes[from]);
            if at < from {
                return entry;
            }
            entry += 1;
        }
    }

    fn batch(&self, at: usize) -> &[u8] {
        &self.bytes[self.batches[at].0..self.batches[at + 1].0]
    }

    /// The segment with its batches in the order of `order`.
    fn ordered(&self, order: &[usize]) -> Vec<u8> {
        let mut bytes = self.bytes[..SEGMENT_HEADER_LEN].to_vec();
        order.iter().for_each(|at| bytes.extend_from_slice(self.batch(*at)));
        bytes
    }
}

#[track_caller]
fn only(check: &Check) -> (Kind, Option<(u64, u64)>) {
    assert_eq!(check.found, 1, "{:#?}", check.findings);
    (check.findings[0].kind, check.findings[0].entries)
}

#[test]
fn a_log_that_is_as_it_was_is_proven() {
    let proven = Proven::of(&[3, 1, 4]);
    let check = proven.check();
    assert_eq!(check.found, 0, "{:?}", check.findings);
    assert_eq!((check.first, check.last, check.vouched, check.unvouched), (1, 8, 8, 0));
    assert_eq!((check.checkpoints, check.tail_bytes), (1, 0));
    let mut writer = reopen(proven.log.path(), LogOptions::default());
    append(&mut writer, 5);
    drop(writer);
    let check = proven.check();
    assert_eq!((check.found, check.last, check.vouched, check.unvouched), (0, 13, 8, 5));
}

#[test]
fn every_flipped_bit_of_a_segment_is_found() {
    let proven = Proven::of(&[3, 1, 0, 4]);
    for bit in 0..proven.bytes.len() * 8 {
        let mut bytes = proven.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // The two bytes of the version: another version is not a log that can be checked.
        fs::write(segments::path_of(proven.log.path(), 1), &bytes).unwrap();
        let Ok(check) = check(proven.log.path(), Some(key(proven.keys.path()).public())) else {
            panic!("bit {bit}: the log was not looked at");
        };
        assert!(check.found > 0, "bit {bit}");
        // The entry is named that stands there.
        let at = bit / 8;
        let batch = proven.batches.iter().rposition(|(offset, _)| *offset <= at);
        if let Some(batch) = batch.filter(|batch| batch + 1 < proven.batches.len()) {
            let (first, next) = (proven.batches[batch].1, proven.batches[batch + 1].1);
            let finding = &check.findings[0];
            let begins = proven.batches[batch].0;
            let end = proven.batches[batch + 1].0 - CHAIN_LEN;
            if (begins + BATCH_HEADER_LEN..end).contains(&at) {
                // One byte of the entries: where it is, whose it is, and what it was.
                let entry = proven.entry_at(at);
                assert_eq!(finding.entries, Some((entry, entry)), "bit {bit}: {finding}");
                assert_eq!(finding.transactions, finding.entries, "bit {bit}: {finding}");
                assert_eq!(finding.byte, Some(at as u64), "bit {bit}: {finding}");
                let (was, is) = (proven.bytes[at], bytes[at]);
                let told = format!("one byte of it was {was:02x} and is {is:02x}");
                assert!(finding.reason.ends_with(&told), "bit {bit}: {finding}");
                continue;
            }
            let named = finding.entries.is_none_or(|found| found == (first, next - 1));
            assert!(named, "bit {bit}: {finding}, in entries {first} to {}", next - 1);
            assert_eq!(finding.byte, Some(begins as u64), "bit {bit}: {finding}");
            assert_eq!(finding.entries.is_some(), first < next, "bit {bit}: {finding}");
        }
    }
}

#[test]
fn the_entry_of_a_batch_that_cannot_be_read_is_named() {
    let proven = Proven::of(&[3, 4]);
    let payload = proven.batches[1].0 + BATCH_HEADER_LEN;
    // What is changed in the second entry of the batch, 5, an ADD: a byte, and what is said of it.
    let second = payload + 1 + usize::from(proven.bytes[payload]);
    assert_eq!(proven.bytes[second + 1..second + 3], [1, 5], "a command, of transaction 5");
    let length = usize::from(proven.bytes[second]);
    for (at, byte, told) in [
        (second, 0xff, "; entry 5 cannot be read, those before it can: byte "),
        (second, proven.bytes[second] - 1, "; entry 5 cannot be read, those before it can: byte "),
        (second + 1, 99, "before it can: byte 2 of the entry: the kind of the entry expected"),
        // Behind what a search looks at: the outcome.
        (second + length, 0x7f, "; entry 5 cannot be read, those before it can: byte "),
        (payload + 1, 99, "the batch fails its checksum; entry 4 cannot be read: byte 2 of"),
        // The transaction: another number is as good.
        (second + 2, 6, "; each of its entries can be read, so it cannot be told which"),
    ] {
        let mut bytes = proven.bytes.clone();
        bytes[at] = byte;
        // A second one, in the last entry: that one byte was changed explains it no more.
        bytes[proven.batches[2].0 - CHAIN_LEN - 4] ^= 1;
        let check = proven.with(&bytes);
        assert_eq!(only(&check), (Kind::Changed, Some((4, 7))));
        let reason = &check.findings[0].reason;
        assert!(reason.contains(told), "byte {at} as {byte}: {reason}");
    }
}

#[test]
fn what_was_lost_swapped_or_put_in_is_named() {
    let proven = Proven::of(&[3, 2, 4, 1, 2]);
    // Entries 1-3, 4-5, 6-9, 10, 11-12, and the batch that closes the log.
    let told = |order: &[usize]| only(&proven.with(&proven.ordered(order)));
    assert_eq!(told(&[0, 2, 3, 4, 5]), (Kind::Lost, Some((4, 5))));
    assert_eq!(told(&[1, 2, 3, 4, 5]), (Kind::Lost, Some((1, 3))));
    assert_eq!(told(&[0, 4, 5]), (Kind::Lost, Some((4, 10))));
    assert_eq!(told(&[0, 2, 1, 3, 4, 5]), (Kind::Reordered, Some((4, 5))));
    assert_eq!(told(&[1, 2, 3, 4, 5, 0]), (Kind::Reordered, Some((1, 3))));
    assert_eq!(told(&[0, 1, 1, 2, 3, 4, 5]), (Kind::Inserted, Some((4, 5))));
    assert_eq!(told(&[0, 1, 2, 3, 4, 5, 2]), (Kind::Inserted, Some((6, 9))));
    assert_eq!(told(&[0, 1, 2, 3, 4, 5, 5]), (Kind::Inserted, None));
    // The end: a checkpoint vouches for what is not there.
    assert_eq!(told(&[0, 1, 2, 3]), (Kind::Lost, Some((11, 12))));
    assert_eq!(told(&[0, 1, 2, 3, 4]).0, Kind::Changed, "the batch that closed it is vouched for");
    for length in SEGMENT_HEADER_LEN..proven.bytes.len() {
        assert!(proven.with(&proven.bytes[..length]).found > 0, "cut to {length}");
    }
    // Bytes between two batches, and two faults at once.
    let mut bytes = proven.bytes.clone();
    let at = proven.batches[2].0;
    bytes.splice(at..at, *b"not there before");
    let check = proven.with(&bytes);
    assert_eq!(only(&check), (Kind::Inserted, None));
    assert_eq!(check.findings[0].byte, Some(at as u64));
    let mut bytes = proven.ordered(&[0, 1, 3, 4, 5]);
    bytes[SEGMENT_HEADER_LEN + BATCH_HEADER_LEN + 3] ^= 4;
    let check = proven.with(&bytes);
    let kinds: Vec<_> = check.findings.iter().map(|found| (found.kind, found.entries)).collect();
    assert_eq!(kinds, [(Kind::Changed, Some((1, 1))), (Kind::Lost, Some((6, 9)))]);
    // All batches, in every order of the first four.
    for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (0, 4)] {
        let mut order = vec![0, 1, 2, 3, 4, 5];
        order.swap(one, other);
        let check = proven.with(&proven.ordered(&order));
        let moved = |found: &audit_logger::proof::Finding| found.kind == Kind::Reordered;
        assert!(check.findings.iter().any(moved), "{order:?}: {:?}", check.findings);
    }
}

/// Writes batches of the entries in `groups` anew, with checksums and chain as they should be.
pub(crate) fn forged(proven: &Proven, change: impl Fn(usize, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = proven.bytes[..SEGMENT_HEADER_LEN].to_vec();
    let mut chain = ChainHash::START;
    for at in 0..proven.batches.len() - 1 {
        let batch = proven.batch(at);
        let mut payload = batch[BATCH_HEADER_LEN..batch.len() - CHAIN_LEN].to_vec();
        change(at, &mut payload);
        let header = BatchHeader::decode(batch).unwrap();
        let header = BatchHeader {
            payload_len: payload.len() as u32,
            payload_crc: crc32fast::hash(&payload),
            ..header
        }
        .encode();
        chain = chain.next(&header, &payload);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&chain.0);
    }
    bytes
}

#[test]
fn a_log_made_anew_with_a_good_chain_is_not_what_was_vouched_for() {
    let proven = Proven::of(&[3, 2, 4]);
    assert_eq!(forged(&proven, |_, _| {}), proven.bytes);
    let bytes = forged(&proven, |at, payload| {
        if at == 1 {
            let last = payload.len() - 3;
            payload[last] ^= 1;
        }
    });
    let check = proven.with(&bytes);
    assert_eq!(only(&check), (Kind::Changed, Some((1, 9))));
    // Of a change in the first batch even the log is another.
    let bytes = forged(&proven, |at, payload| {
        if at == 0 {
            payload[5] ^= 1;
        }
    });
    assert!(proven.with(&bytes).found > 0);
}

#[test]
fn a_checkpoint_between_narrows_what_was_made_anew() {
    let (log, keys) = (new_folder(), new_folder());
    let mut writer = reopen(log.path(), LogOptions::default());
    let ours = key(keys.path());
    for _ in 0..3 {
        append(&mut writer, 10);
        prove(log.path(), &ours, NOW_MS).unwrap();
    }
    drop(writer);
    let path = segments::path_of(log.path(), 1);
    let bytes = fs::read(&path).unwrap();
    let proven = Proven { log, keys, bytes: bytes.clone(), batches: batches_of(&bytes) };
    let bytes = forged(&proven, |at, payload| {
        if at == 1 {
            payload[9] ^= 1;
        }
    });
    assert_eq!(only(&proven.with(&bytes)), (Kind::Changed, Some((11, 20))));
    assert_eq!(proven.check().vouched, 10);
}

fn batches_of(bytes: &[u8]) -> Vec<(usize, u64)> {
    let mut batches = Vec::new();
    let (mut at, mut next) = (SEGMENT_HEADER_LEN, 1);
    while at < bytes.len() {
        batches.push((at, next));
        let header = BatchHeader::decode(&bytes[at..]).unwrap();
        at += header.batch_len() as usize;
        next += u64::from(header.count);
    }
    batches.push((at, next));
    batches
}

#[test]
fn checkpoints_that_were_changed_forged_or_signed_by_others_are_told() {
    let proven = Proven::of(&[3, 2]);
    let path = audit_logger::proof::checkpoint::path_of(proven.log.path(), 5);
    let text = fs::read_to_string(&path).unwrap();
    let ours = Checkpoint::parse(&text).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let same = String::from_utf8(bytes).ok().and_then(|text| Checkpoint::parse(&text).ok());
        if same.as_ref() != Some(&ours) {
            assert!(proven.check().found > 0, "byte {at}");
        }
    }
    // Signed by somebody else, over the same or another log.
    let theirs = InstallationKey::load_or_make(&proven.keys.path().join("theirs")).unwrap();
    let forged = Checkpoint::sign(&theirs, ours.log, 5, ours.chain, NOW_MS);
    fs::write(&path, forged.to_json()).unwrap();
    assert_eq!(only(&proven.check()).0, Kind::Checkpoint);
    let told = check(proven.log.path(), None).unwrap();
    assert_eq!(told.key, Some(theirs.public()), "without a key whoever signed is named");
    let refused = prove(proven.log.path(), &key(proven.keys.path()), NOW_MS);
    assert!(matches!(refused, Err(ProofError::OtherKey { .. })), "{refused:?}");
    // Signed by us, for another log.
    let other = Checkpoint::sign(&key(proven.keys.path()), LogId([7; 32]), 5, ours.chain, NOW_MS);
    fs::write(&path, other.to_json()).unwrap();
    assert!(proven.check().found > 0);
    // None at all.
    fs::remove_file(&path).unwrap();
    assert_eq!(only(&proven.check()).0, Kind::Unproven);
}

#[test]
fn segments_of_both_forms_are_proven_and_named() {
    let (log, keys) = (new_folder(), new_folder());
    let ours = key(keys.path());
    let mut writer = reopen(log.path(), LogOptions { segment_bytes: 500 });
    {
        let keeper = Keeper::start(log.path(), Some(ours.clone()), false).unwrap();
        writer.tell_closed(keeper.listener());
        (0..12).for_each(|_| append(&mut writer, 10));
        writer.close(NOW_MS).unwrap();
    }
    drop(writer);
    let all = segments::list(log.path()).unwrap();
    assert!(all.len() > 4, "{}", all.len());
    let told = check(log.path(), Some(ours.public())).unwrap();
    assert_eq!((told.found, told.checkpoints), (0, all.len() as u64 - 1), "{:?}", told.findings);
    assert_eq!(told.vouched, all[all.len() - 1].0 - 1, "the open segment has none yet");
    for path in waiting(log.path()).unwrap().iter().step_by(2) {
        compress(path).unwrap();
    }
    assert_eq!(check(log.path(), Some(ours.public())).unwrap().found, 0);
    // A segment in the middle goes, whatever its form.
    let (first, path) = &all[2];
    fs::remove_file(compressed_path(path)).unwrap();
    let told = check(log.path(), Some(ours.public())).unwrap();
    assert_eq!(only(&told), (Kind::Lost, Some((*first, all[3].0 - 1))));
    // A frame that cannot be read.
    let (first, path) = &all[0];
    let mut bytes = fs::read(compressed_path(path)).unwrap();
    bytes[40] ^= 1;
    fs::write(compressed_path(path), bytes).unwrap();
    let told = check(log.path(), Some(ours.public())).unwrap();
    let named = |found: &audit_logger::proof::Finding| {
        found.entries.is_some_and(|entries| entries.0 == *first)
    };
    assert!(told.findings.iter().any(named), "{:?}", told.findings);
}

#[test]
fn a_keeper_signs_and_compresses_what_is_complete_and_leaves_the_rest() {
    let (log, keys) = (new_folder(), new_folder());
    let ours = key(keys.path());
    let mut writer = reopen(log.path(), LogOptions { segment_bytes: 2_000 });
    let keeper = Keeper::start(log.path(), Some(ours.clone()), true).unwrap();
    writer.tell_closed(keeper.listener());
    (0..30).for_each(|_| append(&mut writer, 20));
    drop(keeper);
    let all = segments::list(log.path()).unwrap();
    assert!(all.len() > 3);
    let plain: Vec<_> = all.iter().filter(|(_, path)| path.exists()).collect();
    assert_eq!(plain, [all.last().unwrap()]);
    append(&mut writer, 1);
    writer.close(NOW_MS).unwrap();
    drop(writer);
    assert_holds(log.path(), 601);
    let told = check(log.path(), Some(ours.public())).unwrap();
    assert_eq!((told.found, told.last), (0, 601), "{:?}", told.findings);
}
