//! The bytes of a segment, and the entries of a batch whose checksums are right.
//!
//! Whatever they are, reading them back ends without a panic, a second reading agrees with the
//! first, and nothing is touched where the log is damaged.

use audit_logger::LogError;
use audit_logger::log::format::{BatchHeader, ChainHash, SegmentHeader};
use audit_logger::log::recovery::find_end;
use audit_logger::log::{LogEnd, LogReader, segments};
use domain::trading::{Entry, RulesVersion, codec};
use std::fs;
use std::path::Path;

pub(crate) fn target(data: &[u8]) {
    if data.len() > 1 << 16 {
        return;
    }
    as_segment(data);
    as_entries(data);
}

fn as_segment(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = segments::path_of(folder.path(), 1);
    fs::write(&path, bytes).expect("a file");
    match read_back(folder.path()) {
        Ok((entries, end)) => {
            let (again, end_again) = read_back(folder.path()).expect("what was mended is whole");
            assert_eq!(end_again.torn, None);
            assert_eq!((again, end_again.position), (entries, end.position));
            let left = fs::read(&path).unwrap_or_default();
            let kept = end.torn.map_or(Vec::new(), |torn| fs::read(torn.kept_in).expect("kept"));
            assert_eq!([left, kept].concat(), bytes, "no byte is lost");
        }
        Err(error) => {
            assert_eq!(fs::read(&path).expect("untouched"), bytes);
            let again = read_back(folder.path()).expect_err("damaged as before");
            assert_eq!(again.to_string(), error.to_string());
        }
    }
}

fn as_entries(payload: &[u8]) {
    let mut rest = payload;
    let mut entries = Vec::new();
    while let Ok((entry, behind)) = codec::decode(rest) {
        let mut bytes = Vec::new();
        codec::encode(&entry, &mut bytes).expect("what was made can be written");
        assert_eq!(codec::decode(&bytes).map(|(again, _)| again).as_ref(), Ok(&entry));
        entries.push(entry);
        rest = behind;
    }
    let head = SegmentHeader {
        first: 1,
        created_ms: 0,
        chain: ChainHash::START,
        rules: RulesVersion::CURRENT,
    }
    .encode();
    let header = BatchHeader {
        payload_len: payload.len() as u32,
        count: entries.len() as u32,
        payload_crc: crc32(payload),
        first: 1,
    }
    .encode();
    let chain = ChainHash::START.next(&header, payload);
    let folder = tempfile::tempdir().expect("a folder");
    let path = segments::path_of(folder.path(), 1);
    let bytes = [&head[..], &header, payload, &chain.0].concat();
    fs::write(&path, &bytes).expect("a file");
    match read_back(folder.path()) {
        Ok((read, end)) => {
            assert!(rest.is_empty());
            assert_eq!(end.torn, None);
            assert_eq!(read, entries);
        }
        Err(LogError::Damaged { offset, entry, .. }) => {
            assert!(!rest.is_empty());
            assert_eq!((offset, entry), (head.len() as u64, entries.len() as u64 + 1));
            assert_eq!(fs::read(&path).expect("untouched"), bytes);
        }
        Err(other) => panic!("{other}"),
    }
}

/// CRC-32 (IEEE), bit by bit: a second opinion on the one that the log uses.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

fn read_back(folder: &Path) -> Result<(Vec<Entry>, LogEnd), LogError> {
    let mut reader = LogReader::open(folder)?;
    let mut entries = Vec::new();
    let stopped = reader.for_each(u64::MAX, |_, entry| {
        entries.push(entry);
        Ok::<(), LogError>(())
    });
    let end = find_end(&reader, stopped, folder)?;
    Ok((entries, end))
}
