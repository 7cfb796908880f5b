//! Armed orders in the whole system: they fire when a later price meets them, the state is that of
//! a slow reading of the rules, and a kill at any point makes none fire twice or forgets one.

mod killed;
mod listed;
mod reference;

use crate::common::write_workload;
use audit_logger::log::LogReader;
use domain::trading::{Entry, Stock, TransactionNum};
use quote_manager::simulator::price;
use std::path::{Path, PathBuf};

/// The seed of prices, as `replay` takes it by default.
const SEED: u64 = 1;

fn stock(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

/// Every user arms a buy or a sell a little beyond the price that one of ten stocks has at `at_ms`,
/// and then waits, for as many commands that change nothing.
fn order_workload(folder: &Path, users: i64, wait: usize, at_ms: u64) -> PathBuf {
    let mut lines = Vec::new();
    for user in 0..users {
        let name = format!("S{}", char::from(b'A' + (user % 10) as u8));
        let now = price(SEED, stock(&name), at_ms).cents();
        let dollars = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        // Half a per mille farther for each ten users.
        let apart = now * (1 + user / 20) / 2_000 + 1;
        lines.push(format!("ADD,u{user},{}", dollars(10 * now)));
        if user / 10 % 2 == 0 {
            lines.push(format!("SET_BUY_AMOUNT,u{user},{name},{}", dollars(3 * now)));
            lines.push(format!("SET_BUY_TRIGGER,u{user},{name},{}", dollars(now - apart)));
        } else {
            lines.push(format!("BUY,u{user},{name},{}", dollars(5 * now)));
            lines.push(format!("COMMIT_BUY,u{user}"));
            lines.push(format!("SET_SELL_AMOUNT,u{user},{name},{}", dollars(2 * (now + apart))));
            lines.push(format!("SET_SELL_TRIGGER,u{user},{name},{}", dollars(now + apart)));
        }
    }
    lines.extend((0..wait).map(|at| format!("DISPLAY_SUMMARY,u{}", at as i64 % users)));
    lines.push("DUMPLOG,./testLOG".to_string());
    write_workload(folder, "orders", &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn entries(out: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut reader = LogReader::open(&out.join("log")).unwrap();
    // A torn tail ends the reading as the end does.
    let _ = reader.for_each(u64::MAX, |_, entry| {
        entries.push(entry);
        Ok::<(), audit_logger::LogError>(())
    });
    entries
}

/// The orders that fired on a later price: the commands that had left them armed.
fn fired(entries: &[Entry]) -> Vec<TransactionNum> {
    let filled = |entry: &Entry| match entry {
        Entry::Filled(filled) => Some(filled.transaction),
        _ => None,
    };
    entries.iter().filter_map(filled).collect()
}
