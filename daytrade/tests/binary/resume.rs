//! Killed at any point, a run that is resumed loses nothing that was acknowledged, does nothing
//! twice, and comes to the state of a run that nobody disturbed.

use crate::common::*;
use crate::victim::{Point, Victim};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

const KILLS: usize = 200;

#[test]
fn two_hundred_kills_lose_nothing_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 200, 40_000, 40);
    let mut undisturbed = Victim::new(&workload, folder.path(), 0);
    let started = Instant::now();
    assert!(!undisturbed.run_until(Point::Time(PATIENCE)));
    let mut whole = started.elapsed();
    let length = log_length(&undisturbed.out);
    let state = fs::read(undisturbed.out.join("state.json")).unwrap();
    undisturbed.compare(40_000, &state);

    let mut chance = Seeded(0x5eed_0002);
    let (mut kills, mut finished, mut growing) = (0, 0, 0);
    while kills < KILLS {
        let mut victim = Victim::new(&workload, folder.path(), finished + 1);
        loop {
            // Half of the points are spread over the time of a run, its dump included, and half
            // over its log, where entries come in bursts.
            let before = log_length(&victim.out);
            let by_time = kills % 2 == 0;
            let point = if by_time {
                Point::Time(whole.mul_f64(chance.below(1_000) as f64 / 1_000.0))
            } else {
                Point::Length(before + chance.below((length - before.min(length)).max(1)))
            };
            let killed = victim.run_until(point);
            if by_time {
                // The machine may be busier now than it was, or less busy.
                whole =
                    whole.mul_f64(if killed { 1.05 } else { 0.8 }).max(Duration::from_millis(2));
            }
            if !killed {
                break;
            }
            kills += 1;
            growing += usize::from(log_length(&victim.out) > before);
            if kills == KILLS {
                assert!(!victim.run_until(Point::Time(PATIENCE)));
                break;
            }
        }
        victim.compare(40_000, &state);
        finished += 1;
        fs::remove_dir_all(&victim.out).unwrap();
    }
    println!("{kills} kills, {growing} of them after the log had grown, {finished} runs finished");
    // The others hit the start, or the outputs behind the log.
    assert!(growing > KILLS / 8, "the kills hit nothing: {growing} of {kills}");
}

/// A pipe says exactly how far a run has come: no luck is needed to kill it between two commands.
#[test]
fn killed_between_any_two_commands_it_goes_on_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 5, 60, 5);
    let lines = fs::read_to_string(&workload).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let whole = folder.path().join("whole");
    run(&["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&whole)]).with(0);
    let state = fs::read(whole.join("state.json")).unwrap();
    for cut in (1..lines.len()).step_by(4) {
        let out = folder.path().join(format!("cut-{cut}"));
        let acknowledgements = folder.path().join(format!("acknowledged-{cut}"));
        let more = ["--quotes", "fixed:42.17", "--out", text(&out)];
        let acknowledge = ["--acknowledgements", text(&acknowledgements)];
        let mut command = daytrade(&[&["replay", "-"], &more[..], &acknowledge].concat());
        let mut child = Guarded::start(command.stdin(Stdio::piped()));
        let mut pipe = child.0.stdin.take().unwrap();
        // Half a line more than is to be played: it must not be.
        let part = format!("{}\n{}", lines[..cut].join("\n"), &lines[cut][..6]);
        std::io::Write::write_all(&mut pipe, part.as_bytes()).unwrap();
        until("all is acknowledged", || acknowledged(&acknowledgements).len() == cut);
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        let mut found = logged(&out);
        found.sort_unstable();
        assert!(found.into_iter().eq(1..=cut as u64), "{cut}");
        let resume = [&["replay", text(&workload), "--resume"], &more[..]].concat();
        run(&resume).with(0);
        assert_eq!(fs::read(out.join("state.json")).unwrap(), state, "{cut}");
        let report = json(&out.join("report.json"));
        assert_eq!((&report["skipped"], &report["commands"]), (&cut.into(), &lines.len().into()));
        assert_good(&out.join("testLOG"), &[&workload]);
    }
}

/// A workload and a finished run of it.
fn finished(folder: &Path) -> (PathBuf, PathBuf) {
    let workload = folder.join("workload");
    generate(&workload, "valid", 10, 2_000, 10);
    let out = folder.join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&out)]).with(0);
    (workload, out)
}

#[test]
fn a_finished_run_that_is_resumed_writes_its_outputs_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path());
    let outputs = ["testLOG", "state.json"];
    let before = outputs.map(|name| fs::read(out.join(name)).unwrap());
    let transactions = logged(&out);
    for name in ["testLOG", "state.json", "report.json", "report.html"] {
        fs::remove_file(out.join(name)).unwrap();
    }
    for _ in 0..2 {
        let resume = ["replay", text(&workload), "--out", text(&out), "--resume"];
        run(&[&resume[..], &["--quotes", "fixed:42.17"]].concat()).with(0);
        assert_eq!(outputs.map(|name| fs::read(out.join(name)).unwrap()), before);
        assert_eq!(logged(&out), transactions);
        let report = json(&out.join("report.json"));
        assert_eq!((&report["commands"], &report["skipped"]), (&2_000.into(), &2_000.into()));
        assert!(out.join("report.html").exists());
    }
}

/// Orders that are armed would have a resumed run ask for their prices.
#[test]
fn resuming_a_finished_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "ADD,a,1000.00",
        "SET_BUY_AMOUNT,a,ABC,100.00",
        "SET_BUY_TRIGGER,a,ABC,0.01",
        "no command",
        "DUMPLOG,./testLOG",
    ];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    let arguments = ["replay", text(&workload), "--out", text(&out)];
    run(&arguments).with(0);
    let before = tree(&out);
    let resume = [&arguments[..], &["--resume"]].concat();
    for _ in 0..2 {
        let told = run(&resume).with(0);
        assert!(told.stdout.contains("already complete"), "{}", told.stdout);
        assert!(told.stdout.contains("nothing was changed"), "{}", told.stdout);
        let after = tree(&out);
        let differs = |path: &&PathBuf| after.get(*path) != before.get(*path);
        let changed: Vec<_> = after.keys().chain(before.keys()).filter(differs).collect();
        assert!(changed.is_empty(), "{changed:?}");
    }
    run(&[&resume[..], &["--strict"]].concat()).with(3);
    // What is missing is written, and nothing else.
    for name in ["testLOG", "unreadable.txt", "state.json"] {
        fs::remove_file(out.join(name)).unwrap();
        let told = run(&resume).with(0);
        assert!(told.stdout.contains(name), "{}", told.stdout);
        let bytes = |tree: BTreeMap<PathBuf, (Vec<u8>, SystemTime)>| {
            tree.into_iter().map(|(path, file)| (path, file.0)).collect::<Vec<_>>()
        };
        assert!(bytes(tree(&out)) == bytes(before.clone()), "{name}");
    }
}

/// Counts are of the whole run however often it was stopped.
#[test]
fn resumed_report_covers_the_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "course", 20, 3_000, 10);
    let lines = fs::read_to_string(&workload).unwrap();
    let replay = |file: &Path, out: &Path, more: &[&str]| {
        let options = ["--clock", "virtual", "--out", text(out)];
        run(&[&["replay", text(file)], &options[..], more].concat()).with(0)
    };
    let whole = folder.path().join("whole");
    replay(&workload, &whole, &[]);
    let parts = folder.path().join("parts");
    for count in [1_000, 2_000] {
        let part = folder.path().join("part");
        let lines: Vec<&str> = lines.lines().take(count).collect();
        fs::write(&part, lines.join("\n")).unwrap();
        replay(&part, &parts, &["--resume"]);
        // So that the rest may come from a longer file.
        let _ = fs::remove_file(parts.join("run.json"));
    }
    let told = replay(&workload, &parts, &["--resume"]);
    assert!(told.stdout.contains("1,000 of 3,000 commands"), "{}", told.stdout);
    let (whole, parts) = (json(&whole.join("report.json")), json(&parts.join("report.json")));
    for count in ["commands", "accepted", "rejected", "users", "unreadable"] {
        assert_eq!(parts[count], whole[count], "{count}");
    }
    assert_eq!(parts["skipped"], 2_000);
    let latency = parts["latency"].as_object().unwrap().values();
    let measured: u64 = latency.map(|command| command["count"].as_u64().unwrap()).sum();
    assert_eq!(measured, 1_000);
    assert!(parts["quote_requests"].as_u64() >= whole["quote_requests"].as_u64());
}

#[test]
fn a_folder_with_a_log_is_refused_without_resume_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path());
    let before = segment_bytes(&out);
    run(&["replay", text(&workload), "--out", text(&out)]).with(2).telling(&[
        text(&out),
        "holds the log of a run already",
        "--resume",
    ]);
    assert_eq!(segment_bytes(&out), before);
}

#[test]
fn acknowledgements_go_on_behind_the_last_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path());
    let acknowledgements = folder.path().join("acknowledged");
    fs::write(&acknowledgements, "1\n2\n19").unwrap();
    fs::remove_dir_all(&out).unwrap();
    let more = ["--out", text(&out), "--acknowledgements", text(&acknowledgements)];
    run(&[&["replay", text(&workload), "--resume"], &more[..]].concat()).with(0);
    let numbers = acknowledged(&acknowledgements);
    assert_eq!((&numbers[..2], numbers.len()), (&[1, 2][..], 2_002));
    // A run that begins anew begins the file anew.
    fs::remove_dir_all(&out).unwrap();
    run(&[&["replay", text(&workload), "--force"], &more[..]].concat()).with(0);
    assert_eq!(acknowledged(&acknowledgements).len(), 2_000);
}

#[test]
fn a_run_is_not_resumed_with_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path());
    let before = segment_bytes(&out);
    let other = folder.path().join("other");
    let mut lines = fs::read_to_string(&workload).unwrap();
    // As long as the right one, and with as many lines.
    let at = lines.find("[1000]").unwrap() + 4;
    lines.replace_range(at..at + 1, "1");
    fs::write(&other, lines).unwrap();
    let resume = |files: &[&str]| {
        run(&[&["replay", "--quotes", "fixed:42.17", "--out", text(&out), "--resume"], files]
            .concat())
    };
    let refused = resume(&[text(&other)]).with(2);
    refused.telling(&[text(&other), "is not what the run was begun with", text(&workload)]);
    resume(&[text(&workload), text(&other)]).with(2).telling(&["another number of files"]);
    assert_eq!(segment_bytes(&out), before);
    // The same file by another name is the same file.
    fs::copy(&workload, &other).unwrap();
    resume(&[text(&other)]).with(0);
    // Other quotes are no fault, but no secret either.
    run(&["replay", text(&workload), "--out", text(&out), "--resume"])
        .with(0)
        .telling(&["begun with other quotes", "42.17"]);
    fs::write(out.join("run.json"), "{").unwrap();
    resume(&[text(&workload)]).with(1).telling(&["run.json"]);
}

#[test]
fn resume_without_a_log_begins_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    let out = folder.path().join("new");
    run(&["replay", text(&workload), "--out", text(&out), "--resume"]).with(0);
    assert_eq!(json(&out.join("report.json"))["commands"], 1);
    run(&["replay", text(&workload), "--resume"]).with(2).telling(&["--out"]);
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["replay", "-", "--out", text(&out)];
    let mut first = Guarded::start(daytrade(&arguments).stdin(Stdio::piped()));
    let mut pipe = first.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, b"[1] ADD,a,1.00\n").unwrap();
    until("the log is there", || log_length(&out) > 0);
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    for resume in [&[][..], &["--resume"]] {
        let second = ["replay", text(&workload), "--out", text(&out)];
        let told = run(&[&second[..], resume].concat()).with(1);
        told.telling(&["another process is writing this log"]);
    }
    drop(pipe);
    first.ended().with(0);
    assert_eq!(logged(&out), [1]);
}
