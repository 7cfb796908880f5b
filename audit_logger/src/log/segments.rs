//! The files of a log: segments named by their first entry, a lock, and torn tails set aside.
//!
//! A segment has one name, that of its plain form, in whichever form it is there
//! ([`segment_file`](super::segment_file)).

use crate::error::LogError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const EXTENSION: &str = "seg";
const COMPRESSED: &str = ".seg.zst";
const LOCK: &str = "LOCK";

/// The path of the segment that begins with entry `first`.
pub fn path_of(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.{EXTENSION}"))
}

/// The first entry of the segment at `path`, as its name has it.
pub fn first_of(path: &Path) -> Option<u64> {
    let extension = path.extension()?;
    if extension != EXTENSION {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

fn first_of_compressed(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(COMPRESSED)?.parse().ok()
}

/// The segments of a log with their first entries, in order. A folder that is not there has none.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let mut found = list_once(folder)?;
    // A segment that is compressed between two looks at the folder can be seen in neither form: its
    // new name may stand before the place that was reached, and its old name be gone behind it.
    loop {
        let again = list_once(folder)?;
        if again == found {
            return Ok(found);
        }
        found = again;
    }
}

fn list_once(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for item in fs::read_dir(folder).map_err(LogError::io(folder, "list"))? {
        let path = item.map_err(LogError::io(folder, "list"))?.path();
        if let Some(first) = first_of(&path) {
            found.push((first, path));
        } else if let Some(first) = first_of_compressed(&path) {
            found.push((first, path.with_extension("")));
        }
    }
    found.sort();
    // Where both forms are there, they are one segment.
    found.dedup();
    Ok(found)
}

/// Whether a file of this name would be taken for a part of a log.
pub fn is_file_of_log(name: &str) -> bool {
    let path = Path::new(name);
    name == LOCK || first_of(path).is_some() || first_of_compressed(path).is_some()
}

/// A lock on a log's folder, held while this lives: two writers would destroy each other's work.
#[derive(Debug)]
pub struct FolderLock(#[allow(dead_code)] File);

/// Whether a writer has ever opened `folder` as a log, with a segment or without.
pub fn has_lock_file(folder: &Path) -> bool {
    folder.join(LOCK).is_file()
}

/// Locks the log for writing.
///
/// # Errors
/// Another process holds the lock, or the file cannot be made.
pub fn lock(folder: &Path) -> Result<FolderLock, LogError> {
    fs::create_dir_all(folder).map_err(LogError::io(folder, "create"))?;
    let path = folder.join(LOCK);
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(LogError::io(&path, "create"))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(fs::TryLockError::WouldBlock) => Err(LogError::Locked { path: folder.to_path_buf() }),
        Err(fs::TryLockError::Error(source)) => Err(LogError::Io { path, action: "lock", source }),
    }
}
