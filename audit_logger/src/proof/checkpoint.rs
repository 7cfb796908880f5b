//! A checkpoint: the holder of a key vouches for a log up to an entry. One chain hash stands for
//! every entry before it, so a checkpoint needs no list of segments, and stays true when segments
//! are compressed or the first of them removed.

use super::key::{InstallationKey, PublicKey};
use crate::error::LogError;
use crate::follow::LogId;
use crate::log::ChainHash;
use crate::log::snapshot::SnapshotHash;
use files::write_atomically;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a checkpoint begins with: its form and version.
const FORMAT: &str = "daytrade checkpoint 1";
/// What one begins with that names a snapshot too.
const WITH_SNAPSHOT: &str = "daytrade checkpoint 2";
const EXTENSION: &str = "checkpoint";

/// Somebody's word for a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: String,
    /// Which log.
    pub log: LogId,
    /// It vouches for entries 1 to this one.
    pub entries: u64,
    /// The chain behind the batch that the last of them stands in, or behind an empty batch that
    /// follows.
    pub chain: ChainHash,
    /// The snapshot of these entries that the key vouches for too, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotHash>,
    /// When it was made, in Unix milliseconds.
    pub time_ms: u64,
    /// The key that signed it.
    pub key: PublicKey,
    signature: String,
}

impl Checkpoint {
    /// Signs a checkpoint.
    pub fn sign(
        key: &InstallationKey,
        log: LogId,
        entries: u64,
        chain: ChainHash,
        time_ms: u64,
    ) -> Checkpoint {
        let mut checkpoint = Checkpoint {
            format: FORMAT.to_string(),
            log,
            entries,
            chain,
            snapshot: None,
            time_ms,
            key: key.public(),
            signature: String::new(),
        };
        checkpoint.signature = key.sign(checkpoint.signed().as_bytes());
        checkpoint
    }

    /// The same checkpoint, which names the snapshot with this hash; `key` signs it anew.
    pub fn with_snapshot(self, key: &InstallationKey, snapshot: SnapshotHash) -> Checkpoint {
        let mut checkpoint = Checkpoint {
            format: WITH_SNAPSHOT.to_string(),
            snapshot: Some(snapshot),
            key: key.public(),
            signature: String::new(),
            ..self
        };
        checkpoint.signature = key.sign(checkpoint.signed().as_bytes());
        checkpoint
    }

    /// What is signed: a line a field, in this order.
    fn signed(&self) -> String {
        let snapshot = self.snapshot.map(|hash| format!("snapshot {hash}\n")).unwrap_or_default();
        format!(
            "{}\nlog {}\nentries {}\nchain {}\n{snapshot}time_ms {}\nkey {}\n",
            self.format, self.log, self.entries, self.chain, self.time_ms, self.key
        )
    }

    /// The format that a checkpoint with these fields has.
    fn expected_format(&self) -> &'static str {
        if self.snapshot.is_some() { WITH_SNAPSHOT } else { FORMAT }
    }

    /// Whether the key that it names has signed it as it is.
    pub fn is_signed(&self) -> bool {
        self.format == self.expected_format()
            && self.key.vouches(self.signed().as_bytes(), &self.signature)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Checkpoint, String> {
        let checkpoint: Checkpoint =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let expected = checkpoint.expected_format();
        if checkpoint.format != expected {
            return Err(format!("`{expected}` is expected, it says `{}`", checkpoint.format));
        }
        Ok(checkpoint)
    }

    /// The checkpoint as it is kept.
    pub fn to_json(&self) -> String {
        // Texts and numbers always go into JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Keeps the checkpoint beside the log in `folder`, signed anew if need be: a snapshot that an
    /// earlier one of `key` names for the same entries, it names too. Without that, a log whose
    /// beginning was removed could lose the only snapshot that it can be read back from.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn renew(self, folder: &Path, key: &InstallationKey) -> Result<Checkpoint, LogError> {
        // A segment may be complete, on a thread of its own, just as a run ends.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = fs::read_to_string(path_of(folder, self.entries)).ok();
        let earlier = earlier.and_then(|text| Checkpoint::parse(&text).ok());
        let named = earlier
            .filter(|earlier| earlier.is_signed() && earlier.key == self.key)
            .filter(|earlier| (earlier.log, earlier.entries) == (self.log, self.entries))
            .and_then(|earlier| earlier.snapshot);
        let renewed = match named {
            Some(snapshot) if self.snapshot.is_none() => self.with_snapshot(key, snapshot),
            _ => self,
        };
        renewed.save(folder)?;
        Ok(renewed)
    }

    /// Keeps the checkpoint beside the log in `folder`. One that is there for the same entries is
    /// replaced: the new one vouches for the same and perhaps the closing of the log.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, LogError> {
        let path = path_of(folder, self.entries);
        write_atomically(&path, |file| file.write_all(self.to_json().as_bytes()))
            .map_err(LogError::io(&path, "write"))?;
        Ok(path)
    }
}

/// Where the checkpoint behind entry `last` is.
pub fn path_of(folder: &Path, last: u64) -> PathBuf {
    folder.join(format!("{last:020}.{EXTENSION}"))
}

/// A file beside a log that should be a checkpoint.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// What it says, or why it says nothing.
    pub checkpoint: Result<Checkpoint, String>,
}

/// The checkpoints beside the log in `folder`, in the order of their entries.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Kept>, LogError> {
    let mut paths = Vec::new();
    for item in fs::read_dir(folder).map_err(LogError::io(folder, "list"))? {
        let path = item.map_err(LogError::io(folder, "list"))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).map_err(LogError::io(&path, "read"))?;
        let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_string());
        let checkpoint = text.and_then(|text| Checkpoint::parse(&text)).and_then(|checkpoint| {
            // One that goes by another's name would take its place.
            if path_of(folder, checkpoint.entries).file_name() == path.file_name() {
                Ok(checkpoint)
            } else {
                Err(format!("it is for entries 1 to {}, its name is not", checkpoint.entries))
            }
        });
        Ok(Kept { path, checkpoint })
    };
    paths.into_iter().map(read).collect()
}
