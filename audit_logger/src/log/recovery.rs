//! Reads a log back after a stop of any kind.
//!
//! A process that dies while it writes leaves a *torn tail*: bytes behind the last whole batch of
//! the last segment that nobody was told are durable. They are moved to a file beside the log and
//! cut off. Anything else that is not as written is *damage*: it is reported, and nothing is cut,
//! because entries behind it may have been acknowledged.

use super::disk::{Disk, FileSystem};
use super::format::{BadHeader, BatchHeader, SegmentHeader, find_batch_header};
use super::reader::{LogReader, ReaderPosition};
use super::segment_file;
use super::settle::settle;
use crate::error::LogError;
use files::write_atomically;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The end of a log, where a writer goes on. What stands before it is on the disk.
#[derive(Clone, Debug)]
pub struct LogEnd {
    /// Behind the last whole batch.
    pub position: ReaderPosition,
    /// What was cut off, if anything was.
    pub torn: Option<TornTail>,
}

/// Bytes that were cut off the end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment they stood in.
    pub segment: PathBuf,
    /// Where they began.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
    /// Where they are kept.
    pub kept_in: PathBuf,
    /// What was wrong with them.
    pub reason: String,
}

/// Deals with the end of a log that `reader` has stopped at with `stopped`: what is torn is cut off,
/// and the last batch is written again where it stands, since it may never have reached the disk.
/// Whoever calls this holds the [lock](super::segments::lock).
///
/// # Errors
/// The log is damaged before its end, or cannot be repaired or flushed for another reason.
pub fn find_end(
    reader: &LogReader,
    stopped: Result<(), LogError>,
    folder: &Path,
) -> Result<LogEnd, LogError> {
    find_end_on(&mut FileSystem, reader, stopped, folder)
}

/// As [`find_end`], on a disk of the caller's.
///
/// # Errors
/// As [`find_end`].
pub fn find_end_on(
    disk: &mut dyn Disk,
    reader: &LogReader,
    stopped: Result<(), LogError>,
    folder: &Path,
) -> Result<LogEnd, LogError> {
    let end = without_tail(reader, stopped, folder)?;
    settle(disk, folder, &end.position, reader.last_begins())?;
    Ok(end)
}

fn without_tail(
    reader: &LogReader,
    stopped: Result<(), LogError>,
    folder: &Path,
) -> Result<LogEnd, LogError> {
    let position = reader.position();
    match stopped {
        Ok(()) => Ok(LogEnd { position, torn: None }),
        Err(LogError::Damaged { path, offset, entry, reason }) => {
            let damage = LogError::Damaged { path: path.clone(), offset, entry, reason };
            // Only bytes that no whole batch was made of can be a tail.
            let behind_all_batches = match &position.segment {
                Some((segment, behind)) => *segment == path && *behind == offset,
                None => offset == 0,
            };
            if !behind_all_batches || !is_tail(folder, &path, offset, position.next)? {
                return Err(damage);
            }
            let torn = cut(&path, offset, damage.to_string())?;
            let mut position = position;
            if offset == 0 {
                // The segment was torn before it held anything: it is gone now.
                position.segment = None;
            }
            Ok(LogEnd { position, torn: Some(torn) })
        }
        Err(other) => Err(other),
    }
}

/// Whether nothing whole follows the bytes at `offset`, where entry `next` should stand: no later
/// batch, no later segment.
fn is_tail(folder: &Path, path: &Path, offset: u64, next: u64) -> Result<bool, LogError> {
    let last = super::segments::list(folder)?.pop().is_some_and(|(_, last)| last == path);
    // What was compressed was whole once: nothing was being written there when a process died.
    if !last || !segment_file::is_plain(path) {
        return Ok(false);
    }
    let mut file = File::open(path).map_err(LogError::io(path, "open"))?;
    file.seek(SeekFrom::Start(offset)).map_err(LogError::io(path, "read"))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(LogError::io(path, "read"))?;
    if offset == 0 {
        // The header of a new segment is flushed together with its first batch, so both can be
        // torn. A whole header that does not fit the log is no accident of a crash.
        let torn = matches!(
            SegmentHeader::decode(&bytes),
            Err(BadHeader::Short | BadHeader::Magic | BadHeader::Checksum)
        );
        return Ok(torn && find_batch_header(&bytes, next).is_none());
    }
    // The batch at `offset` may have a good header and bad entries; what counts is one behind it,
    // or a later one in its place.
    let is_later = |header: BatchHeader| header.first > next;
    Ok(!BatchHeader::decode(&bytes).is_ok_and(is_later)
        && find_batch_header(bytes.get(1..).unwrap_or_default(), next).is_none())
}

fn cut(path: &Path, offset: u64, reason: String) -> Result<TornTail, LogError> {
    let kept_in = free_name(path, offset);
    let mut file =
        OpenOptions::new().read(true).write(true).open(path).map_err(LogError::io(path, "open"))?;
    file.seek(SeekFrom::Start(offset)).map_err(LogError::io(path, "read"))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(LogError::io(path, "read"))?;
    // What is set aside must outlast a crash, its name too, before its bytes go from the segment.
    write_atomically(&kept_in, |kept| kept.write_all(&bytes))
        .map_err(LogError::io(&kept_in, "write"))?;
    if offset == 0 {
        fs::remove_file(path).map_err(LogError::io(path, "remove"))?;
    } else {
        file.set_len(offset).map_err(LogError::io(path, "cut"))?;
        file.sync_all().map_err(LogError::io(path, "flush"))?;
    }
    let bytes = bytes.len() as u64;
    Ok(TornTail { segment: path.to_path_buf(), offset, bytes, kept_in, reason })
}

fn free_name(path: &Path, offset: u64) -> PathBuf {
    let name = |nth: u32| match nth {
        0 => path.with_extension(format!("torn-at-{offset}")),
        nth => path.with_extension(format!("torn-at-{offset}-{nth}")),
    };
    (0..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}
