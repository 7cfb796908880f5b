//! How fast a node takes documents.

use crate::log::{self, append};
use crate::node::{Node, processor_seconds_of};
use crate::{stream_of, until_complete};
use audit_logger::elasticsearch::ElasticsearchSink;
use audit_logger::follow::{Follower, FollowerOptions};
use elasticsearch::http::Method;
use std::time::Instant;

#[test]
#[ignore = "measures: run it alone, as docs/performance.md says"]
fn documents_a_second() {
    let count: u64 =
        std::env::var("DOCUMENTS").map_or(300_000, |count| count.parse().expect("a number"));
    let node = Node::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    while writer.next_entry() <= count {
        append(&mut writer, 3, 1_000);
    }
    let next = writer.next_entry();
    for round in 0..2 {
        let started = Instant::now();
        let (node_before, own_before) = (node.processor_seconds(), processor_seconds_of("self"));
        let (url, log) = (node.url(), folder.path().to_path_buf());
        let make = move || ElasticsearchSink::new(url, &log, "ours");
        let options = FollowerOptions::default();
        let follower = Follower::start("elasticsearch", folder.path(), options, make).unwrap();
        until_complete(&follower, next);
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "round {round}: {} documents, {:.0} a second; processor: node {:.1} s, follower {:.1} s",
            next - 1,
            (next - 1) as f64 / seconds,
            node.processor_seconds() - node_before,
            processor_seconds_of("self") - own_before
        );
        drop(follower);
        let path = format!("/{}/_stats/store", stream_of(folder.path()));
        let told = node.ask(Method::Get, &path, None);
        println!("{} bytes in the index", told["_all"]["primaries"]["store"]["size_in_bytes"]);
        let id = audit_logger::follow::LogId::of(folder.path()).unwrap().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut sink = ElasticsearchSink::new(node.url(), folder.path(), "ours");
        runtime.block_on(audit_logger::follow::Sink::reset(&mut sink, &id)).unwrap();
    }
}
