//! Postgres as a follower, against a real server that is stopped, killed and cut off.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asked;
mod campaign;
mod columns;
#[path = "../conformance/mod.rs"]
mod conformance;
mod faults;
#[path = "../follower_process/mod.rs"]
mod follower_process;
mod following;
mod full_disk;
mod log;
mod parity;
mod permanent;
mod rules;
mod server;
mod tls;
#[path = "../query/world.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod world;

use audit_logger::follow::{Follower, FollowerOptions, LogId, Record};
use audit_logger::log::LogReader;
use audit_logger::postgres::row::Row;
use audit_logger::postgres::{PostgresSink, PostgresUrl};
use domain::trading::Entry;
use domain::trading::codec;
use server::{PATIENCE, Server};
use std::path::Path;
use std::time::{Duration, Instant};

/// Follows the log in `folder` in batches that are small, so that there are many.
pub(crate) fn follow(url: PostgresUrl, folder: &Path) -> Follower {
    let options = FollowerOptions {
        batch_entries: 500,
        poll: Duration::from_millis(2),
        retry: Duration::from_millis(10),
        ..FollowerOptions::default()
    };
    Follower::start("postgres", folder, options, move || PostgresSink::new(url, "a log", "ours"))
        .unwrap()
}

#[track_caller]
pub(crate) fn until_complete(follower: &Follower, next: u64) {
    let started = Instant::now();
    while follower.status().next < next {
        assert!(started.elapsed() < PATIENCE, "not complete: {:?}", follower.status());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Postgres has every entry of the log once, to the byte, and nothing else of it.
#[track_caller]
pub(crate) fn assert_same(server: &Server, folder: &Path) {
    let id = LogId::of(folder).unwrap().unwrap();
    let rows = server.sql().rows(&format!(
        "SELECT e.entry, e.body, e.transaction_num, e.amount_cents, e.cash_change_cents FROM daytrade.entries e \
         JOIN daytrade.logs l USING (log) WHERE l.identity = '\\x{id}' ORDER BY e.entry"
    ));
    let mut logged: Vec<(u64, Entry)> = Vec::new();
    LogReader::open(folder)
        .unwrap()
        .for_each(u64::MAX, |number, entry| {
            logged.push((number, entry));
            Ok::<(), audit_logger::LogError>(())
        })
        .unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let expected: Vec<i64> = (1..=logged.len() as i64).collect();
    assert!(numbers == expected, "{} rows for {} entries", numbers.len(), expected.len());
    let mut sums = [0_i128; 4];
    for (row, (number, entry)) in rows.iter().zip(&logged) {
        let mut bytes = Vec::new();
        codec::encode(entry, &mut bytes).unwrap();
        assert_eq!(row.get::<_, &[u8]>(1), bytes, "entry {number}");
        assert_eq!(row.get::<_, i64>(2) as u64, entry.transaction().0, "entry {number}");
        let whole = Row::of(&Record { number: *number, entry, bytes: &bytes });
        let cents = |column| i128::from(row.get::<_, Option<i64>>(column).unwrap_or(0));
        sums[0] += cents(3);
        sums[1] += whole.amount.map_or(0, |amount| i128::from(amount.cents()));
        sums[2] += cents(4);
        sums[3] += whole.cash_change_cents.map_or(0, i128::from);
    }
    assert_eq!((sums[0], sums[2]), (sums[1], sums[3]), "sums of amounts and of changes of cash");
}
