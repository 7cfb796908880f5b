//! A replay and `verify` read the same workload in the same way, and the log that the one writes
//! passes the other.

use crate::common::*;
use std::fs;

/// The line of the verdict that begins with `name`, without its name.
fn row<'a>(verdict: &'a str, name: &str) -> &'a str {
    let line = verdict.lines().find(|line| line.trim_start().starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} in {verdict}")).trim_start()[name.len()..].trim()
}

#[test]
fn both_readers_count_the_same_unreadable_lines() {
    let cases = include_str!("../../../workload/tests/corpus/lines.txt");
    let (mut file, mut unreadable) = (Vec::new(), 0);
    for case in cases.lines().filter_map(|line| line.strip_prefix('"')) {
        let (line, reading) = case.rsplit_once("\" = ").unwrap();
        let line = line.replace("\\t", "\t").replace("\\r", "\r").replace("\\x0c", "\x0c");
        file.extend_from_slice(line.as_bytes());
        file.push(b'\n');
        unreadable += u64::from(reading.starts_with("unreadable"));
    }
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("w"), folder.path().join("run"));
    fs::write(&workload, [&file[..], b"[1] DUMPLOG,./all\n"].concat()).unwrap();
    run(&["replay", text(&workload), "--out", text(&out), "--quotes", "fixed:1.00"]).with(0);
    let report = json(&out.join("report.json"));
    assert_eq!(report["unreadable"], unreadable);
    let verdict = run(&["verify", text(&out.join("all")), "--workload", text(&workload)]).with(0);
    let counted = format!("and {unreadable} unreadable");
    assert!(row(&verdict.stdout, "workload lines").ends_with(&counted), "{}", verdict.stdout);
}

/// Orders that fire at once, orders that stay armed, and prices that others asked for.
#[test]
fn prices_from_cache_are_counted_alike() {
    let lines = [
        "ADD,a,1000.00",
        "SET_BUY_AMOUNT,a,S,100.00",
        "SET_BUY_TRIGGER,a,S,5000.00",
        "ADD,b,1000.00",
        "SET_BUY_AMOUNT,b,T,100.00",
        "SET_BUY_TRIGGER,b,T,0.01",
        "SET_BUY_AMOUNT,b,S,100.00",
        "SET_BUY_TRIGGER,b,S,5000.00",
        "QUOTE,a,T",
        "BUY,a,S,50.00",
        "SET_BUY_AMOUNT,b,T,50.00",
        "DUMPLOG,./all",
    ];
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &lines);
    for used in [1, 3, 6, lines.len() - 1] {
        let part = [&lines[..used], &lines[lines.len() - 1..]].concat();
        let workload = match used {
            _ if used == lines.len() - 1 => workload.clone(),
            _ => write_workload(folder.path(), &format!("w{used}"), &part),
        };
        let out = folder.path().join(format!("run{used}"));
        let quotes = ["--quotes", "fixed:7.00", "--clock", "virtual"];
        run(&[&["replay", text(&workload), "--out", text(&out)], &quotes[..]].concat()).with(0);
        let hits = json(&out.join("report.json"))["quote_cache_hits"].clone();
        let verdict = run(&["verify", text(&out.join("all"))]).with(0);
        assert_eq!(row(&verdict.stdout, "prices from cache"), hits.to_string(), "{used}");
        assert!(used < 9 || hits.as_u64().unwrap() > 1, "{hits}");
    }
}

/// What a validator of the schema would refuse is no field of the log.
#[test]
fn an_amount_of_endless_digits_stays_out_of_funds() {
    let digits = "9".repeat(60_000);
    let (one_more, most) = ("8".repeat(25), format!("-0{}", "7".repeat(24)));
    let lines = [
        format!("ADD,a,{digits}"),
        format!("ADD,a,{one_more}"),
        format!("ADD,a,{most}"),
        "DUMPLOG,./all".to_string(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    assert_good(&out.join("all"), &[&workload]);
    let dump = fs::read_to_string(out.join("all")).unwrap();
    assert_eq!(children(&dump, "userCommand", "funds"), [&most]);
    let messages = children(&dump, "errorEvent", "errorMessage");
    assert!(messages[0].contains("(60000 bytes)") && messages[0].len() < 400, "{}", messages[0]);
    assert!(messages[1].contains(&one_more), "{}", messages[1]);
    // The checker finds what a validator would.
    fs::write(out.join("bad"), dump.replace(&most, &one_more)).unwrap();
    let verdict = run(&["verify", text(&out.join("bad"))]).with(1);
    assert!(verdict.stdout.contains("24 that schema validators take"), "{}", verdict.stdout);
}
