//! Where a log stands in the server: a document a log in the index `daytrade-positions`, changed
//! only by who read it last.

use super::client::{Answer, Client, Method};
use super::document;
use crate::follow::{LogId, Position, SinkError};
use crate::log::ChainHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The index of positions.
pub(super) const INDEX: &str = "daytrade-positions";

/// The version of what is stored: the form of positions and documents.
pub(super) const VERSION: u32 = 1;

/// What the server has of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredLog {
    /// The version of the program's documents.
    pub(super) version: u32,
    /// The identity of the log.
    pub(super) log: String,
    /// The data stream with its entries.
    pub stream: String,
    /// Where the log is, and the name of its server: for people who read the index.
    pub(super) folder: String,
    pub(super) server: String,
    pub(super) next_entry: u64,
    pub(super) chain: String,
    /// When the last entry took effect, in Unix milliseconds.
    pub last_ms: Option<u64>,
    /// Entries a second that were stored when the last were.
    pub entries_per_s: f64,
    /// Entries that the server refused for good.
    pub dead_letters: u64,
    /// When this was written, in Unix milliseconds of the follower.
    pub(super) updated_ms: u64,
}

impl StoredLog {
    /// A log that nothing is there of.
    pub(super) fn begun(log: &LogId, folder: &str, server: &str) -> StoredLog {
        let mut stored = StoredLog {
            version: VERSION,
            log: log.to_string(),
            stream: stream_of(log),
            folder: folder.to_string(),
            server: server.to_string(),
            next_entry: 0,
            chain: String::new(),
            last_ms: None,
            entries_per_s: 0.0,
            dead_letters: 0,
            updated_ms: now_ms(),
        };
        stored.move_to(Position::START);
        stored
    }

    /// Up to where the entries are there.
    ///
    /// # Errors
    /// What is stored is no position.
    pub fn position(&self) -> Result<Position, SinkError> {
        let mut chain = ChainHash::START;
        let digits = self.chain.as_bytes();
        let whole = digits.len() == 64 && self.chain.is_ascii() && self.next_entry > 0;
        let read = chain.0.iter_mut().enumerate().try_for_each(|(at, byte)| {
            let two = self.chain.get(2 * at..2 * at + 2)?;
            *byte = u8::from_str_radix(two, 16).ok()?;
            Some(())
        });
        if !whole || read.is_none() {
            let reason = format!("{INDEX} holds no position of log {}; rebuild it", self.log);
            return Err(SinkError::Refused(reason));
        }
        Ok(Position { next: self.next_entry, chain })
    }

    /// How long ago it was written.
    pub fn updated_ago(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.updated_ms))
    }

    pub(super) fn move_to(&mut self, position: Position) {
        self.next_entry = position.next;
        self.chain = position.chain.to_string();
        self.updated_ms = now_ms();
    }
}

/// The data stream of a log.
pub(super) fn stream_of(log: &LogId) -> String {
    format!("daytrade-audit-{}", document::short(log))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Which writing of the document it is.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Edition {
    _seq_no: i64,
    _primary_term: i64,
}

#[derive(Deserialize)]
struct Found {
    #[serde(flatten)]
    edition: Edition,
    _source: StoredLog,
}

/// What is known of `log`, and by which writing.
///
/// # Errors
/// The server cannot be asked, or a later program wrote it.
pub(super) async fn read(
    client: &Client,
    log: &LogId,
) -> Result<Option<(StoredLog, Edition)>, SinkError> {
    let answer = client.ask(Method::Get, &format!("/{INDEX}/_doc/{log}"), None).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let found: Value = answer.done()?;
    let version = found["_source"]["version"].as_u64().unwrap_or_default();
    if version > u64::from(VERSION) {
        return Err(SinkError::Refused(format!(
            "the log is stored in version {version}, this program knows version {VERSION}"
        )));
    }
    let found: Found = serde_json::from_value(found).map_err(|error| {
        SinkError::Refused(format!("{INDEX} holds something else for this log: {error}"))
    })?;
    Ok(Some((found._source, found.edition)))
}

/// Writes what is known of `log`, if nobody else has since `edition`, or ever where that is none.
///
/// # Errors
/// The server cannot be asked, or somebody else has.
pub(super) async fn write(
    client: &Client,
    log: &LogId,
    stored: &StoredLog,
    edition: Option<Edition>,
) -> Result<Edition, SinkError> {
    let condition = match edition {
        Some(Edition { _seq_no, _primary_term }) => {
            format!("if_seq_no={_seq_no}&if_primary_term={_primary_term}")
        }
        None => "op_type=create".to_string(),
    };
    let body = serde_json::to_value(stored)
        .map_err(|error| SinkError::Refused(format!("a position that is no JSON: {error}")))?;
    let path = format!("/{INDEX}/_doc/{log}?{condition}");
    let answer: Answer = client.ask(Method::Put, &path, Some(&body)).await?;
    if answer.status == 409 {
        let reason = "another follower of this log has moved its position";
        return Err(SinkError::Unavailable(reason.to_string()));
    }
    answer.done()
}

/// Forgets `log`.
///
/// # Errors
/// The server cannot be asked.
pub(super) async fn forget(client: &Client, log: &LogId) -> Result<(), SinkError> {
    let path = format!("/{INDEX}/_doc/{log}?refresh=true");
    let answer = client.ask(Method::Delete, &path, None).await?;
    if answer.ok() || answer.status == 404 { Ok(()) } else { Err(answer.failed()) }
}
