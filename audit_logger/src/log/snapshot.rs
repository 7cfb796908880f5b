//! Snapshots: what the entries up to some number come to, so that reading a log back need not
//! begin at its first entry. A snapshot holds bytes that only its maker understands; it can
//! always be thrown away.
//!
//! The hash at the end of a file finds damage and stops nobody: whoever can write the file can make
//! the hash anew. What may be used is decided by [`proof::snapshots`](crate::proof::snapshots).

use super::format::{CHAIN_LEN, ChainHash};
use crate::error::LogError;
use files::write_atomically;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 6] = b"DTSNAP";
const EXTENSION: &str = "snap";
const HEADER_LEN: usize = 6 + 2 + 8 + CHAIN_LEN;

/// The version of the file and of what it holds. Version 1 did not hold the highest transaction
/// number, and no checkpoint named it.
pub const VERSION: u16 = 2;

/// How many snapshots are kept: the newest may turn out to be damaged.
const KEPT: usize = 2;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of the last entry it covers.
    pub last: u64,
    /// The chain up to it.
    pub chain: ChainHash,
    /// What the entries come to.
    pub payload: Vec<u8>,
}

/// The BLAKE3 hash of a snapshot: of its file, but for the hash that the file ends with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ChainHash", into = "ChainHash")]
pub struct SnapshotHash(pub [u8; 32]);

impl From<ChainHash> for SnapshotHash {
    fn from(hash: ChainHash) -> SnapshotHash {
        SnapshotHash(hash.0)
    }
}

impl From<SnapshotHash> for ChainHash {
    fn from(hash: SnapshotHash) -> ChainHash {
        ChainHash(hash.0)
    }
}

impl fmt::Display for SnapshotHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ChainHash(self.0).fmt(f)
    }
}

impl fmt::Debug for SnapshotHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a snapshot and removes older ones, all but one; returns its hash, for a checkpoint to
/// name.
///
/// # Errors
/// It cannot be written; the ones before it are still there.
pub fn save(folder: &Path, snapshot: &Snapshot) -> Result<SnapshotHash, LogError> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + snapshot.payload.len() + CHAIN_LEN);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&snapshot.last.to_le_bytes());
    bytes.extend_from_slice(&snapshot.chain.0);
    bytes.extend_from_slice(&snapshot.payload);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());

    let path = path_of(folder, snapshot.last);
    write_atomically(&path, |file| file.write_all(&bytes)).map_err(LogError::io(&path, "write"))?;
    // A file that claims to cover more than the log has must not push out what is true.
    for old in list(folder)?.into_iter().filter(|other| *other <= path).skip(KEPT) {
        fs::remove_file(&old).map_err(LogError::io(&old, "remove"))?;
    }
    Ok(SnapshotHash(*hash.as_bytes()))
}

/// Reads the snapshot at `path`, and computes its hash.
///
/// # Errors
/// It cannot be read, is damaged, is of another version or has the name of another: which of them,
/// in words.
pub fn read(path: &Path) -> Result<(Snapshot, SnapshotHash), String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let (snapshot, hash) = parse(&bytes)?;
    // An old one under the name of a newer must not pass for the newer.
    if path_of(Path::new(""), snapshot.last).file_name() != path.file_name() {
        return Err(format!("covers entries 1 to {}, which its name does not say", snapshot.last));
    }
    Ok((snapshot, hash))
}

/// Where the snapshot that covers the entries up to `last` is.
pub fn path_of(folder: &Path, last: u64) -> PathBuf {
    folder.join(format!("{last:020}.{EXTENSION}"))
}

fn parse(bytes: &[u8]) -> Result<(Snapshot, SnapshotHash), String> {
    let damaged = || "is damaged".to_string();
    let parts = bytes.len().checked_sub(CHAIN_LEN).and_then(|end| bytes.split_at_checked(end));
    let (body, stored) = parts.ok_or_else(damaged)?;
    let (header, payload) = body.split_at_checked(HEADER_LEN).ok_or_else(damaged)?;
    let hash = blake3::hash(body);
    if &header[..6] != MAGIC || hash.as_bytes() != stored {
        return Err(damaged());
    }
    let number = |at: usize| header[at..at + 8].try_into().map_err(|_| damaged());
    let version = u16::from_le_bytes([header[6], header[7]]);
    if version != VERSION {
        return Err(format!("has format version {version}, this program reads {VERSION}"));
    }
    let snapshot = Snapshot {
        last: u64::from_le_bytes(number(8)?),
        chain: ChainHash(header[16..HEADER_LEN].try_into().map_err(|_| damaged())?),
        payload: payload.to_vec(),
    };
    Ok((snapshot, SnapshotHash(*hash.as_bytes())))
}

/// The files of snapshots beside the log in `folder`, the newest by name first.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, LogError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for item in fs::read_dir(folder).map_err(LogError::io(folder, "list"))? {
        let path = item.map_err(LogError::io(folder, "list"))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    found.sort();
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(last: u64) -> Snapshot {
        Snapshot { last, chain: ChainHash([7; 32]), payload: vec![1, 2, 3] }
    }

    #[test]
    fn old_snapshots_go_and_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for last in [5, 10, 20] {
            let hash = save(folder.path(), &snapshot(last)).unwrap();
            assert_eq!(read(&path_of(folder.path(), last)), Ok((snapshot(last), hash)));
        }
        let left = list(folder.path()).unwrap();
        assert_eq!(left, [path_of(folder.path(), 20), path_of(folder.path(), 10)]);
        let whole = fs::read(&left[0]).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(parse(&bytes).is_err(), "byte {at}");
            assert!(parse(&bytes[..at]).is_err(), "cut to {at}");
        }
    }

    #[test]
    fn an_old_snapshot_cannot_take_a_newer_name() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &snapshot(5)).unwrap();
        let newer = path_of(folder.path(), 9);
        fs::copy(path_of(folder.path(), 5), &newer).unwrap();
        assert!(read(&newer).unwrap_err().contains("entries 1 to 5"));
    }

    #[test]
    fn false_snapshots_push_out_no_true_one() {
        let folder = tempfile::tempdir().unwrap();
        for last in [u64::MAX, u64::MAX - 1, u64::MAX - 2] {
            fs::write(path_of(folder.path(), last), b"false").unwrap();
        }
        save(folder.path(), &snapshot(5)).unwrap();
        save(folder.path(), &snapshot(6)).unwrap();
        assert!(read(&path_of(folder.path(), 5)).is_ok());
        assert!(read(&path_of(folder.path(), 6)).is_ok());
    }
}
