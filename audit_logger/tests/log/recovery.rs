//! A log of one segment whose end is cut, flipped or overwritten: read back as a restart does.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::log::format::find_batch_header;
use audit_logger::log::{ChainHash, LogOptions, segments};
use std::fs;

/// Bits turned over in a damaged byte: one low, one high, all of them.
const FLIPS: [u8; 3] = [0x01, 0x80, 0xff];

/// The tail of the log in `folder` is cut at `offset`, told and kept; writing goes on behind it.
#[track_caller]
fn assert_tail_is_cut(folder: &std::path::Path, damaged: &[u8], offset: usize, next: u64) {
    let (read, end) = read_back(folder).unwrap();
    assert_eq!(read, (1..next).map(entry).collect::<Vec<_>>());
    let torn = end.torn.as_ref().expect("the torn tail is told");
    let segment = segments::path_of(folder, 1);
    assert_eq!((&torn.segment, torn.offset), (&segment, offset as u64));
    assert_eq!(torn.bytes, (damaged.len() - offset) as u64);
    assert_eq!(fs::read(&torn.kept_in).unwrap(), &damaged[offset..], "the bytes are kept aside");
    assert!(torn.reason.contains(&format!("byte {offset}, entry {next}")), "{}", torn.reason);
    if offset == 0 {
        assert!(!segment.exists());
    } else {
        assert_eq!(fs::read(&segment).unwrap(), &damaged[..offset]);
    }
    let mut writer = reopen(folder, LogOptions::default());
    append(&mut writer, 2);
    drop(writer);
    assert_holds(folder, next + 1);
}

/// The log in `folder` is damaged and stays byte for byte as it is.
#[track_caller]
fn assert_damage(folder: &std::path::Path, offset: usize, next: u64) {
    let before = files(folder);
    match read_back(folder) {
        Err(LogError::Damaged { offset: at, entry, .. }) => {
            assert_eq!((at, entry), (offset as u64, next));
        }
        other => panic!("not taken for damage: {other:?}"),
    }
    assert_eq!(files(folder), before, "nothing is touched");
}

#[test]
fn a_log_cut_anywhere_keeps_every_whole_batch() {
    let log = OneSegment::of(&[5, 1, 3], false);
    let first_batch = log.batches[0].0;
    for at in 0..=log.bytes.len() {
        let cut = &log.bytes[..at];
        let folder = log_of(cut);
        if at < first_batch {
            assert_tail_is_cut(folder.path(), cut, 0, 1);
            continue;
        }
        let (offset, next) = log.whole_before(at);
        if offset == at {
            assert_holds(folder.path(), next - 1);
        } else {
            assert_tail_is_cut(folder.path(), cut, offset, next);
        }
    }
}

#[test]
fn a_flip_in_the_last_batch_is_a_tail_and_in_an_earlier_one_is_damage() {
    let log = OneSegment::of(&[4, 2, 3], false);
    let (last, _) = log.batches[2];
    for at in log.batches[0].0..log.bytes.len() {
        for flip in FLIPS {
            let mut bytes = log.bytes.clone();
            bytes[at] ^= flip;
            let folder = log_of(&bytes);
            let (offset, next) = log.whole_before(at);
            if offset == last {
                assert_tail_is_cut(folder.path(), &bytes, offset, next);
            } else {
                assert_damage(folder.path(), offset, next);
            }
        }
    }
}

#[test]
fn a_flip_in_the_header_of_a_segment_with_entries_is_damage() {
    let log = OneSegment::of(&[2], false);
    for at in 0..96 {
        for flip in FLIPS {
            let mut bytes = log.bytes.clone();
            bytes[at] ^= flip;
            assert_damage(log_of(&bytes).path(), 0, 1);
        }
    }
}

#[test]
fn after_a_close_no_flip_is_taken_for_a_torn_tail() {
    let log = OneSegment::of(&[2, 3], true);
    let (closing, _) = log.batches[2];
    for at in log.batches[0].0..log.bytes.len() {
        for flip in FLIPS {
            let mut bytes = log.bytes.clone();
            bytes[at] ^= flip;
            let folder = log_of(&bytes);
            let (offset, next) = log.whole_before(at);
            if offset == closing {
                // The batch that closes holds no entry, so nothing is lost with it.
                assert_tail_is_cut(folder.path(), &bytes, offset, next);
            } else {
                assert_damage(folder.path(), offset, next);
            }
        }
    }
}

#[test]
fn a_closed_log_goes_on_and_closes_again() {
    let folder = new_folder();
    for round in 0..3 {
        let mut writer = reopen(folder.path(), LogOptions::default());
        append(&mut writer, 2);
        writer.close(NOW_MS).unwrap();
        drop(writer);
        assert_holds(folder.path(), 2 * (round + 1));
    }
}

#[test]
fn zeros_and_garbage_behind_the_end_are_cut() {
    let log = OneSegment::of(&[3, 2], false);
    let (end, next) = (log.bytes.len(), 6);
    let mut noise = 0x2545_f491u32;
    let garbage: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise as u8
    })
    .take(5000)
    .collect();
    let tails: [&[u8]; 7] =
        [&[0], &[0; 28], &[0; 4096], &garbage, b"DTB1", b"DTLOG\n\x01\0", &log.bytes[..96]];
    for tail in tails {
        let bytes = [log.bytes.as_slice(), tail].concat();
        assert_tail_is_cut(log_of(&bytes).path(), &bytes, end, next);
    }
}

#[test]
fn old_batches_behind_the_end_are_cut_and_never_replayed() {
    // Blocks of a file that was there before can turn up behind the end of a file after a crash.
    let log = OneSegment::of(&[3, 1, 2], false);
    let old = |from: usize, to: usize| &log.bytes[log.batches[from].0..log.batches[to].0];
    for tail in [old(0, 1), old(0, 3), old(2, 3), old(1, 3), &log.bytes] {
        let bytes = [log.bytes.as_slice(), tail].concat();
        assert_tail_is_cut(log_of(&bytes).path(), &bytes, log.bytes.len(), 7);
    }
}

#[test]
fn a_later_batch_behind_damage_forbids_the_cut_wherever_it_stands() {
    // As if the sector that holds the middle batch were lost: zeros of any length in its place.
    let log = OneSegment::of(&[3, 2, 2], false);
    let (middle, next) = log.batches[1];
    let (last, _) = log.batches[2];
    for hole in [1, 100, 4096] {
        let bytes = [&log.bytes[..middle], &vec![0; hole], &log.bytes[last..]].concat();
        assert_damage(log_of(&bytes).path(), middle, next);
    }
    // The middle batch is missing without a hole.
    let bytes = [&log.bytes[..middle], &log.bytes[last..]].concat();
    assert_damage(log_of(&bytes).path(), middle, next);
    // A closed log went on, and the batch that closed it is what is damaged: no entry is lost with
    // it, but cutting there would lose those behind it.
    let folder = new_folder();
    let mut writer = reopen(folder.path(), LogOptions::default());
    append(&mut writer, 2);
    let path = segments::path_of(folder.path(), 1);
    let closing = fs::read(&path).unwrap().len();
    writer.close(NOW_MS).unwrap();
    append(&mut writer, 2);
    drop(writer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[closing + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_damage(folder.path(), closing, 3);
}

#[test]
fn a_whole_batch_whose_entries_cannot_be_read_is_damage_not_a_tail() {
    // Written by a program gone wrong: every checksum is right, so it was acknowledged.
    let log = OneSegment::of(&[2], false);
    let readable = entries(3, 2);
    let cases: [(&[u8], u32, u64); 4] = [
        (b"\x03xyz", 1, 3),
        (readable.bytes(), 3, 5),
        (readable.bytes(), 1, 4),
        (&readable.bytes()[..readable.bytes().len() - 1], 2, 4),
    ];
    for (payload, count, entry) in cases {
        let chain = ChainHash(log.bytes[log.bytes.len() - 32..].try_into().unwrap());
        let bytes = [log.bytes.clone(), batch(3, payload, count, chain)].concat();
        let folder = log_of(&bytes);
        assert_damage(folder.path(), log.bytes.len(), entry);
    }
}

/// A whole batch behind `chain`.
fn batch(first: u64, payload: &[u8], count: u32, chain: ChainHash) -> Vec<u8> {
    let header = audit_logger::log::format::BatchHeader {
        payload_len: payload.len() as u32,
        count,
        payload_crc: crc32fast::hash(payload),
        first,
    }
    .encode();
    [&header[..], payload, &chain.next(&header, payload).0].concat()
}

#[test]
fn the_report_names_what_fails() {
    let log = OneSegment::of(&[2, 2], false);
    let (last, end) = (log.batches[1].0, log.bytes.len());
    for (at, reason) in [
        (last, "no batch begins here"),
        (last + 27, "no batch begins here"),
        (last + 28, "the entries fail their checksum"),
        (end - 33, "the entries fail their checksum"),
        (end - 32, "the chain of hashes is broken"),
        (end - 1, "the chain of hashes is broken"),
    ] {
        let mut bytes = log.bytes.clone();
        bytes[at] ^= 1;
        let (_, end) = read_back(log_of(&bytes).path()).unwrap();
        let torn = end.torn.unwrap();
        assert!(torn.reason.ends_with(reason), "byte {at}: {}", torn.reason);
    }
    let (_, end) = read_back(log_of(&log.bytes[..end - 1]).path()).unwrap();
    assert!(end.torn.unwrap().reason.ends_with("the file ends inside a batch"));
}

#[test]
fn a_whole_batch_that_claims_later_entries_is_damage() {
    let log = OneSegment::of(&[2], false);
    let chain = ChainHash(log.bytes[log.bytes.len() - 32..].try_into().unwrap());
    let later = batch(4, entries(4, 1).bytes(), 1, chain);
    assert_damage(log_of(&[log.bytes.clone(), later].concat()).path(), log.bytes.len(), 3);
}

#[test]
fn tails_of_several_crashes_at_one_place_are_all_kept() {
    let log = OneSegment::of(&[2], false);
    let folder = log_of(&log.bytes);
    let path = segments::path_of(folder.path(), 1);
    let mut kept = Vec::new();
    for tail in [b"one", b"two", b"333"] {
        fs::write(&path, [log.bytes.as_slice(), tail].concat()).unwrap();
        let (_, end) = read_back(folder.path()).unwrap();
        let kept_in = end.torn.unwrap().kept_in;
        assert_eq!(fs::read(&kept_in).unwrap(), tail);
        kept.push(kept_in);
    }
    kept.dedup();
    assert_eq!(kept.len(), 3);
    assert_holds(folder.path(), 2);
}

#[test]
fn only_headers_of_this_or_later_entries_count_as_batches() {
    let log = OneSegment::of(&[3, 2], false);
    assert_eq!(find_batch_header(&log.bytes, 1), Some(96));
    assert_eq!(find_batch_header(&log.bytes, 4), Some(log.batches[1].0));
    assert_eq!(find_batch_header(&log.bytes, 5), None);
    assert_eq!(find_batch_header(&log.bytes[..20], 1), None);
    assert_eq!(find_batch_header(b"", 1), None);
}
