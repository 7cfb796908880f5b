//! What is removed from a log and what is not, and what those say who need what was removed.

use crate::proof::key;
use crate::support::*;
use audit_logger::LogError;
use audit_logger::dumplog::{self, DumpRequest};
use audit_logger::follow::roll::{self, Enrolled};
use audit_logger::follow::{LogId, Position, Tail, TailError};
use audit_logger::log::compress::{compress, waiting};
use audit_logger::log::snapshot::{self, Snapshot};
use audit_logger::log::{LogOptions, LogReader, segments};
use audit_logger::proof::check::Kind;
use audit_logger::proof::snapshots::Snapshots;
use audit_logger::proof::{Checkpoint, ProofError, Retained, check, prove, retain};
use audit_logger::query::history::{HistoryError, story};
use audit_logger::query::{Catalogue, Filter, Order, Source};
use domain::trading::DumpFile;
use std::fs;
use std::path::Path;

/// A log of 200 entries in segments of 20 or so, and a snapshot of entries 1 to `covered`, which the
/// key in `keys` signs.
fn log(folder: &Path, keys: &Path, covered: u64) -> Vec<u64> {
    let mut writer = reopen(folder, LogOptions { segment_bytes: 700 });
    let mut chain = writer.chain();
    for _ in 0..40 {
        append(&mut writer, 5);
        if writer.next_entry() == covered + 1 {
            chain = writer.chain();
        }
    }
    writer.close(NOW_MS).unwrap();
    if covered > 0 {
        let snapshot = Snapshot { last: covered, chain, payload: vec![] };
        let hash = snapshot::save(folder, &snapshot).unwrap();
        let (id, key) = (LogId::of(folder).unwrap().unwrap(), key(keys));
        let checkpoint = Checkpoint::sign(&key, id, covered, chain, NOW_MS);
        checkpoint.with_snapshot(&key, hash).renew(folder, &key).unwrap();
    }
    segments::list(folder).unwrap().into_iter().map(|(first, _)| first).collect()
}

fn enrol(folder: &Path, next: u64) -> Enrolled {
    let address = "postgres://ann@host/audit".to_string();
    let enrolled = Enrolled { name: "postgres".to_string(), address, parameters: None, next };
    enrolled.note(folder, true).unwrap();
    enrolled
}

fn keep(folder: &Path, keys: &Path, count: u64) -> Retained {
    let _lock = segments::lock(folder).unwrap();
    retain(folder, count, &key(keys), NOW_MS, &mut |_, _| Ok(())).unwrap()
}

#[test]
fn whole_segments_go_and_what_is_left_is_proven() {
    let (folder, keys) = (new_folder(), new_folder());
    let (folder, keys) = (folder.path(), keys.path());
    let firsts = log(folder, keys, 200);
    assert!(firsts.len() > 5);
    let id = LogId::of(folder).unwrap();
    compress(&waiting(folder).unwrap()[1]).unwrap();
    enrol(folder, 201);
    let retained = keep(folder, keys, 60);
    let expected = *firsts.iter().rfind(|first| **first <= 141).unwrap();
    assert_eq!((retained.first, retained.last), (expected, 200));
    assert_eq!(retained.held_by, Vec::<String>::new());
    let left: Vec<u64> =
        segments::list(folder).unwrap().into_iter().map(|(first, _)| first).collect();
    assert_eq!(left, firsts.iter().copied().filter(|first| *first >= expected).collect::<Vec<_>>());

    let told = check(folder, Some(key(keys).public())).unwrap();
    assert_eq!(
        (told.found, told.removed, told.first),
        (0, expected - 1, expected),
        "{:?}",
        told.findings
    );
    assert_eq!((told.log, told.last), (id, 200));
    assert_eq!(LogId::of(folder).unwrap(), id);
    // Again: there is nothing to do. And the log goes on.
    assert_eq!(keep(folder, keys, 60).segments, 0);
    let mut reader = LogReader::open_at(folder, 200, None).unwrap();
    reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(())).unwrap();
    assert_eq!(reader.position().next, 201);

    // Where nobody vouches for the end of what is gone, it is lost.
    fs::remove_file(audit_logger::proof::checkpoint::path_of(folder, expected - 1)).unwrap();
    prove(folder, &key(keys), NOW_MS).unwrap_err();
    let told = check(folder, None).unwrap();
    assert_eq!(
        (told.findings[0].kind, told.findings[0].entries),
        (Kind::Lost, Some((1, expected - 1)))
    );
}

#[test]
fn nothing_goes_that_a_follower_or_the_snapshot_needs() {
    for (covered, next, reaches) in
        [(0, 201, 1), (200, 1, 1), (100, 201, 100), (200, 90, 90), (55, 90, 55)]
    {
        let (folder, keys) = (new_folder(), new_folder());
        let (folder, keys) = (folder.path(), keys.path());
        let firsts = log(folder, keys, covered);
        enrol(folder, next);
        let retained = keep(folder, keys, 10);
        let expected = *firsts.iter().rfind(|first| **first <= reaches).unwrap();
        assert_eq!(retained.first, expected, "{covered} {next}");
        let held = retained.held_by.join("\n");
        assert_eq!(held.contains("snapshot"), covered < 200, "{held}");
        assert_eq!(held.contains("postgres://ann@host/audit"), next < 201, "{held}");
        // Who was told of can go on.
        if covered > 0 {
            let (found, _) = snapshot::read(&snapshot::path_of(folder, covered)).unwrap();
            let mut reader = LogReader::open_at(folder, found.last, None).unwrap();
            while reader.position().chain != found.chain {
                reader.next_batch().unwrap().unwrap();
            }
        }
    }
}

#[test]
fn a_follower_whose_file_cannot_be_read_holds_everything() {
    let (folder, keys) = (new_folder(), new_folder());
    let firsts = log(folder.path(), keys.path(), 200);
    let enrolled = enrol(folder.path(), 201);
    fs::write(enrolled.path(folder.path()), "{").unwrap();
    assert_eq!(roll::list(folder.path()).unwrap()[0].1.next, 1);
    assert_eq!(keep(folder.path(), keys.path(), 10).first, firsts[0]);
}

#[test]
fn nothing_goes_from_a_log_that_fails_its_check() {
    let (folder, keys) = (new_folder(), new_folder());
    let (folder, keys) = (folder.path(), keys.path());
    let firsts = log(folder, keys, 200);
    let path = segments::path_of(folder, firsts[1]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[150] ^= 1;
    fs::write(&path, bytes).unwrap();
    let refused = retain(folder, 10, &key(keys), NOW_MS, &mut |_, _| Ok(()));
    assert!(matches!(refused, Err(ProofError::Fails(_))), "{refused:?}");
    assert_eq!(segments::list(folder).unwrap().len(), firsts.len());
}

#[test]
fn who_needs_what_was_removed_says_so() {
    let (folder, keys) = (new_folder(), new_folder());
    let (folder, keys) = (folder.path(), keys.path());
    log(folder, keys, 200);
    let first = keep(folder, keys, 60).first;
    let late = |error: &LogError| matches!(error, LogError::BeginsLate { first: found, .. } if *found == first);
    let read = LogReader::open(folder).map(drop).unwrap_err();
    assert!(late(&read), "{read}");
    assert!(
        read.to_string().contains(&format!("entries 1 to {} were removed", first - 1)),
        "{read}"
    );
    for user in [None, Some("user7".to_string())] {
        let file = DumpFile::parse(b"dump").unwrap();
        let request = DumpRequest { file, user, last: 200 };
        let dumped = dumplog::write(folder, keys, "server", &[], &[request]).unwrap_err();
        assert!(late(&dumped), "{dumped}");
    }
    let source = Source::from(Catalogue::open(folder, true).unwrap());
    let told = story(&source, 199).unwrap_err();
    assert!(matches!(told, HistoryError::BeginsLate(found) if found == first), "{told}");
    let tail = Tail::open(folder, Position::START).map(drop).unwrap_err();
    assert!(matches!(tail, TailError::BeginsLate { first: found, .. } if found == first), "{tail}");
    // A search has what is left.
    let found = source.collect(&Filter::default(), Order::OldestFirst, 9);
    assert_eq!(found.unwrap()[0].0, first);
}

#[test]
fn nothing_goes_that_a_store_does_not_hold() {
    for reason in ["entry 5 is missing", "it cannot be asked"] {
        let (folder, keys) = (new_folder(), new_folder());
        let (folder, keys) = (folder.path(), keys.path());
        let firsts = log(folder, keys, 200);
        let store = enrol(folder, 201);
        let before = files(folder);
        let mut asked = Vec::new();
        let mut ask = |store: &Enrolled, entries: std::ops::Range<u64>| {
            asked.push((store.clone(), entries));
            Err(reason.to_string())
        };
        let _lock = segments::lock(folder).unwrap();
        let refused = retain(folder, 60, &key(keys), NOW_MS, &mut ask).unwrap_err().to_string();
        let first_left = *firsts.iter().rfind(|first| **first <= 141).unwrap();
        assert_eq!(asked, [(store.clone(), 1..first_left)]);
        let entries = format!("entries 1 to {}", first_left - 1);
        for part in ["postgres at postgres://ann@host/audit", &entries, reason] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        assert_eq!(files(folder), before);
    }
}

/// A later start could not use it, so it would have nothing to begin with.
#[test]
fn an_unsigned_snapshot_lets_nothing_go() {
    let (folder, keys, others) = (new_folder(), new_folder(), new_folder());
    let (folder, keys) = (folder.path(), keys.path());
    let firsts = log(folder, keys, 0);
    let chain = {
        let mut reader = LogReader::open(folder).unwrap();
        while reader.next_batch().unwrap().is_some() {}
        reader.position().chain
    };
    let hash = snapshot::save(folder, &Snapshot { last: 200, chain, payload: vec![] }).unwrap();
    assert_eq!(keep(folder, keys, 60).first, firsts[0]);
    // Signed, but by a stranger: the key here would not believe it.
    let (id, theirs) = (LogId::of(folder).unwrap().unwrap(), key(others.path()));
    let checkpoint = Checkpoint::sign(&theirs, id, 200, chain, NOW_MS);
    checkpoint.with_snapshot(&theirs, hash).renew(folder, &theirs).unwrap();
    assert_eq!(Snapshots::of(folder, &[key(keys).public()]).unwrap().newest_signed(), 0);
    assert_eq!(Snapshots::of(folder, &[theirs.public()]).unwrap().newest_signed(), 200);
}

/// Without it a log whose beginning is gone could not be read back.
#[test]
fn signing_again_keeps_the_snapshot_signed() {
    let (folder, keys) = (new_folder(), new_folder());
    let (folder, keys) = (folder.path(), keys.path());
    log(folder, keys, 200);
    let trusted = [key(keys).public()];
    assert_eq!(Snapshots::of(folder, &trusted).unwrap().newest_signed(), 200);
    let proven = prove(folder, &key(keys), NOW_MS + 1).unwrap();
    assert_eq!((proven.entries, proven.time_ms), (200, NOW_MS + 1));
    assert_eq!(Snapshots::of(folder, &trusted).unwrap().newest_signed(), 200);
}
