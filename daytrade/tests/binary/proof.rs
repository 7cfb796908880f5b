//! An analyst's way from a run to a proof, and what those see who tampered.

use crate::common::*;
use crate::postgres::Server;
use audit_logger::LogError;
use audit_logger::log::segment_file::compressed_path;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, SegmentFile, segments};
use audit_logger::proof::InstallationKey;
use bus::Entries;
use domain::trading::command::{Action, Verb};
use domain::trading::{Amount, Entry};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A run whose log has several segments, all but the last compressed and vouched for.
pub struct Segmented {
    _folder: tempfile::TempDir,
    workload: PathBuf,
    pub out: PathBuf,
}

const COMMANDS: u32 = 125_000;

pub fn segmented(more: &[&str]) -> Segmented {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "valid", 50, COMMANDS, 20);
    let mut arguments = vec!["replay", text(&workload), "--out", text(&out), "--segment-mib", "1"];
    arguments.extend(more);
    run(&arguments).with(0);
    Segmented { _folder: folder, workload, out }
}

impl Segmented {
    pub fn audit(&self, command: &[&str]) -> Ended {
        let mut arguments = vec!["audit"];
        arguments.extend(command);
        arguments.extend(["--data", text(&self.out)]);
        run(&arguments)
    }

    fn check(&self, code: i32) -> Value {
        let told = self.audit(&["check", "--format", "json"]).with(code).stdout;
        serde_json::from_str(&told).unwrap()
    }

    pub fn segments(&self) -> Vec<(u64, PathBuf)> {
        segments::list(&self.out.join("log")).unwrap()
    }

    fn search(&self) -> String {
        let all = ["search", "--limit", "0", "--format", "jsonl", "--user"];
        let users = self.audit(&["stats", "--top", "1", "--format", "json"]).with(0).stdout;
        let users: Value = serde_json::from_str(&users).unwrap();
        let user = users.to_string();
        let user = user
            .split("\"user\":\"")
            .nth(1)
            .map_or("nobody", |rest| rest.split('"').next().unwrap());
        let mut command = all.to_vec();
        command.push(user);
        self.audit(&command).with(0).stdout
    }
}

#[test]
fn a_run_leaves_a_log_that_is_proven_and_damage_is_named() {
    let plain = segmented(&["--no-compress", "--clock", "virtual"]);
    let small = segmented(&["--clock", "virtual"]);
    assert_good(&small.out.join("testLOG"), &[&small.workload]);
    let all = small.segments();
    assert!(all.len() > 3, "{}", all.len());
    for (_, path) in &all[..all.len() - 1] {
        assert!(!path.exists() && compressed_path(path).exists(), "{}", path.display());
    }
    assert!(plain.segments().iter().all(|(_, path)| path.exists()));
    // Both forms give the same answers.
    assert_eq!(small.search(), plain.search());
    assert!(small.search().lines().count() > 100);
    let told = small.check(0);
    assert_eq!(told["vouched"], told["last"]);
    assert_eq!(told["checkpoints"], all.len());
    let key = told["key"].as_str().unwrap().to_string();

    // A second run over it changes nothing, `compress` does what the run left out.
    let told = plain.audit(&["compress"]).with(0).stdout;
    assert!(told.starts_with(&format!("{} segments: ", all.len() - 1)), "{told}");
    assert_eq!(plain.check(0)["last"], small.check(0)["last"]);

    // Offline: a copy of the log and the public key.
    let copy = tempfile::tempdir().unwrap();
    for item in fs::read_dir(small.out.join("log")).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), copy.path().join(item.file_name())).unwrap();
    }
    let offline = ["audit", "check", "--data", text(copy.path()), "--public-key", &key];
    let told = run(&offline).with(0).stdout;
    assert!(told.starts_with("PROVEN"), "{told}");
    let (first, path) = &all[1];
    fs::remove_file(copy.path().join(compressed_path(path).file_name().unwrap())).unwrap();
    let told = run(&offline).with(1).stdout;
    let lost = format!("lost: entries {first} to {}", all[2].0 - 1);
    assert!(told.starts_with("NOT PROVEN") && told.contains(&lost), "{told}");

    // Another installation's key did not sign this.
    let theirs = copy.path().join("theirs.key");
    let refused = small.audit(&["prove", "--key", text(&theirs)]).with(1);
    assert!(refused.stderr.contains(&key), "{}", refused.stderr);
    let public = copy.path().join("theirs.pub");
    assert!(!theirs.exists() && !public.exists(), "a refused prove made a key");
    InstallationKey::load_or_make(&theirs).unwrap();
    let refused = small.audit(&["prove", "--key", text(&theirs)]).with(1);
    assert!(refused.stderr.contains(&key), "{}", refused.stderr);
    let told = small.audit(&["check", "--public-key", text(&public)]).with(1).stdout;
    assert!(told.contains("not by ed25519:"), "{told}");

    // A byte of the open segment.
    let (_, path) = all.last().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[130] ^= 1;
    fs::write(path, bytes).unwrap();
    let told = small.check(1);
    assert_eq!(told["findings"][0]["kind"], "changed");
    let begins = &told["findings"][0]["entries"][0];
    assert!(begins.as_u64().unwrap() >= all.last().unwrap().0, "{told}");
}

/// The checkpoints were removed and a stranger signed the log: on a machine that knows no key nothing
/// tells him from its owner.
#[test]
fn a_strangers_signature_is_not_called_proven() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00", "ADD,b,2.00"]);
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    for (path, _) in log_files(&out.join("log")) {
        if path.extension().is_some_and(|end| end == "checkpoint") {
            fs::remove_file(path).unwrap();
        }
    }
    let nowhere = folder.path().join("no-keys");
    let elsewhere = |arguments: &[&str]| {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--data", text(&out)]);
        end(daytrade(&arguments).env("XDG_DATA_HOME", &nowhere))
    };
    // Signed by nobody, it is not proven whoever asks.
    elsewhere(&["audit", "check"]).with(1);
    let stranger = folder.path().join("stranger.key");
    elsewhere(&["audit", "prove", "--key", text(&stranger)]).with(0);
    let told = elsewhere(&["audit", "check"]).with(4).stdout;
    assert!(told.starts_with("CONSISTENT, SIGNER UNKNOWN"), "{told}");
    assert!(told.contains("--public-key"), "{told}");
    let told = elsewhere(&["audit", "check", "--format", "json"]).with(4).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["verdict"], "consistent_signer_unknown");
    // To whoever knows whose signature it must be, it is proven, or it is not.
    let public = stranger.with_extension("pub");
    let told = elsewhere(&["audit", "check", "--public-key", text(&public)]).with(0).stdout;
    assert!(told.starts_with("PROVEN"), "{told}");
    run(&["audit", "check", "--data", text(&out)]).with(1);
    // Nothing that was refused made a key.
    elsewhere(&["audit", "prove"]).with(1).telling(&["there is no key here"]);
    elsewhere(&["audit", "retain", "--keep", "1"]).with(1).telling(&["there is no key here"]);
    let export = folder.path().join("export.csv");
    let arguments = ["audit", "export", "--format", "csv", "--prove", "--out", text(&export)];
    elsewhere(&arguments).with(1).telling(&["there is no key here"]);
    assert!(!nowhere.exists(), "a refused command made a key");
}

#[test]
fn an_export_with_a_proof_is_checked_without_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let workload = sample("valid-10users-1000.txt");
    let replay = ["replay", text(&workload), "--clock", "virtual", "--out", text(&out)];
    run(&replay).with(0);
    for form in ["jsonl", "csv", "xml"] {
        let file = folder.path().join(form);
        let export = ["audit", "export", "--format", form, "--prove", "--out", text(&file)];
        let signed = run(&[&export[..], &["--data", text(&out)]].concat()).with(0).stderr;
        let key = signed.trim().rsplit(' ').next().unwrap().to_string();
        let check = |code| {
            let check = ["audit", "check", "--public-key", &key, "--export", text(&file)];
            run(&check).with(code).stdout
        };
        assert!(check(0).starts_with("PROVEN"));
        let whole = fs::read_to_string(&file).unwrap();
        let parts: Vec<&str> = whole.split_inclusive('\n').collect();
        let (at, more) = (parts.len() / 2, parts.len() / 3);
        let mut changed: Vec<String> = parts.iter().map(|part| part.to_string()).collect();
        changed.remove(at);
        fs::write(&file, changed.concat()).unwrap();
        let told = check(1);
        assert!(told.contains("lost: entry ") || told.contains("changed: entry "), "{told}");
        changed.swap(more, more + 40);
        fs::write(&file, changed.concat()).unwrap();
        assert!(check(1).starts_with("NOT PROVEN"));
        fs::write(&file, &whole).unwrap();
        check(0);
        fs::remove_file(&file).unwrap();
        check(2);
    }
}

#[test]
fn what_is_retained_goes_on_and_says_what_is_gone() {
    let run_ = segmented(&["--retain", "40000"]);
    let all = run_.segments();
    let first = all[0].0;
    assert!(first > 30_000, "{first}");
    let told = run_.check(0);
    assert_eq!((&told["removed"], &told["first"]), (&Value::from(first - 1), &Value::from(first)));
    let begins = format!("the log begins with entry {first}");
    run_.audit(&["at", "--user", "nobody", "--tx", &COMMANDS.to_string()])
        .with(1)
        .telling(&[&begins]);
    run_.audit(&["show", &COMMANDS.to_string()]).with(0);
    run_.audit(&["search", "--limit", "1"]).with(0).telling(&[&begins]);
    run_.audit(&["export", "--format", "csv"]).with(0).telling(&[&begins]);
    // The run goes on from its snapshot; what it dumped before is left as it is.
    let dump = run_.out.join("testLOG");
    let before = fs::read(&dump).unwrap();
    let resume = ["replay", text(&run_.workload), "--out", text(&run_.out), "--resume"];
    run(&resume).with(0);
    assert!(fs::read(&dump).unwrap() == before);
    fs::remove_file(&dump).unwrap();
    run(&resume).with(0).telling(&["testLOG is not written", &begins]);
    assert_eq!(run_.check(0)["removed"], first - 1);
    // Without the snapshot there is nothing that it could go on from.
    for item in fs::read_dir(run_.out.join("log")).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "snap") {
            fs::remove_file(path).unwrap();
        }
    }
    run(&resume).with(1).telling(&[&begins]);
}

#[test]
fn a_store_is_compared_and_nothing_goes_that_it_needs() {
    let mut server = Server::start();
    let url = server.address();
    let run_ = segmented(&["--audit", &url]);
    let parity = ["parity", "--audit", &url];
    let told = run_.audit(&parity).with(0).stdout;
    assert!(told.starts_with("SAME  postgres"), "{told}");
    server.sql().run("UPDATE daytrade.entries SET username = 'eve' WHERE entry = 77777");
    let told = run_.audit(&parity).with(1).stdout;
    assert!(told.starts_with("DIFFERENT  postgres entry 77777 (transaction "), "{told}");
    assert!(told.contains("was changed: column username"), "{told}");
    let json = ["parity", "--audit", &url, "--format", "json"];
    let told: Value = serde_json::from_str(&run_.audit(&json).with(1).stdout).unwrap();
    assert_eq!(
        (&told[0]["difference"]["kind"], &told[0]["difference"]["entry"]),
        (&Value::from("changed"), &Value::from(77777))
    );
    run_.audit(&["parity"]).with(2);
    let nowhere = format!("postgres://daytrade@{}nowhere", server.place());
    run_.audit(&["parity", "--audit", &nowhere]).with(2);

    // As if the store had been set back.
    let log = run_.out.join("log");
    let follower = follower_file(&log);
    let noted = fs::read_to_string(&follower).unwrap();
    assert!(!noted.contains(":postgres@"), "{noted}");
    let noted: Value = serde_json::from_str(&noted).unwrap();
    let mut behind = noted.clone();
    behind["next"] = Value::from(10);
    fs::write(&follower, behind.to_string()).unwrap();
    let told = run_.audit(&["retain", "--keep", "1000"]).with(0).stdout;
    assert!(
        told.contains("nothing to remove") && told.contains("postgres at postgres://"),
        "{told}"
    );
    fs::write(&follower, noted.to_string()).unwrap();
    // A row is not what the log says, rows are gone behind the follower's back, the server is away.
    let all = run_.segments();
    let retain = ["retain", "--keep", "1000"];
    let refused = ["nothing was removed: postgres at postgres://", "must hold entries 1 to "];
    let told = run_.audit(&retain).with(1).telling(&refused);
    told.telling(&["entry 77777 (transaction ", "column username"]);
    server.sql().run("DELETE FROM daytrade.entries WHERE entry BETWEEN 500 AND 600");
    let told = run_.audit(&retain).with(1).telling(&refused);
    told.telling(&["entry 500 (transaction ", "is missing"]);
    assert_eq!(run_.segments(), all);
    run_.audit(&["rebuild", "postgres", "--audit", &url]).with(0);
    server.kill();
    let told = run_.audit(&retain).with(1).telling(&refused);
    told.telling(&["it cannot be asked"]);
    assert_eq!(run_.segments(), all);
    server.run();
    let before = run_.segments();
    let last = run_.check(0)["last"].as_u64().unwrap();
    run_.audit(&["retain", "--keep", "1000"]).with(0);
    // Where a segment ends depends on how entries came together in batches: the thousandth entry
    // from the end may stand in the last segment or in one before it.
    let needed = before.iter().rposition(|(first, _)| *first <= last - 999).unwrap();
    assert!(needed > 0 && run_.segments() == before[needed..], "{before:?}");
    // The store has more than the log now; what the log has is compared.
    server.sql().run(
        "UPDATE daytrade.entries SET username = 'eve' \
         WHERE entry = (SELECT max(entry) - 10 FROM daytrade.entries)",
    );
    let told = run_.audit(&parity).with(1).stdout;
    assert!(told.contains("was changed: column username"), "{told}");
    // It cannot be filled anew from a log that has lost its beginning, and is left as it is.
    let rebuild = ["rebuild", "postgres", "--audit", &url];
    run_.audit(&rebuild).with(1).telling(&["the log begins with entry"]);
    assert!(server.sql().rows("SELECT 1 FROM daytrade.entries LIMIT 1").len() == 1);
}

/// Every file of the log but snapshots, with its bytes.
fn log_files(log: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = fs::read_dir(log).unwrap().map(|item| item.unwrap().path());
    let kept = all.filter(|path| path.extension().is_none_or(|end| end != "snap"));
    let mut kept: Vec<_> = kept.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    kept.sort();
    kept
}

/// Makes the log anew with another amount in its first entry, every checksum and the chain with it,
/// and throws away what else could contradict it.
fn make_anew(log: &Path, other: &str) {
    let mut entries = Vec::new();
    let mut reader = LogReader::open(log).unwrap();
    let read = reader.for_each(u64::MAX, |_, entry| {
        entries.push(entry);
        Ok::<_, LogError>(())
    });
    read.unwrap();
    let Entry::Command(first) = &mut entries[0] else { panic!("{:?}", entries[0]) };
    let Action::User { verb: Verb::Add(amount), .. } = &mut first.command.action else {
        panic!("{first:?}")
    };
    *amount = Amount::parse(other.as_bytes()).unwrap();
    for item in fs::read_dir(log).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_none_or(|end| end != "checkpoint") {
            fs::remove_file(path).unwrap();
        }
    }
    let lock = segments::lock(log).unwrap();
    let end = LogEnd { position: LogReader::open(log).unwrap().position(), torn: None };
    let mut writer = LogWriter::open(log, lock, &end, LogOptions::default()).unwrap();
    let mut group = Entries::default();
    entries.iter().for_each(|entry| group.push(entry));
    writer.append([&group].into_iter(), 1_767_225_600_000).unwrap();
    writer.close(1_767_225_600_000).unwrap();
}

/// A log that was changed after it was signed is not gone on with, and so not signed again.
#[test]
fn a_log_that_was_made_anew_is_not_signed_over() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["ADD,a,1.00", "QUOTE,a,ABC", "ADD,b,2.00", "DUMPLOG,./all"];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    let resume = ["replay", text(&workload), "--out", text(&out), "--resume"];
    run(&resume[..4]).with(0);
    run(&resume).with(0);
    let log = out.join("log");
    make_anew(&log, "1000000.00");
    let before = log_files(&log);
    let told = run(&resume).with(1).telling(&[
        ".checkpoint: the log is not what was signed: it was signed at 20",
        "for entries 1 to 5, whose chain ended in ",
        "what stands here was changed after it was signed",
        "nothing was changed or signed; `daytrade audit check` names what is wrong",
    ]);
    assert!(log_files(&log) == before, "{}", told.stderr);
    run(&["audit", "check", "--data", text(&out)]).with(1);
    // Who wants to go on with it all the same says so.
    for (path, _) in before {
        if path.extension().is_some_and(|end| end == "checkpoint") {
            fs::rename(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    run(&resume).with(0);
}

fn follower_file(log: &Path) -> PathBuf {
    let all = fs::read_dir(log).unwrap().map(|item| item.unwrap().path());
    all.into_iter().find(|path| path.extension().is_some_and(|end| end == "follower")).unwrap()
}

/// Killed wherever it is, compressing or not, a run goes on, and what it leaves is proven.
#[test]
fn a_run_that_is_killed_while_it_compresses_is_gone_on_with_and_proven() {
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "valid", 50, COMMANDS, 20);
    let mut arguments = vec!["replay", text(&workload), "--out", text(&out), "--segment-mib", "1"];
    kill_and_resume(&mut arguments, || logged_bytes(&out), 5, 1_200_000, &mut Seeded(8));
    run(&arguments).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    run(&["audit", "compress", "--data", text(&out)]).with(0);
    let told = run(&["audit", "check", "--data", text(&out)]).with(0).stdout;
    assert!(told.starts_with("PROVEN"), "{told}");
    let log = out.join("log");
    let all = fs::read_dir(&log).unwrap().map(|item| item.unwrap().path());
    let left = all.filter(|path| path.to_string_lossy().contains("zst.unfinished")).count();
    assert_eq!(left, 0);
}

/// Bytes of the log, whatever form its segments have.
fn logged_bytes(out: &Path) -> u64 {
    let length =
        |path: &PathBuf| SegmentFile::open(path).and_then(|file| file.length()).unwrap_or(0);
    let all = segments::list(&out.join("log")).unwrap_or_default();
    all.iter().map(|(_, path)| length(path)).sum()
}
