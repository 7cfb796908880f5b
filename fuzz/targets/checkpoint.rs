//! The text of a checkpoint, alone and as a file beside a log.

use audit_logger::proof::{Checkpoint, checkpoint, vouched};
use std::fs;

pub(crate) fn target(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let read = std::str::from_utf8(data).ok().and_then(|text| Checkpoint::parse(text).ok());
    if let Some(read) = &read {
        let again = Checkpoint::parse(&read.to_json());
        assert_eq!(again.as_ref(), Ok(read), "what is written is read");
        assert_eq!(again.is_ok_and(|again| again.is_signed()), read.is_signed());
    }
    let entries = read.as_ref().map_or(1, |read| read.entries);
    let path = checkpoint::path_of(folder.path(), entries);
    fs::write(&path, data).expect("a file");
    let kept = checkpoint::list(folder.path()).expect("a folder");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].checkpoint.as_ref().ok(), read.as_ref());
    // A log that is not there is no log that anybody vouched for.
    let told = vouched::compare(folder.path()).expect_err("there is no log").to_string();
    assert!(told.starts_with(&path.display().to_string()), "{told}");
}
