//! Which stores follow a log, and how far each is: kept beside the log, a file a store, so that
//! nothing is removed that a store still needs. A position that is too low only keeps more.

use crate::error::LogError;
use files::AtomicFile;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "follower";

/// A store that follows a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// What it is called (`postgres`).
    pub name: String,
    /// Where it is, without a password.
    pub address: String,
    /// The connection parameters that the address leaves out, without a password, as the query of
    /// a URL. `None` in a file of an earlier version, which did not note them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// The next entry that it does not have.
    pub next: u64,
}

impl Enrolled {
    /// The file of this store beside the log in `folder`.
    pub fn path(&self, folder: &Path) -> PathBuf {
        let hash = blake3::hash(self.address.as_bytes()).to_hex();
        folder.join(format!("{}-{}.{EXTENSION}", self.name, &hash[..16]))
    }

    /// Notes where the store is. `durably`: it must outlast a power failure.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, folder: &Path, durably: bool) -> Result<(), LogError> {
        let path = self.path(folder);
        // Texts and numbers always go into JSON.
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        let write = || {
            let mut file = AtomicFile::create(&path)?;
            file.write_all(text.as_bytes())?;
            if durably { file.commit() } else { file.commit_unsynced() }
        };
        write().map_err(LogError::io(&path, "write"))
    }
}

/// The stores that follow the log in `folder`, with their files. One whose file cannot be read
/// counts as one that has nothing.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Enrolled)>, LogError> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).map_err(LogError::io(folder, "list"))? {
        let path = item.map_err(LogError::io(folder, "list"))?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let read = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().to_string();
        let address = "an unreadable file".to_string();
        let unknown = Enrolled { name, address, parameters: None, next: 1 };
        found.push((path, read.unwrap_or(unknown)));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}
