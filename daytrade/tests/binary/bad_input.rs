//! Input that is not what it should be: every line of it is told with its place, the rest of the
//! run is unharmed, and nothing panics.

use crate::common::*;
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Replays `bytes` between two good commands and looks at the rest of the run. The final dump
/// must tell of exactly the lines that hold a command.
fn replay_amid(bytes: &[u8], more: &[&str]) -> (Ended, serde_json::Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("w");
    let mut all = b"[1] ADD,before,1.00\n".to_vec();
    all.extend_from_slice(bytes);
    all.extend_from_slice(b"\n[8] ADD,after,2.00\n[9] DUMPLOG,./all\n");
    fs::write(&workload, all).unwrap();
    let out = folder.path().join("run");
    let ended = run(&[&["replay", text(&workload), "--out", text(&out)], more].concat());
    assert_good(&out.join("all"), &[&workload]);
    let state = json(&out.join("state.json"));
    let cash = |user: &str| {
        let mut accounts = state["accounts"].as_array().unwrap().iter();
        accounts.find(|account| account["user"] == user).map(|account| account["cash"].clone())
    };
    assert_eq!((cash("before"), cash("after")), (Some("1.00".into()), Some("2.00".into())));
    let dump = fs::read_to_string(out.join("all")).unwrap();
    (ended, json(&out.join("report.json")), dump)
}

#[test]
fn a_line_without_a_command_is_told_with_its_place() {
    let long = vec![b'x'; 10_000_000];
    let numbered_long = [b"[2] ADD,a,", &long[..]].concat();
    let table: &[(&[u8], usize, &str)] = &[
        (b"hello", 1, "'['"),
        (b"  hello", 3, "'['"),
        (b"ADD,a,1.00", 1, "'['"),
        (b"[] ADD,a,1.00", 2, "a positive number"),
        (b"[0] ADD,a,1.00", 2, "a positive number"),
        (b"[-2] ADD,a,1.00", 2, "a positive number"),
        (b"[2 ADD,a,1.00", 3, "']'"),
        (b"[2x] ADD,a,1.00", 3, "']'"),
        (b"[2] add,a,1.00", 5, "one of the 16 command names"),
        (b"[2] ADDS,a,1.00", 5, "one of the 16 command names"),
        (b"[2]", 4, "one of the 16 command names"),
        (b"[2] \xff\xfe,a", 5, "one of the 16 command names"),
        (b"\0\0\0", 1, "'['"),
        (b"\xef\xbb\xbf[2] ADD,a,1.00", 1, "'['"),
        (&long, 1, "a shorter line"),
        (&numbered_long, 1, "a shorter line"),
    ];
    for (line, column, expected) in table {
        let name = String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned();
        let (ended, report, _) = replay_amid(line, &[]);
        let place = format!("w:2:{column}: {expected}");
        let ended = ended.with(0).telling(&[&place]);
        assert!(ended.stderr.len() < 1_000, "{name:?}: too much is told");
        assert!(ended.stderr.is_ascii() && !ended.stderr.contains('\0'), "{:?}", ended.stderr);
        assert_eq!(
            (&report["unreadable"], &report["commands"]),
            (&1.into(), &3.into()),
            "{name:?}"
        );
    }
}

#[test]
fn strict_makes_an_unreadable_line_an_exit_code_and_nothing_else() {
    let (ended, report, _) = replay_amid(b"hello", &["--strict"]);
    ended.with(3).telling(&["w:2:1:"]);
    assert_eq!(report["commands"], 3);
    replay_amid(b"[2] ADD,a,-1.00", &["--strict"]).0.with(0);
}

/// A command whose arguments are no good is played, refused and logged with what it said.
#[test]
fn a_command_with_bad_arguments_is_refused_and_logged() {
    let table: &[(&[u8], &str, &str)] = &[
        (b"ADD,a,-73280.58", "invalid_amount", "-73280.58"),
        (b"ADD,a,0.00", "invalid_amount", ""),
        (b"ADD,a,0", "invalid_amount", ""),
        (b"ADD,a,1e9", "invalid_amount", "1e9"),
        (b"ADD,a,12.345", "invalid_amount", "12.345"),
        (b"ADD,a,1000000000000.01", "invalid_amount", ""),
        (b"ADD,a,99999999999999999999999999", "invalid_amount", ""),
        (b"ADD,a,", "invalid_amount", ""),
        (b"ADD,a,NaN", "invalid_amount", "NaN"),
        (b"ADD,a,+1.00", "invalid_amount", "+1.00"),
        (b"ADD,a,0x10", "invalid_amount", "0x10"),
        (b"ADD,a,1.00.00", "invalid_amount", "1.00.00"),
        (b"ADD,a,$1.00", "invalid_amount", "$1.00"),
        (b"ADD,a,\xd9\xa1.00", "invalid_amount", ""),
        (b"ADD,a,1\0", "invalid_amount", ""),
        (b"ADD,a,1,000.00", "invalid_arguments", ""),
        (b"ADD,a", "invalid_arguments", ""),
        (b"ADD", "invalid_arguments", ""),
        (b"ADD,,1.00", "invalid_user", ""),
        (b"ADD,a b,1.00", "invalid_user", "a b"),
        (b"ADD,a\x07b,1.00", "invalid_user", ""),
        (b"ADD,<b>&\",1.00", "invalid_user", "&lt;b&gt;&amp;"),
        (b"ADD,J\xf6rg,1.00", "invalid_user", ""),
        (b"ADD,J\xc3\xb6rg,1.00", "invalid_user", ""),
        (b"ADD,a;DROP TABLE,1.00", "invalid_user", ""),
        (b"BUY,before,ABCD,1.00", "invalid_stock", "ABCD"),
        (b"BUY,before,,1.00", "invalid_stock", ""),
        (b"BUY,before,A1,1.00", "invalid_stock", "A1"),
        (b"BUY,before,ABC,1.00,x", "invalid_arguments", ""),
        (b"COMMIT_BUY,before,x", "invalid_arguments", ""),
        (b"DUMPLOG", "invalid_arguments", ""),
        (b"DUMPLOG,..", "invalid_filename", ".."),
        (b"DUMPLOG,../../etc/passwd", "invalid_filename", "../../etc/passwd"),
        (b"DUMPLOG,.", "invalid_filename", ""),
        (b"DUMPLOG,folder/", "invalid_filename", "folder/"),
        (b"DUMPLOG,a\x01b", "invalid_filename", ""),
    ];
    for (command, code, quoted) in table {
        let name = command.escape_ascii().to_string();
        let line = [b"[2] ", *command].concat();
        let (ended, report, dump) = replay_amid(&line, &["--strict"]);
        ended.with(0);
        assert_eq!(report["unreadable"], 0, "{name}");
        let rejected = report["rejected"].as_object().unwrap();
        assert_eq!(rejected.len(), 1, "{name}: {rejected:?}");
        assert_eq!(rejected.keys().next().unwrap(), code, "{name}");
        assert_eq!(children(&dump, "errorEvent", "errorMessage").len(), 1, "{name}");
        assert!(dump.contains(quoted), "{name}: {quoted} is not in {dump}");
    }
}

/// A file of junk must not become a file of junk twice as long.
#[test]
fn junk_is_listed_up_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    for (line, listed) in [("x".to_string(), Some(10_000)), ("\u{1}".repeat(300), None)] {
        let workload = folder.path().join("w");
        fs::write(&workload, format!("[1] ADD,a,1.00\n{}", format!("{line}\n").repeat(30_000)))
            .unwrap();
        let told = run(&["replay", text(&workload), "--out", text(&out)]).with(0);
        told.telling(&["29990 more unreadable lines; ", "lists the first"]);
        assert_eq!(json(&out.join("report.json"))["unreadable"], 30_000);
        let text = fs::read_to_string(out.join("unreadable.txt")).unwrap();
        assert!(text.len() <= (1 << 20) + 100, "{}", text.len());
        let lines = text.lines().count() - 1;
        assert_eq!(listed.unwrap_or(lines), lines);
        let last = format!("... and {} more unreadable lines\n", 30_000 - lines);
        assert!(text.ends_with(&last), "{}", text.lines().last().unwrap());
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn rubbish_of_every_kind_ends_in_a_good_log() {
    let mut chance = Seeded(0xb1a5);
    for round in 0..20 {
        let mut bytes: Vec<u8> = (0..20_000).map(|_| chance.below(256) as u8).collect();
        if round % 2 == 0 {
            // Lines that begin well.
            for at in (0..bytes.len() - 20).step_by(200) {
                bytes[at..at + 11].copy_from_slice(b"\n[7] BUY,a,");
            }
        }
        let (ended, report, _) = replay_amid(&bytes, &["--quotes", "fixed:1.00"]);
        ended.with(0).telling(&["more unreadable lines; ", "lists all"]);
        assert!(report["unreadable"].as_u64().unwrap() > 10);
    }
}

#[test]
fn workload_without_a_command_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("w");
    fs::write(&workload, "").unwrap();
    let out = folder.path().join("run");
    for more in [&[][..], &["--resume"]] {
        run(&[&["replay", text(&workload), "--out", text(&out)], more].concat())
            .with(1)
            .telling(&[text(&workload), "holds a command", "docs/workloads.md"]);
        assert_eq!(json(&out.join("report.json"))["commands"], 0);
        assert_eq!(json(&out.join("state.json")), serde_json::json!({ "accounts": [] }));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let good = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    let out = folder.path().join("run");
    let missing = folder.path().join("missing");
    for (bad, told) in [(&*missing, "no such file"), (folder.path(), "is a folder")] {
        let files = ["replay", text(&good), text(bad), "--out", text(&out)];
        run(&files).with(1).telling(&[text(bad), told]);
        assert!(!out.exists(), "{told}");
        run(&["verify", text(bad)]).with(2).telling(&[text(bad)]);
        run(&["verify", text(&good), "--workload", text(bad)]).with(2).telling(&[text(bad), told]);
    }
}

#[test]
fn damaged_compression_is_told_and_takes_nothing_from_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    generate(&plain, "course", 10, 20_000, 10);
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&fs::read(&plain).unwrap()).unwrap();
    let whole = gz.finish().unwrap();
    let packed = folder.path().join("w.gz");
    let half = whole.len() / 2;
    let flipped: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| byte ^ (u8::from(at == half) * 0x55)).collect();
    for (nth, bytes) in [&whole[..half], &whole[..whole.len() - 3], &flipped].iter().enumerate() {
        fs::write(&packed, bytes).unwrap();
        let out = folder.path().join(format!("run-{nth}"));
        let ended = run(&["replay", text(&packed), "--out", text(&out)]).with(1);
        ended.telling(&["w.gz: behind line ", "compressed data is damaged", "durable in"]);
        let mut played = logged(&out);
        played.sort_unstable();
        assert!(played.len() > 1_000 && played.iter().copied().eq(1..=played.len() as u64));
        assert!(!out.join("state.json").exists());
    }
    fs::write(&packed, &whole[..1]).unwrap();
    let out = folder.path().join("run-of-one-byte");
    run(&["replay", text(&packed), "--out", text(&out)]).with(1).telling(&["w.gz:1:1:"]);
}

#[test]
fn an_out_folder_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    let below_a_file = workload.join("run");
    for out in [&*workload, &*below_a_file, Path::new("/proc/none/run")] {
        let told = run(&["replay", text(&workload), "--out", text(out)]).with(1);
        told.telling(&[text(out), "the folder cannot be made"]);
    }
    fs::create_dir(folder.path().join("cwd")).unwrap();
    fs::write(folder.path().join("cwd/out"), "in the way").unwrap();
    let mut command = daytrade(&["replay", text(&workload)]);
    end(command.current_dir(folder.path().join("cwd"))).with(1).telling(&["out:", "--out"]);
    let nowhere = workload.join("acknowledged");
    let out = folder.path().join("run");
    let arguments = ["--out", text(&out), "--acknowledgements", text(&nowhere)];
    run(&[&["replay", text(&workload)], &arguments[..]].concat())
        .with(1)
        .telling(&[text(&nowhere)]);
}

#[test]
fn wrong_usage_is_told_with_what_is_right() {
    let table: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["fly"], "unrecognized subcommand"),
        (&["replay"], "FILE"),
        (&["replay", "w", "--quotes", "cheap"], "`sim`, `fixed:PRICE` or `tcp://HOST:PORT`"),
        (&["replay", "w", "--quotes", "fixed:0"], "a price is a decimal"),
        (&["replay", "w", "--quotes", "fixed:-1.00"], "a price is a decimal"),
        (&["replay", "w", "--quotes", "tcp://nowhere"], "nowhere"),
        (&["replay", "w", "--quote-delay", "long"], "measured"),
        (&["replay", "w", "--quote-delay", "/none.csv"], "/none.csv"),
        (&["replay", "w", "--quote-faults", "na=2"], "probability"),
        (&["replay", "w", "--quote-faults", "fire=0.1"], "garbage"),
        (&["replay", "w", "--clock", "broken"], "virtual"),
        (&["replay", "w", "--seed", "x"], "--seed"),
        (&["replay", "w", "--workers", "0"], "1..=256"),
        (&["replay", "w", "--resume"], "--out"),
        (&["verify"], "LOG.xml"),
        (&["verify", "l", "--timestamps", "5..4"], "later"),
        (&["quote-server", "--listen", "here"], "--listen"),
        (&["workload", "generate", "--profile", "best"], "course"),
        (&["workload", "generate", "--commands", "0"], "commands"),
        (&["workload", "generate", "--users", "0"], "users"),
    ];
    for (arguments, told) in table {
        run(arguments).with(2).telling(&[told]);
    }
}

#[test]
fn a_dump_never_takes_the_place_of_another_output() {
    let folder = tempfile::tempdir().unwrap();
    let reserved =
        ["log", "run.json", "state.json", "report.json", "report.html", "unreadable.txt"];
    let mut lines = vec!["ADD,a,1.00".to_string()];
    lines.extend(reserved.map(|name| format!("DUMPLOG,./{name}")));
    lines.push("DUMPLOG,a,log.xml".to_string());
    lines.push("DUMPLOG,a,some/where/else".to_string());
    lines.push("DUMPLOG,C:\\there\\too".to_string());
    lines.push("DUMPLOG,./.state.json".to_string());
    lines.push("DUMPLOG,/etc/absolute".to_string());
    lines.push(format!("DUMPLOG,{}", "n".repeat(255)));
    lines.push(format!("DUMPLOG,{}", "n".repeat(256)));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    for name in reserved {
        assert_good(&out.join(format!("{name}.xml")), &[]);
    }
    assert!(out.join("log").is_dir());
    for name in ["log.xml.xml", "else", "too", ".state.json", "absolute", &"n".repeat(255)] {
        assert_good(&out.join(name), &[]);
    }
    assert_eq!(json(&out.join("state.json"))["accounts"][0]["cash"], "1.00");
    assert_eq!(json(&out.join("report.json"))["rejected"]["invalid_filename"], 1);
    run(&["replay", text(&workload), "--out", text(&out), "--resume"]).with(0);
}

/// Two dumps of one name: the later one stands, as if each had been written when it was asked
/// for.
#[test]
fn of_two_dumps_of_a_name_the_later_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["ADD,a,1.00", "DUMPLOG,./all", "ADD,b,1.00", "DUMPLOG,b,all", "ADD,c,1.00"];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    assert_eq!(dumped(&out.join("all")), [3, 4]);
}

#[test]
fn a_dump_that_cannot_be_written_is_told_by_name_and_everything_else_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["ADD,a,1.00", "DUMPLOG,./taken", "DUMPLOG,a,mine"];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    fs::create_dir_all(out.join("taken")).unwrap();
    let told = run(&["replay", text(&workload), "--out", text(&out)]).with(1);
    told.telling(&["run/taken: create: Is a directory", "this could not be written", "--resume"]);
    assert_eq!(logged(&out), [1, 2, 3]);
    assert_eq!(dumped(&out.join("mine")), [1, 3]);
    assert_eq!(json(&out.join("state.json"))["accounts"][0]["cash"], "1.00");
    assert_eq!(json(&out.join("report.json"))["dumps"].as_array().unwrap().len(), 1);
    assert!(out.join("report.html").exists());
    fs::remove_dir(out.join("taken")).unwrap();
    run(&["replay", text(&workload), "--out", text(&out), "--resume"]).with(0);
    assert_good(&out.join("taken"), &[&workload]);
}
