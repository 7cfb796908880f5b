//! What can go wrong with a log.

use domain::trading::RulesVersion;
use domain::trading::entry::Divergence;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A log that cannot be read or written.
#[derive(Debug, Error)]
pub enum LogError {
    /// The operating system said no.
    #[error("{path}: {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Bytes in the log are not what was written there.
    #[error("{path}: the log is damaged at byte {offset}, entry {entry}: {reason}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Offset of the batch in it.
        offset: u64,
        /// The number of the entry that should stand there.
        entry: u64,
        /// What is wrong.
        reason: String,
    },
    /// The log is of a version that this program does not know.
    #[error("{path}: the log has format version {found}, this program reads version {known}")]
    Version {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The version that is read.
        known: u16,
    },
    /// The log was written under rules that this program does not know.
    #[error(
        "{path}: the log was written under version {found} of the rules, this program knows \
         versions up to {known}: a newer daytrade reads it"
    )]
    Rules {
        /// The segment.
        path: PathBuf,
        /// Its rules.
        found: RulesVersion,
        /// The newest rules that are known.
        known: RulesVersion,
    },
    /// Entries that do not follow from the rules.
    #[error("entry {entry} contradicts the rules: {source}")]
    Diverges {
        /// The number of the entry.
        entry: u64,
        /// How.
        source: Divergence,
    },
    /// The beginning of the log was removed, and it is needed.
    #[error(
        "{path}: the log begins with entry {first}: entries 1 to {} were removed (`--retain`), and \
         this needs all of them", first - 1
    )]
    BeginsLate {
        /// The folder.
        path: PathBuf,
        /// The first entry that is left.
        first: u64,
    },
    /// The log is not what somebody vouched for, or his word was changed.
    #[error(
        "{checkpoint}: the log is not what was signed: {reason}\nnothing was changed or signed; \
         `daytrade audit check` names what is wrong. Put a good copy of the log back, or, to go on \
         with what is here, move this checkpoint elsewhere"
    )]
    Contradicted {
        /// The checkpoint that says something else.
        checkpoint: PathBuf,
        /// What, in which respect.
        reason: String,
    },
    /// Another process has the log open.
    #[error("{path}: another process is writing this log")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

impl LogError {
    /// For `map_err`: names the file and what was tried.
    pub fn io<'a>(
        path: &'a Path,
        action: &'static str,
    ) -> impl FnOnce(io::Error) -> LogError + use<'a> {
        move |source| LogError::Io { path: path.to_path_buf(), action, source }
    }
}
