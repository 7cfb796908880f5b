//! Transaction numbers tell commands apart, over every end of the process.

use crate::server::{Client, PASSWORD, Server};
use audit_logger::LogError;
use audit_logger::log::recovery::find_end;
use audit_logger::log::{LogOptions, LogReader, LogWriter, segments};
use bus::Entries;
use domain::trading::entry::QuoteReceived;
use domain::trading::{Entry, Price, Stock, TransactionNum, UserName};
use std::path::Path;

/// Appends the quote that a command of `user` had asked for before the process died.
fn append_quote(log: &Path, user: &str, transaction: u64) {
    let lock = segments::lock(log).unwrap();
    let mut reader = LogReader::open(log).unwrap();
    let mut last_ms = 0;
    let read = reader.for_each(u64::MAX, |_, entry| {
        if let Entry::Command(decided) = entry {
            last_ms = decided.applied_ms;
        }
        Ok::<_, LogError>(())
    });
    let end = find_end(&reader, read, log).unwrap();
    let mut writer = LogWriter::open(log, lock, &end, LogOptions::default()).unwrap();
    let mut entries = Entries::default();
    entries.push(&Entry::Quote(QuoteReceived {
        transaction: TransactionNum(transaction),
        user: UserName::parse(user.as_bytes()).unwrap(),
        received_ms: last_ms,
        stock: Stock::parse(b"ABC").unwrap(),
        price: Price::from_cents(1_000).unwrap(),
        server_time_ms: last_ms,
        cryptokey: "key".into(),
    }));
    writer.append([&entries].into_iter(), last_ms).unwrap();
}

#[test]
fn a_quoted_number_is_never_given_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let last = ann.accepted("ADD,100.00")["transaction"].as_u64().unwrap();
    server.kill();
    append_quote(&folder.path().join("log"), "bob", last + 1);

    // A start from the log, and one from the snapshot that the first leaves.
    let mut before = last + 1;
    for _ in 0..2 {
        let server = Server::start(folder.path(), &[]);
        let mut ann = Client::of(&server);
        ann.enter("/api/v1/session", "ann", PASSWORD).ok();
        let next = ann.accepted("ADD,1.00")["transaction"].as_u64().unwrap();
        assert!(next > before, "{next} was given out after {before}");
        before = next;
        server.signal("-TERM");
        assert_eq!(server.ended().0, Some(0));
    }
}
