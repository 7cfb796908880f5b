//! Logs and followers in order: several logs, several followers, one that begins anew, one that
//! sends again what it sent.

use crate::log::{self, grow};
use crate::node::{Node, is_opensearch};
use crate::{assert_same, documents, follow, stream_of, until, until_complete};
use audit_logger::elasticsearch::{ElasticsearchSink, stored};
use audit_logger::follow::{LogId, Sink as _, State};
use audit_logger::log::segments;
use audit_logger::parity::{Differs, holds};
use elasticsearch::http::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn position_of(folder: &Path) -> String {
    format!("/daytrade-positions/_doc/{}", LogId::of(folder).unwrap().unwrap())
}

fn refused(node: &Node, folder: &Path) -> String {
    let follower = follow(node.url(), folder);
    until(&follower, "refused", |follower| matches!(follower.status().state, State::Refused(_)));
    match follower.status().state {
        State::Refused(reason) => reason,
        other => unreachable!("{other:?}"),
    }
}

fn reset(node: &Node, folder: &Path) {
    let log = LogId::of(folder).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ElasticsearchSink::new(node.url(), folder, "").reset(&log)).unwrap();
}

#[test]
fn each_log_has_a_stream_of_its_own_and_is_gone_on_with() {
    let node = Node::shared();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, seed, count) in [(&one, 1, 1_500), (&two, 2, 700)] {
        grow(&mut log::open(folder.path()), seed, count);
        until_complete(&follow(node.url(), folder.path()), count + 1);
    }
    grow(&mut log::open(one.path()), 3, 2_000);
    until_complete(&follow(node.url(), one.path()), 2_001);
    assert_same(node, one.path());
    assert_same(node, two.path());
    assert_ne!(stream_of(one.path()), stream_of(two.path()));
    let id = LogId::of(two.path()).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(stored(&node.url(), &id)).unwrap().unwrap();
    assert_eq!((told.position().unwrap().next, told.dead_letters), (701, 0));
    assert_eq!(told.last_ms, Some(log::BEGUN_MS + 700));
}

#[test]
fn two_followers_of_one_log_double_nothing() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let followers = [(); 3].map(|()| follow(node.url(), folder.path()));
    grow(&mut writer, 4, 5_000);
    for follower in &followers {
        until_complete(follower, 5_001);
    }
    assert_same(node, folder.path());
}

#[test]
fn what_is_sent_again_changes_nothing_even_into_another_index() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    grow(&mut writer, 5, 600);
    until_complete(&follow(node.url(), folder.path()), 601);
    let position = position_of(folder.path());
    let before = node.ask(Method::Get, &position, None)["_source"].take();
    grow(&mut writer, 5, 1_400);
    until_complete(&follow(node.url(), folder.path()), 1_401);
    let rollover = format!("/{}/_rollover", stream_of(folder.path()));
    for round in 0..3 {
        // As if the follower had died before it wrote where it stands.
        node.ask(Method::Put, &position, Some(before.clone()));
        if round > 0 {
            // Ids are known only in the index that is written to.
            node.ask(Method::Post, &rollover, None);
        }
        until_complete(&follow(node.url(), folder.path()), 1_401);
        assert_same(node, folder.path());
    }
    // As if the positions were lost altogether.
    node.ask(Method::Delete, &position, None);
    until_complete(&follow(node.url(), folder.path()), 1_401);
    assert_same(node, folder.path());
}

#[test]
fn a_log_that_lost_its_end_is_not_gone_on_with_as_if_it_had_not() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 6, 1_000);
    let (_, last) = segments::list(folder.path()).unwrap().pop().unwrap();
    let whole = fs::read(&last).unwrap();
    until_complete(&follow(node.url(), folder.path()), 1_001);
    let position = position_of(folder.path());
    let before = node.ask(Method::Get, &position, None)["_source"].take();
    log::append(&mut log::open(folder.path()), 6, 50);
    until_complete(&follow(node.url(), folder.path()), 1_051);
    // As after a machine that died before its disk had the last batch.
    fs::write(&last, whole).unwrap();
    log::append(&mut log::open(folder.path()), 7, 80);
    let reason = refused(node, folder.path());
    assert!(reason.contains("rebuild"), "{reason}");
    // The documents give it away even where the position does not.
    node.ask(Method::Put, &position, Some(before));
    let reason = refused(node, folder.path());
    assert!(reason.contains("another entry 1001"), "{reason}");

    reset(node, folder.path());
    assert_eq!(documents(node, folder.path()).len(), 0);
    until_complete(&follow(node.url(), folder.path()), 1_081);
    assert_same(node, folder.path());
}

/// An experiment leaves nothing; the other logs on the node are still there.
#[test]
fn removed_log_leaves_no_data_stream() {
    let node = Node::shared();
    let (gone, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Two logs with the same entries would be one.
    for (folder, seed) in [(&gone, 9), (&kept, 12)] {
        grow(&mut log::open(folder.path()), seed, 20);
        until_complete(&follow(node.url(), folder.path()), 21);
    }
    let (log, stream) = (LogId::of(gone.path()).unwrap().unwrap(), stream_of(gone.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut sink = ElasticsearchSink::new(node.url(), gone.path(), "");
    runtime.block_on(sink.remove(&log)).unwrap();
    let status = |path: &str| node.say(Method::Get, path, None).0;
    // The small Elasticsearch of the tests cannot remove data streams, only empty them.
    match is_opensearch() {
        true => assert_eq!(status(&format!("/{stream}")), 404),
        false => assert_eq!(documents(node, gone.path()).len(), 0),
    }
    assert_eq!(status(&position_of(gone.path())), 404);
    assert_eq!(status("/_index_template/daytrade-audit"), 200);
    assert_same(node, kept.path());
    // Removing what is not there is no error.
    runtime.block_on(sink.remove(&log)).unwrap();
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 8, 10);
    until_complete(&follow(node.url(), folder.path()), 11);
    let position = position_of(folder.path());
    let mut later = node.ask(Method::Get, &position, None)["_source"].take();
    later["version"] = json!(99);
    node.ask(Method::Put, &position, Some(later));
    let reason = refused(node, folder.path());
    assert!(reason.contains("version 99"), "{reason}");
}

#[test]
fn a_data_stream_is_made_by_our_template_with_its_lifecycle() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 9, 10);
    until_complete(&follow(node.url(), folder.path()), 11);
    let path = format!("/_resolve/index/{}", stream_of(folder.path()));
    let told = node.ask(Method::Get, &path, None);
    let indices = told["data_streams"][0]["backing_indices"].as_array().unwrap();
    assert_eq!(indices.len(), 1, "{told}");
    let ours: Value = serde_json::from_str(include_str!("../../templates/entries.json")).unwrap();
    let told = node.ask(Method::Get, "/_index_template/daytrade-audit", None);
    let installed = &told["index_templates"][0]["index_template"];
    let lifecycle = &installed["template"]["lifecycle"];
    match is_opensearch() {
        true => assert!(lifecycle.is_null(), "{lifecycle}"),
        false => assert_eq!(lifecycle["data_retention"], "365d"),
    }
    let mapping = node.ask(Method::Get, &format!("/{}/_mapping", stream_of(folder.path())), None);
    let mapping = &mapping[indices[0].as_str().unwrap()]["mappings"];
    assert_eq!(
        mapping["properties"]["daytrade"],
        ours["template"]["mappings"]["properties"]["daytrade"]
    );
    assert_eq!(mapping["dynamic"], "strict");
}

/// What `audit retain` asks before it removes anything.
#[test]
fn a_lost_document_is_not_called_held() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 41, 300);
    until_complete(&follow(node.url(), folder.path()), 301);
    let log = LogId::of(folder.path()).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = || {
        let mut sink = ElasticsearchSink::new(node.url(), folder.path(), "");
        let held = holds(&mut sink, folder.path(), &log, 201, 50);
        let difference = runtime.block_on(held).unwrap().difference;
        difference.map(|found| (found.kind, found.entry))
    };
    let lose = |entry: u64| {
        // The node of the tests has no module to delete by a query.
        let query = json!({ "query": { "term": { "event.sequence": entry } } });
        let path = format!("/{}/_search", stream_of(folder.path()));
        let found = node.ask(Method::Post, &path, Some(query));
        let hit = &found["hits"]["hits"][0];
        let (index, id) = (hit["_index"].as_str().unwrap(), hit["_id"].as_str().unwrap());
        node.ask(Method::Delete, &format!("/{index}/_doc/{id}?refresh=true"), None);
    };
    assert_eq!(held(), None);
    // Behind what would be removed, nothing is asked of it.
    lose(250);
    assert_eq!(held(), None);
    lose(150);
    assert_eq!(held(), Some((Differs::Missing, 150)));
}
