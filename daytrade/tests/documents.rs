//! The tests and files that the documents name exist.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

/// Documents that say what is tested where.
const DOCUMENTS: [&str; 2] = ["docs/security.md", "docs/reliability.md"];

/// Folders that paths in the documents begin with.
const FOLDERS: [&str; 9] = [
    "audit_logger/",
    "autotx/",
    "bus/",
    "daytrade/",
    "domain/",
    "frontend/",
    "quote_manager/",
    "worker/",
    "workload/",
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What stands between backticks in `text`, on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether `source` has a test of that name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let function = line.trim_start_matches("async ").strip_prefix("fn ");
        let named = function.and_then(|rest| rest.split('(').next()) == Some(name);
        let above = lines[..at].iter().rev();
        named
            && above
                .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
                .any(|line| line.starts_with("#[") && line.contains("test"))
    })
}

/// What is wrong with a reference `FILE` or `FILE::TEST`.
fn fault(reference: &str) -> Option<String> {
    let (file, test) = match reference.split_once("::") {
        Some((file, test)) => (file, Some(test)),
        None => (reference, None),
    };
    let Ok(source) = fs::read_to_string(root().join(file)) else {
        return Some(format!("{reference}: there is no such file"));
    };
    let missing = test.is_some_and(|test| !has_test(&source, test));
    missing.then(|| format!("{reference}: the file has no such test"))
}

#[test]
fn every_named_test_exists() {
    let (mut named, mut faults) = (0, Vec::new());
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let references = quoted(&text)
            .filter(|quoted| FOLDERS.iter().any(|folder| quoted.starts_with(folder)))
            .filter(|quoted| !quoted.contains(' '));
        for reference in references {
            named += usize::from(reference.contains("::"));
            faults.extend(fault(reference).map(|fault| format!("{document}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(named > 50, "only {named} tests are named");
}

#[test]
fn missing_test_or_file_is_noticed() {
    let here = "daytrade/tests/documents.rs";
    assert_eq!(fault(here), None);
    assert_eq!(fault(&format!("{here}::every_named_test_exists")), None);
    assert!(fault(&format!("{here}::no_such_test")).is_some());
    assert!(fault(&format!("{here}::has_test")).is_some(), "a function that is no test");
    assert!(fault("daytrade/tests/no_such_file.rs").is_some());
}
