//! Elasticsearch as a follower of the log: a document an entry, by bulk requests, into a data
//! stream that each log has of its own.
//!
//! A bulk request is no transaction, so the position is moved behind it. What was sent and not
//! counted is recognised: by its id, which follows from the entry, and, since a data stream knows
//! ids only in the index that it writes to now, by asking what is there behind the position before
//! anything is sent again.
//!
//! Nothing that a user typed is ever part of a request but as the text of a JSON document.
//!
//! * [`url`]: where a server is.
//! * [`dead`]: what a server will never take.
//! * `setup`: template, mapping and lifecycle.
//! * `standing`: the positions of logs.
//! * `document`, `bulk`: entries as documents, and how they are sent.
//! * `stream`: what is asked of a data stream.
//! * `mirror`: the comparison with the log.

mod bulk;
mod client;
pub mod dead;
mod document;
mod mirror;
mod setup;
mod standing;
mod stream;
pub mod url;

pub use standing::StoredLog;
pub use url::SearchUrl;

use crate::follow::{Batch, LogId, Position, Sink, SinkError, name_of};
use crate::postgres::copy::sane_ms;
use client::Client;
use dead::DeadLetters;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use standing::Edition;
use std::path::Path;

/// What the server at `url` has of `log`, if anything. Changes nothing.
///
/// # Errors
/// The server cannot be asked.
pub async fn stored(url: &SearchUrl, log: &LogId) -> Result<Option<StoredLog>, SinkError> {
    let client = Client::new(url, "daytrade")?;
    Ok(standing::read(&client, log).await?.map(|(stored, _)| stored))
}

/// An Elasticsearch that follows.
pub struct ElasticsearchSink {
    url: SearchUrl,
    /// Where the log is and what the server in it is called: for people who read the positions.
    folder: String,
    server: String,
    dead: DeadLetters,
    session: Option<Session>,
}

/// What is known of the log in the server.
struct Session {
    client: Client,
    stored: StoredLog,
    edition: Edition,
    /// The last entry behind the position that was found there: up to it, look before sending.
    found_up_to: u64,
}

impl ElasticsearchSink {
    /// A sink that asks the server when it is first asked itself. `folder` is that of the log:
    /// dead letters are kept there; `server` names it to people.
    pub fn new(url: SearchUrl, folder: &Path, server: &str) -> ElasticsearchSink {
        ElasticsearchSink {
            url,
            folder: name_of(folder),
            server: server.to_string(),
            dead: DeadLetters::of(folder),
            session: None,
        }
    }

    /// Removes everything of `log` from the server, its data stream too. Template and index of
    /// positions go as well where the server has no other log.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn remove(&mut self, log: &LogId) -> Result<(), SinkError> {
        self.reset(log).await?;
        let client = self.client(log)?;
        stream::remove(&client, &standing::stream_of(log)).await?;
        setup::remove_if_unused(&client).await
    }

    fn client(&self, log: &LogId) -> Result<Client, SinkError> {
        Client::new(&self.url, &stream::mark_of(log))
    }

    async fn open(&mut self, log: &LogId) -> Result<Position, SinkError> {
        let client = self.client(log)?;
        setup::prepare(&client).await?;
        // What was sent before may still be under way in the server, the position too.
        stream::quiet(&client, &stream::mark_of(log)).await?;
        let (stored, edition) = match standing::read(&client, log).await? {
            Some(found) => found,
            None => {
                let begun = StoredLog::begun(log, &self.folder, &self.server);
                let edition = standing::write(&client, log, &begun, None).await?;
                (begun, edition)
            }
        };
        if stored.log != log.to_string() {
            return Err(SinkError::Refused(format!(
                "the server has log {} in its place; rebuild it from zero",
                stored.log
            )));
        }
        let position = stored.position()?;
        let found = if stream::refresh(&client, &stored.stream).await? {
            stream::last(&client, &stored.stream, position.next).await?
        } else {
            None
        };
        let found_up_to = found.unwrap_or_default();
        self.session = Some(Session { client, stored, edition, found_up_to });
        Ok(position)
    }
}

impl Sink for ElasticsearchSink {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    fn address(&self) -> String {
        self.url.to_string()
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        setup::prepare(&Client::new(&self.url, "daytrade")?).await
    }

    async fn position(&mut self, log: &LogId) -> Result<Position, SinkError> {
        // What was known may be wrong: begin anew.
        self.session = None;
        self.open(log).await
    }

    async fn write(&mut self, log: &LogId, batch: &Batch, rate: f64) -> Result<(), SinkError> {
        let session = self.session.as_mut().ok_or_else(SinkError::not_connected)?;
        session.write(log, batch, rate, &mut self.dead).await
    }

    async fn reset(&mut self, log: &LogId) -> Result<(), SinkError> {
        self.session = None;
        let client = self.client(log)?;
        setup::prepare(&client).await?;
        stream::quiet(&client, &stream::mark_of(log)).await?;
        // The position first: entries without one are found again, a position without its entries
        // would hide that they are missing.
        standing::forget(&client, log).await?;
        stream::empty(&client, &standing::stream_of(log)).await?;
        self.dead.forget()
    }
}

impl Session {
    async fn write(
        &mut self,
        log: &LogId,
        batch: &Batch,
        rate: f64,
        dead: &mut DeadLetters,
    ) -> Result<(), SinkError> {
        let stands = self.stored.position()?;
        if stands != batch.before {
            // Whoever asks where the store stands goes on from there.
            let (stands, begins) = (stands.next, batch.before.next);
            return Err(SinkError::Unavailable(format!(
                "the store stands before entry {stands} of the log, not before {begins} of it"
            )));
        }
        let known = self.found(batch).await?;
        let sent = bulk::send(&self.client, &self.stored.stream, log, batch, &known).await?;
        dead.keep(&sent.dead)?;
        if let Some(first) = sent.dead.first() {
            tracing::warn!(
                count = sent.dead.len(),
                file = %dead.path().display(),
                first = first.entry,
                reason = first.reason,
                "elasticsearch refused documents for good"
            );
        }
        let mut stored = self.stored.clone();
        stored.move_to(batch.after);
        // The server holds 63 bits.
        let last_ms = batch.last_ms().map(|ms| sane_ms(ms) as u64);
        stored.last_ms = last_ms.or(stored.last_ms);
        stored.entries_per_s = rate;
        stored.dead_letters += sent.dead.len() as u64;
        self.edition = standing::write(&self.client, log, &stored, Some(self.edition)).await?;
        self.stored = stored;
        Ok(())
    }

    /// The entries of `batch` that are there already, with their hashes.
    async fn found(&self, batch: &Batch) -> Result<FxHashMap<u64, String>, SinkError> {
        let mut known = FxHashMap::default();
        if batch.before.next > self.found_up_to {
            return Ok(known);
        }
        let range = batch.before.next..batch.after.next.min(self.found_up_to + 1);
        let fields: Value = json!(["event.hash"]);
        stream::hits(&self.client, &self.stored.stream, &range, fields, |hit| {
            let number = hit.number();
            let source = hit.into_source();
            let hash = source["event"]["hash"].as_str().unwrap_or_default();
            known.insert(number, hash.to_string());
        })
        .await?;
        Ok(known)
    }
}
