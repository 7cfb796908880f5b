//! However it ends, what was acknowledged is there afterwards.

use crate::server::{Client, PASSWORD, Server, request_id};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let users: Vec<Client> =
        (0..4).map(|user| Client::signed_up(&server, &format!("user{user}"))).collect();
    let acknowledged = AtomicU64::new(0);
    let told: Vec<u64> = thread::scope(|scope| {
        let add = |client: &Client| {
            let mut told = 0;
            let panicked = std::panic::AssertUnwindSafe(|| {
                loop {
                    client.accepted("ADD,1.00");
                    told += 1;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
            // The server is killed in the middle of it.
            let _ = std::panic::catch_unwind(panicked);
            told
        };
        let adders: Vec<_> = users.iter().map(|client| scope.spawn(move || add(client))).collect();
        while acknowledged.load(Ordering::Relaxed) < 200 {
            thread::yield_now();
        }
        server.kill();
        adders.into_iter().map(|adder| adder.join().unwrap()).collect()
    });
    let server = Server::start(folder.path(), &[]);
    for (user, told) in told.iter().enumerate() {
        let mut client = Client::of(&server);
        client.enter("/api/v1/session", &format!("user{user}"), PASSWORD).ok();
        let cash = client.get("/api/v1/account").ok()["cash"].as_str().unwrap().to_string();
        let cash: u64 = cash.trim_end_matches(".00").parse().unwrap();
        // The last one may be durable though nobody heard of it.
        assert!((*told..=told + 1).contains(&cash), "{told} were told, {cash} are there");
    }
}

#[test]
fn ctrl_c_ends_it_in_order_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let last = ann.accepted("ADD,12.34");
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["account"] }));
    stream.until(&[("channel", "account")]);
    server.signal("-INT");
    let code = loop {
        if let Err(code) = stream.next() {
            break code;
        }
    };
    assert_eq!(code, 1001, "the page is told that the server stops");
    let (code, said) = server.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped: 2 entries are durable"), "{said}");

    let server = Server::start(folder.path(), &[]);
    assert!(server.said.contains("2 entries, 1 accounts"), "{}", server.said);
    // Who was signed in signs in again.
    let mut again = Client::of(&server);
    again.cookie = ann.cookie.clone();
    again.get("/api/v1/account").refuses(401, "unauthenticated");
    again.cookie = None;
    again.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_eq!(again.get("/api/v1/account").ok()["cash"], "12.34");
    let next = again.accepted("ADD,1.00");
    assert_eq!(next["transaction"].as_u64(), last["transaction"].as_u64().map(|last| last + 1));
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_page_that_stays_open_does_not_keep_it() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[]);
        let ann = Client::signed_up(&server, "ann");
        let mut stream = ann.own_stream();
        stream.say(&json!({ "subscribe": ["account", "market"] }));
        stream.until(&[("channel", "account")]);
        server.signal("-TERM");
        // The client neither reads nor goes.
        assert_eq!(server.ended().0, Some(0));
        drop(stream);
    }
}

#[test]
fn an_address_that_is_taken_is_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["up", "--listen", &address, "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert_eq!((said.matches(&address).count(), said.matches("in use").count()), (1, 1), "{said}");
}

#[test]
fn where_others_could_listen_in_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["up", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--trusted-proxy"), "{said}");
}

/// Whoever did not hear of an outcome asks again, also behind a crash, or behind an end in order.
#[test]
fn a_request_is_carried_out_once_though_the_server_begins_anew_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    let mut ann = Client::signed_up(&server, "ann");
    let asked = json!({ "request_id": request_id(), "name": "ADD", "amount": "5.00" });
    let refused =
        json!({ "request_id": request_id(), "name": "BUY", "stock": "ABC", "amount": "9" });
    let first = ann.post("/api/v1/commands", &asked).ok();
    let no = ann.post("/api/v1/commands", &refused).ok();
    assert_eq!(no["code"], "insufficient_funds");
    for crash in [true, false] {
        if crash {
            server.kill();
        } else {
            server.signal("-INT");
            assert_eq!(server.ended().0, Some(0));
        }
        server = Server::start(folder.path(), &[]);
        ann = Client::of(&server);
        ann.enter("/api/v1/session", "ann", PASSWORD).ok();
        assert_eq!(ann.post("/api/v1/commands", &asked).ok(), first);
        assert_eq!(ann.post("/api/v1/commands", &refused).ok(), no);
        assert_eq!(ann.get("/api/v1/account").ok()["cash"], "5.00");
    }
}

/// A user whom the command line made has an account from the first sign-in on; one who does not
/// trade has none.
#[test]
fn whoever_trades_has_an_account_and_the_log_knows_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let opened = ann.get("/api/v1/history").ok()["records"][0].clone();
    assert_eq!((&opened["command"], &opened["outcome"]), (&json!("REGISTER"), &json!("accepted")));
    // No line asks for it.
    let asked = json!({ "request_id": request_id(), "line": "REGISTER" });
    ann.post("/api/v1/commands", &asked).refuses(400, "invalid_request");
    let again = Client::of(&server).enter("/api/v1/session", "ann", PASSWORD);
    again.ok();
    assert_eq!(ann.get("/api/v1/history").ok()["records"].as_array().unwrap().len(), 1);
    // Its XML has nothing of it, and is good to a checker that is told of registrations.
    ann.line("COMMIT_BUY");
    let dump = ann.get("/api/v1/history/export?format=xml").text;
    assert!(!dump.contains("REGISTER"), "{dump}");
    let path = folder.path().join("dump.xml");
    std::fs::write(&path, dump).unwrap();
    let verify = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"));
        command.arg("verify").arg(&path).args(more).output().unwrap().status.code()
    };
    assert_eq!((verify(&[]), verify(&["--registrations"])), (Some(1), Some(0)));
}
