//! Snapshots: what the entries up to some number come to, so that reading a log back need not
//! begin at its first entry. A snapshot holds bytes that only its maker understands; it can
//! always be thrown away.

use super::format::{CHAIN_LEN, ChainHash, VERSION};
use crate::error::LogError;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 6] = b"DTSNAP";
const EXTENSION: &str = "snap";
const HEADER_LEN: usize = 6 + 2 + 8 + CHAIN_LEN;

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

/// Writes a snapshot and removes old ones.
///
/// # Errors
/// It cannot be written; the ones before it are still there.
pub fn save(folder: &Path, snapshot: &Snapshot) -> Result<(), LogError> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + snapshot.payload.len() + CHAIN_LEN);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&snapshot.last.to_le_bytes());
    bytes.extend_from_slice(&snapshot.chain.0);
    bytes.extend_from_slice(&snapshot.payload);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());

    let path = folder.join(format!("{:020}.{EXTENSION}", snapshot.last));
    let unfinished = path.with_extension("snap-unfinished");
    let mut file = File::create(&unfinished).map_err(LogError::io(&unfinished, "create"))?;
    file.write_all(&bytes).map_err(LogError::io(&unfinished, "write"))?;
    file.sync_all().map_err(LogError::io(&unfinished, "flush"))?;
    fs::rename(&unfinished, &path).map_err(LogError::io(&path, "rename"))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(LogError::io(folder, "flush"))?;
    for old in list(folder)?.into_iter().rev().skip(KEPT) {
        fs::remove_file(&old).map_err(LogError::io(&old, "remove"))?;
    }
    Ok(())
}

/// The newest snapshot that is whole. One that is not is passed over: the log has it all.
///
/// # Errors
/// The folder cannot be read.
pub fn load_newest(folder: &Path) -> Result<Option<Snapshot>, LogError> {
    for path in list(folder)?.into_iter().rev() {
        match fs::read(&path).ok().and_then(|bytes| parse(&bytes)) {
            Some(snapshot) => return Ok(Some(snapshot)),
            None => tracing::warn!(path = %path.display(), "snapshot is damaged, passed over"),
        }
    }
    Ok(None)
}

fn parse(bytes: &[u8]) -> Option<Snapshot> {
    let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(CHAIN_LEN)?)?;
    let (header, payload) = body.split_at_checked(HEADER_LEN)?;
    let version = u16::from_le_bytes(header[6..8].try_into().ok()?);
    if &header[..6] != MAGIC || version != VERSION || blake3::hash(body).as_bytes() != hash {
        return None;
    }
    Some(Snapshot {
        last: u64::from_le_bytes(header[8..16].try_into().ok()?),
        chain: ChainHash(header[16..HEADER_LEN].try_into().ok()?),
        payload: payload.to_vec(),
    })
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, LogError> {
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
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(last: u64) -> Snapshot {
        Snapshot { last, chain: ChainHash([7; 32]), payload: vec![1, 2, 3] }
    }

    #[test]
    fn the_newest_whole_snapshot_is_taken_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load_newest(folder.path()).unwrap(), None);
        for last in [5, 10, 20] {
            save(folder.path(), &snapshot(last)).unwrap();
        }
        assert_eq!(load_newest(folder.path()).unwrap(), Some(snapshot(20)));
        assert_eq!(list(folder.path()).unwrap().len(), KEPT);
        let newest = list(folder.path()).unwrap().pop().unwrap();
        for at in 0..fs::read(&newest).unwrap().len() {
            let mut bytes = fs::read(&newest).unwrap();
            bytes[at] ^= 1;
            assert_eq!(parse(&bytes), None, "byte {at}");
            assert_eq!(parse(&bytes[..at]), None, "cut to {at}");
        }
        fs::write(&newest, b"damaged").unwrap();
        assert_eq!(load_newest(folder.path()).unwrap(), Some(snapshot(10)));
    }
}
