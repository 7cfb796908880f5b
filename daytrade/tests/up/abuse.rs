//! What one connection can do on purpose: compressed bombs, endless names, bodies that never end.

use crate::raw::{LAST, Raw, TEXT, answer, frame};
use crate::server::{Client, PASSWORD, PATIENCE, Server, request_id};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

/// About 60 KB that inflate to about 60 MB of JSON.
fn bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(br#"{"user":"ann","password":""#).unwrap();
    for _ in 0..60 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    packed.write_all(br#""}"#).unwrap();
    packed.finish().unwrap()
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn gzip_bomb_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let bomb = post("/api/v1/session", "content-encoding: gzip\r\n", &bomb());
    assert!(bomb.len() < 70_000, "{}", bomb.len());
    let mut sockets: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut socket = TcpStream::connect(&server.address).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = socket.write_all(&bomb);
            socket
        })
        .collect();
    let mut told = 0;
    for socket in &mut sockets {
        let mut said = Vec::new();
        // It may be refused, and the connection reset, before all of it was sent.
        let _ = socket.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        let refused = said.starts_with("HTTP/1.1 415") && said.contains("\"encoded_body\"");
        assert!(said.is_empty() || refused, "{said}");
        told += usize::from(refused);
    }
    assert!(told > 0, "nobody was told why");
    if let Some(most) = server.most_memory() {
        assert!(most < 400 << 20, "{} MB were in use", most >> 20);
    }
    // Every route, whoever asks, and whatever the method.
    let mut ann = Client::signed_up(&server, "ann");
    let add = json!({ "request_id": request_id(), "line": "ADD,1.00" });
    ann.more = vec![("content-encoding", "gzip".to_string())];
    ann.post("/api/v1/commands", &add).refuses(415, "encoded_body");
    ann.get("/api/v1/account").refuses(415, "encoded_body");
    ann.more = vec![("content-encoding", "identity".to_string())];
    assert_eq!(ann.post("/api/v1/commands", &add).status, 200);
}

#[test]
fn limits_apply_before_the_body_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let head = |length: u64| {
        format!(
            "POST /api/v1/session HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    // Not a byte of these bodies is ever sent.
    let said = answer(&server.address, head(1 << 30).as_bytes());
    assert!(said.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&said));
    let mut client = Client::of(&server);
    let limited = (0..60).any(|nth| {
        client.enter("/api/v1/session", &format!("nobody{nth}"), "not a password").status == 429
    });
    assert!(limited);
    let said = answer(&server.address, head(1000).as_bytes());
    assert!(said.starts_with(b"HTTP/1.1 429"), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn unfinished_bodies_leave_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    // All but the last byte of bodies as long as they may be.
    let headers = format!(
        "cookie: {}\r\nx-csrf-token: {}\r\n",
        ann.cookie.clone().unwrap(),
        ann.csrf.clone().unwrap()
    );
    let bounds = frontend::http::body::USERS;
    let body = vec![b' '; bounds.longest];
    let unfinished = post("/api/v1/commands", &headers, &body);
    let unfinished = &unfinished[..unfinished.len() - 1];
    let (tell, told) = channel();
    for _ in 0..bounds.share / body.len() + 4 {
        let mut socket = TcpStream::connect(&server.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = socket.write_all(unfinished);
        let tell = tell.clone();
        thread::spawn(move || {
            let mut status = [0; 12];
            let read = socket.read_exact(&mut status);
            // The connection stays while others look.
            let _ = tell.send((read.is_ok().then_some(status), socket));
        });
    }
    // Those beyond the share are refused at once, though they are not finished; the others when
    // their time is over.
    let (status, _socket) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(status.as_ref(), Some(b"HTTP/1.1 429"));
    bob.accepted("ADD,1.00");
    assert_eq!(Client::of(&server).enter("/api/v1/session", "bob", PASSWORD).status, 200);
}

#[test]
fn endless_arguments_are_refused_and_not_logged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let digits = "7".repeat(60_000);
    let cases = [
        json!({ "name": "ADD", "amount": digits }),
        json!({ "name": "DUMPLOG", "file": digits }),
        json!({ "name": "QUOTE", "stock": digits }),
        json!({ "name": digits }),
        json!({ "line": format!("ADD,{digits}") }),
    ];
    let mut raw = Raw::open(&ann);
    for case in cases {
        let mut asked = case.clone();
        asked["request_id"] = json!(request_id());
        ann.post("/api/v1/commands", &asked).refuses(400, "invalid_request");
        raw.send(&frame(LAST | TEXT, json!({ "command": asked }).to_string().as_bytes()));
        let said: Value = serde_json::from_str(&raw.text()).unwrap();
        assert_eq!((&said["type"], &said["code"]), (&json!("refused"), &json!("invalid_request")));
    }
    let records = ann.get("/api/v1/history").ok()["records"].as_array().unwrap().len();
    assert_eq!(records, 1, "nothing but the registration is logged");
    // As long as it may be is fine.
    let asked = json!({ "request_id": request_id(), "name": "DUMPLOG", "file": "f".repeat(255) });
    assert_eq!(ann.post("/api/v1/commands", &asked).ok()["accepted"], true);
    let uri = format!("/api/v1/history?text={}", "x".repeat(9000));
    ann.get(&uri).refuses(413, "too_large");
}

/// Counts the answers of kind `kind` until a ping is answered.
fn count(raw: &mut Raw, kind: &str) -> usize {
    raw.send(&frame(LAST | TEXT, br#"{"ping":99}"#));
    let mut count = 0;
    loop {
        let said: Value = serde_json::from_str(&raw.text()).unwrap();
        match said["type"].as_str() {
            Some("pong") => return count,
            found => count += usize::from(found == Some(kind)),
        }
    }
}

#[test]
fn one_message_reads_the_log_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,1.00");
    let mut raw = Raw::open(&ann);
    let message = |names: usize| {
        json!({ "subscribe": vec!["account"; names], "resume": { "account": 0 } }).to_string()
    };
    raw.send(&frame(LAST | TEXT, message(6000).as_bytes()));
    let said: Value = serde_json::from_str(&raw.text()).unwrap();
    assert_eq!((&said["type"], &said["code"]), (&json!("error"), &json!("invalid_request")));
    assert_eq!(count(&mut raw, "update"), 0, "too many names are not subscribed");
    raw.send(&frame(LAST | TEXT, message(128).as_bytes()));
    assert_eq!(count(&mut raw, "update"), 1, "a name counts once");
    let unknown = json!({ "subscribe": vec!["nothing"; 128] }).to_string();
    raw.send(&frame(LAST | TEXT, unknown.as_bytes()));
    assert_eq!(count(&mut raw, "error"), 1, "what is wrong is said once");
    // Each resume is one of the looks that a user has; after them snapshots come.
    for _ in 0..100 {
        raw.send(&frame(LAST | TEXT, message(1).as_bytes()));
    }
    let updates = count(&mut raw, "update");
    assert!((1..100).contains(&updates), "{updates} of 100 resumes read the log");
    ann.get("/api/v1/history").refuses(429, "rate_limited");
    raw.is_alive();
}

#[test]
fn fixed_answers_are_compressed_once_and_right() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for path in ["/api/v1/openapi.json", "/"] {
        let get = |more: &str| {
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n");
            let said = answer(&server.address, request.as_bytes());
            let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            (String::from_utf8(said[..end].to_vec()).unwrap(), said[end + 4..].to_vec())
        };
        let (head, plain) = get("");
        assert!(head.starts_with("HTTP/1.1 200") && !head.contains("gzip"), "{head}");
        let (head, packed) = get("accept-encoding: gzip\r\n");
        if head.contains("content-encoding: gzip") {
            assert!(head.contains("vary: accept-encoding"), "{head}");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain, "{path}: {head}");
        } else {
            assert!(packed == plain, "{path}: {head}");
        }
        let (head, refused) = get("accept-encoding: gzip;q=0\r\n");
        assert!(refused == plain, "{path}: {head}");
    }
}

/// Header lines without end, and heads that never end.
#[test]
fn endless_heads_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(5000));
    let long = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    for head in [many, long] {
        let said = answer(&server.address, head.as_bytes());
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{said:?}");
    }
    // It never ends, and is closed by the server before this test gives up.
    let said = answer(&server.address, b"GET /healthz HTTP/1.1\r\nx: y\r\n");
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{said:?}");
    assert_eq!(Client::of(&server).get("/healthz").status, 200);
}

#[test]
fn flood_of_refusals_does_not_fill_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut client = Client::signed_up(&server, "ann");
    let refused =
        (0..600).filter(|_| client.enter("/api/v1/session", "ann", "?").status == 429).count();
    assert!(refused > 400, "{refused}");
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
    let record = std::fs::read_to_string(folder.path().join("access.jsonl")).unwrap();
    let lines: Vec<Value> =
        record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let limited = lines.iter().filter(|line| line["event"] == "rate_limited");
    let counts: Vec<u64> =
        limited.clone().map(|line| line["count"].as_u64().unwrap_or(1)).collect();
    assert_eq!(counts.iter().sum::<u64>(), refused as u64, "each is counted: {record}");
    assert!(counts.len() <= 8, "they are summed up: {record}");
    assert!(limited.into_iter().all(|line| line["address"] == "127.0.0.1"));
}
