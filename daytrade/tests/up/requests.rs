//! Requests that come twice.

use crate::server::{Client, PASSWORD, Server, request_id};
use serde_json::json;

#[test]
fn one_request_id_is_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ann = Client::signed_up(&server, "ann");
    let id = request_id();
    let named = json!({ "request_id": id, "name": "ADD", "amount": "5.00" });
    let line = json!({ "request_id": id, "line": "ADD,5.00" });
    let other = json!({ "request_id": id, "line": "ADD,500.00" });
    let first = ann.post("/api/v1/commands", &named).ok();
    // However it is written, over whatever it comes.
    assert_eq!(ann.post("/api/v1/commands", &line).ok(), first);
    let mut stream = ann.own_stream();
    stream.say(&json!({ "command": line }));
    assert_eq!(stream.until(&[("type", "outcome")])["outcome"], first);
    ann.post("/api/v1/commands", &other).refuses(409, "request_id_reused");
    stream.say(&json!({ "command": other }));
    assert_eq!(stream.until(&[("type", "refused")])["code"], "request_id_reused");
    // The log knows it behind a restart.
    server.kill();
    let server = Server::start(folder.path(), &[]);
    ann.address = server.address.clone();
    ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    ann.post("/api/v1/commands", &other).refuses(409, "request_id_reused");
    assert_eq!(ann.post("/api/v1/commands", &line).ok()["transaction"], first["transaction"]);
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "5.00");
}

#[test]
fn a_buy_that_waits_is_not_bought_twice() {
    let folder = tempfile::tempdir().unwrap();
    let delays = folder.path().join("delays.csv");
    std::fs::write(&delays, "4.0\n").unwrap();
    let delays = delays.display().to_string();
    let options = ["--quotes", "sim", "--quote-delay", &delays, "--quote-strategy", "wait"];
    let server = Server::start(&folder.path().join("data"), &options);
    let ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,10000.00");
    let buy = json!({ "request_id": request_id(), "line": "BUY,ABC,1000.00" });
    let (mut first, mut second) = (ann.own_stream(), ann.own_stream());
    first.say(&json!({ "command": buy }));
    // Others follow while it waits for its price, more than are kept once they are known.
    for _ in 0..150 {
        for stream in [&mut first, &mut second] {
            let add = json!({ "request_id": request_id(), "line": "ADD,0.01" });
            stream.say(&json!({ "command": add }));
        }
    }
    second.say(&json!({ "command": buy }));
    let id = buy["request_id"].as_str().unwrap();
    let bought = first.until(&[("type", "outcome"), ("request_id", id)]);
    assert_eq!(bought["outcome"]["accepted"], true, "{bought}");
    // It gets the same outcome, or is refused for being one too many; it buys nothing.
    loop {
        let message = second.next().expect("it is open");
        if message["request_id"] == id {
            let same = message["outcome"] == bought["outcome"];
            assert!(same || message["type"] == "refused", "{message}");
            break;
        }
    }
    let pending = ann.get("/api/v1/account").ok()["pending_buys"].clone();
    assert_eq!(pending.as_array().unwrap().len(), 1, "{pending}");
}
