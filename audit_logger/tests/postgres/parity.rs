//! Whatever is done to the rows of a store is found and named.

use crate::log::{self, grow};
use crate::server::Server;
use crate::{follow, until_complete};
use audit_logger::follow::LogId;
use audit_logger::parity::{Differs, Parity, compare};
use audit_logger::postgres::PostgresMirror;
use audit_logger::postgres::row::COLUMNS;
use std::path::Path;

const COUNT: u64 = 700;

fn parity(server: &Server, folder: &Path) -> Parity {
    let log = LogId::of(folder).unwrap().unwrap();
    let mut mirror = PostgresMirror::new(server.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(compare(&mut mirror, folder, &log, 100, |_| ())).unwrap()
}

/// What differs first: its kind, its entry, and what is said of it.
#[track_caller]
fn differs(server: &Server, folder: &Path) -> (Differs, u64, Option<String>) {
    let difference = parity(server, folder).difference.expect("something differs");
    (difference.kind, difference.entry, difference.detail)
}

/// An expression for something that the column does not hold.
fn other(column: &str) -> String {
    match column {
        "at" | "received_at" => {
            format!("coalesce({column}, '2025-12-31T12:00Z') - interval '1 microsecond'")
        }
        "cached" => "NOT coalesce(cached, false)".to_string(),
        "body" => "body || '\\x00'".to_string(),
        "kind" | "command" | "username" | "stock" | "code" | "message" | "filename"
        | "cryptokey" => format!("coalesce({column}, '') || 'x'"),
        number => format!("coalesce({number}, 0) + 1"),
    }
}

#[test]
fn every_column_that_was_changed_is_found_and_named() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 9, COUNT);
    until_complete(&follow(server.url(), folder.path()), COUNT + 1);
    let whole = parity(&server, folder.path());
    assert_eq!((whole.difference.clone(), whole.first, whole.last), (None, 1, COUNT));
    let sql = server.sql();
    let entry = 345;
    sql.run(&format!("CREATE TABLE kept AS SELECT * FROM daytrade.entries WHERE entry = {entry}"));
    for column in COLUMNS.into_iter().filter(|column| !["log", "entry"].contains(column)) {
        let value = other(column);
        sql.run(&format!("UPDATE daytrade.entries SET {column} = {value} WHERE entry = {entry}"));
        let named = Some(format!("column {column}"));
        assert_eq!(differs(&server, folder.path()), (Differs::Changed, entry, named));
        sql.run(&format!("DELETE FROM daytrade.entries WHERE entry = {entry}"));
        sql.run("INSERT INTO daytrade.entries SELECT * FROM kept");
        assert_eq!(parity(&server, folder.path()), whole, "{column}");
    }
}

#[test]
fn rows_that_are_gone_doubled_renumbered_or_put_in_are_named() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let id_of = |folder: &Path| LogId::of(folder).unwrap();
    grow(&mut log::open(folder.path()), 10, COUNT);
    until_complete(&follow(server.url(), folder.path()), COUNT + 1);
    // Another log in the same tables has no part in it.
    let other = tempfile::tempdir().unwrap();
    grow(&mut log::open(other.path()), 11, COUNT + 50);
    until_complete(&follow(server.url(), other.path()), COUNT + 51);
    assert_ne!(id_of(folder.path()), id_of(other.path()));
    let sql = server.sql();
    let ours = sql.rows("SELECT min(log) FROM daytrade.logs")[0].get::<_, i32>(0);
    sql.run(&format!("CREATE TABLE kept AS SELECT * FROM daytrade.entries WHERE log = {ours}"));
    let again = || {
        sql.run(&format!("DELETE FROM daytrade.entries WHERE log = {ours}"));
        sql.run("INSERT INTO daytrade.entries SELECT * FROM kept");
        assert_eq!(parity(&server, folder.path()).difference, None);
    };
    let last = COUNT;
    for (statement, kind, entry) in [
        ("DELETE FROM daytrade.entries WHERE entry = 1 AND log = LOG", Differs::Missing, 1),
        ("DELETE FROM daytrade.entries WHERE entry = 250 AND log = LOG", Differs::Missing, 250),
        ("DELETE FROM daytrade.entries WHERE entry >= 650 AND log = LOG", Differs::Behind, 650),
        ("DELETE FROM daytrade.entries WHERE entry = LAST AND log = LOG", Differs::Behind, last),
        (
            "INSERT INTO daytrade.entries SELECT * FROM kept WHERE entry = 300",
            Differs::Doubled,
            300,
        ),
        (
            "UPDATE daytrade.entries SET entry = 301 WHERE entry = 300 AND log = LOG",
            Differs::Missing,
            300,
        ),
        (
            "UPDATE daytrade.entries SET entry = LAST + 5 WHERE entry = LAST AND log = LOG",
            Differs::Behind,
            last,
        ),
    ] {
        let statement = statement.replace("LOG", &ours.to_string());
        sql.run(&statement.replace("LAST", &last.to_string()));
        let found = differs(&server, folder.path());
        assert_eq!((found.0, found.1), (kind, entry), "{statement}");
        again();
    }
    for entry in [0, -7, last as i64 + 9] {
        sql.run("CREATE TABLE one AS SELECT * FROM kept WHERE entry = 1");
        sql.run(&format!("UPDATE one SET entry = {entry}"));
        sql.run("INSERT INTO daytrade.entries SELECT * FROM one; DROP TABLE one");
        let found = differs(&server, folder.path());
        assert_eq!((found.0, found.1), (Differs::NotInTheLog, entry.max(0) as u64));
        again();
    }
    let told = parity(&server, other.path());
    assert_eq!((told.difference, told.last), (None, COUNT + 50));
}

#[test]
fn a_store_that_knows_nothing_of_the_log_is_behind_from_the_first_entry() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 12, 20);
    assert_eq!(differs(&server, folder.path()), (Differs::Behind, 1, None));
}
