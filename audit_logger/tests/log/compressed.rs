//! Compressed segments: the same log, at every moment one good file, and damage never taken for
//! something else.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::follow::{Frontier, Position, Tail};
use audit_logger::log::compress::{compress, waiting};
use audit_logger::log::segment_file::{FRAME_BYTES, compressed_path};
use audit_logger::log::{LogOptions, LogReader, SegmentFile, segments};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const SMALL: LogOptions = LogOptions { segment_bytes: 2_000 };

/// A log of some segments; returns the number of its entries.
fn log_of_segments(folder: &Path) -> u64 {
    let mut writer = reopen(folder, SMALL);
    for count in 1..40 {
        append(&mut writer, count);
    }
    writer.close(NOW_MS).unwrap();
    writer.next_entry() - 1
}

fn compress_all(folder: &Path) -> Vec<PathBuf> {
    let paths = waiting(folder).unwrap();
    for path in &paths {
        compress(path).unwrap();
    }
    paths
}

#[test]
fn a_log_reads_the_same_in_both_forms_and_goes_on() {
    let folder = new_folder();
    let folder = folder.path();
    let count = log_of_segments(folder);
    let before = segments::list(folder).unwrap();
    let compressed = compress_all(folder);
    assert!(compressed.len() > 3);
    assert_eq!(compressed.len(), before.len() - 1, "the last segment takes more");
    assert!(compressed.iter().all(|path| !path.exists() && compressed_path(path).exists()));
    assert_eq!(segments::list(folder).unwrap(), before);
    assert_holds(folder, count);
    for next in [1, count / 2, count] {
        let mut reader = LogReader::open_at(folder, next, None).unwrap();
        let begins = reader.position().next;
        let mut read = begins;
        reader
            .for_each(u64::MAX, |number, found| {
                assert_eq!((number, found), (read, entry(read)));
                read += 1;
                Ok::<(), LogError>(())
            })
            .unwrap();
        assert_eq!(read, count + 1);
    }
    assert_eq!(Frontier::of(folder).unwrap().next(), count + 1);
    let mut writer = reopen(folder, SMALL);
    append(&mut writer, 300);
    drop(writer);
    compress_all(folder);
    assert_holds(folder, count + 300);
}

#[test]
fn what_has_a_segment_open_reads_on_while_it_is_compressed() {
    let folder = new_folder();
    let folder = folder.path();
    let count = log_of_segments(folder);
    let mut reader = LogReader::open(folder).unwrap();
    let mut tail = Tail::open(folder, Position::START).unwrap();
    reader.next_batch().unwrap();
    let taken = tail.next_batch(1).unwrap().unwrap().len() as u64;
    compress_all(folder);
    let mut last = 0;
    let each = |number, _| {
        last = number;
        Ok::<(), LogError>(())
    };
    reader.for_each(u64::MAX, each).unwrap();
    assert_eq!(last, count);
    let mut rest = 0;
    while let Some(batch) = tail.next_batch(1000).unwrap() {
        rest += batch.len() as u64;
    }
    assert_eq!(taken + rest, count);
}

#[test]
fn a_crash_at_any_point_of_compressing_leaves_one_good_log() {
    let folder = new_folder();
    let folder = folder.path();
    let count = log_of_segments(folder);
    let path = waiting(folder).unwrap().remove(1);
    let plain = fs::read(&path).unwrap();
    compress(&path).unwrap();
    let target = compressed_path(&path);
    let packed = fs::read(&target).unwrap();
    // Before it was renamed: half of it under another name.
    fs::remove_file(&target).unwrap();
    fs::write(&path, &plain).unwrap();
    let name = target.file_name().unwrap().to_str().unwrap();
    let unfinished = target.with_file_name(format!(".{name}.unfinished"));
    fs::write(&unfinished, &packed[..packed.len() / 2]).unwrap();
    assert_holds(folder, count);
    // Before the plain one was removed: both, of which the plain one counts.
    fs::write(&target, b"of no use").unwrap();
    assert_holds(folder, count);
    assert_eq!(waiting(folder).unwrap()[1], path);
    compress(&path).unwrap();
    assert_eq!(fs::read(&target).unwrap(), packed);
    assert!(!path.exists() && !unfinished.exists());
    assert_holds(folder, count);
}

/// A log whose last segment was torn away: nothing is written into the compressed one before it.
#[test]
fn writing_goes_on_in_a_new_segment_behind_a_compressed_one() {
    let folder = new_folder();
    let folder = folder.path();
    log_of_segments(folder);
    compress_all(folder);
    let (first, last) = segments::list(folder).unwrap().pop().unwrap();
    fs::write(&last, [0; 50]).unwrap();
    let (_, end) = read_back(folder).unwrap();
    assert!(end.torn.is_some());
    let mut writer = reopen(folder, SMALL);
    assert_eq!(writer.next_entry(), first);
    append(&mut writer, 5);
    drop(writer);
    assert_holds(folder, first + 4);
    fs::remove_file(&last).unwrap();
    let mut writer = reopen(folder, SMALL);
    writer.close(NOW_MS).unwrap();
    append(&mut writer, 3);
    drop(writer);
    assert_holds(folder, first + 2);
}

/// Every bit of a compressed segment: the log is told to be damaged, and left alone, or its bytes
/// are the same (the compressed form has bits that mean nothing).
#[test]
fn a_flipped_bit_in_a_compressed_segment_is_found_and_nothing_is_cut() {
    let folder = new_folder();
    let folder = folder.path();
    let mut writer = reopen(folder, LogOptions { segment_bytes: 300 });
    for _ in 0..3 {
        append(&mut writer, 12);
    }
    drop(writer);
    compress_all(folder);
    let (_, path) = segments::list(folder).unwrap().remove(0);
    let target = compressed_path(&path);
    let whole = fs::read(&target).unwrap();
    let mut harmless = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&target, &bytes).unwrap();
        match read_back(folder) {
            Ok((read, end)) => {
                assert_eq!(end.torn, None);
                assert_eq!(read, (1..=36).map(entry).collect::<Vec<_>>(), "bit {bit}");
                harmless += 1;
            }
            Err(_) => assert_eq!(fs::read(&target).unwrap(), bytes),
        }
    }
    assert!(harmless < 10, "{harmless} of {} bits went unnoticed", whole.len() * 8);
    for length in 0..whole.len() {
        fs::write(&target, &whole[..length]).unwrap();
        assert!(read_back(folder).is_err(), "{length}");
    }
}

#[test]
fn any_place_of_a_segment_of_many_frames_is_read_as_it_was_written() {
    let folder = new_folder();
    let path = segments::path_of(folder.path(), 1);
    let mut bytes = Vec::new();
    let mut state = 1_u64;
    while bytes.len() < 3 * FRAME_BYTES + 12_345 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(&(state >> 40).to_le_bytes());
    }
    fs::write(&path, &bytes).unwrap();
    let squeezed = compress(&path).unwrap();
    assert_eq!(squeezed.plain, bytes.len() as u64);
    assert_eq!(
        squeezed.compressed,
        File::open(compressed_path(&path)).unwrap().metadata().unwrap().len()
    );
    let mut file = SegmentFile::open(&path).unwrap();
    assert_eq!(file.length().unwrap(), bytes.len() as u64);
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == bytes);
    let edges = [0, 1, FRAME_BYTES - 1, FRAME_BYTES, 2 * FRAME_BYTES - 3, bytes.len() - 8];
    for at in edges {
        let mut found = [0; 8];
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.read_exact(&mut found).unwrap();
        assert_eq!(found, bytes[at..at + 8], "{at}");
    }
    file.seek(SeekFrom::End(-3)).unwrap();
    all.clear();
    file.read_to_end(&mut all).unwrap();
    assert_eq!(all, bytes[bytes.len() - 3..]);
    // Any program that knows zstd reads it too.
    let decoded = zstd::stream::decode_all(File::open(compressed_path(&path)).unwrap()).unwrap();
    assert!(decoded == bytes);
}

/// Whoever lists and opens while another compresses sees every segment, in one form or the other.
#[test]
fn no_segment_is_out_of_sight_while_it_is_compressed() {
    let folder = new_folder();
    let folder = folder.path();
    log_of_segments(folder);
    let all = segments::list(folder).unwrap();
    let plain: Vec<Vec<u8>> = all.iter().map(|(_, path)| fs::read(path).unwrap()).collect();
    for _ in 0..20 {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                compress_all(folder);
                done.store(true, Ordering::Release);
            });
            let mut over = false;
            while !over {
                over = done.load(Ordering::Acquire);
                let seen = segments::list(folder).unwrap();
                assert_eq!(seen, all);
                for ((_, path), plain) in seen.iter().zip(&plain) {
                    assert_eq!(
                        SegmentFile::open(path).unwrap().length().unwrap(),
                        plain.len() as u64
                    );
                }
            }
        });
        for ((_, path), plain) in all.iter().zip(&plain) {
            fs::write(path, plain).unwrap();
            let _ = fs::remove_file(compressed_path(path));
        }
    }
}
