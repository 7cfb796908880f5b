//! One thing that is wrong with a log or an export, and how it is told.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What happened to entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// They are not what was written.
    Changed,
    /// They are not there.
    Lost,
    /// They stand elsewhere.
    Reordered,
    /// They stand there and should not, or a second time.
    Inserted,
    /// A checkpoint is not of the log, of the key or of its own text.
    Checkpoint,
    /// A snapshot does not hold what the log comes to.
    Snapshot,
    /// Nobody vouches for the log.
    Unproven,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What happened.
    pub kind: Kind,
    /// The segment, checkpoint or export.
    pub file: PathBuf,
    /// Where in the plain segment or in the export, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// The first and the last entry that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<(u64, u64)>,
    /// The lowest and the highest transaction of them, where they can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<(u64, u64)>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Changed => "changed",
            Kind::Lost => "lost",
            Kind::Reordered => "re-ordered",
            Kind::Inserted => "inserted",
            Kind::Checkpoint => "checkpoint",
            Kind::Snapshot => "snapshot",
            Kind::Unproven => "unproven",
        };
        write!(f, "{kind}: ")?;
        let mut range = |name: &str, several: &str, range: Option<(u64, u64)>| match range {
            Some((first, last)) if first == last => write!(f, "{name} {first}, "),
            Some((first, last)) => write!(f, "{several} {first} to {last}, "),
            None => Ok(()),
        };
        range("entry", "entries", self.entries)?;
        range("transaction", "transactions", self.transactions)?;
        let name = self.file.file_name().map_or(self.file.as_os_str(), |name| name);
        write!(f, "{}", name.to_string_lossy())?;
        if let Some(byte) = self.byte {
            write!(f, " byte {byte}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
