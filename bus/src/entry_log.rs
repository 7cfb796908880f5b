//! The entry log: what is appended to it is durable before anyone is told.

use crate::in_order;
use actix::{Message, Recipient};
use domain::trading::codec::EncodeError;
use domain::trading::{Entry, codec};
use thiserror::Error;
use tokio::sync::oneshot;

/// Encoded entries, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    bytes: Vec<u8>,
    count: u32,
    unwritable: Option<EncodeError>,
}

impl Entries {
    /// Adds an entry behind the others. One that the format cannot hold makes all of them
    /// [unwritable](Self::unwritable): the log halts on them before anything of them is told.
    pub fn push(&mut self, entry: &Entry) {
        if let Err(error) = codec::encode(entry, &mut self.bytes) {
            self.unwritable.get_or_insert(error);
        }
        self.count += 1;
    }

    /// The first entry that the format cannot hold: whoever made it has broken an invariant.
    pub fn unwritable(&self) -> Option<EncodeError> {
        self.unwritable
    }

    /// The entries in the form of [`codec`].
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Asks the log to make entries durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The entries.
    pub entries: Entries,
    /// Told when they are durable, or that they never will be.
    pub done: oneshot::Sender<Result<Durable, LogHalted>>,
}

/// Entries that are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The number of the first of them in the log, from 1.
    pub first: u64,
    /// How many they are.
    pub count: u32,
}

/// The log has stopped for good: a write or a flush to disk failed, or it was given an entry that
/// it cannot hold. It is never tried again, because after a failed flush nobody can say what the
/// disk holds; a restart reads the log back.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the log has halted: {reason}")]
pub struct LogHalted {
    /// What failed.
    pub reason: String,
}

/// The way to the log.
#[derive(Clone)]
pub struct EntryLog(Recipient<Append>);

impl EntryLog {
    /// The log behind `writer`.
    pub fn new(writer: Recipient<Append>) -> EntryLog {
        EntryLog(writer)
    }

    /// Appends entries. They are in the log's mailbox, in the order of the calls, before this
    /// returns; the future ends when they are durable.
    ///
    /// # Errors
    /// The log has halted, or is gone.
    pub fn append(
        &self,
        entries: Entries,
    ) -> impl Future<Output = Result<Durable, LogHalted>> + Send + 'static {
        let (done, durable) = oneshot::channel();
        let sent = in_order::send(&self.0, Append { entries, done });
        async move {
            let gone = || LogHalted { reason: "the log writer has stopped".to_string() };
            sent.await.map_err(|_| gone())?;
            durable.await.unwrap_or_else(|_| Err(gone()))
        }
    }
}
