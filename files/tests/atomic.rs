//! A name stands for complete contents or for what was there before.

use files::{AtomicFile, is_temporary, write_atomically};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> = names
        .map(|item| item.expect("a name").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn failed_write_leaves_the_old_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old").unwrap();
    let failed = write_atomically(&path, |out| {
        out.write_all(&[b'x'; 100_000])?;
        Err::<(), _>(io::Error::other("disk full"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "disk full");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn target_is_untouched_until_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    assert!(!path.exists());
    assert_eq!(names(folder.path()), [".out.unfinished"]);
    file.write_all(b" and half").unwrap();
    file.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "half and half");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn leftovers_are_removed_but_not_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let leftover = folder.path().join(".out.unfinished");
    assert!(is_temporary(".out.unfinished") && !is_temporary("out.unfinished"));
    fs::write(&leftover, "of a process that was killed").unwrap();
    let mut first = AtomicFile::create(&path).unwrap();
    let mut second = AtomicFile::create(&path).unwrap();
    assert_eq!(names(folder.path()), [".out.1.unfinished", ".out.unfinished"]);
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    first.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    second.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "second");
    assert_eq!(names(folder.path()), ["out"]);
}

/// Whoever can write to the folder plants a link where the temporary file goes.
#[test]
fn planted_link_is_neither_followed_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("out"), folder.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path().join(".out.unfinished")).unwrap();
    write_atomically(&path, |out| out.write_all(b"new")).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn replaced_file_keeps_permissions_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("out"), folder.path().join("link"));
    fs::write(&path, "secret").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("out", &link).unwrap();
    write_atomically(&link, |out| out.write_all(b"new secret")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "new secret");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn device_is_written_to_directly() {
    write_atomically(Path::new("/dev/null"), |out| out.write_all(b"gone")).unwrap();
    let full = write_atomically(Path::new("/dev/full"), |out| out.write_all(b"gone"));
    assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    let folder = tempfile::tempdir().unwrap();
    let error = AtomicFile::create(folder.path()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn longest_file_name_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["n".repeat(255), "€".repeat(85)] {
        let path = folder.path().join(&name);
        write_atomically(&path, |out| out.write_all(b"x")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
    }
}

#[test]
fn writers_at_the_same_time_leave_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    std::thread::scope(|scope| {
        for letter in b'a'..b'i' {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut file = AtomicFile::create(path).unwrap();
                    file.write_all(&[letter; 500]).unwrap();
                    file.write_all(&[letter; 500]).unwrap();
                    file.commit_unsynced().unwrap();
                    let read = fs::read(path).unwrap();
                    assert!(read.len() == 1_000 && read.iter().all(|byte| *byte == read[0]));
                }
            });
        }
    });
    assert_eq!(names(folder.path()), ["out"]);
}
