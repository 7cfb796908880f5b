//! Followers: stores that are kept up with the entry log, each from its own position.
//!
//! The log is the buffer. A store that is slow, stopped or gone falls behind and loses nothing: its
//! follower reads on, on a thread of its own, from where the store itself says that it stands. A
//! store takes a batch together with the new position or not at all ([`Sink::write`]), so every
//! entry is there once, whoever dies in between. Trading deliberately knows nothing of followers.
//!
//! * [`tail`]: reads a log that is being written.
//! * [`frontier`]: where a log ends, without reading what stands in it.
//! * [`identity`]: what tells a log from every other.
//! * [`follower`]: the thread, its back-off and what it tells of itself.
//! * [`roll`]: which stores follow, kept beside the log.
//! * `meter`: what it tells to whatever collects metrics.
//! * `rate`: how fast a store takes entries.
//! * [`pace`]: leaves the cores to trading while there is much of it.

pub mod follower;
pub mod frontier;
pub mod identity;
mod meter;
pub mod pace;
mod rate;
pub mod roll;
pub mod tail;

pub use follower::{Follower, FollowerOptions, State, Status};
pub use frontier::Frontier;
pub use identity::LogId;
pub use tail::{Tail, TailError};

use crate::log::ChainHash;
use domain::trading::Entry;
use std::ops::Range;
use std::path::Path;
use thiserror::Error;

/// The folder of a log as stores name it to people: from the root, and by its own name where it is
/// reached by a link, such as `out/latest`, that leads elsewhere tomorrow.
pub fn name_of(folder: &Path) -> String {
    let real = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    real.as_deref().unwrap_or(folder).display().to_string()
}

/// A place in a log, between two of its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the next entry.
    pub next: u64,
    /// The chain up to it: another log, or one whose end was lost, has another.
    pub chain: ChainHash,
}

impl Position {
    /// Before the first entry.
    pub const START: Position = Position { next: 1, chain: ChainHash::START };
}

/// Entries that stand one behind the other in a log, between two positions.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Before the first.
    pub before: Position,
    /// Behind the last.
    pub after: Position,
    bytes: Vec<u8>,
    entries: Vec<(Entry, Range<usize>)>,
}

impl Batch {
    fn empty_at(position: Position) -> Batch {
        Batch { before: position, after: position, bytes: Vec::new(), entries: Vec::new() }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every entry with its number, and as the log has it.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries.iter().zip(self.before.next..).map(|((entry, range), number)| Record {
            number,
            entry,
            bytes: &self.bytes[range.clone()],
        })
    }

    /// The time of the last entry in Unix milliseconds.
    pub fn last_ms(&self) -> Option<u64> {
        self.entries.last().map(|(entry, _)| time_of(entry))
    }
}

/// An entry of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number in the log.
    pub number: u64,
    /// What it says.
    pub entry: &'a Entry,
    /// Its bytes in the log, the length before them included.
    pub bytes: &'a [u8],
}

/// When an entry took effect, in Unix milliseconds.
pub fn time_of(entry: &Entry) -> u64 {
    match entry {
        Entry::Command(decided) => decided.applied_ms,
        Entry::Quote(quote) => quote.received_ms,
        Entry::QuoteRefused(refused) => refused.failed_ms,
        Entry::Expired(expired) => expired.expired_ms,
        Entry::Filled(filled) => filled.filled_ms,
    }
}

/// A store that follows.
#[allow(async_fn_in_trait, reason = "a follower has a thread of its own and needs no Send")]
pub trait Sink {
    /// What it is called where it is told of (`postgres`).
    fn name(&self) -> &'static str;

    /// Where the store is, told without a password.
    fn address(&self) -> String {
        self.name().to_string()
    }

    /// The connection parameters that the address leaves out, without a password: with them the
    /// store is later asked in the same way.
    fn parameters(&self) -> String {
        String::new()
    }

    /// Connects and makes what the store needs before the first log: called once, when a follower
    /// starts.
    ///
    /// # Errors
    /// The store cannot be asked now, or will not take any log of this program.
    async fn prepare(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Where the store stands in `log`; a log that is new to it begins at [`Position::START`].
    /// Connects anew where the connection was lost.
    ///
    /// # Errors
    /// The store cannot be asked now, or wants nothing of this log.
    async fn position(&mut self, log: &LogId) -> Result<Position, SinkError>;

    /// Takes a batch and moves the store's position from before it to behind it, both or neither.
    /// `rate` is the number of entries a second that the store took lately.
    ///
    /// # Errors
    /// The store took nothing, as far as is known: its position decides.
    async fn write(&mut self, log: &LogId, batch: &Batch, rate: f64) -> Result<(), SinkError>;

    /// Forgets everything of `log`: it begins anew.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn reset(&mut self, log: &LogId) -> Result<(), SinkError>;
}

/// Why a store did not do what was asked.
#[derive(Debug, Error)]
pub enum SinkError {
    /// It may do it later: it is gone, full or busy.
    #[error("{0}")]
    Unavailable(String),
    /// It will never do it.
    #[error("{0}")]
    Refused(String),
}

impl SinkError {
    /// A batch came before the store was asked where it stands.
    pub(crate) fn not_connected() -> SinkError {
        SinkError::Unavailable("not connected".to_string())
    }
}

/// Whether a TLS handshake failed for what either side sent, which another one would meet again: a
/// connection that breaks is none of these. Libraries wrap the error in those of IO.
pub(crate) fn is_tls_failure(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    error.is::<rustls::Error>()
        || io.and_then(std::io::Error::get_ref).is_some_and(|inner| is_tls_failure(inner))
}
