//! Which snapshots may be used. A snapshot shortens the reading of a log, so whoever can change one
//! could invent money. It is used only where a checkpoint names its hash and a key that the reader
//! trusts has signed that checkpoint. Any other is passed over, and the log is read in its place.

use super::checkpoint::{self, Checkpoint};
use super::key::PublicKey;
use crate::error::LogError;
use crate::follow::LogId;
use crate::log::snapshot::{self, Snapshot, SnapshotHash};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A snapshot that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub path: PathBuf,
    /// Why, as the end of a sentence that begins with the name of the file.
    pub reason: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {} is passed over: it {}", self.path.display(), self.reason)
    }
}

/// The snapshots beside a log, and what the checkpoints there say of them.
pub struct Snapshots {
    paths: Vec<PathBuf>,
    signed: Signed,
}

/// A snapshot that can be read, and who vouches for it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub snapshot: Snapshot,
    /// The key that signed it; or why no key that is trusted did.
    pub signed_by: Result<PublicKey, String>,
}

impl Snapshots {
    /// The snapshots beside the log in `folder`. Those count as signed that one of `trusted` signed.
    ///
    /// # Errors
    /// The folder or a checkpoint cannot be read.
    pub fn of(folder: &Path, trusted: &[PublicKey]) -> Result<Snapshots, LogError> {
        let paths = snapshot::list(folder)?;
        let signed = match paths.is_empty() {
            true => Signed::default(),
            false => Signed::of(folder, trusted)?,
        };
        Ok(Snapshots { paths, signed })
    }

    /// Every snapshot, the newest first, each read when it is asked for.
    pub fn judge(&self) -> impl Iterator<Item = Result<Judged, PassedOver>> + '_ {
        self.paths.iter().map(|path| match snapshot::read(path) {
            Ok((snapshot, hash)) => {
                let signed_by = self.signed.by(snapshot.last, hash);
                Ok(Judged { path: path.clone(), snapshot, signed_by })
            }
            Err(reason) => Err(PassedOver { path: path.clone(), reason }),
        })
    }

    /// The last entry that the newest signed snapshot covers; 0 where there is none.
    pub fn newest_signed(&self) -> u64 {
        let signed = |judged: Judged| judged.signed_by.is_ok().then_some(judged.snapshot.last);
        self.judge().find_map(|judged| judged.ok().and_then(signed)).unwrap_or(0)
    }
}

impl Judged {
    /// The snapshot, if it is signed.
    ///
    /// # Errors
    /// It is not: why it is passed over.
    pub fn trusted(self) -> Result<Snapshot, PassedOver> {
        match self.signed_by {
            Ok(_) => Ok(self.snapshot),
            Err(reason) => Err(PassedOver { path: self.path, reason }),
        }
    }
}

/// The checkpoints that name snapshots.
#[derive(Default)]
struct Signed {
    /// The log; none where nothing tells which it is.
    log: Option<LogId>,
    trusted: Vec<PublicKey>,
    checkpoints: BTreeMap<u64, Checkpoint>,
}

impl Signed {
    fn of(folder: &Path, trusted: &[PublicKey]) -> Result<Signed, LogError> {
        let kept = checkpoint::list(folder)?.into_iter().filter_map(|kept| kept.checkpoint.ok());
        // What a checkpoint says counts only if the key that it names has signed it.
        let good = kept.filter(|one| one.snapshot.is_some() && one.is_signed());
        let checkpoints = good.map(|checkpoint| (checkpoint.entries, checkpoint)).collect();
        // Where nothing tells which log this is, the chain still tells whether a snapshot fits.
        let log = LogId::of(folder).ok().flatten();
        Ok(Signed { log, trusted: trusted.to_vec(), checkpoints })
    }

    fn by(&self, last: u64, hash: SnapshotHash) -> Result<PublicKey, String> {
        let Some(checkpoint) = self.checkpoints.get(&last) else {
            return Err("is not signed: no checkpoint names it".to_string());
        };
        if checkpoint.snapshot != Some(hash) {
            return Err("is not the one that was signed".to_string());
        }
        if !self.trusted.contains(&checkpoint.key) {
            let key = checkpoint.key;
            return Err(format!("is signed by {key}, a key that is not trusted here"));
        }
        if self.log.is_some_and(|log| log != checkpoint.log) {
            return Err("is of another log".to_string());
        }
        Ok(checkpoint.key)
    }
}
