//! The websocket: snapshots, updates in order, resuming, and what ends it.

use crate::server::{Client, PATIENCE, Server, Stream, request_id};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;
use tokio_tungstenite::tungstenite::{Message, client};

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

#[test]
fn commands_are_given_over_it_and_answered_when_they_are_durable() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut stream = ann.own_stream();
    let lines = ["ADD,100.00", "BUY,ABC,20.00", "COMMIT_BUY", "SELL,ABC,50.00", "ADD,0.00"];
    let asked: Vec<(String, &str)> = lines.map(|line| (request_id(), line)).to_vec();
    // All at once: each finds what those before it did.
    for (request_id, line) in &asked {
        stream.say(&json!({ "command": { "request_id": request_id, "line": line } }));
    }
    let mut told: Vec<Value> = asked.iter().map(|_| stream.until(&[("type", "outcome")])).collect();
    told.sort_by_key(|told| told["outcome"]["transaction"].as_u64());
    for ((request_id, _), told) in asked.iter().zip(&told) {
        assert_eq!(told["request_id"], **request_id, "in the order given: {told}");
        assert_eq!(told["outcome"]["request_id"], **request_id);
    }
    let accepted: Vec<bool> =
        told.iter().map(|told| told["outcome"]["accepted"].as_bool().unwrap()).collect();
    assert_eq!(accepted, [true, true, true, false, false], "{told:?}");
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "80.00");

    // The same request again, here and over HTTP: the same outcome, and nothing is done.
    let again = json!({ "request_id": asked[0].0, "line": "ADD,100.00" });
    stream.say(&json!({ "command": again }));
    assert_eq!(stream.until(&[("type", "outcome")])["outcome"], told[0]["outcome"]);
    assert_eq!(ann.post("/api/v1/commands", &again).ok(), told[0]["outcome"]);
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "80.00");

    for (command, code) in [
        (json!({ "request_id": "7", "line": "ADD,1.00" }), "invalid_request"),
        (json!({ "request_id": request_id(), "name": "STEAL" }), "invalid_request"),
    ] {
        stream.say(&json!({ "command": command }));
        let refused = stream.until(&[("type", "refused")]);
        assert_eq!(
            (&refused["request_id"], &refused["code"]),
            (&command["request_id"], &json!(code))
        );
    }
    stream.say(&json!({ "command": { "line": "ADD,1.00" } }));
    assert_eq!(stream.until(&[("type", "error")])["code"], "invalid_request");

    // More than a user may ask is refused by its name, and not carried out.
    let begun = Instant::now();
    let refused = loop {
        let id = request_id();
        stream.say(&json!({ "command": { "request_id": id, "name": "DISPLAY_SUMMARY" } }));
        let told = loop {
            let told = stream.next().unwrap();
            if told["request_id"] == *id {
                break told;
            }
        };
        if told["type"] == "refused" {
            break told;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is refused");
    };
    assert_eq!(refused["code"], "rate_limited");
    assert!(refused["retry_after_s"].as_u64() >= Some(1));
}

#[test]
fn all_are_told_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--user-streams", "100"]);
    let ann = Client::signed_up(&server, "ann");
    let mut streams: Vec<Stream> = (0..100).map(|_| ann.own_stream()).collect();
    for stream in &mut streams {
        stream.say(&json!({ "subscribe": ["account"] }));
        stream.until(&[("type", "snapshot")]);
    }
    let added = ann.accepted("ADD,5.00");
    let told: Vec<Value> =
        streams.iter_mut().map(|stream| stream.until(&[("type", "update")])).collect();
    assert_eq!((&told[0]["seq"], &told[0]["account"]["cash"]), (&added["entry"], &json!("5.00")));
    assert!(told.iter().all(|each| *each == told[0]));
    let figures = ann.get("/metrics").text;
    assert!(figures.contains("\ndaytrade_websockets 100\n"), "{figures}");
    assert!(figures.contains("\ndaytrade_websocket_messages_total 100\n"), "{figures}");
}

/// Waits until so many are open.
#[track_caller]
fn are_open(client: &Client, count: usize) {
    let begun = Instant::now();
    while !client.get("/metrics").text.contains(&format!("\ndaytrade_websockets {count}\n")) {
        assert!(begun.elapsed() < PATIENCE, "there are never {count}");
    }
}

#[test]
fn a_user_has_sixteen_and_one_more_closes_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    let mut others = bob.own_stream();
    let answers = |stream: &mut Stream| {
        stream.say(&json!({ "ping": 7 }));
        stream.until(&[("type", "pong")]);
    };
    let mut streams: Vec<Stream> = (0..16).map(|_| ann.own_stream()).collect();
    streams.iter_mut().for_each(answers);
    // One that hears of nothing else gives way all the same.
    let mut newest = ann.own_stream();
    let mut oldest = streams.remove(0);
    let code = loop {
        if let Err(code) = oldest.next() {
            break code;
        }
    };
    assert_eq!(code, 4002);
    streams.iter_mut().chain([&mut newest, &mut others]).for_each(answers);
    are_open(&ann, 17);
    // Whoever goes makes room at once, however it goes.
    drop(newest);
    streams.pop().unwrap().0.close(None).unwrap();
    are_open(&ann, 15);
    streams.extend((0..2).map(|_| ann.own_stream()));
    streams.iter_mut().chain([&mut others]).for_each(answers);
    are_open(&ann, 17);
}

#[test]
fn who_opens_them_without_end_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    let origin = format!("http://{}", server.address);
    let begun = Instant::now();
    let refused = loop {
        if let Err(status) = ann.stream(Some(&origin)) {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "there is no end");
    };
    assert_eq!(refused, 429);
    ann.accepted("ADD,1.00");
    bob.own_stream();
}

/// A websocket whose client has hardly any room for what it does not read.
fn narrow_stream(server: &Server, of: &Client) -> Stream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = server.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (socket, _) = client(of.stream_request(), TcpStream::from(socket)).unwrap();
    Stream(socket)
}

#[test]
fn who_does_not_read_is_waited_for_by_nobody_and_then_shown_how_things_stand() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    // A large account makes large messages.
    ann.accepted("ADD,1000000.00");
    for nth in 0..150u8 {
        let stock = [b'A' + nth / 26, b'A' + nth % 26].map(char::from);
        ann.accepted(&format!("SET_BUY_AMOUNT,{}{},1.00", stock[0], stock[1]));
    }
    let mut slow = narrow_stream(&server, &ann);
    slow.say(&json!({ "subscribe": ["account"] }));
    slow.until(&[("type", "snapshot")]);
    let lagged = || {
        let figures = ann.get("/metrics").text;
        let line = figures.lines().find(|line| line.starts_with("daytrade_websocket_lagged"));
        line.unwrap().split(' ').nth(1).unwrap().parse::<f64>().unwrap() >= 1.0
    };
    let mut given = 0;
    let begun = Instant::now();
    while !lagged() {
        assert!(begun.elapsed() < PATIENCE, "everything is kept for it: {given} updates");
        let add = json!({ "request_id": request_id(), "line": "ADD,1.00" });
        given += u64::from(ann.post("/api/v1/commands", &add).status == 200);
    }
    let (mut updates, last) = (0, ann.get("/api/v1/account").ok());
    let shown = loop {
        let told = slow.next().expect("it is open");
        match told["type"].as_str().unwrap() {
            "update" => updates += 1,
            "lagged" => break slow.until(&[("channel", "account"), ("type", "snapshot")]),
            _ => {}
        }
    };
    assert!(updates < given, "{updates} of {given}");
    assert_eq!(shown["account"]["cash"], last["cash"]);
    // From there on it hears of everything again.
    let added =
        ann.post("/api/v1/commands", &json!({ "request_id": request_id(), "line": "ADD,7.00" }));
    if added.status == 200 {
        assert_eq!(slow.until(&[("type", "update")])["seq"], added.ok()["entry"]);
    }
}
