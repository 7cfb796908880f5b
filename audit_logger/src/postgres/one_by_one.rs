//! Postgres as it is filled without a log to buffer: row by row, each committed for itself. It is
//! what the experiment about stores measures [`PostgresSink`](super::PostgresSink) against, with
//! the same columns and the same indexes in a table of its own. It keeps no position, so a batch
//! that fails is not sent again: nothing else should use it.

use super::row::{COLUMNS, Row, Symbol};
use super::select::number;
use super::{PostgresUrl, copy, failed};
use crate::follow::{Batch, LogId, Position, Record, Sink, SinkError};
use domain::trading::CommandName;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

/// A table that is filled row by row.
pub struct OneByOne {
    url: PostgresUrl,
    table: u64,
    session: Option<(Client, Statement)>,
    position: Position,
}

impl OneByOne {
    /// A sink that makes the table of that number when it is first asked.
    pub fn new(url: PostgresUrl, table: u64) -> OneByOne {
        OneByOne { url, table, session: None, position: Position::START }
    }

    /// How many rows the table of that number has.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn count(url: &PostgresUrl, table: u64) -> Result<u64, SinkError> {
        let client = url.look().await?;
        let statement = format!("SELECT count(*) FROM {}", name(table));
        let row = client.query_one(&statement, &[]).await.map_err(failed)?;
        Ok(row.get::<_, i64>(0) as u64)
    }

    /// Removes the table of that number.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn remove(url: &PostgresUrl, table: u64) -> Result<(), SinkError> {
        let client = url.look().await?;
        let statement = format!("DROP TABLE IF EXISTS {}", name(table));
        client.batch_execute(&statement).await.map_err(failed)
    }

    async fn open(&mut self) -> Result<(), SinkError> {
        let client = self.url.connect().await?;
        let table = name(self.table);
        let make = format!(
            "CREATE TABLE {table} (LIKE daytrade.entries INCLUDING DEFAULTS INCLUDING INDEXES)"
        );
        client.batch_execute(&make).await.map_err(failed)?;
        let places: Vec<String> = (1..=COLUMNS.len()).map(|nth| format!("${nth}")).collect();
        let insert =
            format!("INSERT INTO {table} ({}) VALUES ({})", COLUMNS.join(", "), places.join(", "));
        let statement = client.prepare(&insert).await.map_err(failed)?;
        self.session = Some((client, statement));
        Ok(())
    }
}

impl Sink for OneByOne {
    fn name(&self) -> &'static str {
        "postgres_rows"
    }

    async fn position(&mut self, _: &LogId) -> Result<Position, SinkError> {
        if self.session.is_none() {
            self.open().await?;
        }
        Ok(self.position)
    }

    async fn write(&mut self, _: &LogId, batch: &Batch, _: f64) -> Result<(), SinkError> {
        let Some((client, statement)) = &self.session else {
            return Err(SinkError::Unavailable("not connected".to_string()));
        };
        if batch.before != self.position {
            return Err(SinkError::Refused("the batch is not the next one".to_string()));
        }
        for record in batch.records() {
            // Some rows of the batch are there now, and nothing tells which.
            insert(client, statement, &record)
                .await
                .map_err(|error| SinkError::Refused(failed(error).to_string()))?;
        }
        self.position = batch.after;
        Ok(())
    }

    async fn reset(&mut self, _: &LogId) -> Result<(), SinkError> {
        self.session = None;
        self.position = Position::START;
        OneByOne::remove(&self.url, self.table).await
    }
}

fn name(table: u64) -> String {
    format!("daytrade.one_by_one_{table}")
}

async fn insert(
    client: &Client,
    statement: &Statement,
    record: &Record<'_>,
) -> Result<(), tokio_postgres::Error> {
    let row = Row::of(record);
    let time =
        |ms: u64| -> SystemTime { UNIX_EPOCH + Duration::from_millis(copy::sane_ms(ms) as u64) };
    let text = |text: Option<&str>| text.map(|text| text.replace('\0', "\u{fffd}"));
    let (entry, transaction) = (number(row.entry), number(row.transaction));
    let (at, received) = (time(row.at_ms), row.received_ms.map(time));
    let amount = row.amount.map(|amount| amount.cents());
    let price = row.price.map(|price| price.cents());
    let shares = row.shares.map(|shares| number(shares.count()));
    let opened_by = row.opened_by.map(number);
    let fill_price = row.fill.map(|fill| fill.price.cents());
    let fill_shares = row.fill.map(|fill| number(fill.shares.count()));
    let fill_cash = row.fill.map(|fill| fill.cash.cents());
    let server_time = row.quote_server_time_ms.map(number);
    let command = row.command.map(CommandName::as_str);
    let stock = match row.stock {
        Some(Symbol::Stock(stock)) => Some(stock.letters().as_str().to_string()),
        Some(Symbol::AsGiven(given)) => text(Some(given)),
        None => None,
    };
    let (user, message) = (text(row.user), text(row.message.as_deref()));
    let (file, key) = (text(row.filename), text(row.cryptokey));
    let values: [&(dyn ToSql + Sync); COLUMNS.len()] = [
        &entry,
        &transaction,
        &at,
        &received,
        &amount,
        &price,
        &shares,
        &row.cash_change_cents,
        &opened_by,
        &fill_price,
        &fill_shares,
        &fill_cash,
        &server_time,
        &0_i32,
        &row.cached,
        &row.kind,
        &command,
        &user,
        &stock,
        &row.code,
        &message,
        &file,
        &key,
        &row.body,
    ];
    client.execute(statement, &values).await.map(|_| ())
}
