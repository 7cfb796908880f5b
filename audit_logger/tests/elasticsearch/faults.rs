//! Nodes, connections and followers that fail at any moment: afterwards every entry is there once.

use crate::follower_process::{FollowerProcess, a_moment, more};
use crate::log::{self, Seeded, append, grow};
use crate::node::{Node, is_opensearch};
use crate::proxy::Proxy;
use crate::{assert_same, documents, follow, stream_of, until, until_complete};
use audit_logger::elasticsearch::dead::DeadLetters;
use audit_logger::elasticsearch::stored;
use audit_logger::follow::{Follower, LogId, State};
use elasticsearch::http::Method;
use serde_json::json;

fn waits_for(text: &'static str) -> impl FnMut(&Follower) -> bool {
    move |follower| match follower.status().state {
        State::Waiting { reason, .. } => reason.contains(text),
        _ => false,
    }
}

#[test]
fn connections_that_are_cut_while_indices_change_lose_and_double_nothing() {
    let node = Node::shared();
    let proxy = Proxy::to(node.port());
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut chance = Seeded(11);
    more(&mut writer, &mut chance);
    until_complete(&follow(node.url(), folder.path()), writer.next_entry());
    let stream = stream_of(folder.path());
    let url = format!("http://127.0.0.1:{}", proxy.port).parse().unwrap();
    let follower = follow(url, folder.path());
    for round in 0..40 {
        more(&mut writer, &mut chance);
        a_moment(&mut chance, 40);
        proxy.cut();
        if round % 4 == 0 {
            node.ask(Method::Post, &format!("/{stream}/_rollover"), None);
        }
    }
    until_complete(&follower, writer.next_entry());
    assert_same(node, folder.path());
}

#[test]
fn an_index_that_takes_nothing_is_tried_again_until_it_does() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    append(&mut writer, 32, 700);
    let follower = follow(node.url(), folder.path());
    until_complete(&follower, 701);
    let settings = format!("/{}/_settings", stream_of(folder.path()));
    for (block, told) in [
        // What a server does when its disk is full, item by item and with status 429.
        ("index.blocks.read_only_allow_delete", "429"),
        ("index.blocks.write", "403"),
    ] {
        let set = |on: serde_json::Value| {
            node.ask(Method::Put, &settings, Some(json!({ block: on })));
        };
        let mut waits = waits_for(told);
        until(&follower, block, |follower| {
            // A server that finds room on its disk takes the first of these blocks away by itself,
            // now and then: it is set again.
            if follower.status().next >= writer.next_entry() {
                set(json!(true));
                append(&mut writer, 9, 300);
            }
            waits(follower)
        });
        set(json!(null));
        until_complete(&follower, writer.next_entry());
    }
    assert_same(node, folder.path());
}

#[test]
fn a_server_that_is_too_busy_gets_less_at_once() {
    // So little room that a batch never fits as a whole.
    let node = Node::start(&["indexing_pressure.memory.limit=60kb"]);
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 33, 2_000);
    until_complete(&follow(node.url(), folder.path()), 2_001);
    assert_same(&node, folder.path());
    let told = node.ask(Method::Get, "/_nodes/stats/indexing_pressure", None);
    let stats = told["nodes"].as_object().unwrap().values().next().unwrap();
    let rejections = &stats["indexing_pressure"]["memory"]["total"]["coordinating_rejections"];
    assert!(rejections.as_u64().unwrap() > 0, "{stats}");
}

#[test]
fn documents_that_are_refused_for_good_are_kept_and_hold_up_nothing() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    grow(&mut writer, 31, 1_000);
    // Somebody maps files as numbers: dumps and refused commands with a file are no such ones.
    let mut template = node.ask(Method::Get, "/_index_template/daytrade-audit", None);
    let mut template = template["index_templates"][0]["index_template"].take();
    let stream = stream_of(folder.path());
    template["index_patterns"] = json!([stream]);
    template["priority"] = json!(900);
    template["template"]["mappings"]["properties"]["file"]["properties"]["name"] =
        json!({ "type": "long" });
    let named = format!("/_index_template/{stream}");
    node.ask(Method::Put, &named, Some(template));
    let follower = follow(node.url(), folder.path());
    until_complete(&follower, 1_001);
    drop(follower);

    let letters = DeadLetters::of(folder.path()).read().unwrap();
    let there = documents(node, folder.path());
    assert!(!letters.is_empty() && letters.len() < 500, "{} letters", letters.len());
    assert_eq!(there.len() + letters.len(), 1_000);
    for letter in &letters {
        assert!(letter.document["file"]["name"].is_string(), "{letter:?}");
        assert_eq!(letter.document["event"]["sequence"], letter.entry);
        assert!(letter.reason.contains("file.name"), "{letter:?}");
        assert!(there.iter().all(|(entry, _, _)| *entry != letter.entry));
    }
    let id = LogId::of(folder.path()).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(stored(&node.url(), &id)).unwrap().unwrap();
    assert_eq!(told.dead_letters, letters.len() as u64);
    // There a template that is in use stays; the small Elasticsearch cannot remove streams.
    if is_opensearch() {
        node.ask(Method::Delete, &format!("/_data_stream/{stream}"), None);
    }
    node.ask(Method::Delete, &named, None);
}

#[test]
fn a_follower_that_is_killed_loses_and_doubles_nothing() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut chance = Seeded(14);
    more(&mut writer, &mut chance);
    until_complete(&follow(node.url(), folder.path()), writer.next_entry());
    let stream = stream_of(folder.path());
    for round in 0..15 {
        let child = FollowerProcess::start(&node.address(), folder.path());
        for _ in 0..4 {
            more(&mut writer, &mut chance);
        }
        a_moment(&mut chance, 200);
        drop(child);
        if round % 3 == 0 {
            node.ask(Method::Post, &format!("/{stream}/_rollover"), None);
        }
    }
    until_complete(&follow(node.url(), folder.path()), writer.next_entry());
    assert_same(node, folder.path());
}
