//! A compressed segment: the table of its frames, and the frames.

use audit_logger::log::SegmentFile;
use std::fs;
use std::io::{Read, Seek, SeekFrom};

/// What is read at most: a table of a few bytes can promise gigabytes.
const MOST: u64 = 8 << 20;

pub(crate) fn target(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("00000000000000000001.seg.zst");
    fs::write(&path, data).expect("a file");
    let Ok(mut file) = SegmentFile::open_compressed(&path) else { return };
    let length = file.length().expect("the table tells");
    if length > MOST {
        return;
    }
    let mut whole = Vec::new();
    let read = file.read_to_end(&mut whole);
    assert!(read.is_err() || whole.len() as u64 == length, "{} of {length}", whole.len());
    // From any place it is the same.
    let mut rest = Vec::new();
    for at in [length / 2, 0, length.saturating_sub(1), length, length + 9] {
        file.seek(SeekFrom::Start(at)).expect("a place");
        rest.clear();
        match file.read_to_end(&mut rest) {
            Ok(_) => assert!(read.is_err() || rest == whole[whole.len().min(at as usize)..]),
            Err(_) => assert!(read.is_err(), "it could be read before"),
        }
    }
}
