//! The websocket: snapshots, updates in order, resuming, and what ends it.

use crate::server::{Client, Server};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[test]
fn an_account_is_shown_and_then_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    ann.accepted("ADD,100.00");
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["account", "orders", "quotes:ABC", "market", "status"] }));
    let subscribed = stream.until(&[("type", "subscribed")]);
    assert_eq!(
        subscribed["channels"],
        json!(["account", "orders", "quotes:ABC", "market", "status"])
    );
    let snapshot = stream.until(&[("channel", "account"), ("type", "snapshot")]);
    assert_eq!(snapshot["account"]["cash"], "100.00");
    // What is another's is not heard of.
    bob.accepted("ADD,55.55");
    bob.accepted("BUY,ABC,20.00");
    let bought = ann.accepted("BUY,ABC,20.00");
    let update = stream.until(&[("channel", "account"), ("type", "update")]);
    assert_eq!(update["account"]["pending_buys"][0]["transaction"], bought["transaction"]);
    assert_eq!((&update["seq"], &update["events"][0]["name"]), (&bought["entry"], &json!("BUY")));
    assert!(update["seq"].as_u64() > snapshot["seq"].as_u64());
    let event = stream.until(&[("channel", "orders"), ("type", "event")]);
    assert_eq!(event["event"]["transaction"], bought["transaction"]);
    stream.until(&[("channel", "market"), ("type", "quotes")]);
    let status = stream.until(&[("channel", "status")]);
    assert_eq!(status["status"]["ready"], true);
    assert!(status["status"]["series"].is_null(), "{status}");
    stream.say(&json!({ "ping": 7 }));
    assert_eq!(stream.until(&[("type", "pong")])["ping"], 7);

    // After a reconnect: what happened in between, and how it stands.
    drop(stream);
    let seq = update["seq"].as_u64().unwrap();
    let committed = ann.accepted("COMMIT_BUY");
    let mut again = ann.own_stream();
    again.say(&json!({ "subscribe": ["account"], "resume": { "account": seq } }));
    let resumed = again.until(&[("channel", "account")]);
    assert_eq!(resumed["type"], "update");
    let events = resumed["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{resumed}");
    assert_eq!(events[0]["transaction"], committed["transaction"]);
    assert_eq!(resumed["account"]["holdings"]["ABC"]["free"], 2);

    again.say(&json!({ "unsubscribe": ["account"] }));
    assert_eq!(again.until(&[("type", "subscribed")])["channels"], json!([]));
}

#[test]
fn what_is_no_message_is_refused_and_what_is_too_long_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut stream = ann.own_stream();
    for said in ["", "{", "[]", "{\"subscribe\":7}", "{\"hello\":1}", "{\"subscribe\":[\"all\"]}"] {
        stream.0.send(Message::text(said)).unwrap();
        let fault = stream.until(&[("type", "error")]);
        assert_eq!(fault["code"], "invalid_request", "{said}: {fault}");
    }
    stream.0.send(Message::binary(vec![0u8; 10])).unwrap();
    stream.until(&[("type", "error")]);
    let _ = stream.0.send(Message::text("x".repeat(100_000)));
    let ended = (0..100).find_map(|_| stream.next().err());
    assert!(ended.is_some(), "the connection goes on");
    assert_eq!(ann.get("/api/v1/account").status, 200);
}

#[test]
fn signing_out_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["account", "status"] }));
    stream.until(&[("channel", "account")]);
    assert_eq!(ann.send("DELETE", "/api/v1/session", None).status, 204);
    let code = loop {
        if let Err(code) = stream.next() {
            break code;
        }
    };
    assert_eq!(code, 4001);
    assert_eq!(ann.stream(Some(&format!("http://{}", server.address))).err(), Some(401));
}
