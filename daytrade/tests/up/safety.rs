//! What the door does with strangers, liars and noise.

use crate::server::{Client, PASSWORD, PATIENCE, Server, request_id};
use proptest::prelude::*;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;

#[test]
fn other_sites_pages_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let add = json!({ "request_id": request_id(), "line": "ADD,1.00" });
    let mut without = ann.clone();
    without.csrf = None;
    without.post("/api/v1/commands", &add).refuses(403, "csrf");
    without.send("DELETE", "/api/v1/session", None).refuses(403, "csrf");
    let mut wrong = ann.clone();
    wrong.csrf = Some("0".repeat(32));
    wrong.post("/api/v1/commands", &add).refuses(403, "csrf");
    let mut other = ann.clone();
    for origin in ["http://evil.example", "null", "https://127.0.0.1"] {
        other.origin = Some(origin.to_string());
        other.post("/api/v1/commands", &add).refuses(403, "csrf");
        other.enter("/api/v1/session", "ann", PASSWORD).refuses(403, "csrf");
        assert_eq!(other.stream(Some(origin)).err(), Some(403));
    }
    assert_eq!(ann.stream(None).err(), Some(403));
    let mut own = ann.clone();
    own.origin = Some(format!("http://{}", server.address));
    assert_eq!(own.post("/api/v1/commands", &add).status, 200);
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "1.00");
}

#[test]
fn sessions_are_rotated_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ann = Client::of(&server);
    let up = ann.enter("/api/v1/users", "ann", PASSWORD);
    let cookie = up.cookie.clone().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(cookie.starts_with("daytrade=") && !cookie.contains("Secure"), "{cookie}");
    let first = ann.clone();
    ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_ne!(first.cookie, ann.cookie);
    first.get("/api/v1/session").refuses(401, "unauthenticated");

    let mut elsewhere = Client::of(&server);
    elsewhere.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_eq!(ann.send("DELETE", "/api/v1/sessions", None).status, 204);
    elsewhere.get("/api/v1/account").refuses(401, "unauthenticated");
    ann.get("/api/v1/account").refuses(401, "unauthenticated");

    // What happened is on record, and no secret with it.
    let read = || std::fs::read_to_string(folder.path().join("access.jsonl")).unwrap();
    let started = std::time::Instant::now();
    while !read().contains("signed_out_everywhere") {
        assert!(started.elapsed() < crate::server::PATIENCE, "{}", read());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let record = read();
    for event in ["signed_up", "signed_in"] {
        assert!(record.contains(event), "{record}");
    }
    assert!(record.contains("a test") && !record.contains(PASSWORD));
    let token = elsewhere.cookie.unwrap();
    assert!(!record.contains(token.split('=').nth(1).unwrap()));
    let users = std::fs::read_to_string(folder.path().join("users.jsonl")).unwrap();
    assert!(!users.contains(PASSWORD));
}

#[test]
fn behind_a_proxy_cookies_are_for_tls_only() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--trusted-proxy", "127.0.0.1"]);
    let cookie = Client::of(&server).enter("/api/v1/users", "ann", PASSWORD).cookie.unwrap();
    assert!(cookie.starts_with("__Host-daytrade=") && cookie.contains("Secure"), "{cookie}");
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let record = |folder: &std::path::Path, wanted: &str| {
        let started = std::time::Instant::now();
        loop {
            let record = std::fs::read_to_string(folder.join("access.jsonl")).unwrap();
            if record.contains(wanted) {
                return record;
            }
            assert!(started.elapsed() < crate::server::PATIENCE, "no {wanted}: {record}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    for (proxy, believed) in [("127.0.0.1", true), ("192.0.2.1", false)] {
        let folder = folder.path().join(proxy);
        let server = Server::start(&folder, &["--trusted-proxy", proxy]);
        let mut client = Client::of(&server);
        // The last one is what the proxy itself has seen.
        client.more = vec![("x-forwarded-for", "203.0.113.1, 198.51.100.7".to_string())];
        assert_eq!(client.get("/healthz").tls_only, None);
        client.more.push(("x-forwarded-proto", "https".to_string()));
        let told = client.get("/healthz").tls_only;
        assert_eq!(told.as_deref(), believed.then_some("max-age=31536000"));
        client.enter("/api/v1/users", "ann", PASSWORD);
        let record = record(&folder, "signed_up");
        assert_eq!(record.contains("198.51.100.7"), believed, "{record}");
        assert_eq!(record.contains("\"127.0.0.1\""), !believed, "{record}");
        assert!(!record.contains("203.0.113.1"), "{record}");
        // Each address has its own measure; one that is only claimed is none.
        let guess =
            |user: u32| client.enter("/api/v1/session", &format!("nobody{user}"), "?").status;
        assert!((0..60).map(guess).any(|status| status == 429), "one address guesses on and on");
        let status = client_from_elsewhere(&server, "198.51.100.8");
        assert_eq!(status == 429, !believed, "{status}");
    }
}

/// Signs up from there; the status of the answer.
fn client_from_elsewhere(server: &Server, address: &str) -> u16 {
    let mut client = Client::of(server);
    client.more = vec![("x-forwarded-for", address.to_string())];
    client.enter("/api/v1/users", "bob", PASSWORD).status
}

#[test]
fn commands_are_limited_for_each_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    let limited = std::thread::scope(|scope| {
        let ask = || {
            let asked = || json!({ "request_id": request_id(), "line": "x" });
            let ask = |_| ann.post("/api/v1/commands", &asked());
            (0..200).map(ask).find(|answer| answer.status == 429)
        };
        let all: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        all.into_iter().filter_map(|one| one.join().unwrap()).next()
    });
    let limited = limited.expect("commands are limited");
    limited.refuses(429, "rate_limited");
    assert!(limited.retry_after.unwrap().parse::<u64>().unwrap() >= 1);
    bob.accepted("ADD,1.00");
}

#[test]
fn strangers_learn_nothing_and_guess_slowly() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut client = Client::signed_up(&server, "ann");
    let wrong = client.enter("/api/v1/session", "ann", "not the password");
    let nobody = client.enter("/api/v1/session", "nobody-here", "not the password");
    wrong.refuses(401, "wrong_credentials");
    nobody.refuses(401, "wrong_credentials");
    assert_eq!(wrong.text, nobody.text);
    for (user, password, status, code) in [
        ("ann", "another good one", 409, "user_taken"),
        ("bob", "short", 422, "weak_password"),
        ("bob", "password123", 422, "breached_password"),
        ("../bob", "a good password", 400, "invalid_request"),
        ("_market", "a good password", 400, "invalid_request"),
    ] {
        client.enter("/api/v1/users", user, password).refuses(status, code);
    }
    let limited = (0..40)
        .map(|_| client.enter("/api/v1/session", "ann", "not the password"))
        .find(|answer| answer.status == 429)
        .expect("guesses are limited");
    limited.refuses(429, "rate_limited");
    assert!(limited.retry_after.unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn what_is_too_long_or_no_request_is_refused_in_the_documented_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let long = json!({ "request_id": request_id(), "line": "x".repeat(70_000) });
    ann.post("/api/v1/commands", &long).refuses(413, "too_large");
    for path in
        ["/api/v1/nothing", "/api/", "/x.js", "/api/v1/history/x", "/api/v1/quotes/1/history"]
    {
        ann.get(path).refuses(404, "not_found");
    }
    ann.get("/api/v1/history?limit=x").refuses(400, "invalid_request");
    ann.get("/api/v1/history?nonsense=1").refuses(400, "invalid_request");
    ann.get("/api/v1/history/export?format=exe").refuses(400, "invalid_request");
    ann.get("/api/v1/stream").refuses(403, "csrf");
    assert!(ann.get("/some/screen").text.contains("<title>daytrade"));
}

#[test]
fn no_body_breaks_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let text = "[a-zA-Z0-9,.\\-\\[\\] \\PC]{0,40}";
    let shaped = (text, text, proptest::option::of(text)).prop_map(|(name, amount, stock)| {
        let request = json!({
            "request_id": request_id(), "name": name, "amount": amount, "stock": stock
        });
        request.to_string().into_bytes()
    });
    let named = (0usize..16, text, text).prop_map(|(name, amount, stock)| {
        let name = domain::trading::CommandName::ALL[name].as_str();
        json!({ "request_id": request_id(), "line": format!("{name},{stock},{amount}") })
            .to_string()
            .into_bytes()
    });
    let bodies = prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), shaped, named];
    runner
        .run(&bodies, |body| {
            let answer = ann.send("POST", "/api/v1/commands", Some(&body));
            match answer.status {
                200 => {
                    let outcome: Value = answer.json();
                    prop_assert!(outcome["accepted"].is_boolean());
                }
                429 => {}
                _ => {
                    let code = answer.json()["code"].as_str().unwrap().to_string();
                    answer.refuses(400, &code);
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(ann.get("/healthz").status, 200);
}

/// A sign-in from the nth address of this machine's own network; answers with what came back.
#[cfg(target_os = "linux")]
fn sign_in_from(nth: u8, server: SocketAddr, user: &str) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 2, 0, nth], 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = json!({ "user": user, "password": "not the password" }).to_string();
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // The server may be gone before all have their turn.
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// No limit of an address or an account stops these: they come from everywhere, for everybody.
#[test]
#[cfg(target_os = "linux")]
fn a_flood_of_sign_ins_is_held_off_and_commands_go_through() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let address: SocketAddr = server.address.parse().unwrap();
    let threads = (thread::available_parallelism().unwrap().get() / 2).max(1);
    let places = threads * (frontend::people::passwords::WAITING + 1);
    let (tell, told) = channel();
    for nth in 0..places + 20 {
        let tell = tell.clone();
        thread::spawn(move || {
            let from = u8::try_from(nth % 250).unwrap() + 1;
            let _ = tell.send(sign_in_from(from, address, &format!("user{nth}")));
        });
    }
    drop(tell);
    let (mut held_off, mut checked) = (0, 0);
    while held_off == 0 {
        let answer = told.recv_timeout(PATIENCE).expect("one is held off");
        checked += usize::from(answer.starts_with("HTTP/1.1 401"));
        if answer.starts_with("HTTP/1.1 429") {
            assert!(answer.contains("retry-after: 2\r\n") && answer.contains("busy"), "{answer}");
            held_off += 1;
        }
    }
    ann.accepted("ADD,1.00");
    checked += told.try_iter().filter(|answer| answer.starts_with("HTTP/1.1 401")).count();
    assert!(checked < places, "the command came after all of them");
    // Those who wait have their turn.
    while checked == 0 {
        let answer = told.recv_timeout(PATIENCE).expect("one is checked");
        checked += usize::from(answer.starts_with("HTTP/1.1 401"));
    }
    server.kill();
}
