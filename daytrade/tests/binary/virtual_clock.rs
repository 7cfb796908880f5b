//! Under the virtual clock a run is the same to the byte every time, and waiting takes no time.

use crate::common::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A workload of both kinds, with a user's DUMPLOG and a global one in the middle.
fn workload(folder: &Path) -> PathBuf {
    let course = folder.join("course");
    generate(&course, "course", 20, 3_000, 30);
    let valid = folder.join("valid");
    generate(&valid, "valid", 20, 3_000, 30);
    let mut all = fs::read_to_string(course).unwrap();
    all += "[1] ADD,watched,10.00\n[2] DUMPLOG,watched,mine\n";
    all += &fs::read_to_string(valid).unwrap().replace("./testLOG", "./end");
    let path = folder.join("workload");
    fs::write(&path, all).unwrap();
    path
}

/// Replays under the virtual clock and returns all that the run left but its report, which tells
/// of the machine too.
fn replay(workload: &Path, out: &Path, more: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut arguments = vec!["replay", text(workload), "--clock", "virtual", "--out", text(out)];
    arguments.extend(more);
    run(&arguments).with(0);
    let mut left: Vec<_> = segment_bytes(out).into_iter().collect();
    assert!(!left.is_empty());
    for dump in ["testLOG", "mine", "end"] {
        left.push((dump.to_string(), fs::read(out.join(dump)).unwrap()));
    }
    left.push(("state.json".to_string(), fs::read(out.join("state.json")).unwrap()));
    left
}

fn assert_repeats(more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let workload = workload(folder.path());
    let with_seed = |out: &str, seed: &str| {
        let mut arguments = vec!["--seed", seed];
        arguments.extend(more);
        replay(&workload, &folder.path().join(out), &arguments)
    };
    let first = with_seed("first", "7");
    let second = with_seed("second", "7");
    for ((name, bytes), (_, again)) in first.iter().zip(&second) {
        assert!(bytes == again, "{name} differs from run to run ({more:?})");
    }
    let other = with_seed("other", "8");
    assert!(first[0].1 != other[0].1, "another seed leaves the same log ({more:?})");
    assert_good(&folder.path().join("first/end"), &[&workload]);
}

#[test]
fn two_runs_are_the_same_to_the_byte() {
    assert_repeats(&[]);
}

#[test]
fn two_runs_with_slow_quotes_are_the_same_to_the_byte() {
    assert_repeats(&["--quote-delay", "measured"]);
}

#[test]
fn two_runs_with_three_workers_are_the_same_to_the_byte() {
    assert_repeats(&["--quote-delay", "measured", "--workers", "3"]);
}

#[test]
fn two_runs_with_a_failing_quote_server_are_the_same_to_the_byte() {
    let faults = "na=0.1,garbage=0.1,silence=0.1,wrong_stock=0.1,truncated=0.1,reset=0.1";
    assert_repeats(&["--quote-faults", faults, "--workers", "2"]);
}

/// The pieces in which a pipe hands out its bytes are chance: they must not show.
#[test]
fn a_pipe_leaves_the_log_that_a_file_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let workload = workload(folder.path());
    let expected = replay(&workload, &folder.path().join("file"), &[]);
    let out = folder.path().join("pipe");
    let dribble = "while IFS= read -r line; do printf '%s\\n' \"$line\"; done";
    let script = format!("{dribble} < {0} | exec \"$@\"", text(&workload));
    let arguments = ["-c", &script, "sh", DAYTRADE];
    let replay = ["replay", "-", "--clock", "virtual", "--out", text(&out)];
    end(std::process::Command::new("sh").args(arguments).args(replay)).with(0);
    let log = expected.iter().filter(|(name, _)| name.ends_with(".seg")).cloned();
    assert!(segment_bytes(&out).into_iter().eq(log), "the logs differ");
}

/// The times in a dump, in milliseconds from the first.
fn timestamps(dump: &Path) -> Vec<u64> {
    let log = fs::read_to_string(dump).unwrap();
    let times: Vec<u64> = children(&log, "userCommand", "timestamp")
        .iter()
        .map(|time| time.parse().unwrap())
        .collect();
    times.iter().map(|time| time - times[0]).collect()
}

/// A QUOTE each for many stocks.
fn distinct_quotes() -> Vec<String> {
    let pairs = (b'A'..=b'Z').flat_map(|first| (b'A'..=b'J').map(move |second| [first, second]));
    pairs.map(|stock| format!("QUOTE,a,{}", String::from_utf8_lossy(&stock))).collect()
}

#[test]
fn hours_of_waiting_for_quotes_take_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let delays = folder.path().join("four-seconds.csv");
    fs::write(&delays, "4\n").unwrap();
    // One user, so that every quote waits for the one before.
    let quotes = distinct_quotes();
    let mut lines: Vec<&str> = vec!["ADD,a,1000.00"];
    lines.extend(quotes.iter().map(String::as_str));
    lines.push("DUMPLOG,./all");
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    let started = Instant::now();
    let slow = ["--clock", "virtual", "--quote-delay", text(&delays)];
    run(&[&["replay", text(&workload), "--out", text(&out)], &slow[..]].concat()).with(0);
    let took = started.elapsed();
    assert_good(&out.join("all"), &[&workload]);
    // Asking again and again cannot help where every answer takes four seconds: each stock is
    // given up in the end, in virtual time.
    let virtual_s = *timestamps(&out.join("all")).last().unwrap() / 1000;
    assert!(virtual_s > 1000, "only {virtual_s} s went by");
    assert!(took < Duration::from_secs(virtual_s / 20), "{took:?} for {virtual_s} s");
    let report = json(&out.join("report.json"));
    assert!(report["wall_s"].as_f64().unwrap() > 1000.0, "{}", report["wall_s"]);
}

/// Each quote takes seconds, so a minute goes by while one user asks for many.
#[test]
fn what_is_pending_for_a_minute_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let delays = folder.path().join("slow.csv");
    fs::write(&delays, "0.4\n").unwrap();
    let before = [
        "ADD,a,10000.00",
        "ADD,b,10000.00",
        "BUY,a,ABC,9000.00",
        "BUY,b,ABC,9000.00",
        "COMMIT_BUY,b",
        "SELL,b,ABC,5000.00",
    ];
    let quotes = distinct_quotes();
    let mut lines = before.to_vec();
    lines.extend(quotes.iter().map(String::as_str));
    lines.extend(["COMMIT_BUY,a", "DUMPLOG,./all"]);
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    let slow = ["--clock", "virtual", "--quote-delay", text(&delays)];
    run(&[&["replay", text(&workload), "--out", text(&out)], &slow[..]].concat()).with(0);
    assert_good(&out.join("all"), &[&workload]);
    assert!(*timestamps(&out.join("all")).last().unwrap() > 60_000);
    let report = json(&out.join("report.json"));
    assert_eq!(report["rejected"], serde_json::json!({ "no_pending_buy": 1 }));
    let state = json(&out.join("state.json"));
    let (a, b) = (&state["accounts"][0], &state["accounts"][1]);
    assert_eq!((&a["cash"], &a["holdings"]), (&"10000.00".into(), &serde_json::json!({})));
    assert_eq!(a["pending_buys"], serde_json::json!([]));
    assert_eq!(b["pending_sells"], serde_json::json!([]));
    assert_eq!(b["holdings"]["ABC"]["reserved"], 0);
    assert!(b["holdings"]["ABC"]["free"].as_u64().unwrap() > 0);
    // Both were told the moment the minute was over: no command of b's came after it.
    let log = fs::read_to_string(out.join("all")).unwrap();
    let expired: Vec<_> = children(&log, "systemEvent", "command");
    assert!(expired.contains(&"BUY") && expired.contains(&"SELL"), "{expired:?}");
}
