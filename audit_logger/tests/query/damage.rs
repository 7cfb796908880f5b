//! Damage: an index that is not what it should be changes no answer, and a log that is not what
//! it should be is named.

use crate::world::*;
use audit_logger::LogError;
use audit_logger::log::index::path_of;
use audit_logger::log::segments;
use audit_logger::query::{Catalogue, Filter, Order, Source};
use domain::trading::Entry;
use std::fs;
use std::path::Path;

fn of_user() -> Filter {
    Filter { users: vec!["u3".to_string()], ..Filter::default() }
}

fn expected(entries: &[Entry]) -> Vec<(u64, Entry)> {
    let about = |(_, entry): &(usize, &Entry)| entry.user() == Some("u3");
    let numbered = entries.iter().enumerate().filter(about);
    numbered.map(|(at, entry)| (at as u64 + 1, entry.clone())).collect()
}

fn found(folder: &Path) -> Vec<(u64, Entry)> {
    find(folder, true, &of_user(), Order::OldestFirst, usize::MAX).unwrap()
}

#[test]
fn a_damaged_index_is_made_again_wherever_it_is_damaged() {
    let mut chance = Chance(3);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 6, 300);
    write(folder, &entries, &mut chance, 50, 1 << 30);
    let expected = expected(&entries);
    assert!(expected.len() > 20);
    assert_eq!(found(folder), expected);
    let index = path_of(&segments::list(folder).unwrap()[0].1);
    let whole = fs::read(&index).unwrap();
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << chance.below(8);
        fs::write(&index, &bytes).unwrap();
        assert_eq!(found(folder), expected, "byte {at} changed");
        assert_eq!(fs::read(&index).unwrap(), whole, "byte {at} changed: made again");
        fs::write(&index, &whole[..at]).unwrap();
        assert_eq!(found(folder), expected, "cut to {at}");
    }
}

#[test]
fn an_index_of_another_log_is_not_believed() {
    let mut chance = Chance(4);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut logs = Vec::new();
    for folder in [one.path(), other.path()] {
        let (entries, _) = trade(&mut chance, 6, 300);
        write(folder, &entries, &mut chance, 50, 1 << 30);
        assert_eq!(found(folder), expected(&entries));
        logs.push((path_of(&segments::list(folder).unwrap()[0].1), expected(&entries)));
    }
    fs::copy(&logs[0].0, &logs[1].0).unwrap();
    assert_eq!(found(other.path()), logs[1].1);
}

/// The index of a log that has grown covers its beginning: what came later must be found too.
#[test]
fn what_was_logged_after_the_index_was_made_is_found() {
    let mut chance = Chance(9);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 6, 900);
    let mut written = 0;
    for part in entries.chunks(entries.len() / 5) {
        write(folder, part, &mut chance, 30, 15_000);
        written += part.len();
        let expected = expected(&entries[..written]);
        // With the index as it is, and with one that is made anew.
        let newer = Catalogue::open_above(folder, Some(u64::MAX)).unwrap();
        let by_old = Source::from(newer).collect(&of_user(), Order::OldestFirst, usize::MAX);
        assert_eq!(by_old.unwrap(), expected);
        assert_eq!(found(folder), expected);
    }
}

#[test]
fn damage_in_the_log_is_named_with_its_place() {
    let mut chance = Chance(8);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 6, 200);
    write(folder, &entries, &mut chance, 20, 1 << 30);
    let expected: Vec<(u64, Entry)> =
        entries.iter().enumerate().map(|(at, entry)| (at as u64 + 1, entry.clone())).collect();
    let all = Filter::default();
    let path = segments::list(folder).unwrap()[0].1.clone();
    let whole = fs::read(&path).unwrap();
    for indexed in [false, true] {
        let search = || find(folder, indexed, &all, Order::OldestFirst, usize::MAX);
        fs::write(&path, &whole).unwrap();
        assert_eq!(search().unwrap(), expected);
        // Behind it stands the empty batch that closed the log, so nothing is a torn tail.
        for at in (0..whole.len() - 60).step_by(11) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            match search() {
                Err(LogError::Damaged { path: named, offset, .. }) => {
                    assert_eq!(named, path);
                    assert!(offset <= at as u64 && at as u64 - offset < 4_000, "{at}: {offset}");
                }
                Err(LogError::Version { .. }) => panic!("the checksum comes first"),
                Err(other) => panic!("byte {at}: {other}"),
                // A hash of the chain, a reserved byte or a time in the header: no entry changed.
                Ok(found) => assert_eq!(found, expected, "byte {at}"),
            }
        }
    }
    let (first, _) = segments::list(folder).unwrap()[0];
    fs::rename(&path, segments::path_of(folder, first + 1)).unwrap();
    let error = find(folder, false, &all, Order::OldestFirst, 1).unwrap_err();
    assert!(error.to_string().contains("does not begin with this entry"), "{error}");
}

#[test]
fn a_segment_that_is_gone_is_named() {
    let mut chance = Chance(8);
    let folder = tempfile::tempdir().unwrap();
    let (entries, _) = trade(&mut chance, 6, 200);
    write(folder.path(), &entries, &mut chance, 20, 3_000);
    let (_, path) = segments::list(folder.path()).unwrap().remove(1);
    fs::remove_file(path).unwrap();
    let found = find(folder.path(), false, &Filter::default(), Order::OldestFirst, usize::MAX);
    assert!(matches!(found, Err(LogError::Damaged { offset: 0, .. })), "{found:?}");
}

/// A log that is being written, or whose writer was killed, ends in the middle of a batch.
#[test]
fn a_log_that_ends_inside_a_batch_is_searched_up_to_it() {
    let mut chance = Chance(2);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 3, 60);
    write(folder, &entries[..entries.len() - 5], &mut chance, 10, 1 << 30);
    let path = segments::list(folder).unwrap()[0].1.clone();
    let before = fs::read(&path).unwrap().len();
    write(folder, &entries[entries.len() - 5..], &mut chance, 1, 1 << 30);
    let whole = fs::read(&path).unwrap();
    let mut seen = 0;
    for length in before..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let found = find(folder, false, &Filter::default(), Order::OldestFirst, usize::MAX);
        let found = found.unwrap();
        assert!(found.len() >= entries.len() - 5 && found.len() >= seen, "cut to {length}");
        seen = found.len();
        let catalogue = Catalogue::open(folder, true).unwrap();
        let left_out = catalogue.tail().map_or(0, |tail| tail.bytes);
        assert_eq!(catalogue.end().offset + left_out, length as u64);
    }
    assert_eq!(seen, entries.len());
    // The header is there, the entries are not: the length grew and the bytes never came.
    let mut torn = whole[..before].to_vec();
    torn.extend_from_slice(&whole[before..before + 28]);
    torn.resize(before + 28 + 200, 0);
    fs::write(&path, &torn).unwrap();
    let found = find(folder, false, &Filter::default(), Order::OldestFirst, usize::MAX).unwrap();
    assert_eq!(found.len(), entries.len() - 5);
}
