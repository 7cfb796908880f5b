//! Output files: complete or absent, never over an input, never over a file that nobody offered.

use crate::common::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The names in `folder`, sorted.
fn names(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A finished run of a generated workload.
fn finished(folder: &Path, commands: u32) -> (std::path::PathBuf, std::path::PathBuf) {
    let workload = folder.join("workload");
    generate(&workload, "valid", 20, commands, 10);
    let out = folder.join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&out)]).with(0);
    (workload, out)
}

#[test]
fn full_disk_leaves_no_half_output() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path(), 5_000);
    let whole = fs::read(out.join("testLOG")).unwrap();
    assert!(whole.len() > 1 << 20 && log_length(&out) < 512 << 10, "{}", whole.len());
    // Of half a megabyte: the log fits, the dump does not.
    let short = folder.path().join("short");
    let arguments = ["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&short)];
    end(&mut limited(1_024, &arguments)).with(1).telling(&["short/testLOG: write"]);
    assert!(!short.join("testLOG").exists());
    assert!(!names(&short).iter().any(|name| name.ends_with(".unfinished")), "{:?}", names(&short));
    run(&[&arguments[..], &["--resume"]].concat()).with(0);
    assert_good(&short.join("testLOG"), &[&workload]);

    let export = folder.path().join("export");
    let arguments =
        ["audit", "export", "--data", text(&out), "--format", "xml", "--out", text(&export)];
    end(&mut limited(1_024, &arguments)).with(1).telling(&["export"]);
    let big = folder.path().join("big");
    let arguments = ["workload", "generate", "--commands", "100000", "--out", text(&big)];
    end(&mut limited(1_024, &arguments)).with(1).telling(&["big"]);
    assert_eq!(names(folder.path()), ["run", "short", "workload"]);
}

#[test]
fn killed_writer_leaves_no_half_output() {
    let folder = tempfile::tempdir().unwrap();
    let big = folder.path().join("big");
    let temporary = folder.path().join(".big.unfinished");
    let arguments = ["workload", "generate", "--commands", "100000000", "--out", text(&big)];
    let child = Guarded::start(&mut daytrade(&arguments));
    until("the file is being written", || temporary.exists());
    drop(child);
    assert!(!big.exists());
    // The next one removes what the killed one left.
    generate(&big, "course", 10, 100, 10);
    assert_eq!(names(folder.path()), ["big"]);
}

#[test]
fn acknowledgements_overwrite_no_input() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let workload = write_workload(folder.path(), "my.txt", &["ADD,a,1.00"]);
    let before = fs::read(&workload).unwrap();
    fs::hard_link(&workload, at("hard")).unwrap();
    symlink("my.txt", at("soft")).unwrap();
    for name in ["my.txt", "hard", "soft"] {
        for more in [&[][..], &["--force"], &["--resume"]] {
            let out = at("out");
            let files =
                ["--out", text(&out), "--acknowledgements", text(&at(name))].map(str::to_string);
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            run(&[&["replay", text(&workload)], &files[..], more].concat())
                .with(2)
                .telling(&[name, "is also an input"]);
            let mut standard = daytrade(&[&["replay", "-"], &files[..], more].concat());
            end(standard.stdin(fs::File::open(&workload).unwrap())).with(2).telling(&[name]);
            assert!(fs::read(&workload).unwrap() == before && !out.exists(), "{name}");
        }
    }
    // Nor what somebody else wrote.
    fs::write(at("notes"), "mine").unwrap();
    let (out, notes) = (at("out"), at("notes"));
    let arguments =
        ["replay", text(&workload), "--out", text(&out), "--acknowledgements", text(&notes)];
    run(&arguments).with(2).telling(&["notes exists; --force overwrites it"]);
    run(&[&arguments[..], &["--resume"]].concat())
        .with(2)
        .telling(&["notes", "more than transaction numbers"]);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
    run(&[&arguments[..], &["--force"]].concat()).with(0);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "1\n");
    // Nor what the run itself writes, however it is spelled, also before it is there.
    symlink("run", at("link")).unwrap();
    symlink("run/report.json", at("later")).unwrap();
    let spelled = [
        "run/state.json",
        "./run/state.json",
        "out/../run/run.json",
        "run/log/x",
        "link/report.html",
        "later",
    ];
    for existing in [false, true] {
        for name in spelled {
            let replay =
                ["replay", "my.txt", "--out", "run", "--force", "--acknowledgements", name];
            end(daytrade(&replay).current_dir(folder.path()))
                .with(2)
                .telling(&[name, "the run writes something else there"]);
            assert_eq!(at("run").exists(), existing, "{name}");
        }
        fs::create_dir_all(at("run")).unwrap();
    }
    let replay = ["replay", "my.txt", "--out", "run", "--acknowledgements", "./run/acknowledged"];
    end(daytrade(&replay).current_dir(folder.path())).with(0);
}

#[test]
fn dump_overwrites_neither_input_nor_foreign_file() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["ADD,a,1.00", "DUMPLOG,./w", "DUMPLOG,./mine", "DUMPLOG,./dump"];
    let workload = write_workload(folder.path(), "w", &lines);
    let before = fs::read(&workload).unwrap();
    let mine = folder.path().join("mine");
    fs::write(&mine, "mine").unwrap();
    let arguments = ["replay", text(&workload), "--out", text(folder.path())];
    let told = run(&arguments).with(1);
    told.telling(&["/w: a DUMPLOG names it", "/mine: it was there before", "--force"]);
    assert_good(&folder.path().join("dump"), &[&workload]);
    // A resumed run still knows, and may be told to.
    let resume = [&arguments[..], &["--resume"]].concat();
    run(&resume).with(1).telling(&["/mine: it was there before"]);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
    run(&[&resume[..], &["--force"]].concat()).with(1).telling(&["/w: a DUMPLOG names it"]);
    assert_good(&mine, &[]);
    let told = run(&resume).with(1);
    assert!(!told.stderr.contains("/mine"), "{}", told.stderr);
    assert_eq!(fs::read(&workload).unwrap(), before);
    // A state that is there without a log is somebody else's.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("state.json"), "{}").unwrap();
    let arguments = ["replay", text(&workload), "--out", text(&other)];
    run(&arguments).with(2).telling(&["state.json exists; --force overwrites it"]);
}

#[test]
fn existing_output_needs_force() {
    let folder = tempfile::tempdir().unwrap();
    let (target, key) = (folder.path().join("target"), folder.path().join("key"));
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"; 100]);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--key", text(&key), "--out", text(&out)]).with(0);
    let export = ["audit", "export", "--data", text(&out), "--format", "csv"];
    let proven = [&export[..], &["--prove", "--key", text(&key)]].concat();
    for command in [&["workload", "generate"][..], &export, &proven] {
        let command = [command, &["--out", text(&target)]].concat();
        fs::write(&target, "precious").unwrap();
        run(&command).with(2).telling(&["target exists; --force overwrites it"]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        run(&[&command[..], &["--force"]].concat()).with(0);
        assert!(fs::read_to_string(&target).unwrap().len() > 1_000);
    }
    // A proof alone is not overwritten either, nor is the key.
    fs::remove_file(&target).unwrap();
    let command = [&proven[..], &["--out", text(&target)]].concat();
    run(&command).with(2).telling(&["target.proof exists"]);
    let command = [&proven[..], &["--force", "--out", text(&key)]].concat();
    run(&command).with(2).telling(&["key is also an input"]);
    // Not even by a command that does not use it.
    let generate = ["workload", "generate", "--force", "--out"];
    let secret = fs::read_to_string(&key).unwrap();
    run(&[&generate[..], &[text(&key)]].concat()).with(2).telling(&["holds a signing key"]);
    assert_eq!(fs::read_to_string(&key).unwrap(), secret);
    let experiment = ["experiment", "quote-delay", "--quotes", "20", "--samples", "100", "--out"];
    let page = folder.path().join("page");
    run(&[&experiment[..], &[text(&page)]].concat()).with(0);
    run(&[&experiment[..], &[text(&page)]].concat()).with(2).telling(&["result.json exists"]);
    run(&[&experiment[..], &[text(&page), "--force"]].concat()).with(0);
}

#[test]
fn dump_destroys_no_key_and_looks_like_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let dumps = ["ADD,a,1.00", "DUMPLOG,key", "DUMPLOG,LOCK", "DUMPLOG,7.seg"];
    let workload = write_workload(folder.path(), "w", &dumps);
    let (out, key) = (folder.path().join("run"), folder.path().join("run/key"));
    let replay = ["replay", text(&workload), "--key", text(&key), "--out", text(&out)];
    run(&replay).with(1).telling(&["key: a DUMPLOG names it, but it holds a signing key"]);
    assert!(fs::read_to_string(&key).unwrap().len() < 200);
    assert!(out.join("LOCK.xml").is_file() && out.join("7.seg.xml").is_file());
    // The run folder is still one.
    let resumed = run(&[&replay[..], &["--resume"]].concat());
    assert!(!resumed.stderr.contains("is the folder of a log"), "{}", resumed.stderr);
}

#[test]
fn experiment_removes_no_folder_of_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("work/mine");
    fs::create_dir_all(mine.parent().unwrap()).unwrap();
    fs::write(&mine, "precious").unwrap();
    let experiment = ["experiment", "logging", "--commands", "100", "--out", text(folder.path())];
    run(&experiment).with(2).telling(&["work: exists"]);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
}

#[test]
fn another_signers_log_is_not_signed_over() {
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"; 100]);
    let [out, ann, bob] = ["run", "ann", "bob"].map(|name| folder.path().join(name));
    let replay = ["replay", text(&workload), "--out", text(&out), "--key"];
    run(&[&replay[..], &[text(&ann)]].concat()).with(0);
    let before = tree(&out);
    // The key is named, so that it does not fit is an error; nothing is made or changed.
    let resumed = run(&[&replay[..], &[text(&bob), "--resume"]].concat());
    resumed.with(1).telling(&["the log is signed with another key"]);
    assert!(!bob.exists());
    assert_eq!(tree(&out), before);
}

#[test]
fn nothing_is_written_into_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path(), 500);
    let before = tree(&out);
    let log = out.join("log");
    let segment = fs::read_dir(&log).unwrap().map(|item| item.unwrap().path());
    let segment = segment.max_by_key(|path| path.extension() == Some("seg".as_ref())).unwrap();
    let export = ["audit", "export", "--data", text(&out), "--format", "xml", "--force"];
    for target in [&segment, &log.join("new"), &log.join("../log/new"), &log.join("a/b/new")] {
        let to = ["--out", text(target)];
        run(&[&export[..], &to].concat()).with(2).telling(&["is the folder of a log"]);
        run(&[&["workload", "generate", "--force"], &to[..]].concat()).with(2);
        let other = folder.path().join("other");
        let acknowledge = ["--force", "--out", text(&other), "--acknowledgements", text(target)];
        run(&[&["replay", text(&workload)], &acknowledge[..]].concat()).with(2);
    }
    for target in [&log, &log.join("new")] {
        run(&["replay", text(&workload), "--out", text(target)])
            .with(2)
            .telling(&["is the folder of a log"]);
        run(&["experiment", "quote-delay", "--out", text(target)]).with(2);
    }
    assert_eq!(tree(&out), before);
}

#[test]
fn full_standard_output_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = finished(folder.path(), 500);
    let (data, dump) = (text(&out), out.join("testLOG"));
    let state = json(&out.join("state.json"));
    let user = state["accounts"][0]["user"].as_str().unwrap();
    let again = folder.path().join("again");
    let experiment = folder.path().join("experiment");
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["audit", "export", "--help"],
        &["verify", text(&dump)],
        &["audit", "search", "--data", data],
        &["audit", "search", "--data", data, "--format", "jsonl"],
        &["audit", "show", "1", "--data", data],
        &["audit", "at", "--data", data, "--user", user, "--tx", "500"],
        &["audit", "stats", "--data", data],
        &["audit", "stats", "--data", data, "--format", "json"],
        &["audit", "export", "--data", data, "--format", "xml"],
        &["audit", "export", "--data", data, "--format", "parquet"],
        &["audit", "export", "--data", data, "--format", "csv", "--out", "/dev/full"],
        &["audit", "prove", "--data", data],
        &["audit", "check", "--data", data],
        &["orders", "--data", data, "--format", "json"],
        &["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&again)],
        &["workload", "generate"],
        &[
            "experiment",
            "quote-delay",
            "--quotes",
            "20",
            "--samples",
            "100",
            "--out",
            text(&experiment),
        ],
    ];
    for arguments in commands {
        let mut command = daytrade(arguments);
        command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let ended = Ended::of(output);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("No space left"), "{arguments:?}: {}", ended.stderr);
    }
    assert!(again.join("report.html").exists(), "the run is complete all the same");
}
