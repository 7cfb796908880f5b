//! Reading from the middle of a log, and up to some entry.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::log::{ChainHash, LogOptions, LogReader};
use std::path::Path;

const TINY: LogOptions = LogOptions { segment_bytes: 1 };

/// Batches of 1, 2, 3, ... entries, each in a segment of its own; the chain behind each of them.
fn log_of_batches(folder: &Path, batches: u64) -> Vec<ChainHash> {
    let mut writer = reopen(folder, TINY);
    let mut chains = Vec::new();
    for count in 1..=batches {
        append(&mut writer, count);
        chains.push(writer.chain());
    }
    chains
}

fn numbers(reader: &mut LogReader, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    reader
        .for_each(last, |number, read| {
            assert_eq!(read, entry(number));
            numbers.push(number);
            Ok::<(), LogError>(())
        })
        .unwrap();
    numbers
}

#[test]
fn reading_begins_with_the_segment_that_holds_the_entry() {
    let folder = new_folder();
    let chains = log_of_batches(folder.path(), 4);
    // Segments begin with entries 1, 2, 4 and 7; the log ends behind entry 10.
    for (next, begins) in [(1, 1), (2, 2), (3, 2), (4, 4), (6, 4), (7, 7), (10, 7), (11, 7)] {
        let mut reader = LogReader::open_at(folder.path(), next, None).unwrap();
        assert_eq!(reader.position().next, begins);
        assert_eq!(numbers(&mut reader, u64::MAX), (begins..=10).collect::<Vec<_>>());
        assert_eq!(reader.position().chain, chains[3], "the chain is that of the whole log");
    }
}

#[test]
fn reading_from_the_middle_continues_only_the_chain_it_was_given() {
    let folder = new_folder();
    let chains = log_of_batches(folder.path(), 4);
    let mut reader = LogReader::open_at(folder.path(), 4, Some(chains[1])).unwrap();
    assert_eq!(numbers(&mut reader, u64::MAX), (4..=10).collect::<Vec<_>>());
    let mut reader = LogReader::open_at(folder.path(), 4, Some(chains[0])).unwrap();
    let stopped = reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(()));
    assert!(matches!(stopped, Err(LogError::Damaged { entry: 4, .. })), "{stopped:?}");
}

#[test]
fn reading_up_to_an_entry_stops_there_and_reads_no_batch_behind_it() {
    let folder = new_folder();
    log_of_batches(folder.path(), 4);
    for last in 0..=12 {
        let mut reader = LogReader::open(folder.path()).unwrap();
        let read = numbers(&mut reader, last);
        assert_eq!(read, (1..=last.min(10)).collect::<Vec<_>>());
    }
    // What stands behind is not even looked at: a view of the past needs no whole log.
    std::fs::write(&paths(folder.path())[3], b"no segment at all").unwrap();
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(numbers(&mut reader, 6), (1..=6).collect::<Vec<_>>());
}

#[test]
fn what_the_caller_says_no_to_ends_the_reading() {
    let folder = new_folder();
    log_of_batches(folder.path(), 3);
    let mut reader = LogReader::open(folder.path()).unwrap();
    let mut calls = 0;
    let stopped = reader.for_each(u64::MAX, |number, _| {
        calls += 1;
        if number < 3 { Ok(()) } else { Err(LogError::Locked { path: "no".into() }) }
    });
    assert!(matches!(stopped, Err(LogError::Locked { .. })));
    assert_eq!(calls, 3);
}

#[test]
fn a_folder_that_is_not_there_is_an_empty_log() {
    let folder = new_folder();
    let mut reader = LogReader::open(&folder.path().join("nowhere")).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    let position = reader.position();
    assert_eq!((position.next, position.chain, position.segment), (1, ChainHash::START, None));
}
