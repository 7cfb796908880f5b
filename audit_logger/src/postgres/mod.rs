//! Postgres as a follower of the log: entries by COPY, in one transaction with the position.
//!
//! Nothing that a user typed is ever part of a statement: texts travel in the binary COPY and as
//! parameters, and the names of tables are made of numbers only.
//!
//! * `url`, `pgpass`: where a server is, and what is needed to get in.
//! * `tls`: encrypted connections, with the modes of libpq.
//! * `connect`: connecting, and which failures last.
//! * [`schema`]: migrations, and the tables of a log and its days.
//! * [`row`]: an entry as the columns that analysts ask for.
//! * [`copy`]: rows in the binary form of COPY.
//! * [`one_by_one`]: the same rows one by one, as a yardstick.
//! * `select`: which rows a filter asks for.

mod connect;
pub mod copy;
mod mirror;
pub mod one_by_one;
mod pgpass;
pub mod row;
pub mod schema;
pub(crate) mod select;
mod tls;
mod url;

pub(crate) use connect::failed;
pub use mirror::PostgresMirror;
pub use url::PostgresUrl;

use crate::follow::{Batch, LogId, Position, Record, Sink, SinkError, time_of};
use crate::log::ChainHash;
use copy::Rows;
use futures_util::SinkExt as _;
use rustc_hash::FxHashSet;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::Client;

/// Bytes of rows that are handed over at once.
const COPY_CHUNK: usize = 256 << 10;

/// Rows after which the index of what comes in order is brought up to them. Until then queries
/// look at each of them.
const SUMMARISE_EVERY: usize = 250_000;

/// The same, once few come in.
const SUMMARISE_LEAST: usize = 20_000;

/// Fewer rows in a batch than this are few.
const RESTS_BELOW: usize = 5_000;

/// Whether the schema is there; one of a later version than this program knows is refused.
pub(crate) async fn check_schema(client: &Client) -> Result<bool, SinkError> {
    Ok(schema::known_version(client).await? > 0)
}

/// What Postgres has of a log.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// Its number in this database.
    pub log: i32,
    /// Up to where its entries are there.
    pub position: Position,
    /// When the last of them took effect, in Unix milliseconds.
    pub last_ms: Option<u64>,
    /// Entries a second that were stored when the last were.
    pub entries_per_s: f64,
    /// How long ago that was.
    pub updated_ago: Duration,
}

/// What the Postgres of `client` has of `log`, if anything.
///
/// # Errors
/// The server cannot be asked.
pub async fn stored(client: &Client, log: &LogId) -> Result<Option<StoredLog>, SinkError> {
    if schema::version(client).await? == 0 {
        return Ok(None);
    }
    let row = client
        .query_opt(
            "SELECT log, next_entry, chain, \
                    (extract(epoch FROM last_at) * 1000)::bigint, entries_per_s, \
                    greatest(extract(epoch FROM clock_timestamp() - updated_at), 0)::float8 \
             FROM daytrade.logs WHERE identity = $1",
            &[&log.0.as_slice()],
        )
        .await
        .map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let mut chain = ChainHash::START;
    chain.0.copy_from_slice(row.get(2));
    Ok(Some(StoredLog {
        log: row.get(0),
        position: Position { next: row.get::<_, i64>(1) as u64, chain },
        last_ms: row.get::<_, Option<i64>>(3).map(|ms| ms.max(0) as u64),
        entries_per_s: row.get(4),
        updated_ago: Duration::try_from_secs_f64(row.get(5)).unwrap_or_default(),
    }))
}

/// A Postgres that follows.
pub struct PostgresSink {
    url: PostgresUrl,
    /// Where the log is and what the server in it is called: for people who read the table.
    folder: String,
    server: String,
    session: Option<Session>,
    /// The last write failed in a way that lasts, if nothing has changed since.
    failed_before: bool,
}

/// A connection, and what is known of the log on it.
struct Session {
    client: Client,
    log: i32,
    days: FxHashSet<i64>,
    columns: String,
    /// Rows that the index of what comes in order does not know yet.
    unsummarised: usize,
}

impl PostgresSink {
    /// A sink that connects when it is first asked. `folder` and `server` name the log to people.
    pub fn new(url: PostgresUrl, folder: &str, server: &str) -> PostgresSink {
        PostgresSink {
            url,
            folder: folder.to_string(),
            server: server.to_string(),
            session: None,
            failed_before: false,
        }
    }

    /// Forgets every entry of `log`, which keeps its number: what people wrote down still names it.
    /// [`reset`](Sink::reset) forgets the log itself.
    ///
    /// # Errors
    /// The store cannot be asked now.
    pub async fn begin_anew(&mut self, log: &LogId) -> Result<(), SinkError> {
        self.session = None;
        let mut client = self.url.connect().await?;
        schema::begin_anew(&mut client, log, &self.folder, &self.server).await
    }

    async fn open(&mut self, log: &LogId) -> Result<Position, SinkError> {
        let mut client = self.url.connect().await?;
        let found = match stored(&client, log).await? {
            Some(found) => found,
            None => {
                schema::register(&mut client, log, &self.folder, &self.server).await?;
                let found = stored(&client, log).await?;
                found.ok_or_else(|| SinkError::Unavailable("the log was removed".to_string()))?
            }
        };
        let days = schema::days_of(&client, found.log).await?;
        let columns = row::COLUMNS.join(", ");
        self.session = Some(Session { client, log: found.log, days, columns, unsummarised: 0 });
        Ok(found.position)
    }
}

impl Sink for PostgresSink {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn address(&self) -> String {
        self.url.to_string()
    }

    fn parameters(&self) -> String {
        self.url.parameters()
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        let client = self.url.connect().await?;
        schema::check_privileges(&client).await
    }

    async fn position(&mut self, log: &LogId) -> Result<Position, SinkError> {
        // What is known of the old connection may be wrong: begin anew.
        self.session = None;
        self.open(log).await
    }

    async fn write(&mut self, log: &LogId, batch: &Batch, rate: f64) -> Result<(), SinkError> {
        let session = self.session.as_mut().ok_or_else(SinkError::not_connected)?;
        let written = session.write(log, batch, rate).await;
        let failed_before = std::mem::replace(
            &mut self.failed_before,
            matches!(written, Err(SinkError::Refused(_))),
        );
        match written {
            // The tables may have been made anew (`audit rebuild`): what is known of them is from
            // before. A failure that lasts comes again.
            Err(SinkError::Refused(reason)) if !failed_before => {
                Err(SinkError::Unavailable(reason))
            }
            written => written,
        }
    }

    async fn reset(&mut self, log: &LogId) -> Result<(), SinkError> {
        self.session = None;
        let mut client = self.url.connect().await?;
        schema::forget(&mut client, log).await
    }
}

impl Session {
    async fn write(&mut self, log: &LogId, batch: &Batch, rate: f64) -> Result<(), SinkError> {
        for day in schema::new_days(batch.records().map(|record| time_of(record.entry)), &self.days)
        {
            schema::add_day(&mut self.client, self.log, day).await?;
            self.days.insert(day);
        }
        let transaction = self.client.transaction().await.map_err(failed)?;
        // The row is locked until the end: a second follower of the same log waits here, and then
        // finds that the position is no longer the one it reads from.
        let last_ms = batch.last_ms().map(copy::micros_of);
        let moved = transaction
            .execute(
                "UPDATE daytrade.logs SET next_entry = $1, chain = $2, \
                    last_at = coalesce(timestamptz '2000-01-01 00:00:00+00' \
                                       + $3::bigint * interval '1 microsecond', last_at), \
                    entries_per_s = $4, updated_at = clock_timestamp() \
                 WHERE log = $5 AND identity = $6 AND next_entry = $7 AND chain = $8",
                &[
                    &(batch.after.next as i64),
                    &batch.after.chain.0.as_slice(),
                    &last_ms,
                    &rate,
                    &self.log,
                    &log.0.as_slice(),
                    &(batch.before.next as i64),
                    &batch.before.chain.0.as_slice(),
                ],
            )
            .await
            .map_err(failed)?;
        if moved != 1 {
            let reason = "another follower of this log has moved its position";
            return Err(SinkError::Unavailable(reason.to_string()));
        }
        if !batch.is_empty() {
            let statement = format!(
                "COPY daytrade.entries_{} ({}) FROM STDIN (FORMAT binary)",
                self.log, self.columns
            );
            let sink = transaction.copy_in(&statement).await.map_err(failed)?;
            let mut sink = pin!(sink);
            let mut rows = Rows::begin(self.log);
            let mut records: Vec<Record<'_>> = batch.records().collect();
            // By user and entry: see the index of the same order.
            records.sort_by_cached_key(|record| {
                (record.entry.user().unwrap_or_default(), record.number)
            });
            for record in records {
                rows.push(&record);
                if rows.len() >= COPY_CHUNK {
                    sink.send(rows.take()).await.map_err(failed)?;
                }
            }
            sink.send(rows.end()).await.map_err(failed)?;
            let stored = sink.as_mut().finish().await.map_err(failed)?;
            if stored != batch.len() as u64 {
                let reason = format!("{stored} of {} rows were stored", batch.len());
                return Err(SinkError::Unavailable(reason));
            }
        }
        transaction.commit().await.map_err(failed)?;
        self.unsummarised += batch.len();
        let rests = batch.len() < RESTS_BELOW && self.unsummarised >= SUMMARISE_LEAST;
        if rests || self.unsummarised >= SUMMARISE_EVERY {
            self.unsummarised = 0;
            // The rows are there whether this works or not.
            if let Err(error) = schema::summarise(&self.client, self.log).await {
                tracing::debug!(%error, "new pages are not summarised yet");
            }
        }
        Ok(())
    }
}
