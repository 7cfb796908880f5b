//! What tells a log from every other: the chain behind its first batch, which every later one
//! builds on.

use super::tail::Tail;
use super::{Position, TailError};
use crate::error::LogError;
use crate::log::{ChainHash, segments};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// The identity of a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ChainHash", into = "ChainHash")]
pub struct LogId(pub [u8; 32]);

/// Keeps the identity beside the segments, for when the first of them has been removed.
const FILE: &str = "IDENTITY";

impl LogId {
    /// The identity of the log in `folder`; none while it has no batch yet.
    ///
    /// # Errors
    /// The log cannot be read, or what told its identity was removed.
    pub fn of(folder: &Path) -> Result<Option<LogId>, TailError> {
        let path = folder.join(FILE);
        let Some((first, _)) = segments::list(folder)?.into_iter().next() else {
            return Ok(None);
        };
        if first > 1 {
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(TailError::NoIdentity { path });
                }
                Err(error) => return Err(LogError::io(&path, "read")(error).into()),
            };
            return parse(text.trim()).map(Some).ok_or(TailError::NoIdentity { path });
        }
        let mut tail = Tail::open(folder, Position::START)?;
        if !tail.step()? {
            return Ok(None);
        }
        let id = LogId(tail.position().chain.0);
        keep(&path, &id);
        Ok(Some(id))
    }
}

/// Best effort: a log that may only be read is as good as long as its first segment is there.
fn keep(path: &Path, id: &LogId) {
    let text = format!("{id}\n");
    if fs::read_to_string(path).is_ok_and(|kept| kept == text) {
        return;
    }
    let _ = files::write_atomically(path, |out| out.write_all(text.as_bytes()));
}

fn parse(text: &str) -> Option<LogId> {
    text.parse::<ChainHash>().ok().map(LogId::from)
}

impl From<ChainHash> for LogId {
    fn from(hash: ChainHash) -> LogId {
        LogId(hash.0)
    }
}

impl From<LogId> for ChainHash {
    fn from(id: LogId) -> ChainHash {
        ChainHash(id.0)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ChainHash(self.0).fmt(f)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
