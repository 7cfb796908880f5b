//! The schema `daytrade`: its versions, and the tables that each log and each day have of their
//! own. A log's tables go as a whole when it is rebuilt, and a day's when it is old.

use super::failed;
use crate::follow::{LogId, Position, SinkError};
use rustc_hash::FxHashSet;
use tokio_postgres::{Client, GenericClient};

/// The steps from nothing to the newest version, in order.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_entries.sql")];

/// Makes two programs that migrate at once take turns.
const LOCK: i64 = 0x6461_7974_7261_6465;

const DAY_MS: i64 = 86_400_000;

/// Brings the schema up to the newest version.
///
/// # Errors
/// The server cannot be asked, or the schema is of a later version than this program knows.
pub async fn migrate(client: &mut Client) -> Result<(), SinkError> {
    if version(client).await? == MIGRATIONS.len() as i32 {
        return Ok(());
    }
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(failed)?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS daytrade; \
             CREATE TABLE IF NOT EXISTS daytrade.migrations \
                 (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await
        .map_err(failed)?;
    let have = known_version(&transaction).await?;
    for (step, number) in MIGRATIONS.iter().zip(1..).filter(|(_, number)| *number > have) {
        transaction.batch_execute(step).await.map_err(failed)?;
        transaction
            .execute("INSERT INTO daytrade.migrations (version) VALUES ($1)", &[&number])
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The version of the schema, which must be one that this program knows; 0 where there is none.
pub(super) async fn known_version(client: &impl GenericClient) -> Result<i32, SinkError> {
    let (have, newest) = (version(client).await?, MIGRATIONS.len() as i32);
    if have > newest {
        return Err(SinkError::Refused(format!(
            "the schema daytrade has version {have}, this program knows version {newest}"
        )));
    }
    Ok(have)
}

/// The version of the schema; 0 where there is none.
pub(super) async fn version(client: &impl GenericClient) -> Result<i32, SinkError> {
    let there = "SELECT to_regclass('daytrade.migrations') IS NOT NULL";
    if !client.query_one(there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM daytrade.migrations";
    Ok(client.query_one(newest, &[]).await.map_err(failed)?.get(0))
}

/// Checks that this role may do what a follower does.
///
/// # Errors
/// The server cannot be asked, or something is missing.
pub async fn check_privileges(client: &Client) -> Result<(), SinkError> {
    let statement = "\
        SELECT current_user::text, \
               has_schema_privilege('daytrade', 'CREATE'), \
               has_table_privilege('daytrade.logs', 'SELECT') \
               AND has_table_privilege('daytrade.logs', 'INSERT') \
               AND has_table_privilege('daytrade.logs', 'UPDATE'), \
               pg_has_role(relowner, 'USAGE') \
        FROM pg_class WHERE oid = 'daytrade.entries'::regclass";
    let row = client.query_one(statement, &[]).await.map_err(failed)?;
    let user: String = row.get(0);
    let may: [bool; 3] = [1, 2, 3].map(|column| row.get(column));
    let missing = [
        "CREATE on schema daytrade",
        "SELECT, INSERT and UPDATE on daytrade.logs",
        "membership in the role that owns daytrade.entries (its partitions are made as needed)",
    ];
    let missing: Vec<&str> =
        missing.into_iter().zip(may).filter(|(_, may)| !may).map(|(missing, _)| missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(SinkError::Refused(format!("role {user} lacks {}", missing.join("; "))))
}

/// Takes in a log that is new, with a table of its own.
///
/// # Errors
/// The server cannot be asked.
pub async fn register(
    client: &mut Client,
    log: &LogId,
    folder: &str,
    server: &str,
) -> Result<(), SinkError> {
    let transaction = client.transaction().await.map_err(failed)?;
    let start = Position::START;
    let row = transaction
        .query_opt(
            "INSERT INTO daytrade.logs (identity, folder, server, next_entry, chain) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (identity) DO NOTHING RETURNING log",
            &[
                &log.0.as_slice(),
                &folder.replace('\0', ""),
                &server.replace('\0', ""),
                &(start.next as i64),
                &start.chain.0.as_slice(),
            ],
        )
        .await
        .map_err(failed)?;
    if let Some(row) = row {
        let log: i32 = row.get(0);
        transaction.batch_execute(&table_of(log)).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// Makes the table of a log: beside and then attached, which does not stop those who read or write
/// other parts.
fn table_of(log: i32) -> String {
    format!(
        "CREATE TABLE daytrade.entries_{log} \
             (LIKE daytrade.entries INCLUDING DEFAULTS) PARTITION BY RANGE (at); \
         ALTER TABLE daytrade.entries \
             ATTACH PARTITION daytrade.entries_{log} FOR VALUES IN ({log})"
    )
}

/// Removes every entry of a log, if it is known, which then stands before its first entry again. It
/// keeps its number, and is in `folder` and of `server` from now on.
///
/// # Errors
/// The server cannot be asked.
pub async fn begin_anew(
    client: &mut Client,
    log: &LogId,
    folder: &str,
    server: &str,
) -> Result<(), SinkError> {
    let transaction = client.transaction().await.map_err(failed)?;
    let start = Position::START;
    let row = transaction
        .query_opt(
            "UPDATE daytrade.logs SET folder = $2, server = $3, next_entry = $4, chain = $5, \
                 last_at = NULL, entries_per_s = 0, updated_at = clock_timestamp() \
             WHERE identity = $1 RETURNING log",
            &[
                &log.0.as_slice(),
                &folder.replace('\0', ""),
                &server.replace('\0', ""),
                &(start.next as i64),
                &start.chain.0.as_slice(),
            ],
        )
        .await
        .map_err(failed)?;
    if let Some(row) = row {
        let log: i32 = row.get(0);
        let remove = format!("DROP TABLE IF EXISTS daytrade.entries_{log} CASCADE");
        transaction.batch_execute(&remove).await.map_err(failed)?;
        transaction.batch_execute(&table_of(log)).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// Removes everything of a log.
///
/// # Errors
/// The server cannot be asked.
pub async fn forget(client: &mut Client, log: &LogId) -> Result<(), SinkError> {
    let transaction = client.transaction().await.map_err(failed)?;
    let remove = "DELETE FROM daytrade.logs WHERE identity = $1 RETURNING log";
    let row = transaction.query_opt(remove, &[&log.0.as_slice()]).await.map_err(failed)?;
    if let Some(row) = row {
        let log: i32 = row.get(0);
        let statement = format!("DROP TABLE IF EXISTS daytrade.entries_{log} CASCADE");
        transaction.batch_execute(&statement).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The days that have a table in `log`, as days since 1970.
///
/// # Errors
/// The server cannot be asked.
pub async fn days_of(client: &Client, log: i32) -> Result<FxHashSet<i64>, SinkError> {
    let rows = client
        .query(
            "SELECT (to_date(substring(c.relname FROM '_([0-9]{8})$'), 'YYYYMMDD') \
                     - date '1970-01-01')::bigint \
             FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = to_regclass($1)",
            &[&format!("daytrade.entries_{log}")],
        )
        .await
        .map_err(failed)?;
    Ok(rows.iter().filter_map(|row| row.get::<_, Option<i64>>(0)).collect())
}

/// The days of `times` that are not among `known`.
pub fn new_days(times: impl Iterator<Item = u64>, known: &FxHashSet<i64>) -> Vec<i64> {
    let mut days = Vec::new();
    let mut last = None;
    for time in times {
        let day = super::copy::sane_ms(time).div_euclid(DAY_MS);
        if last != Some(day) && !known.contains(&day) && !days.contains(&day) {
            days.push(day);
        }
        last = Some(day);
    }
    days
}

/// Brings the BRIN indexes of a log up to its newest pages. A server does so by itself when it
/// vacuums, which may be a minute later.
///
/// # Errors
/// The server cannot be asked.
pub async fn summarise(client: &Client, log: i32) -> Result<(), SinkError> {
    client
        .execute(
            "SELECT brin_summarize_new_values(i.indexrelid) \
             FROM pg_inherits p \
             JOIN pg_index i ON i.indrelid = p.inhrelid \
             JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_am a ON a.oid = c.relam \
             WHERE p.inhparent = to_regclass($1) AND a.amname = 'brin'",
            &[&format!("daytrade.entries_{log}")],
        )
        .await
        .map(|_| ())
        .map_err(failed)
}

/// Makes the table of a day.
///
/// # Errors
/// The server cannot be asked.
pub async fn add_day(client: &mut Client, log: i32, day: i64) -> Result<(), SinkError> {
    let (from, to) = (date(day), date(day + 1));
    let table = format!("entries_{log}_{}", from.replace('-', ""));
    let transaction = client.transaction().await.map_err(failed)?;
    // Two followers of the same log take turns.
    let lock = "SELECT 1 FROM daytrade.logs WHERE log = $1 FOR UPDATE";
    transaction.query_opt(lock, &[&log]).await.map_err(failed)?;
    let there = "SELECT to_regclass($1) IS NOT NULL";
    let name = format!("daytrade.{table}");
    if !transaction.query_one(there, &[&name]).await.map_err(failed)?.get::<_, bool>(0) {
        let statement = format!(
            "CREATE TABLE {name} (LIKE daytrade.entries_{log} INCLUDING DEFAULTS); \
             ALTER TABLE daytrade.entries_{log} ATTACH PARTITION {name} \
                 FOR VALUES FROM ('{from} 00:00:00+00') TO ('{to} 00:00:00+00')"
        );
        transaction.batch_execute(&statement).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The date of a day since 1970 (the days-to-civil algorithm for the Gregorian calendar).
fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months counted from March, so that the day that some years have more is the last.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year_of_era + era * 400 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_of_the_calendar() {
        for (day, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_453, "2025-12-31"),
            (20_454, "2026-01-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date(day), text);
        }
    }

    #[test]
    fn each_new_day_is_told_once() {
        let known = FxHashSet::from_iter([1]);
        let day = DAY_MS as u64;
        let times = [day, 2 * day, day + 5, 2 * day + 1, 3 * day, 3 * day - 1, 4 * day - 1];
        assert_eq!(new_days(times.into_iter(), &known), [2, 3]);
    }
}
