//! Logs of many segments: torn at rotation, with segments missing, mixed up or not of this log.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::log::format::VERSION;
use audit_logger::log::{LogOptions, LogReader, segments};
use std::fs;
use std::path::Path;

/// A new segment for every batch.
const TINY: LogOptions = LogOptions { segment_bytes: 1 };

/// A log of `batches` segments with two entries each.
fn segmented(folder: &Path, batches: u64) {
    let mut writer = reopen(folder, TINY);
    (0..batches).for_each(|_| append(&mut writer, 2));
    assert_eq!(paths(folder).len() as u64, batches);
}

#[track_caller]
fn assert_damage(folder: &Path, segment: &Path, entry: u64) {
    let before = files(folder);
    match read_back(folder) {
        Err(LogError::Damaged { path, entry: at, .. }) => {
            assert_eq!((path.as_path(), at), (segment, entry))
        }
        other => panic!("not taken for damage: {other:?}"),
    }
    assert_eq!(files(folder), before, "nothing is touched");
}

#[test]
fn a_log_of_many_segments_is_one_log() {
    let folder = new_folder();
    for round in 1..=40 {
        let options = LogOptions { segment_bytes: 96 + round * 10 };
        let mut writer = reopen(folder.path(), options);
        append(&mut writer, 1);
        append(&mut writer, 2);
        drop(writer);
        assert_holds(folder.path(), 3 * round);
    }
    assert!(paths(folder.path()).len() > 10);
    for (first, path) in segments::list(folder.path()).unwrap() {
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{first:020}.seg"));
    }
}

#[test]
fn closing_again_and_again_makes_no_segment_of_the_same_name() {
    let folder = new_folder();
    for _ in 0..3 {
        let mut writer = reopen(folder.path(), TINY);
        for _ in 0..3 {
            writer.close(NOW_MS).unwrap();
        }
    }
    assert_eq!(paths(folder.path()).len(), 0, "a log of nothing needs no segment");
    let mut writer = reopen(folder.path(), TINY);
    append(&mut writer, 2);
    drop(writer);
    for _ in 0..3 {
        let mut writer = reopen(folder.path(), TINY);
        for _ in 0..3 {
            writer.close(NOW_MS).unwrap();
        }
    }
    let mut writer = reopen(folder.path(), TINY);
    append(&mut writer, 1);
    drop(writer);
    assert_holds(folder.path(), 3);
}

#[test]
fn a_missing_segment_is_damage() {
    for missing in 0..3 {
        let folder = new_folder();
        segmented(folder.path(), 4);
        let all = paths(folder.path());
        fs::remove_file(&all[missing]).unwrap();
        assert_damage(folder.path(), &all[missing + 1], 2 * missing as u64 + 1);
    }
}

#[test]
fn a_missing_first_segment_is_damage_even_if_one_with_only_a_header_is_left() {
    let folder = new_folder();
    segmented(folder.path(), 2);
    let all = paths(folder.path());
    fs::remove_file(&all[0]).unwrap();
    let header = fs::read(&all[1]).unwrap()[..96].to_vec();
    fs::write(&all[1], header).unwrap();
    assert_damage(folder.path(), &all[1], 1);
}

#[test]
fn swapped_segments_are_damage() {
    for (one, other) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
        let folder = new_folder();
        segmented(folder.path(), 4);
        let all = paths(folder.path());
        let bytes = fs::read(&all[one]).unwrap();
        fs::copy(&all[other], &all[one]).unwrap();
        fs::write(&all[other], bytes).unwrap();
        assert_damage(folder.path(), &all[one], 2 * one as u64 + 1);
    }
}

#[test]
fn a_segment_of_another_log_is_damage() {
    let folder = new_folder();
    segmented(folder.path(), 3);
    let other = new_folder();
    // The same entries in the same places, but their first batch was another one.
    let mut writer = reopen(other.path(), LogOptions { segment_bytes: 300 });
    append(&mut writer, 1);
    append(&mut writer, 1);
    writer.close(NOW_MS).unwrap();
    drop(writer);
    let mut writer = reopen(other.path(), TINY);
    append(&mut writer, 2);
    append(&mut writer, 2);
    drop(writer);
    assert_holds(other.path(), 6);
    for nth in [1, 2] {
        let strange = new_folder();
        for path in paths(folder.path()) {
            fs::copy(&path, strange.path().join(path.file_name().unwrap())).unwrap();
        }
        let place = paths(strange.path())[nth].clone();
        fs::copy(other.path().join(place.file_name().unwrap()), &place).unwrap();
        assert_damage(strange.path(), &place, 2 * nth as u64 + 1);
    }
}

#[test]
fn a_segment_cut_short_in_the_middle_of_the_log_is_damage_wherever_it_is_cut() {
    let folder = new_folder();
    segmented(folder.path(), 3);
    let all = paths(folder.path());
    let bytes = fs::read(&all[1]).unwrap();
    for at in 0..bytes.len() {
        fs::write(&all[1], &bytes[..at]).unwrap();
        // Without its batch the segment is whole; then it is the next that does not fit.
        let told = if at == 96 { &all[2] } else { &all[1] };
        assert_damage(folder.path(), told, 3);
    }
}

#[test]
fn a_segment_torn_at_rotation_is_set_aside_and_begun_again() {
    let full = new_folder();
    segmented(full.path(), 2);
    let bytes = fs::read(&paths(full.path())[1]).unwrap();
    let mut lost_header = bytes.clone();
    lost_header[..96].fill(0);
    let mut tails: Vec<Vec<u8>> = (0..bytes.len()).map(|at| bytes[..at].to_vec()).collect();
    tails.extend([vec![0; 96], vec![0; 4096], [vec![0; 200], bytes[130..].to_vec()].concat()]);
    for tail in tails {
        let folder = new_folder();
        segmented(folder.path(), 1);
        let path = segments::path_of(folder.path(), 3);
        fs::write(&path, &tail).unwrap();
        let (read, end) = read_back(folder.path()).unwrap();
        assert_eq!(read.len(), 2);
        match end.torn {
            None => assert_eq!(tail.len(), 96, "a whole header is all that is there"),
            Some(torn) => {
                let offset = torn.offset as usize;
                assert_eq!(
                    offset,
                    if tail.starts_with(b"DTLOG") && tail.len() > 96 { 96 } else { 0 }
                );
                assert_eq!(torn.segment, path);
                assert_eq!(fs::read(&torn.kept_in).unwrap(), &tail[offset..]);
            }
        }
        let mut writer = reopen(folder.path(), TINY);
        append(&mut writer, 2);
        append(&mut writer, 2);
        drop(writer);
        assert_holds(folder.path(), 6);
    }
    // A batch behind a lost header was flushed, so it may have been acknowledged.
    let folder = new_folder();
    segmented(folder.path(), 1);
    let path = segments::path_of(folder.path(), 3);
    fs::write(&path, &lost_header).unwrap();
    assert_damage(folder.path(), &path, 3);
}

#[test]
fn a_log_of_a_future_version_is_refused_and_left_alone() {
    for nth in [0, 1] {
        let folder = new_folder();
        segmented(folder.path(), 2);
        let path = paths(folder.path())[nth].clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[6..8].copy_from_slice(&(VERSION + 1).to_le_bytes());
        let crc = crc32fast::hash(&bytes[..92]);
        bytes[92..96].copy_from_slice(&crc.to_le_bytes());
        // Even where its segment holds nothing more.
        bytes.truncate(if nth == 1 { 96 } else { bytes.len() });
        fs::write(&path, &bytes).unwrap();
        let before = files(folder.path());
        match read_back(folder.path()) {
            Err(LogError::Version { path: told, found, known }) => {
                assert_eq!((told, found, known), (path, VERSION + 1, VERSION));
            }
            other => panic!("not refused: {other:?}"),
        }
        assert_eq!(files(folder.path()), before);
    }
}

#[test]
fn two_writers_never_share_a_log() {
    let folder = new_folder();
    let lock = segments::lock(folder.path()).unwrap();
    match segments::lock(folder.path()) {
        Err(LogError::Locked { path }) => assert_eq!(path, folder.path()),
        other => panic!("not locked: {other:?}"),
    }
    // Reading needs no lock.
    LogReader::open(folder.path()).unwrap();
    drop(lock);
    segments::lock(folder.path()).unwrap();
}
