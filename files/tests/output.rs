//! No command writes over what it reads, nor over what it was not told to.

use files::{OutputError, OutputFile};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn input_is_refused_under_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("input"), "[1] ADD,a,1.00").unwrap();
    fs::hard_link(at("input"), at("hard")).unwrap();
    symlink("input", at("soft")).unwrap();
    fs::create_dir(at("sub")).unwrap();
    for name in ["input", "hard", "soft", "sub/../input"] {
        for overwrite in [false, true] {
            let refused = OutputFile::check(&at(name), &[at("other"), at("input")], overwrite);
            assert!(matches!(refused, Err(OutputError::IsInput { .. })), "{name}: {refused:?}");
        }
    }
    OutputFile::check(&at("new"), &[at("input")], false).unwrap();
}

#[test]
fn existing_file_needs_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let none: [&Path; 0] = [];
    fs::write(at("full"), "x").unwrap();
    fs::write(at("empty"), "").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let refused = OutputFile::check(&at("full"), &none, false).unwrap_err();
    assert!(refused.to_string().ends_with("full exists; --force overwrites it"), "{refused}");
    OutputFile::check(&at("full"), &none, true).unwrap();
    OutputFile::check(&at("empty"), &none, false).unwrap();
    OutputFile::check(&at("dangling"), &none, false).unwrap();
    OutputFile::check(Path::new("/dev/null"), &none, false).unwrap();
    let folder = OutputFile::check(folder.path(), &none, true);
    assert!(matches!(folder, Err(OutputError::IsFolder { .. })), "{folder:?}");
    let below = OutputFile::check(&at("full").join("file"), &none, true);
    assert!(matches!(below, Err(OutputError::Io { .. })), "{below:?}");
}
