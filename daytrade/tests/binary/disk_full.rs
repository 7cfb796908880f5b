//! A disk that takes no more: the run stops, says so, acknowledges nothing it has not kept, and
//! goes on when there is room again.

use crate::common::*;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const COMMANDS: u32 = 20_000;

struct Case {
    folder: tempfile::TempDir,
    workload: PathBuf,
    state: Vec<u8>,
    length: u64,
}

fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 50, COMMANDS, 20);
    let out = folder.path().join("undisturbed");
    run(&replay(&workload, &out)).with(0);
    let state = fs::read(out.join("state.json")).unwrap();
    let length = log_length(&out);
    Case { folder, workload, state, length }
}

fn replay<'a>(workload: &'a Path, out: &'a Path) -> [&'a str; 6] {
    ["replay", text(workload), "--quotes", "fixed:42.17", "--out", text(out)]
}

impl Case {
    /// The run has stopped on a full disk with `told`: looks at what it left, and goes on.
    fn assert_nothing_lost(&self, out: &Path, acknowledgements: &Path, told: Ended) {
        told.with(1).telling(&["writing the log", "what was acknowledged is safe", "--resume"]);
        let logged: HashSet<u64> = logged(out).into_iter().collect();
        let acknowledged = acknowledged(acknowledgements);
        assert!(acknowledged.len() < COMMANDS as usize, "the disk was not full");
        let lost = acknowledged.iter().find(|number| !logged.contains(number));
        assert_eq!(lost, None, "it was acknowledged, and is not in the log");
        assert!(!out.join("state.json").exists(), "a state of a run that is not through");
    }

    fn go_on(&self, out: &Path) {
        run(&[&replay(&self.workload, out)[..], &["--resume"]].concat()).with(0);
        assert!(fs::read(out.join("state.json")).unwrap() == self.state, "the state differs");
        assert_good(&out.join("testLOG"), &[&self.workload]);
    }
}

#[test]
fn a_write_that_fails_stops_the_run_and_loses_nothing() {
    let case = case();
    // The log of 20,000 commands is about a megabyte; the acknowledgements stay below it.
    for (nth, percent) in [1, 20, 50, 80].into_iter().enumerate() {
        let out = case.folder.path().join(format!("run-{nth}"));
        let acknowledgements = case.folder.path().join(format!("acknowledged-{nth}"));
        let acknowledge = ["--acknowledgements", text(&acknowledgements)];
        let blocks = (case.length * percent / 100 / 512).max(1);
        let arguments = [&replay(&case.workload, &out)[..], &acknowledge].concat();
        let told = end(&mut limited(blocks, &arguments));
        case.assert_nothing_lost(&out, &acknowledgements, told);
        // Still full: still nothing lost, and no second life for what was cut off.
        let told = end(&mut limited(blocks, &[&arguments[..], &["--resume"]].concat()));
        case.assert_nothing_lost(&out, &acknowledgements, told);
        case.go_on(&out);
    }
}

/// A file system of a megabyte, unmounted when this is dropped.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount(at: &Path) -> Option<SmallDisk<'_>> {
        fs::create_dir(at).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=512k", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(at).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(SmallDisk(at))
    }

    fn grow(&self) {
        let options = ["-o", "remount,size=64m"];
        assert!(Command::new("mount").args(options).arg(self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_disk_that_is_really_full_stops_the_run_and_loses_nothing() {
    let case = case();
    let at = case.folder.path().join("disk");
    let Some(disk) = SmallDisk::mount(&at) else {
        println!("skipped: a file system cannot be mounted here");
        return;
    };
    let out = at.join("run");
    let acknowledgements = case.folder.path().join("acknowledged");
    let acknowledge = ["--acknowledgements", text(&acknowledgements)];
    let told = run(&[&replay(&case.workload, &out)[..], &acknowledge].concat());
    assert!(told.stderr.contains("No space left on device"), "{}", told.stderr);
    case.assert_nothing_lost(&out, &acknowledgements, told);
    disk.grow();
    case.go_on(&out);
}

/// The log is whole; only what is made of it does not fit.
#[test]
fn a_dump_that_does_not_fit_is_told_and_can_be_written_later() {
    let case = case();
    let out = case.folder.path().join("run");
    let blocks = case.length / 512 + 100;
    let told = end(&mut limited(blocks, &replay(&case.workload, &out))).with(1);
    told.telling(&["testLOG", "File too large"]);
    assert_eq!(logged(&out).len(), COMMANDS as usize);
    case.go_on(&out);
}
