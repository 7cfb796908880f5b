//! What a Postgres holds of a log, to be compared with it: whole rows, every column, in the binary
//! form in which they were copied there.

use super::copy::Rows;
use super::row::COLUMNS;
use super::{PostgresUrl, StoredLog, failed, stored};
use crate::follow::{LogId, Record, SinkError};
use crate::parity::{Fingerprint, Mirror};
use std::error::Error;
use std::ops::Range;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

/// A Postgres that is compared with a log.
pub struct PostgresMirror {
    url: PostgresUrl,
    session: Option<(Client, Option<StoredLog>)>,
}

/// A field as the server sends it.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl PostgresMirror {
    /// A mirror that connects when it is first asked, and changes nothing.
    pub fn new(url: PostgresUrl) -> PostgresMirror {
        PostgresMirror { url, session: None }
    }

    /// The connection, and the number of the log there; none where the store knows no such log.
    async fn session(&mut self, log: &LogId) -> Result<Option<(&Client, i32)>, SinkError> {
        if self.session.as_ref().is_none_or(|(client, _)| client.is_closed()) {
            let client = self.url.look().await?;
            let found = stored(&client, log).await?;
            self.session = Some((client, found));
        }
        let Some((client, found)) = &self.session else { return Ok(None) };
        Ok(found.as_ref().map(|found| (client, found.log)))
    }
}

/// Both ends as the column has them: entries are numbered below 2^63.
fn ends(range: &Range<u64>) -> (i64, i64) {
    let end = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // Whatever is below the first number there is counts as before it.
    (if range.start == 0 { i64::MIN } else { end(range.start) }, end(range.end))
}

/// The columns, with a number for the log that every fingerprint has.
fn columns() -> String {
    COLUMNS.map(|column| if column == "log" { "0::int4 AS log" } else { column }).join(", ")
}

impl Mirror for PostgresMirror {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn count(&mut self, log: &LogId, range: Range<u64>) -> Result<u64, SinkError> {
        let Some((client, number)) = self.session(log).await? else { return Ok(0) };
        let (from, to) = ends(&range);
        let count = "SELECT count(*) FROM daytrade.entries \
                     WHERE log = $1 AND entry >= $2 AND entry < $3";
        let row = client.query_one(count, &[&number, &from, &to]).await.map_err(failed)?;
        Ok(row.get::<_, i64>(0) as u64)
    }

    async fn fingerprints(
        &mut self,
        log: &LogId,
        range: Range<u64>,
    ) -> Result<Vec<(u64, Fingerprint)>, SinkError> {
        let Some((client, number)) = self.session(log).await? else { return Ok(Vec::new()) };
        let (from, to) = ends(&range);
        let select = format!(
            "SELECT {} FROM daytrade.entries \
             WHERE log = $1 AND entry >= $2 AND entry < $3 ORDER BY entry",
            columns()
        );
        let rows = client.query(&select, &[&number, &from, &to]).await.map_err(failed)?;
        rows.iter().map(|row| Ok((entry_of(row)?, fingerprint(row)?))).collect()
    }

    fn expected(&self, record: &Record<'_>) -> Fingerprint {
        *blake3::hash(&Rows::one(record)).as_bytes()
    }

    async fn detail(
        &mut self,
        log: &LogId,
        record: &Record<'_>,
    ) -> Result<Option<String>, SinkError> {
        let Some((client, number)) = self.session(log).await? else { return Ok(None) };
        let select =
            format!("SELECT {} FROM daytrade.entries WHERE log = $1 AND entry = $2", columns());
        let entry = ends(&(record.number..record.number)).1;
        let row = client.query_opt(&select, &[&number, &entry]).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let expected = Rows::one(record);
        let mut changed = Vec::new();
        for (column, expected) in fields(&expected).into_iter().enumerate() {
            let found = row.try_get::<_, Option<Raw<'_>>>(column).map_err(failed)?;
            if found.map(|Raw(bytes)| bytes) != expected {
                changed.push(COLUMNS[column]);
            }
        }
        Ok(Some(format!("column {}", changed.join(", "))))
    }

    async fn first_in(&mut self, log: &LogId, range: Range<u64>) -> Result<Option<u64>, SinkError> {
        let Some((client, number)) = self.session(log).await? else { return Ok(None) };
        let (from, to) = ends(&range);
        let first = "SELECT min(entry) FROM daytrade.entries \
                     WHERE log = $1 AND entry >= $2 AND entry < $3";
        let row = client.query_one(first, &[&number, &from, &to]).await.map_err(failed)?;
        Ok(row.get::<_, Option<i64>>(0).map(|entry| entry.max(0) as u64))
    }
}

fn entry_of(row: &Row) -> Result<u64, SinkError> {
    let entry: i64 = row.try_get("entry").map_err(failed)?;
    Ok(entry as u64)
}

/// The fields of a row in the form of COPY.
fn fields(row: &[u8]) -> Vec<Option<&[u8]>> {
    let mut fields = Vec::new();
    let mut rest = row.get(2..).unwrap_or_default();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (field, behind) = behind.split_at_checked(length.unwrap_or(0)).unwrap_or_default();
        fields.push(length.map(|_| field));
        rest = behind;
    }
    fields
}

/// The hash of a row in the form of COPY: a number of fields, each with its length.
fn fingerprint(row: &Row) -> Result<Fingerprint, SinkError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(row.len() as i16).to_be_bytes());
    for column in 0..row.len() {
        match row.try_get::<_, Option<Raw<'_>>>(column).map_err(failed)? {
            Some(Raw(bytes)) => {
                hasher.update(&(bytes.len() as i32).to_be_bytes());
                hasher.update(bytes);
            }
            None => {
                hasher.update(&(-1_i32).to_be_bytes());
            }
        }
    }
    Ok(*hasher.finalize().as_bytes())
}
