//! A log as a Postgres has it: the same questions as of its segments, answered from the rows. The
//! entries come from the rows' `body`, so an answer is made of what the log said, not of what the
//! columns make of it.
//!
//! Rows are read page by page in the order of their numbers, from windows that grow where little
//! fits and shrink where much does: memory is that of one page at either end, however long the log
//! is.

use super::{Filter, Order, QueryError};
use crate::follow::{LogId, SinkError};
use crate::postgres::select::{Condition, Parameter, number};
use crate::postgres::{PostgresUrl, check_schema, failed};
use domain::trading::{Entry, codec};
use std::fmt;
use std::ops::{ControlFlow, RangeInclusive};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// The most rows that are held at once.
const PAGE: u64 = 50_000;

/// Entries that the first page is looked for among, at least.
const WINDOW: u64 = 8_192;

/// By how much a window grows where little was found.
const GROWTH: u64 = 8;

/// Which log of a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this identity.
    Log(LogId),
    /// The one with this number in the store.
    Number(i32),
    /// The only one there is; where there are more, the one with this identity, if it is told.
    Only(Option<LogId>),
}

/// A log that a store has something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    /// Its number in the store.
    pub log: i32,
    /// What tells it from every other.
    pub identity: LogId,
    /// The folder that it was followed in.
    pub folder: String,
    /// The next entry that the store does not have.
    pub next: u64,
}

impl fmt::Display for KnownLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {} entries)", self.log, self.folder, self.next - 1)
    }
}

/// A log in a Postgres, as it was when it was opened.
pub struct Stored {
    runtime: Runtime,
    client: Client,
    shown: String,
    log: KnownLog,
    page: u64,
}

impl Stored {
    /// Opens a log that the Postgres at `url` has. Changes nothing there.
    ///
    /// # Errors
    /// The server cannot be asked, or has no such log, or several where one must be named.
    pub fn open(url: &PostgresUrl, which: Which) -> Result<Stored, QueryError> {
        let shown = url.to_string();
        let fault = |reason: String| QueryError::Store { store: shown.clone(), reason };
        let unreachable = |error: SinkError| fault(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fault(format!("no runtime: {error}")))?;
        let client = runtime.block_on(url.look()).map_err(unreachable)?;
        let all = runtime.block_on(known(&client)).map_err(unreachable)?;
        let log = pick(all, which).map_err(&fault)?;
        // Each page is planned for what it asks for; nothing is ever written; to compile a query
        // takes longer than a page.
        let settings = "SET default_transaction_read_only = on; \
                        SET plan_cache_mode = force_custom_plan; SET jit = off";
        let set = runtime.block_on(client.batch_execute(settings)).map_err(failed);
        set.map_err(unreachable)?;
        Ok(Stored { runtime, client, shown, log, page: PAGE })
    }

    /// As it is, but with at most `rows` rows held at once, 1 at least.
    #[must_use]
    pub fn in_pages_of(mut self, rows: u64) -> Stored {
        self.page = rows.clamp(1, PAGE);
        self
    }

    /// Which log it is.
    pub fn log(&self) -> &KnownLog {
        &self.log
    }

    /// Where the store is, without a password.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// The next entry that the store does not have.
    pub fn next(&self) -> u64 {
        self.log.next
    }

    /// Looks how far the store has come since; returns the next entry that it does not have.
    ///
    /// # Errors
    /// The server cannot be asked, or the log was removed from it.
    pub fn advance(&mut self) -> Result<u64, QueryError> {
        let statement = "SELECT next_entry FROM daytrade.logs WHERE log = $1";
        let found = self.runtime.block_on(self.client.query_opt(statement, &[&self.log.log]));
        let row = found.map_err(|error| self.fault(failed(error).to_string()))?;
        let gone = || self.fault("the log was removed from it".to_string());
        self.log.next = row.ok_or_else(gone)?.get::<_, i64>(0) as u64;
        Ok(self.log.next)
    }

    /// Calls `each` with every entry that fits `filter` and came since the store was last looked
    /// at.
    ///
    /// # Errors
    /// The server cannot be asked, or the log was removed from it.
    pub fn poll(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(u64, Entry),
    ) -> Result<(), QueryError> {
        let before = self.log.next;
        if self.advance()? == before {
            return Ok(());
        }
        let from = before.max(*filter.entries.start());
        let new = Filter { entries: from..=*filter.entries.end(), ..filter.clone() };
        let gather = |found: &mut Vec<(u64, Entry)>, number, entry| found.push((number, entry));
        self.scan(&new, Order::OldestFirst, usize::MAX, gather, |found| {
            found.into_iter().for_each(|(number, entry)| each(number, entry));
            Ok::<_, QueryError>(ControlFlow::Continue(()))
        })
    }

    /// As [`scan`](super::scan::scan), but on one thread.
    pub(super) fn scan<T, E>(
        &self,
        filter: &Filter,
        order: Order,
        most: usize,
        each: impl Fn(&mut T, u64, Entry),
        mut take: impl FnMut(T) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E>
    where
        T: Default,
        E: From<QueryError>,
    {
        let mut pages = Pages::begin(self, filter, order, most as u64)?;
        while let Some(rows) = pages.next()? {
            let mut gathered = T::default();
            for row in &rows {
                let number = row.get::<_, i64>(0) as u64;
                if let Some(entry) = self.fitting(filter, number, row.get(1))? {
                    each(&mut gathered, number, entry);
                }
            }
            if take(gathered)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How the server would find all that fits `filter`, in its own words.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub fn plan(&self, filter: &Filter) -> Result<String, QueryError> {
        let condition = Condition::of(filter, 3);
        let statement = format!("EXPLAIN {}", self.statement(&condition, Order::NewestFirst));
        let (low, high, limit) = (1_i64, number(self.log.next), self.page as i64);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&low, &high, &limit];
        parameters.extend(condition.parameters.iter().map(|own| &**own as &(dyn ToSql + Sync)));
        let asked = self.runtime.block_on(self.client.query(&statement, &parameters));
        let rows = asked.map_err(|error| self.fault(failed(error).to_string()))?;
        let lines: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        Ok(lines.join("\n"))
    }

    /// A page of what fits `condition`: the first two parameters are the first and the last entry
    /// that are looked at, the third is the most rows.
    fn statement(&self, condition: &Condition, order: Order) -> String {
        let direction = match order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        format!(
            "SELECT entry, body FROM daytrade.entries_{} WHERE entry BETWEEN $1 AND $2{} \
             ORDER BY entry {direction} LIMIT $3",
            self.log.log, condition.sql
        )
    }

    /// The entry in `body`, if it is what is asked for.
    fn fitting(
        &self,
        filter: &Filter,
        number: u64,
        body: &[u8],
    ) -> Result<Option<Entry>, QueryError> {
        let damaged =
            |error| self.fault(format!("entry {number} is not as the log has it: {error}"));
        let (front, behind) = codec::peek(body).map_err(|error| damaged(error.to_string()))?;
        if !behind.is_empty() {
            return Err(damaged("more bytes than one entry".to_string()));
        }
        if !filter.front(number, &front) {
            return Ok(None);
        }
        let (entry, _) = codec::decode(body).map_err(|error| damaged(error.to_string()))?;
        Ok(filter.rest(&entry).then_some(entry))
    }

    fn fault(&self, reason: String) -> QueryError {
        QueryError::Store { store: self.shown.clone(), reason }
    }
}

/// The logs of a store, in the order in which it took them in.
async fn known(client: &Client) -> Result<Vec<KnownLog>, SinkError> {
    if !check_schema(client).await? {
        return Ok(Vec::new());
    }
    let statement = "SELECT log, identity, folder, next_entry FROM daytrade.logs ORDER BY log";
    let rows = client.query(statement, &[]).await.map_err(failed)?;
    let log = |row: &Row| {
        let mut identity = LogId([0; 32]);
        identity.0.copy_from_slice(row.get(1));
        let next = row.get::<_, i64>(3) as u64;
        KnownLog { log: row.get(0), identity, folder: row.get(2), next }
    };
    Ok(rows.iter().map(log).collect())
}

/// The one that is asked for, or why there is none.
fn pick(all: Vec<KnownLog>, which: Which) -> Result<KnownLog, String> {
    if all.is_empty() {
        return Err("it has no log: `daytrade audit follow` fills it".to_string());
    }
    let listed = all.iter().map(KnownLog::to_string).collect::<Vec<_>>().join(", ");
    let count = all.len();
    let mut all = all.into_iter();
    let found = match which {
        Which::Log(identity) => all.find(|log| log.identity == identity),
        Which::Number(number) => all.find(|log| log.log == number),
        Which::Only(_) if count == 1 => all.next(),
        Which::Only(Some(identity)) => all.find(|log| log.identity == identity),
        Which::Only(None) => None,
    };
    found.ok_or_else(|| match which {
        Which::Log(_) => format!("it does not have this log; it has {listed}"),
        Which::Number(number) => format!("it has no log {number}; it has {listed}"),
        Which::Only(_) => {
            format!("it has several logs, and --log or --data must name one of them: {listed}")
        }
    })
}

/// Rows that may fit, page by page.
struct Pages<'a> {
    stored: &'a Stored,
    statement: Statement,
    parameters: Vec<Parameter>,
    order: Order,
    /// What has not been looked at yet.
    left: RangeInclusive<u64>,
    window: u64,
    limit: u64,
}

impl<'a> Pages<'a> {
    fn begin(
        stored: &'a Stored,
        filter: &Filter,
        order: Order,
        most: u64,
    ) -> Result<Pages<'a>, QueryError> {
        let condition = Condition::of(filter, 3);
        let statement = stored.statement(&condition, order);
        let prepared = stored.runtime.block_on(stored.client.prepare(&statement));
        let statement = prepared.map_err(|error| stored.fault(failed(error).to_string()))?;
        let limit = most.clamp(1, stored.page);
        Ok(Pages {
            stored,
            statement,
            parameters: condition.parameters,
            order,
            left: (*filter.entries.start()).max(1)
                ..=(*filter.entries.end()).min(stored.log.next - 1),
            window: WINDOW.min(stored.page).max(limit),
            limit,
        })
    }

    fn next(&mut self) -> Result<Option<Vec<Row>>, QueryError> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let (first, last) = (*self.left.start(), *self.left.end());
        let (from, to) = match self.order {
            Order::OldestFirst => (first, last.min(first.saturating_add(self.window - 1))),
            Order::NewestFirst => (first.max(last.saturating_sub(self.window - 1)), last),
        };
        let (low, high, limit) = (number(from), number(to), self.limit as i64);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&low, &high, &limit];
        parameters.extend(self.parameters.iter().map(|own| &**own as &(dyn ToSql + Sync)));
        let query = self.stored.client.query(&self.statement, &parameters);
        let asked = self.stored.runtime.block_on(query);
        let rows = asked.map_err(|error| self.stored.fault(failed(error).to_string()))?;
        let full = rows.len() as u64 == self.limit;
        let reached = match rows.last() {
            // More may stand behind the last row of a full page.
            Some(row) if full => row.get::<_, i64>(0) as u64,
            _ if self.order == Order::OldestFirst => to,
            _ => from,
        };
        match self.order {
            Order::OldestFirst => self.left = reached + 1..=last,
            Order::NewestFirst => self.left = first..=reached.saturating_sub(1),
        }
        if full {
            let looked_at =
                if self.order == Order::OldestFirst { reached - from } else { to - reached };
            self.window = (looked_at + 1).max(self.limit);
        } else if (rows.len() as u64) < self.limit / 4 {
            self.window = self.window.saturating_mul(GROWTH);
        }
        Ok(Some(rows))
    }
}
