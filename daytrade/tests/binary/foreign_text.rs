//! What users, files and command lines bring in reaches terminals and spreadsheets as text and as
//! nothing else, in bounded length.

use crate::common::*;
use std::path::PathBuf;

const LINK: &str = "=HYPERLINK(\"http://evil.example\")";

/// A run whose users gave names that are none.
fn deceived(folder: &std::path::Path) -> PathBuf {
    let long = "n".repeat(60_000);
    let lines = [
        "ADD,good,1.00".to_string(),
        format!("DUMPLOG,good,{LINK}"),
        "ADD,@SUM(A1),-5.00".to_string(),
        "ADD,evil\u{202e}nam\u{2066}e\u{200b},1.00".to_string(),
        format!("ADD,{long},1.00"),
        "BUY,good,S,2.00".to_string(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let workload = write_workload(folder, "w", &lines);
    let out = folder.join("run");
    run(&["replay", text(&workload), "--out", text(&out), "--quotes", "fixed:1.00"]).with(0);
    out
}

#[test]
fn no_name_is_a_formula_in_a_spreadsheet() {
    let folder = tempfile::tempdir().unwrap();
    let out = deceived(folder.path());
    let data = ["--data", text(&out), "--format"];
    for command in ["search", "export"] {
        let csv = run(&[&["audit", command], &data[..], &["csv"]].concat()).with(0).stdout;
        assert!(csv.contains("'=HYPERLINK(") && csv.contains("'@SUM(A1)"), "{csv}");
        let cells = csv.split([',', '\n']).map(|cell| cell.trim_matches('"'));
        let formula = |cell: &&str| cell.starts_with(['=', '@']);
        assert_eq!(cells.clone().find(formula), None, "{command}");
        // Numbers stay numbers.
        assert!(cells.clone().any(|cell| cell == "-5.00"), "{csv}");
        let json = run(&[&["audit", command], &data[..], &["jsonl"]].concat()).with(0).stdout;
        assert!(json.contains("\"=HYPERLINK(") && json.contains("\"@SUM(A1)\""), "{json}");
    }
}

#[test]
fn no_name_reorders_or_hides_what_a_terminal_shows() {
    let folder = tempfile::tempdir().unwrap();
    let out = deceived(folder.path());
    let data = ["--data", text(&out)];
    let table = ["audit", "search", "--format", "table"];
    for arguments in [&table[..], &["audit", "show", "4"], &["audit", "stats"]] {
        let shown = run(&[arguments, &data[..]].concat()).with(0).stdout;
        let hidden = |char: char| matches!(char, '\u{200b}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!shown.contains(hidden), "{shown}");
        assert!(arguments.contains(&"stats") || shown.contains("evil\\u{202e}nam"), "{shown}");
    }
    let missing = "no\u{202e}file\u{1b}[31m";
    let told = run(&["verify", missing]).with(2).telling(&["no\\u{202e}file\\u{1b}[31m"]);
    assert!(!told.stderr.contains(['\u{202e}', '\u{1b}']), "{}", told.stderr);
}

#[test]
fn a_long_name_hides_nothing_and_is_not_printed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let out = deceived(folder.path());
    let long = "n".repeat(60_000);
    let data = ["--data", text(&out)];
    // No terminal: nothing is cut, and the other lines are not as long as the longest.
    let arguments = ["audit", "search", "--format", "table", "--limit", "0"];
    let table = run(&[&arguments, &data[..]].concat()).with(0).stdout;
    assert!(table.contains(&long) && table.len() < 70_000, "{} bytes", table.len());
    assert!(table.lines().next().unwrap().contains("message"));
    for (arguments, code) in [
        (&["verify", &long][..], 2),
        (&["replay", &long], 1),
        (&["orders", "--data", &long], 1),
        (&["audit", "at", "--user", &long, "--tx", "1"], 2),
        (&["audit", "show", &long], 2),
        (&["user", "add", &long], 2),
        (&["fly", &long], 2),
        (&[&long], 2),
    ] {
        let told = run(arguments).with(code);
        assert!(told.stderr.len() < 2_000, "{:?}: {} bytes", arguments[0], told.stderr.len());
    }
}

#[test]
fn what_is_expected_is_said() {
    let table: &[(&[&str], &str)] = &[
        (&["audit", "search", "--limit", "x"], "'x' for '--limit <N>': a whole number is expected"),
        (&["audit", "search", "--limit", ""], "a whole number is expected"),
        (&["audit", "show", "99999999999999999999999"], "the number is too large"),
        (&["replay", "w", "--workers", "two"], "a whole number is expected"),
        (&["up", "--listen", "here"], "an address and a port are expected, such as 127.0.0.1:8080"),
        (&["up", "--trusted-proxy", "here"], "an IP address is expected, such as 127.0.0.1"),
        (&["audit", "retain", "--keep", "x"], "a whole number is expected"),
    ];
    for (arguments, told) in table {
        let ended = run(arguments).with(2).telling(&[told, "error: "]);
        assert!(!ended.stderr.contains("digit found"), "{}", ended.stderr);
    }
}

#[test]
fn colors_stay_out_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = deceived(folder.path());
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = daytrade(arguments);
        for known in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(known);
        }
        end(command.env(name, value))
    };
    let missing = ["audit", "show", "x"];
    let table = ["audit", "search", "--format", "table", "--data", text(&out)];
    for arguments in [&missing[..], &table] {
        let plain = with("CLICOLOR", "1", arguments);
        assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
        let forced = with("CLICOLOR_FORCE", "1", arguments);
        assert!(forced.stdout.contains('\u{1b}') || forced.stderr.contains('\u{1b}'));
    }
    // The program's own log is one of the streams.
    let (workload, other) = (folder.path().join("w"), folder.path().join("other"));
    let store = ["--audit", "postgres://a@127.0.0.1:1/x", "--out", text(&other)];
    let mut child = daytrade(&[&["replay", text(&workload)], &store[..]].concat());
    child.env_remove("NO_COLOR");
    let mut child = Guarded::start(&mut child);
    let stderr = child.0.stderr.take().unwrap();
    let line = std::io::BufRead::lines(std::io::BufReader::new(stderr)).next().unwrap().unwrap();
    assert!(!line.contains('\u{1b}'), "{line}");
}

#[test]
fn a_search_without_a_result_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let out = deceived(folder.path());
    let none = ["audit", "search", "--data", text(&out), "--user", "nobody"];
    let ended = run(&none).with(0).telling(&["no entry of "]);
    assert_eq!(ended.stdout, "");
    let help = run(&["audit", "search", "--help"]).with(0).stdout;
    assert!(help.contains("exit code is 0"), "{help}");
}
