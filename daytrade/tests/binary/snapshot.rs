//! Snapshots spare a resumed run the reading of its log. They are never needed, and never
//! believed where they do not fit.

use crate::common::*;
use audit_logger::log::snapshot::SnapshotHash;
use audit_logger::proof::{Checkpoint, InstallationKey, checkpoint};
use domain::trading::Money;
use domain::trading::codec::{Reader, decode_account, encode_account, put_text, put_u64};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A run of the first half of a workload that goes on with the whole of it: with its snapshot,
/// or with what `spoil` makes of that.
struct Halves {
    _folder: tempfile::TempDir,
    whole: PathBuf,
    out: PathBuf,
}

const COMMANDS: u32 = 4_000;

fn halves() -> Halves {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    generate(&whole, "valid", 10, COMMANDS, 10);
    let half = folder.path().join("half");
    let lines = fs::read_to_string(&whole).unwrap();
    let first: Vec<&str> = lines.lines().take(COMMANDS as usize / 2).collect();
    fs::write(&half, first.join("\n")).unwrap();
    let out = folder.path().join("run");
    run(&["replay", text(&half), "--clock", "virtual", "--out", text(&out)]).with(0);
    // The rest of the workload comes as if it had been there from the beginning.
    fs::remove_file(out.join("run.json")).unwrap();
    Halves { _folder: folder, whole, out }
}

impl Halves {
    fn go_on(&self) -> Ended {
        let out = text(&self.out);
        run(&["replay", text(&self.whole), "--clock", "virtual", "--out", out, "--resume"])
    }

    /// All that the second half leaves.
    fn left(&self) -> [Vec<u8>; 2] {
        assert_good(&self.out.join("testLOG"), &[&self.whole]);
        ["testLOG", "state.json"].map(|name| fs::read(self.out.join(name)).unwrap())
    }
}

fn snapshots(out: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(out.join("log")).unwrap().map(|item| item.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|extension| extension == "snap")).collect()
}

/// What the second half leaves where the snapshot is as `spoil` makes it.
fn with_snapshot(spoil: impl Fn(&Path)) -> ([Vec<u8>; 2], Ended) {
    let halves = halves();
    let found = snapshots(&halves.out);
    assert_eq!(found.len(), 1, "the first half leaves a snapshot");
    spoil(&found[0]);
    let told = halves.go_on().with(0);
    (halves.left(), told)
}

#[test]
fn a_run_goes_on_alike_with_and_without_its_snapshot() {
    let (with, _) = with_snapshot(|_| {});
    let (without, _) = with_snapshot(|snapshot| fs::remove_file(snapshot).unwrap());
    assert!(with == without);
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_told() {
    let (without, _) = with_snapshot(|snapshot| fs::remove_file(snapshot).unwrap());
    let spoils: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes[100] ^= 1,
        // The version, and a hash that fits: a later program wrote it.
        |bytes| {
            bytes[6] += 1;
            seal(bytes);
        },
        // Whole, but not laid out as this program does it.
        |bytes| {
            let header = 6 + 2 + 8 + 32;
            bytes.splice(header.., [0xff; 40]);
            bytes.extend([0; 32]);
            seal(bytes);
        },
    ];
    for (nth, spoil) in spoils.iter().enumerate() {
        let (left, told) = with_snapshot(|snapshot| {
            let mut bytes = fs::read(snapshot).unwrap();
            spoil(&mut bytes);
            fs::write(snapshot, bytes).unwrap();
        });
        assert!(left == without, "spoil {nth}");
        told.telling(&["passed over"]);
    }
}

/// Makes the hash at the end fit what stands before it.
fn seal(bytes: &mut [u8]) {
    let (body, hash) = bytes.split_at_mut(bytes.len() - 32);
    hash.copy_from_slice(blake3::hash(body).as_bytes());
}

/// Gives every account a billion dollars more.
fn enrich(bytes: &mut Vec<u8>) {
    const HEADER: usize = 6 + 2 + 8 + 32;
    let payload = bytes[HEADER..bytes.len() - 32].to_vec();
    let mut reader = Reader::new(&payload);
    let mut forged = Vec::new();
    let copy = |reader: &mut Reader<'_>, forged: &mut Vec<u8>| {
        let number = reader.u64("a number").unwrap();
        put_u64(number, forged);
        number
    };
    copy(&mut reader, &mut forged);
    copy(&mut reader, &mut forged);
    for _ in 0..2 * copy(&mut reader, &mut forged) {
        copy(&mut reader, &mut forged);
    }
    for _ in 0..copy(&mut reader, &mut forged) {
        put_text(reader.file().unwrap().as_given(), &mut forged);
        put_text(reader.text("a user").unwrap(), &mut forged);
        copy(&mut reader, &mut forged);
    }
    while !reader.is_at_end() {
        let (user, mut account) = decode_account(&mut reader).unwrap();
        account.cash = account.cash.checked_add(Money::from_cents(100_000_000_000)).unwrap();
        encode_account(&user, &account, &mut forged).unwrap();
    }
    bytes.truncate(HEADER);
    bytes.extend(forged);
    bytes.extend([0; 32]);
    seal(bytes);
}

/// Forges the snapshot at `path`; returns its hash.
fn forge(path: &Path) -> SnapshotHash {
    let mut bytes = fs::read(path).unwrap();
    enrich(&mut bytes);
    fs::write(path, &bytes).unwrap();
    SnapshotHash(bytes[bytes.len() - 32..].try_into().unwrap())
}

impl Halves {
    /// What `audit check` says of the snapshot.
    fn checked(&self, code: i32) -> Value {
        let check = ["audit", "check", "--format", "json", "--data", text(&self.out)];
        serde_json::from_str(&run(&check).with(code).stdout).unwrap()
    }

    /// `audit check` calls the snapshot forged, and the next start does not believe it.
    #[track_caller]
    fn assert_not_believed(&self, warning: &str) {
        let told = self.checked(1);
        assert_eq!(told["verdict"], "not_proven");
        assert_eq!(told["snapshots"][0]["state"], "contradicts_log", "{told}");
        assert_eq!(told["findings"][0]["kind"], "snapshot", "{told}");
        let reason = told["findings"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("in cash, the log says"), "{reason}");
        let told = self.go_on().with(0).telling(&["is passed over: it ", warning]);
        assert_eq!(told.stderr.matches("warning: snapshot").count(), 1, "{}", told.stderr);
        let (honest, _) = with_snapshot(|_| {});
        assert!(self.left() == honest, "money came from a snapshot");
    }
}

#[test]
fn a_forged_snapshot_brings_no_money() {
    let halves = halves();
    assert_eq!(halves.checked(0)["snapshots"][0]["state"], "signed");
    forge(&snapshots(&halves.out)[0]);
    halves.assert_not_believed("is not the one that was signed");
    // The forged one is told of as long as it is there; what the run left is good.
    let told = halves.checked(1);
    assert_eq!(told["snapshots"][1]["state"], "signed", "{told}");
    fs::remove_file(told["snapshots"][0]["file"].as_str().unwrap()).unwrap();
    assert_eq!(halves.checked(0)["verdict"], "proven");
}

/// He signs his snapshot, with a key that he made himself, in place of the true checkpoint.
#[test]
fn a_strangers_signature_brings_no_money() {
    let halves = halves();
    let log = halves.out.join("log");
    let hash = forge(&snapshots(&halves.out)[0]);
    let keys = tempfile::tempdir().unwrap();
    let stranger = InstallationKey::load_or_make(&keys.path().join("signing.key")).unwrap();
    let ours = checkpoint::list(&log).unwrap().pop().unwrap().checkpoint.unwrap();
    let theirs = Checkpoint::sign(&stranger, ours.log, ours.entries, ours.chain, ours.time_ms);
    theirs.with_snapshot(&stranger, hash).save(&log).unwrap();
    // To whoever is given no key but what the log names he looks honest; the fold does not.
    let check = ["audit", "check", "--data", text(&halves.out), "--public-key"];
    let told = run(&[&check[..], &[&stranger.public().to_string()]].concat()).with(1).stdout;
    assert!(told.contains("snapshot: entries 1 to "), "{told}");
    let told = halves.go_on().with(0);
    told.telling(&["is passed over: it is signed by ed25519:", "a key that is not trusted here"]);
    let (honest, _) = with_snapshot(|_| {});
    assert!(halves.left() == honest, "money came from a snapshot");
}

#[test]
fn an_old_snapshot_is_not_believed_as_newer() {
    let halves = halves();
    let old = fs::read(&snapshots(&halves.out)[0]).unwrap();
    halves.go_on().with(0);
    let honest = halves.left();
    let mut found = snapshots(&halves.out);
    found.sort();
    let newest = found.pop().unwrap();
    fs::write(&newest, &old).unwrap();
    let told = halves.checked(0);
    let answers = told["snapshots"].as_array().unwrap();
    let rolled_back = answers.iter().find(|one| one["state"] == "unreadable").unwrap();
    assert!(rolled_back["reason"].as_str().unwrap().contains("its name does not say"), "{told}");
    halves.go_on().with(0).telling(&["which its name does not say"]);
    assert!(halves.left() == honest);
    // The one that it replaced and its own are gone: nothing signed is left but an old state.
    snapshots(&halves.out).iter().for_each(|path| fs::remove_file(path).unwrap());
    fs::write(&newest, &old).unwrap();
    halves.go_on().with(0).telling(&["the log is read from entry 1 on"]);
    assert!(halves.left() == honest);
}

#[test]
fn a_snapshot_of_another_log_is_passed_over() {
    let (honest, _) = with_snapshot(|_| {});
    for signed in [false, true] {
        let halves = halves();
        let other = tempfile::tempdir().unwrap();
        let workload = write_workload(other.path(), "w", &["ADD,a,1.00", "ADD,b,2.00"]);
        let out = other.path().join("run");
        run(&["replay", text(&workload), "--out", text(&out)]).with(0);
        for snapshot in snapshots(&halves.out) {
            fs::remove_file(snapshot).unwrap();
        }
        // The other log's checkpoint is of the same installation.
        let foreign = snapshots(&out).remove(0);
        for path in [foreign.clone(), foreign.with_extension("checkpoint")] {
            if signed || path == foreign {
                fs::copy(&path, halves.out.join("log").join(path.file_name().unwrap())).unwrap();
            }
        }
        let told = halves.checked(1);
        assert_eq!(told["verdict"], "not_proven", "{told}");
        let reason = if signed { "it is of another log" } else { "no checkpoint names it" };
        halves.go_on().with(0).telling(&["is passed over: ", reason]);
        assert!(halves.left() == honest);
    }
}

/// The log is shorter than what was made of it: entries that were acknowledged are gone.
#[test]
fn a_log_that_ends_before_its_snapshot_is_refused() {
    let halves = halves();
    for (name, bytes) in segment_bytes(&halves.out) {
        fs::write(halves.out.join("log").join(name), &bytes[..96]).unwrap();
    }
    halves.go_on().with(1).telling(&["snapshot"]);
}

/// Where no key is expected, a snapshot that a stranger signed is worth no more than an unsigned one.
#[test]
fn stranger_snapshot_is_not_called_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (out, stranger) = (folder.path().join("out"), folder.path().join("stranger.key"));
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00"]);
    run(&["replay", text(&workload), "--out", text(&out), "--key", text(&stranger)]).with(0);
    let check = |more: &[&str], code| {
        let check = ["audit", "check", "--data", text(&out), "--format", "json"];
        let mut command = daytrade(&[&check[..], more].concat());
        let told = end(command.env("XDG_DATA_HOME", folder.path().join("no-keys"))).with(code);
        serde_json::from_str::<Value>(&told.stdout).unwrap()["snapshots"][0].clone()
    };
    let told = check(&[], 4);
    assert_eq!((&told["state"], &told["signed_by"]), (&"unsigned".into(), &Value::Null), "{told}");
    let public = stranger.with_extension("pub");
    assert_eq!(check(&["--public-key", text(&public)], 0)["state"], "signed");
}
