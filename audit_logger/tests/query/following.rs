//! Following a log tells every entry once, however it grows.

use crate::world::*;
use audit_logger::LogError;
use audit_logger::log::segments;
use audit_logger::query::{Catalogue, Filter, Follower};
use std::fs;

fn poll(follower: &mut Follower, filter: &Filter) -> Vec<u64> {
    let mut told = Vec::new();
    follower
        .poll(filter, |number, _| {
            told.push(number);
            Ok::<(), LogError>(())
        })
        .unwrap();
    told
}

#[test]
fn every_entry_is_told_once_across_segments() {
    let mut chance = Chance(7);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 5, 600);
    // Begun before there is a log.
    let mut follower = Follower::new(folder, Catalogue::open(folder, false).unwrap().end().clone());
    assert!(poll(&mut follower, &Filter::default()).is_empty());
    let mut written = 0;
    for part in entries.chunks(70) {
        write(folder, part, &mut chance, 9, 2_500);
        let expected: Vec<u64> = (written + 1..=written + part.len() as u64).collect();
        assert_eq!(poll(&mut follower, &Filter::default()), expected);
        assert!(poll(&mut follower, &Filter::default()).is_empty());
        written += part.len() as u64;
    }
    assert!(segments::list(folder).unwrap().len() > 5);
}

#[test]
fn half_a_batch_is_told_when_it_is_whole() {
    let mut chance = Chance(7);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (entries, _) = trade(&mut chance, 2, 40);
    write(folder, &entries[..10], &mut chance, 10, 1 << 30);
    let mut follower = Follower::new(folder, Catalogue::open(folder, false).unwrap().end().clone());
    let filter = Filter { users: vec!["u1".to_string()], ..Filter::default() };
    let path = segments::list(folder).unwrap()[0].1.clone();
    let before = fs::metadata(&path).unwrap().len() as usize;
    write(folder, &entries[10..], &mut chance, 5, 1 << 30);
    let whole = fs::read(&path).unwrap();
    let mut told = Vec::new();
    for length in before..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        told.extend(poll(&mut follower, &filter));
    }
    let about = |number: &u64| entries[*number as usize - 1].user() == Some("u1");
    let expected: Vec<u64> = (11..=entries.len() as u64).filter(about).collect();
    assert_eq!(told, expected);
}
