//! A log that is gone on with: it must be what was signed, or nothing is built on it.

use crate::proof::{Proven, forged, key};
use crate::support::*;
use audit_logger::LogError;
use audit_logger::follow::LogId;
use audit_logger::log::{ChainHash, LogOptions, compress, segments};
use audit_logger::proof::vouched::compare;
use audit_logger::proof::{Checkpoint, checkpoint, prove};
use std::fs;
use std::path::Path;

/// The log in `folder` is refused for the checkpoint behind entry `last`, with `reason`, and left
/// as it is.
#[track_caller]
fn assert_refused(folder: &Path, last: u64, reason: &str) {
    let before = files(folder);
    let told = compare(folder).expect_err("it is not what was signed");
    assert!(
        matches!(&told, LogError::Contradicted { checkpoint, .. }
        if *checkpoint == checkpoint::path_of(folder, last)),
        "{told}"
    );
    assert!(told.to_string().contains(reason), "{told}");
    assert_eq!(files(folder), before);
}

#[test]
fn a_log_that_was_made_anew_before_its_checkpoint_is_refused() {
    let proven = Proven::of(&[3, 2, 4]);
    let folder = proven.log.path();
    compare(folder).unwrap();
    for changed in 0..3 {
        let bytes = forged(&proven, |at, payload| {
            if at == changed {
                let last = payload.len() - 3;
                payload[last] ^= 1;
            }
        });
        fs::write(segments::path_of(folder, 1), bytes).unwrap();
        assert_refused(folder, 9, "was changed after it was signed");
    }
    // Cut back, the batch that closed it included; what is left of a batch is no torn tail.
    for (offset, next) in &proven.batches[..proven.batches.len() - 1] {
        for more in [0, 5] {
            fs::write(segments::path_of(folder, 1), &proven.bytes[..offset + more]).unwrap();
            let reason = match (*next, more) {
                (10, _) => "or the batch that closed the log was cut off".to_string(),
                (next, 0) => format!("and the log ends with entry {}", next - 1),
                (next, _) => format!("and it cannot be read up to there: entry {next}: the file"),
            };
            assert_refused(folder, 9, &reason);
        }
    }
    fs::remove_file(segments::path_of(folder, 1)).unwrap();
    assert_refused(folder, 9, "and no segment of it is here");
}

#[test]
fn what_stands_behind_the_newest_checkpoint_is_nobodys_word() {
    let proven = Proven::of(&[3, 2]);
    let folder = proven.log.path();
    let mut writer = reopen(folder, LogOptions::default());
    append(&mut writer, 5);
    drop(writer);
    compare(folder).unwrap();
    // Signed while the log was written, and the log closed afterwards by somebody without a key.
    prove(folder, &key(proven.keys.path()), NOW_MS).unwrap();
    reopen(folder, LogOptions::default()).close(NOW_MS).unwrap();
    compare(folder).unwrap();
    assert_holds(folder, 10);
}

#[test]
fn checkpoints_between_segments_are_compared_in_both_forms() {
    const SMALL: LogOptions = LogOptions { segment_bytes: 300 };
    let (log, keys) = (new_folder(), new_folder());
    let ours = key(keys.path());
    let mut writer = reopen(log.path(), SMALL);
    let mut signed = Vec::new();
    for _ in 0..12 {
        append(&mut writer, 2);
        signed.push(prove(log.path(), &ours, NOW_MS).unwrap().entries);
    }
    writer.close(NOW_MS).unwrap();
    drop(writer);
    assert!(segments::list(log.path()).unwrap().len() > 3);
    // Each of them as the newest, at the end of a segment or in one; plain, then compressed.
    let all: Vec<_> = signed.iter().map(|last| checkpoint::path_of(log.path(), *last)).collect();
    for (path, last) in all.iter().zip(&signed).rev() {
        compare(log.path()).unwrap();
        let other = Checkpoint::sign(
            &ours,
            LogId::of(log.path()).unwrap().unwrap(),
            *last,
            ChainHash([7; 32]),
            NOW_MS,
        );
        let good = fs::read(path).unwrap();
        other.save(log.path()).unwrap();
        assert_refused(log.path(), *last, "was changed after it was signed");
        fs::write(path, good).unwrap();
        for waiting in compress::waiting(log.path()).unwrap() {
            compress::compress(&waiting).unwrap();
            compare(log.path()).unwrap();
        }
        fs::remove_file(path).unwrap();
    }
    compare(log.path()).unwrap();
}

#[test]
fn a_checkpoint_that_was_changed_or_put_in_front_of_another_hides_nothing() {
    let proven = Proven::of(&[3, 2]);
    let folder = proven.log.path();
    let (path, name) = (segments::path_of(folder, 1), checkpoint::path_of(folder, 5));
    let good = fs::read_to_string(&name).unwrap();
    for (changed, reason) in [
        (good.replace("\"entries\"", "\"entry\""), "cannot be read"),
        (good.replace(&NOW_MS.to_string(), &(NOW_MS + 1).to_string()), "has not signed it"),
        (String::new(), "cannot be read"),
    ] {
        assert_ne!(changed, good);
        fs::write(&name, changed).unwrap();
        assert_refused(folder, 5, reason);
    }
    fs::write(&name, &good).unwrap();
    compare(folder).unwrap();
    // Made anew, gone on with, and signed at its end with a key of his own.
    let bytes = forged(&proven, |at, payload| {
        if at == 0 {
            payload[9] ^= 1;
        }
    });
    fs::write(&path, bytes).unwrap();
    fs::remove_file(&name).unwrap();
    let mut writer = reopen(folder, LogOptions::default());
    append(&mut writer, 1);
    drop(writer);
    let theirs = new_folder();
    prove(folder, &key(theirs.path()), NOW_MS).unwrap();
    // That alone nobody can tell from a log that is as it was.
    compare(folder).unwrap();
    fs::write(&name, &good).unwrap();
    assert_refused(folder, 5, "was changed after it was signed");
}
