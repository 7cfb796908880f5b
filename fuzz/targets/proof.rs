//! The proof of an export: its first line, the lines behind it, and a file that is not what the
//! proof says. The bytes are each of these in turn; behind a zero byte, the file as it is found.

use audit_logger::follow::LogId;
use audit_logger::log::ChainHash;
use audit_logger::proof::export::{About, Part, Prover, check_export};
use audit_logger::proof::{ExportCheck, InstallationKey};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

pub(crate) fn target(data: &[u8]) {
    if data.len() > 1 << 16 {
        return;
    }
    as_part(data);
    let folder = tempfile::tempdir().expect("a folder");
    as_proof(data, folder.path(), key());
    as_export(data, folder.path(), key());
}

/// A key for all inputs: to make one takes a flush.
fn key() -> &'static InstallationKey {
    static KEY: OnceLock<InstallationKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        InstallationKey::load_or_make(&folder.path().join("key")).expect("a key")
    })
}

fn as_part(data: &[u8]) {
    for line in std::str::from_utf8(data).unwrap_or_default().lines() {
        if let Ok(part) = line.parse::<Part>() {
            assert_eq!(part.to_string(), line, "a part is written in one way");
        }
    }
}

/// Nobody signed this.
fn as_proof(data: &[u8], folder: &Path, key: &InstallationKey) {
    let (file, proof) = (folder.join("nothing"), folder.join("any.proof"));
    fs::write(&file, b"").expect("a file");
    fs::write(&proof, data).expect("a file");
    let told = check_export(&file, &proof, &key.public()).expect("files that can be read");
    assert!(told.statement.is_none() && told.found == 1, "{told:?}");
}

/// The lines of a file are signed, and then others are found in it.
fn as_export(data: &[u8], folder: &Path, key: &InstallationKey) {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let good = parts.next().unwrap_or_default();
    let found = parts.next().unwrap_or(good);
    let mut prover = Prover::default();
    for (entry, line) in good.split_inclusive(|&byte| byte == b'\n').enumerate() {
        prover.add(line, &[Part::of(entry as u64, line)]);
    }
    let about = About {
        log: LogId([1; 32]),
        log_entries: 9,
        chain: ChainHash([2; 32]),
        form: "csv".to_string(),
        filter: String::new(),
        time_ms: 1,
    };
    let (file, proof) = (folder.join("export"), folder.join("export.proof"));
    let mut signed = Vec::new();
    prover.finish(key, about, &mut signed).expect("memory takes it");
    fs::write(&proof, &signed).expect("a file");
    let check = |bytes: &[u8]| -> ExportCheck {
        fs::write(&file, bytes).expect("a file");
        check_export(&file, &proof, &key.public()).expect("files that can be read")
    };
    assert_eq!(check(good).found, 0);
    let told = check(found);
    assert!(told.statement.is_some());
    assert_eq!(told.found == 0, good == found, "{told:?}");
    assert!(told.findings.len() as u64 <= told.found);
}
