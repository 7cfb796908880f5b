//! Snapshots spare a resumed run the reading of its log. They are never needed, and never
//! believed where they do not fit.

use crate::common::*;
use std::fs;
use std::path::{Path, PathBuf};

/// A run of the first half of a workload that goes on with the whole of it: with its snapshot,
/// or with what `spoil` makes of that.
struct Halves {
    _folder: tempfile::TempDir,
    whole: PathBuf,
    out: PathBuf,
}

const COMMANDS: u32 = 4_000;

fn halves() -> Halves {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    generate(&whole, "valid", 10, COMMANDS, 10);
    let half = folder.path().join("half");
    let lines = fs::read_to_string(&whole).unwrap();
    let first: Vec<&str> = lines.lines().take(COMMANDS as usize / 2).collect();
    fs::write(&half, first.join("\n")).unwrap();
    let out = folder.path().join("run");
    run(&["replay", text(&half), "--clock", "virtual", "--out", text(&out)]).with(0);
    // The rest of the workload comes as if it had been there from the beginning.
    fs::remove_file(out.join("run.json")).unwrap();
    Halves { _folder: folder, whole, out }
}

impl Halves {
    fn go_on(&self) -> Ended {
        let out = text(&self.out);
        run(&["replay", text(&self.whole), "--clock", "virtual", "--out", out, "--resume"])
    }

    /// All that the second half leaves.
    fn left(&self) -> [Vec<u8>; 2] {
        assert_good(&self.out.join("testLOG"), &[&self.whole]);
        ["testLOG", "state.json"].map(|name| fs::read(self.out.join(name)).unwrap())
    }
}

fn snapshots(out: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(out.join("log")).unwrap().map(|item| item.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|extension| extension == "snap")).collect()
}

/// What the second half leaves where the snapshot is as `spoil` makes it.
fn with_snapshot(spoil: impl Fn(&Path)) -> ([Vec<u8>; 2], Ended) {
    let halves = halves();
    let found = snapshots(&halves.out);
    assert_eq!(found.len(), 1, "the first half leaves a snapshot");
    spoil(&found[0]);
    let told = halves.go_on().with(0);
    (halves.left(), told)
}

#[test]
fn a_run_goes_on_alike_with_and_without_its_snapshot() {
    let (with, _) = with_snapshot(|_| {});
    let (without, _) = with_snapshot(|snapshot| fs::remove_file(snapshot).unwrap());
    assert!(with == without);
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_told() {
    let (without, _) = with_snapshot(|snapshot| fs::remove_file(snapshot).unwrap());
    let spoils: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes[100] ^= 1,
        // The version, and a hash that fits: a later program wrote it.
        |bytes| {
            bytes[6] += 1;
            seal(bytes);
        },
        // Whole, but not laid out as this program does it.
        |bytes| {
            let header = 6 + 2 + 8 + 32;
            bytes.splice(header.., [0xff; 40]);
            bytes.extend([0; 32]);
            seal(bytes);
        },
    ];
    for (nth, spoil) in spoils.iter().enumerate() {
        let (left, told) = with_snapshot(|snapshot| {
            let mut bytes = fs::read(snapshot).unwrap();
            spoil(&mut bytes);
            fs::write(snapshot, bytes).unwrap();
        });
        assert!(left == without, "spoil {nth}");
        told.telling(&["passed over"]);
    }
}

/// Makes the hash at the end fit what stands before it.
fn seal(bytes: &mut [u8]) {
    let (body, hash) = bytes.split_at_mut(bytes.len() - 32);
    hash.copy_from_slice(blake3::hash(body).as_bytes());
}

#[test]
fn a_snapshot_of_another_log_is_refused() {
    let halves = halves();
    let other = tempfile::tempdir().unwrap();
    let workload = write_workload(other.path(), "w", &["ADD,a,1.00", "ADD,b,2.00"]);
    let out = other.path().join("run");
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    let foreign = snapshots(&out).remove(0);
    for snapshot in snapshots(&halves.out) {
        fs::remove_file(snapshot).unwrap();
    }
    fs::copy(&foreign, halves.out.join("log").join(foreign.file_name().unwrap())).unwrap();
    let before = segment_bytes(&halves.out);
    halves.go_on().with(1).telling(&["snapshot"]);
    assert_eq!(segment_bytes(&halves.out), before, "the log was touched");
}

/// The log is shorter than what was made of it: entries that were acknowledged are gone.
#[test]
fn a_log_that_ends_before_its_snapshot_is_refused() {
    let halves = halves();
    for (name, bytes) in segment_bytes(&halves.out) {
        fs::write(halves.out.join("log").join(name), &bytes[..96]).unwrap();
    }
    halves.go_on().with(1).telling(&["snapshot"]);
}
