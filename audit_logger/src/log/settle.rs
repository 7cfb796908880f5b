//! Makes sure that the end of a log is on the disk, and not only in the memory of the operating
//! system, before anything is built on it.
//!
//! A process can leave a last batch that it wrote and never flushed, or whose flush failed. After a
//! failed flush Linux keeps the bytes in its cache and takes them for written: they are read back,
//! flushing them again succeeds at once and does nothing, and they are gone when the machine stops.
//! What makes it write them is that they are written again.
//!
//! Only the last batch can be such: the next one is never written before the one before it has been
//! flushed. It is written over itself, byte for byte, so a stop in the middle leaves the bytes that
//! were there, or new ones that are the same.

use super::ChainHash;
use super::disk::Disk;
use super::format::{BATCH_HEADER_LEN, BatchHeader, CHAIN_LEN, SEGMENT_HEADER_LEN, SegmentHeader};
use super::reader::ReaderPosition;
use super::segment_file;
use crate::error::LogError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Writes the bytes from `begins` to the end of the log at `position` again, in their place, and
/// flushes them: the last batch, with the segment's header if it is the first behind it.
///
/// # Errors
/// They cannot be read, written or flushed, or are not what was read a moment before.
pub(super) fn settle(
    disk: &mut dyn Disk,
    folder: &Path,
    position: &ReaderPosition,
    begins: u64,
) -> Result<(), LogError> {
    let Some((path, end)) = &position.segment else { return Ok(()) };
    if !segment_file::is_plain(path) {
        // It was flushed, read back and compared before it took the place of the plain one.
        return Ok(());
    }
    let bytes = read(path, begins, *end, position)?;
    let mut file = disk.open(path, begins).map_err(LogError::io(path, "open"))?;
    file.write_all(&bytes).map_err(LogError::io(path, "write"))?;
    file.sync().map_err(LogError::io(path, "flush"))?;
    // A segment without a batch may have been left before its name was durable.
    disk.sync_folder(folder).map_err(LogError::io(folder, "flush"))
}

/// The bytes from `begins` to `end`, which must lead to the chain at `position`: what is read a
/// second time can have been dropped from memory, and be older on the disk.
fn read(
    path: &Path,
    begins: u64,
    end: u64,
    position: &ReaderPosition,
) -> Result<Vec<u8>, LogError> {
    let from = begins.saturating_sub(CHAIN_LEN as u64);
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(LogError::io(path, "open"))?;
    file.seek(SeekFrom::Start(from)).map_err(LogError::io(path, "read"))?;
    file.take(end - from).read_to_end(&mut bytes).map_err(LogError::io(path, "read"))?;
    if chain_behind(&bytes, begins == 0) != Some(position.chain) {
        return Err(LogError::Damaged {
            path: path.to_path_buf(),
            offset: begins,
            entry: position.next,
            reason: "the last batch is not what was read before: it never was on the disk"
                .to_string(),
        });
    }
    Ok(bytes.split_off((begins - from) as usize))
}

/// The chain behind the end of a log: of a segment's header and at most one batch, or of the chain
/// before a batch and that batch.
fn chain_behind(bytes: &[u8], with_header: bool) -> Option<ChainHash> {
    let (before, batch) = if with_header {
        (SegmentHeader::decode(bytes).ok()?.chain, bytes.get(SEGMENT_HEADER_LEN..)?)
    } else {
        let (chain, batch) = bytes.split_first_chunk::<CHAIN_LEN>()?;
        (ChainHash(*chain), batch)
    };
    if batch.is_empty() {
        return Some(before);
    }
    let header = BatchHeader::decode(batch).ok()?;
    let (head, rest) = batch.split_at(BATCH_HEADER_LEN);
    let (payload, chain) = rest.split_at_checked(header.payload_len as usize)?;
    let behind = before.next(head, payload);
    (behind.0 == chain).then_some(behind)
}
