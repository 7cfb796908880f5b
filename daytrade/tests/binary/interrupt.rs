//! Ctrl-C: a run stops in order and can be gone on with.

use crate::common::*;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

fn interrupt(run: &Guarded) {
    let pid = run.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// A run that waits for more of its input, and the way to send it.
fn waiting(arguments: &[&str], begin: &str) -> (Guarded, ChildStdin) {
    let mut run = Guarded::start(daytrade(arguments).stdin(Stdio::piped()));
    let mut pipe = run.0.stdin.take().unwrap();
    pipe.write_all(begin.as_bytes()).unwrap();
    (run, pipe)
}

#[test]
fn a_run_that_waits_for_input_stops_in_order_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a run's");
    let acknowledgements = folder.path().join("acknowledged");
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 5, 500, 5);
    let lines = fs::read_to_string(&workload).unwrap();
    let half = lines.find("[251]").unwrap();
    let more = ["--quotes", "fixed:42.17", "--out", text(&out)];
    let acknowledge = ["--acknowledgements", text(&acknowledgements)];
    // The last line is not whole: it must not be played as it stands.
    let arguments = [&["replay", "-"], &more[..], &acknowledge].concat();
    let (run_1, pipe) = waiting(&arguments, &lines[..half + 8]);
    until("all is acknowledged", || acknowledged(&acknowledgements).len() == 250);
    interrupt(&run_1);
    let told = run_1.ended().with(130);
    assert!(told.stdout.is_empty(), "{}", told.stdout);
    let told =
        told.telling(&["stopping", "250 commands are durable", "--resume", text(folder.path())]);
    drop(pipe);
    assert_eq!(logged(&out).len(), 250);
    assert!(!out.join("state.json").exists());

    // The command it names is the one that goes on.
    let command = told.stderr.split("go on:").nth(1).unwrap().trim();
    let mut resumed = Command::new("sh");
    resumed.args(["-c", command]).stdin(fs::File::open(&workload).unwrap());
    end(&mut resumed).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    assert_eq!(acknowledged(&acknowledgements).len(), 500);
    assert_eq!(json(&out.join("report.json"))["skipped"], 250);
}

#[test]
fn a_run_in_full_swing_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "course", 500, 1_000_001, 100);
    // Without the DUMPLOG at its end: half a gigabyte of XML would prove nothing here.
    let mut lines = fs::read(&workload).unwrap();
    lines.truncate(lines[..lines.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap());
    fs::write(&workload, lines).unwrap();
    let out = folder.path().join("run");
    let more = ["--quotes", "fixed:42.17", "--out", text(&out)];
    let run_1 = Guarded::start(&mut daytrade(&[&["replay", text(&workload)], &more[..]].concat()));
    until("the run is under way", || log_length(&out) > 0);
    interrupt(&run_1);
    run_1.ended().with(130).telling(&["are durable in", "--resume"]);
    let played = logged(&out).len();
    assert!(0 < played && played < 1_000_000, "{played} commands were played");
    // The log was closed in order: nothing is cut off when it is opened again, and what was played
    // need not be played again.
    let snapshots = fs::read_dir(out.join("log")).unwrap().filter(|item| {
        item.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "snap")
    });
    assert_eq!(snapshots.count(), 1);
    let resumed = run(&[&["replay", text(&workload), "--resume"], &more[..]].concat()).with(0);
    assert!(!resumed.stderr.contains("cut off"), "{}", resumed.stderr);
    assert_eq!(logged(&out).len(), 1_000_000);
}

/// A command that is not due yet when Ctrl-C comes never was received: logged all the same it would
/// stand in the future, and nothing that came later would follow from it.
#[test]
fn a_stopped_paced_run_logs_no_future() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        ["ADD,a,100.00", "BUY,a,ABC,90.00", "COMMIT_BUY,a", "ADD,b,1.00", "DUMPLOG,./testLOG"];
    let workload = write_workload(folder.path(), "workload", &lines);
    let out = folder.path().join("run");
    let begin = ["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&out)];
    let run_1 = Guarded::start(&mut daytrade(&[&begin[..], &["--rate", "0.001"]].concat()));
    until("the first is durable", || logged(&out) == [1]);
    interrupt(&run_1);
    run_1.ended().with(130).telling(&["1 commands are durable"]);
    assert_eq!(logged(&out), [1]);
    // Without its snapshot: every entry must follow from those before it.
    for item in fs::read_dir(out.join("log")).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "snap") {
            fs::remove_file(path).unwrap();
        }
    }
    run(&[&begin[..], &["--resume"]].concat()).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    run(&["audit", "check", "--data", text(&out)]).with(0);
    for transaction in 1..=lines.len() {
        run(&["audit", "show", &transaction.to_string(), "--data", text(&out)]).with(0);
    }
}

/// No quote ever comes: the first Ctrl-C waits for what is on its way, the second does not.
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["replay", "-", "--quote-faults", "silence=1", "--out", text(&out)];
    let (mut run_1, _pipe) =
        waiting(&arguments, "[1] ADD,a,1.00\n[2] QUOTE,a,ABC\n[3] ADD,b,1.00\n");
    until("what waits for nothing is durable", || logged(&out).len() == 2);
    let begun = Instant::now();
    interrupt(&run_1);
    let mut told = String::new();
    BufReader::new(run_1.0.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.contains("Ctrl-C again"), "{told}");
    interrupt(&run_1);
    run_1.ended().with(130);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(logged(&out).len(), 2);
}
