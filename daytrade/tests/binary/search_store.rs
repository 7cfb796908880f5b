//! Runs that an Elasticsearch follows, alone and beside a Postgres, and the commands that tell of
//! it and fill it anew.

use crate::common::*;
use crate::elasticsearch_node::Node;
use crate::postgres::Server;
use crate::stores::{assert_each_once, entries_of};
use crate::tls_proxy::TlsProxy;
use audit_logger::elasticsearch::ElasticsearchSink;
use audit_logger::follow::{LogId, Position, Tail};
use audit_logger::parity::Mirror;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;

/// The node has every entry of the run once, and no other.
#[track_caller]
fn assert_same(node: &Node, out: &Path) {
    let log = out.join("log");
    let id = LogId::of(&log).unwrap().unwrap();
    let mut sink = ElasticsearchSink::new(node.url(), &log, "");
    let mut expected = Vec::new();
    let mut tail = Tail::open(&log, Position::START).unwrap();
    while let Some(batch) = tail.next_batch(10_000).unwrap() {
        expected.extend(batch.records().map(|record| (record.number, sink.expected(&record))));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let range = 1..expected.len() as u64 + 1;
    let told = runtime.block_on(sink.fingerprints(&id, range.clone())).unwrap();
    assert!(told == expected, "{} documents for {} entries", told.len(), expected.len());
    assert_eq!(runtime.block_on(sink.count(&id, 0..u64::MAX >> 1)).unwrap(), range.end - 1);
}

#[test]
fn a_run_that_is_killed_and_gone_on_with_is_in_both_stores_once() {
    let (node, server) = (Node::shared(), Server::start());
    let (search, audit) = (node.address(), server.address());
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "course", 50, 15_000, 20);
    let both = ["--search", &search, "--audit", &audit];
    let mut arguments = vec!["replay", text(&workload), "--out", text(&out)];
    arguments.extend(both);
    kill_and_resume(&mut arguments, || log_length(&out), 3, 100_000, &mut Seeded(22));
    let ended = run(&arguments).with(0);
    assert_eq!(ended.stdout.matches("after the last command").count(), 2, "{}", ended.stdout);
    assert_same(node, &out);
    assert_each_once(&server, entries_of(&out));

    let mut status = vec!["audit", "status", "--data", text(&out), "--format", "json"];
    status.extend(both);
    let told: Value = serde_json::from_str(&run(&status).with(0).stdout).unwrap();
    for (answer, store) in told.as_array().unwrap().iter().zip(["postgres", "elasticsearch"]) {
        assert_eq!(answer["store"], store);
        assert_eq!(answer["stored_entries"], entries_of(&out));
        assert_eq!(answer["lag_entries"], 0);
    }
    assert_eq!(told[1]["dead_letters"], 0);
    let parity = run(&["audit", "parity", "--data", text(&out), "--search", &search]).with(0);
    assert!(parity.stdout.starts_with("SAME  elasticsearch"), "{}", parity.stdout);

    let rebuild = ["audit", "rebuild", "elasticsearch", "--data", text(&out), "--search", &search];
    run(&rebuild).with(0);
    assert_same(node, &out);
    let follow = ["audit", "follow", "--until-complete", "--data", text(&out), "--search", &search];
    let told = run(&follow).with(0).stdout;
    assert!(told.starts_with("elasticsearch: "), "{told}");
    assert_same(node, &out);
}

#[test]
fn a_search_server_is_followed_over_tls_if_its_certificate_is_trusted() {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "course", 7, 1_500, 5);
    run(&["replay", text(&workload), "--out", text(&out)]).with(0);
    let proxy = TlsProxy::to(node.port(), folder.path());
    let url = format!("https://127.0.0.1:{}", proxy.port);
    let asked = |what: &[&str], trusted: Option<&Path>| {
        let place = ["--data", text(&out), "--search", &url];
        let mut command = daytrade(&[&["audit"], what, &place].concat());
        command.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        end(&mut command)
    };
    let told = asked(&["status"], None).with(1);
    told.telling(&[&url, "invalid peer certificate"]);
    let follow = ["follow", "--until-complete"];
    let told = asked(&follow, Some(&proxy.certificate)).with(0).stdout;
    assert!(told.starts_with("elasticsearch: "), "{told}");
    assert_same(node, &out);
    let told = asked(&["parity"], Some(&proxy.certificate)).with(0).stdout;
    assert!(told.starts_with("SAME  elasticsearch"), "{told}");
    // A proxy that ends no TLS is not spoken to.
    let plain = format!("https://127.0.0.1:{}", node.port());
    run(&["audit", "status", "--data", text(&out), "--search", &plain]).with(1);
}

#[test]
fn a_search_server_that_is_not_there_holds_up_no_run_and_no_password_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://ann:s3cret@127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "course", 5, 2_000, 5);
    let arguments = ["replay", text(&workload), "--search", &url, "--out", text(&out)];
    let child = Guarded::start(&mut daytrade(&arguments));
    until("the run has its report", || out.join("report.json").exists());
    assert_eq!(json(&out.join("report.json"))["commands"], 2_000);
    drop(child);
    let data = ["--data", text(&out)];
    let asked = |arguments: &[&str], code| {
        let told = run(&[arguments, &data].concat()).with(code);
        assert!(!told.stderr.contains("s3cret"), "{}", told.stderr);
        told.stderr
    };
    let told = asked(&["audit", "status", "--search", &url], 1);
    assert!(told.contains(&format!("ann@127.0.0.1:{port}")), "{told}");
    let told = asked(&["audit", "rebuild", "elasticsearch", "--audit", "postgres://db/audit"], 1);
    assert!(told.contains("give --search"), "{told}");
    asked(&["audit", "status"], 2);
    let told = asked(&["audit", "status", "--search", "http://db:9200/index"], 2);
    assert!(told.contains("behind the port"), "{told}");
}

#[test]
fn stores_follow_the_trading_screen_too_and_their_lag_is_told() {
    let (node, server) = (Node::shared(), Server::start());
    let (search, audit) = (node.address(), server.address());
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["up", "--listen", "127.0.0.1:0", "--seed-demo", "--search", &search];
    let more = ["--audit", &audit, "--data", text(folder.path())];
    let mut child = Guarded::start(&mut daytrade(&[&arguments[..], &more[..]].concat()));
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let address = lines.map_while(Result::ok).find_map(|line| {
        Some(line.split("http://").nth(1)?.split_whitespace().next()?.to_string())
    });
    let address = address.expect("it says where it is");
    let figure = |store: &str, name: &str| {
        let text = ureq::get(format!("http://{address}/metrics")).call().unwrap();
        let text = text.into_body().read_to_string().unwrap();
        let line = format!("daytrade_follower_{name}{{store=\"{store}\"}} ");
        let value = text.lines().find_map(|told| told.strip_prefix(&*line)?.parse::<f64>().ok());
        value.unwrap_or(-1.0)
    };
    for store in ["postgres", "elasticsearch"] {
        // The demo's money, and twelve prices that its market asks for.
        until("the store has entries", || figure(store, "position") > 20.0);
        until("the store has all", || figure(store, "lag_entries") == 0.0);
        assert!(figure(store, "lag_seconds") >= 0.0 && figure(store, "attempts") == 0.0);
    }
    let pid = child.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    child.ended().with(0);
    let follow = ["audit", "follow", "--until-complete", "--data", text(folder.path())];
    run(&[&follow[..], &["--search", &search]].concat()).with(0);
    assert_same(node, folder.path());
}
