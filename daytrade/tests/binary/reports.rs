//! What a run leaves beside its log: the report in figures and in pictures, numbered folders, and
//! the ways to hand a workload in.

use crate::common::*;
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

fn sum(counts: &serde_json::Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn the_report_counts_what_the_log_holds() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "course", 20, 5_000, 30);
    let mut lines = fs::read_to_string(&workload).unwrap();
    lines.insert_str(0, "no command\n");
    lines += "\nneither\n";
    fs::write(&workload, lines).unwrap();
    let out = folder.path().join("run");
    let ended = run(&["replay", text(&workload), "--out", text(&out), "--seed", "9"]).with(0);
    let report = json(&out.join("report.json"));
    let log = fs::read_to_string(out.join("testLOG")).unwrap();

    let number = |field: &str| report[field].as_u64().unwrap_or_else(|| panic!("{field}"));
    assert_eq!(number("commands"), 5_000);
    assert_eq!(number("accepted") + sum(&report["rejected"]), 5_000);
    // An empty line is not counted.
    assert_eq!(number("unreadable"), 2);
    assert_eq!(number("skipped"), 0);
    let quotes = children(&log, "quoteServer", "price").len() as u64;
    assert_eq!(number("quote_requests"), quotes);
    assert!(number("quote_cache_hits") > 0);
    assert!(number("peak_memory_bytes") > 1 << 20);
    let wall = report["wall_s"].as_f64().unwrap();
    let rate = report["commands_per_s"].as_f64().unwrap();
    assert!((rate * wall - 5_000.0).abs() < 1.0, "{rate}/s in {wall} s");

    let names = children(&log, "userCommand", "command");
    for (command, latency) in report["latency"].as_object().unwrap() {
        let count = names.iter().filter(|name| *name == command).count();
        assert_eq!(latency["count"], count, "{command}");
        for time in ["execution_us", "durable_us"] {
            let quantiles = ["p50", "p95", "p99", "p99_99"]
                .map(|q| latency[time][q].as_f64().unwrap_or_else(|| panic!("{time} {q}")));
            assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{command}: {quantiles:?}");
        }
    }
    let counted = report["latency"].as_object().unwrap().values();
    assert_eq!(counted.map(|latency| latency["count"].as_u64().unwrap()).sum::<u64>(), 5_000);
    let series = report["series"].as_array().unwrap();
    let played: u64 = series.iter().map(|part| part["commands"].as_u64().unwrap()).sum();
    assert_eq!(played, 5_000);

    // The table says the same.
    for code in report["rejected"].as_object().unwrap().keys() {
        assert!(ended.stdout.contains(code), "{code} is not in {}", ended.stdout);
    }
    assert!(ended.stdout.contains("5,000 commands"), "{}", ended.stdout);
    assert!(ended.stdout.contains("unreadable  2 lines"), "{}", ended.stdout);
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let workload = sample("course-10users-1000.txt");
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"));
    assert!(page.trim_end().ends_with("</html>"));
    // Namespaces of SVG are names, not addresses to load from.
    let page = page.replace("http://www.w3.org/", "");
    for foreign in ["http:", "https:", "//cdn", "src=", "@import", "url("] {
        assert!(!page.contains(foreign), "the page refers to {foreign}");
    }
}

#[test]
fn runs_without_a_named_folder_are_numbered_and_the_latest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    let replay = || end(daytrade(&["replay", text(&workload)]).current_dir(folder.path())).with(0);
    for number in ["0001", "0002"] {
        assert!(replay().stdout.contains(&format!("out/{number}/report.html")));
        let latest = folder.path().join("out/latest");
        assert_eq!(fs::read_link(latest).unwrap(), Path::new(number));
    }
    // Other things in the folder do not matter, and no number is used twice.
    fs::create_dir(folder.path().join("out/mine")).unwrap();
    fs::create_dir(folder.path().join("out/0041")).unwrap();
    replay();
    assert!(folder.path().join("out/0042/state.json").exists());
    assert!(folder.path().join("out/latest/state.json").exists());
}

/// The newest run that has a log: no experiment, no start that failed, no run of nothing.
#[test]
fn latest_is_the_newest_run_with_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| end(daytrade(arguments).current_dir(folder.path()));
    let latest = folder.path().join("out/latest");
    let experiment = ["experiment", "quote-delay", "--quotes", "20", "--samples", "100"];
    here(&experiment).with(0);
    assert!(folder.path().join("out/0001/index.html").exists() && !latest.exists());
    for (question, code) in [
        (&["audit", "stats"][..], 1),
        (&["audit", "search"], 1),
        (&["orders"], 1),
        (&["audit", "check"], 2),
    ] {
        here(question).with(code).telling(&["out/latest", "--data", "daytrade replay FILE"]);
    }
    let lines = ["ADD,a,1.00"];
    let workload = write_workload(folder.path(), "w", &lines);
    let told = here(&["replay", text(&workload)]).with(0);
    told.telling(&["no DUMPLOG", "daytrade audit export --data out/0002 --format xml"]);
    let number = || fs::read_link(&latest).unwrap();
    assert_eq!(number(), Path::new("0002"));
    // A start that fails leaves nothing.
    here(&["replay", text(&workload), "--key", "/proc/none/key"]).with(1);
    assert!(!folder.path().join("out/0003").exists());
    here(&experiment).with(0);
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    here(&["replay", text(&empty)]).with(1);
    assert_eq!(number(), Path::new("0002"));
    here(&["audit", "stats"]).with(0);
    here(&["audit", "stats", "--data", "out/0003"])
        .with(1)
        .telling(&["no log is in it", "daytrade replay"]);
    let url = "postgres://127.0.0.1:1/none";
    for (command, code) in [
        (&["stats"][..], 1),
        (&["compress"], 1),
        (&["rebuild", "postgres", "--audit", url], 1),
        (&["parity", "--audit", url], 2),
        (&["check"], 2),
    ] {
        here(&[&["audit"], command, &["--data", "out/0004"]].concat())
            .with(code)
            .telling(&["out/0004", "holds no entry yet: --data names"]);
    }
}

#[test]
fn the_same_commands_in_any_wrapping_come_to_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    generate(&plain, "valid", 10, 2_000, 10);
    let bytes = fs::read(&plain).unwrap();
    let fixed = ["--quotes", "fixed:42.17", "--out"];
    let replay = |files: &[&str], name: &str| {
        let out = folder.path().join(name);
        let arguments = [&["replay"], files, &fixed, &[text(&out)]].concat();
        let mut command = daytrade(&arguments);
        if files == ["-"] {
            command.stdin(fs::File::open(&plain).unwrap());
        }
        end(&mut command).with(0);
        assert_good(&out.join("testLOG"), &[&plain]);
        fs::read(out.join("state.json")).unwrap()
    };
    let expected = replay(&[text(&plain)], "from-plain");

    let packed = folder.path().join("packed-without-a-telling-name");
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&bytes).unwrap();
    fs::write(&packed, gz.finish().unwrap()).unwrap();
    assert_eq!(replay(&[text(&packed)], "from-gz"), expected);
    assert_eq!(replay(&["-"], "from-stdin"), expected);

    // Cut in two behind a line whose end is missing; the second half compressed.
    let half = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(999).unwrap().0;
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    fs::write(&first, &bytes[..half]).unwrap();
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&bytes[half + 1..]).unwrap();
    fs::write(&second, gz.finish().unwrap()).unwrap();
    assert_eq!(replay(&[text(&first), text(&second)], "from-two"), expected);
    assert_good(&folder.path().join("from-two/testLOG"), &[&first, &second]);

    // With Windows' ends of lines.
    let crlf = folder.path().join("crlf");
    fs::write(&crlf, String::from_utf8(bytes).unwrap().replace('\n', "\r\n")).unwrap();
    assert_eq!(replay(&[text(&crlf)], "from-crlf"), expected);
}

#[test]
fn a_compressed_workload_can_come_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(b"[1] ADD,a,1.00\n[2] ADD,a,2.00\n").unwrap();
    let bytes = gz.finish().unwrap();
    let out = folder.path().join("run");
    let mut command = daytrade(&["replay", "-", "--out", text(&out)]);
    let mut replay = Guarded::start(command.stdin(Stdio::piped()));
    let mut pipe = replay.0.stdin.take().unwrap();
    // A byte at a time, with pauses that let the reader run dry.
    for (at, byte) in bytes.iter().enumerate() {
        pipe.write_all(&[*byte]).unwrap();
        if at % 16 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
    }
    drop(pipe);
    replay.ended().with(0);
    assert_eq!(json(&out.join("state.json"))["accounts"][0]["cash"], "3.00");
}

#[test]
fn figures_survive_a_reader_that_has_seen_enough() {
    let folder = tempfile::tempdir().unwrap();
    let workload = sample("course-10users-1000.txt");
    let out = folder.path().join("run");
    let script = "\"$@\" | head -1";
    let pipeline = |arguments: &[&str]| {
        let mut command = std::process::Command::new("sh");
        end(command.args(["-c", script, "sh", DAYTRADE]).args(arguments)).with(0)
    };
    pipeline(&["replay", text(&workload), "--out", text(&out)]);
    assert!(out.join("report.html").exists());
    pipeline(&["verify", text(&out.join("testLOG"))]);
    pipeline(&["workload", "generate", "--commands", "100000"]);
    pipeline(&["replay", "--help"]);
}
