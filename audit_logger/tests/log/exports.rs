//! An exported file and its proof: whatever is done to either is found, and the entry is named.

use crate::proof::key;
use crate::support::*;
use audit_logger::follow::LogId;
use audit_logger::log::ChainHash;
use audit_logger::proof::check::Kind;
use audit_logger::proof::export::{About, Part, proof_path};
use audit_logger::proof::{ExportCheck, InstallationKey, Prover, check_export};
use std::fs;
use std::path::PathBuf;

/// An export of lines, with a head and a foot; entry 4 takes two lines, entry 6 none.
struct Export {
    folder: tempfile::TempDir,
    path: PathBuf,
    parts: Vec<(u64, String)>,
}

impl Export {
    fn new() -> Export {
        let folder = new_folder();
        let path = folder.path().join("export");
        let mut parts = vec![(0, "<log>\n".to_string())];
        for number in 1..=9 {
            let line = format!("entry {number} of user{}\n", number % 3);
            parts.push((number, if number == 6 { String::new() } else { line }));
        }
        parts[4].1 = "entry 4,\nwith more\n".to_string();
        parts.push((0, "</log>\n".to_string()));
        let export = Export { folder, path, parts };
        export.sign(&key(export.folder.path()));
        export
    }

    fn text(&self) -> String {
        self.parts.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn sign(&self, key: &InstallationKey) {
        let mut prover = Prover::default();
        for (entry, text) in &self.parts {
            prover.add(text.as_bytes(), &[Part::of(*entry, text.as_bytes())]);
        }
        let about = About {
            log: LogId([1; 32]),
            log_entries: 9,
            chain: ChainHash([2; 32]),
            form: "lines".to_string(),
            filter: String::new(),
            time_ms: NOW_MS,
        };
        let mut proof = Vec::new();
        prover.finish(key, about, &mut proof).unwrap();
        fs::write(&self.path, self.text()).unwrap();
        fs::write(proof_path(&self.path), proof).unwrap();
    }

    fn check(&self) -> ExportCheck {
        let public = key(self.folder.path()).public();
        check_export(&self.path, &proof_path(&self.path), &public).unwrap()
    }

    fn with(&self, bytes: &[u8]) -> ExportCheck {
        fs::write(&self.path, bytes).unwrap();
        self.check()
    }

    /// What is found in the file as `parts`.
    fn told(&self, parts: &[usize]) -> Vec<(Kind, Option<(u64, u64)>)> {
        let text: String = parts.iter().map(|at| self.parts[*at].1.as_str()).collect();
        let check = self.with(text.as_bytes());
        check.findings.iter().map(|finding| (finding.kind, finding.entries)).collect()
    }
}

#[test]
fn a_file_as_it_was_written_is_proven_offline() {
    let export = Export::new();
    let check = export.check();
    assert_eq!(check.found, 0, "{:?}", check.findings);
    assert_eq!(check.statement.unwrap().entries, 9);
}

#[test]
fn every_flipped_bit_of_an_export_is_found_and_its_entry_named() {
    let export = Export::new();
    let whole = export.text().into_bytes();
    let mut at = 0;
    for (entry, text) in &export.parts {
        for bit in at * 8..(at + text.len()) * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let check = export.with(&bytes);
            assert!(check.found > 0, "bit {bit}");
            let names = |first: u64, last: u64| (first..=last).contains(entry);
            let named = |found: &audit_logger::proof::Finding| {
                found.entries.is_some_and(|(first, last)| names(first, last))
            };
            assert!(*entry == 0 || check.findings.iter().any(named), "{bit}: {:?}", check.findings);
        }
        at += text.len();
    }
}

#[test]
fn lines_that_were_lost_swapped_changed_or_put_in_are_named() {
    let export = Export::new();
    let all: Vec<usize> = (0..export.parts.len()).collect();
    let without = |gone: &[usize]| -> Vec<usize> {
        all.iter().copied().filter(|at| !gone.contains(at)).collect()
    };
    assert_eq!(export.told(&all), []);
    assert_eq!(export.told(&without(&[3])), [(Kind::Lost, Some((3, 3)))]);
    assert_eq!(export.told(&without(&[3, 4, 5])), [(Kind::Lost, Some((3, 5)))]);
    assert_eq!(
        export.told(&without(&[1, 8])),
        [(Kind::Lost, Some((1, 1))), (Kind::Lost, Some((8, 8)))]
    );
    assert_eq!(export.told(&without(&[8, 9, 10])), [(Kind::Lost, Some((8, 9)))]);
    assert_eq!(export.told(&[0, 1, 2, 3, 5, 4, 7, 8, 9, 10]), [(Kind::Reordered, Some((5, 5)))]);
    assert_eq!(export.told(&[0, 1, 2, 2, 3, 4, 5, 7, 8, 9, 10]), [(Kind::Inserted, Some((2, 2)))]);
    assert_eq!(export.told(&[0, 9, 1, 2, 3, 4, 5, 7, 8, 10]), [(Kind::Reordered, Some((9, 9)))]);
    let text = export.text();
    let put_in = text.replace("entry 7", "entry 7 of nobody\nentry 7");
    let check = export.with(put_in.as_bytes());
    assert_eq!((check.found, check.findings[0].kind), (1, Kind::Inserted), "{:?}", check.findings);
    assert!(check.findings[0].reason.ends_with("behind entry 5"), "{}", check.findings[0]);
    let changed = text.replace("with more", "with less").replace("8 of", "8 off");
    let check = export.with(changed.as_bytes());
    let told: Vec<_> = check.findings.iter().map(|found| (found.kind, found.entries)).collect();
    assert_eq!(told, [(Kind::Changed, Some((4, 4))), (Kind::Changed, Some((8, 8)))]);
    for length in 0..text.len() {
        assert!(export.with(&text.as_bytes()[..length]).found > 0, "cut to {length}");
    }
    assert!(export.with(format!("{text}more").as_bytes()).found > 0);
}

#[test]
fn a_proof_that_was_changed_or_signed_by_others_proves_nothing() {
    let export = Export::new();
    let path = proof_path(&export.path);
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        assert!(export.check().found > 0, "bit {bit}");
    }
    let theirs = InstallationKey::load_or_make(&export.folder.path().join("theirs")).unwrap();
    export.sign(&theirs);
    let check = export.check();
    assert_eq!((check.found, check.findings[0].kind), (1, Kind::Checkpoint));
    assert!(check.findings[0].reason.contains(&theirs.public().to_string()));
}
