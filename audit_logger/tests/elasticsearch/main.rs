//! Elasticsearch as a follower, against a real node that is stopped, killed and cut off.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod campaign;
#[path = "../conformance/mod.rs"]
mod conformance;
mod documents;
mod faults;
#[path = "../follower_process/mod.rs"]
mod follower_process;
mod following;
mod kibana;
#[path = "../postgres/log.rs"]
mod log;
mod node;
mod proxy;
mod rules;
mod speed;

use audit_logger::elasticsearch::dead::DeadLetters;
use audit_logger::elasticsearch::{ElasticsearchSink, SearchUrl};
use audit_logger::follow::{Follower, FollowerOptions, LogId, Position, Record, State, Tail};
use audit_logger::parity::Mirror;
use elasticsearch::http::Method;
use node::{Node, PATIENCE};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Follows the log in `folder` in batches that are small, so that there are many.
pub(crate) fn follow(url: SearchUrl, folder: &Path) -> Follower {
    let options = FollowerOptions {
        batch_entries: 500,
        poll: Duration::from_millis(2),
        retry: Duration::from_millis(10),
        ..FollowerOptions::default()
    };
    let log = folder.to_path_buf();
    let make = move || ElasticsearchSink::new(url, &log, "ours");
    Follower::start("elasticsearch", folder, options, make).unwrap()
}

#[track_caller]
pub(crate) fn until_complete(follower: &Follower, next: u64) {
    until(follower, "complete", |follower| follower.status().next >= next);
}

#[track_caller]
pub(crate) fn until(follower: &Follower, what: &str, mut holds: impl FnMut(&Follower) -> bool) {
    let started = Instant::now();
    while !holds(follower) {
        let status = follower.status();
        assert!(started.elapsed() < PATIENCE, "not {what}: {status:?}");
        assert!(!matches!(status.state, State::Refused(_)) || what == "refused", "{status:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The data stream of the log in `folder`.
pub(crate) fn stream_of(folder: &Path) -> String {
    stream_named(&LogId::of(folder).unwrap().unwrap())
}

pub(crate) fn stream_named(log: &LogId) -> String {
    format!("daytrade-audit-{}", &log.to_string()[..16])
}

pub(crate) fn each_record(folder: &Path, mut each: impl FnMut(Record<'_>)) -> u64 {
    let mut tail = Tail::open(folder, Position::START).unwrap();
    while let Some(batch) = tail.next_batch(1_000).unwrap() {
        batch.records().for_each(&mut each);
    }
    tail.position().next
}

/// Every document of the log, by the number of its entry: `_id` and `_source`.
pub(crate) fn documents(node: &Node, folder: &Path) -> Vec<(u64, String, Value)> {
    documents_of(node, &stream_of(folder))
}

/// Every document of a data stream.
pub(crate) fn documents_of(node: &Node, stream: &str) -> Vec<(u64, String, Value)> {
    node.ask(Method::Post, &format!("/{stream}/_refresh"), None);
    let mut found = Vec::new();
    // By ranges of numbers, with room for some that are there more than once.
    for from in (1..).step_by(4_000) {
        let range = json!({ "gte": from, "lt": from + 4_000 });
        let page = json!({
            "size": 10_000,
            "sort": [{ "event.sequence": "asc" }],
            "query": { "range": { "event.sequence": range } },
        });
        let told = node.ask(Method::Post, &format!("/{stream}/_search"), Some(page));
        let hits = told["hits"]["hits"].as_array().unwrap().clone();
        if hits.is_empty() {
            break;
        }
        for mut hit in hits {
            let number = hit["sort"][0].as_u64().unwrap();
            found.push((number, hit["_id"].as_str().unwrap().to_string(), hit["_source"].take()));
        }
    }
    found
}

/// The node has every entry of the log once and nothing else of it, by two ways of looking.
#[track_caller]
pub(crate) fn assert_same(node: &Node, folder: &Path) {
    let id = LogId::of(folder).unwrap().unwrap();
    let found = documents(node, folder);
    let mut expected = Vec::new();
    let mut sink = ElasticsearchSink::new(node.url(), folder, "");
    each_record(folder, |record| {
        let hash = blake3::hash(record.bytes).to_hex().to_string();
        expected.push((record.number, hash, sink.expected(&record)));
    });
    assert_eq!(found.len(), expected.len(), "documents for entries");
    for ((number, document_id, document), (entry, hash, _)) in found.iter().zip(&expected) {
        assert_eq!(number, entry);
        assert_eq!(document["event"]["hash"], **hash, "entry {entry}");
        assert!(document_id.ends_with(&format!("{entry:020}")), "{document_id}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (count, told) = runtime.block_on(async {
        let count = sink.count(&id, 1..u64::MAX >> 1).await.unwrap();
        (count, sink.fingerprints(&id, 1..expected.len() as u64 + 1).await.unwrap())
    });
    assert_eq!(count, expected.len() as u64);
    let fingerprints: Vec<_> = expected.iter().map(|(entry, _, print)| (*entry, *print)).collect();
    assert!(told == fingerprints, "fingerprints differ");
    assert_eq!(DeadLetters::of(folder).read().unwrap(), []);
}
