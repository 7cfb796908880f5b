//! Files that are fetched, by readers who read and by those who do not.

use crate::server::{Client, PATIENCE, Server};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const COMMANDS: usize = 20_000;

fn daytrade(arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_daytrade")).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A data folder with a log of many commands.
fn played(folder: &Path) {
    let workload = folder.join("workload");
    let (text, out) = (workload.to_str().unwrap(), folder.to_str().unwrap());
    let commands = COMMANDS.to_string();
    let shape = ["--users", "20", "--commands", &commands, "--profile", "valid"];
    daytrade(&[&["workload", "generate", "--out", text][..], &shape].concat());
    daytrade(&["replay", text, "--quotes", "fixed:10.00", "--out", out]);
}

fn analyst(server: &Server, folder: &Path, name: &str) -> Client {
    let client = Client::signed_up(server, name);
    daytrade(&["user", "role", name, "trader", "analyst", "--data", folder.to_str().unwrap()]);
    let started = Instant::now();
    while client.get("/api/v1/audit/followers").status == 403 {
        assert!(started.elapsed() < PATIENCE, "the role is not there");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    client
}

/// Begins an export and reads no more than its head.
fn unread(client: &Client) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = client.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let cookie = client.cookie.clone().unwrap();
    let request = format!(
        "GET /api/v1/audit/export?format=xml HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 15];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK", "{}", String::from_utf8_lossy(&head));
    socket
}

#[test]
fn unread_exports_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    played(folder.path());
    let server = Server::start(folder.path(), &[]);
    let bob = Client::signed_up(&server, "bob");
    let before = server.most_memory();
    let mut open = Vec::new();
    for nth in 0..4 {
        let analyst = analyst(&server, folder.path(), &format!("analyst{nth}"));
        open.push(unread(&analyst));
        open.push(unread(&analyst));
        let third = analyst.get("/api/v1/audit/export?format=xml");
        third.refuses(429, "busy");
        assert!(third.retry_after.is_some());
        assert_eq!(analyst.get("/api/v1/audit/search?limit=1").status, 200);
        assert_eq!(bob.get("/api/v1/history").status, 200);
    }
    let cid = analyst(&server, folder.path(), "cid");
    let stats = cid.get("/api/v1/audit/stats").ok();
    assert!(stats.is_object(), "{stats}");
    // Those who read get all of it, in every form, though others do not read.
    let lines = cid.get("/api/v1/audit/export?format=jsonl").text;
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["entry"].as_u64())
        .map(Option::unwrap)
        .collect();
    assert!(numbers.len() > COMMANDS, "{}", numbers.len());
    assert!(numbers.iter().zip(1..).all(|(number, nth)| *number == nth), "none twice, none lost");
    let table = cid.get("/api/v1/audit/export?format=csv").text;
    assert_eq!(table.lines().count(), numbers.len() + 1);
    let one = cid.get("/api/v1/audit/export?format=jsonl&tx=777").text;
    assert!((1..10).contains(&one.lines().count()), "{one}");
    let xml = cid.get("/api/v1/audit/export?format=xml").text;
    assert!(xml.trim_end().ends_with("</log>"));
    assert_eq!(xml.matches("<userCommand>").count(), COMMANDS);
    if let (Some(before), Some(after)) = (before, server.most_memory()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 128, "8 unread exports cost {grown} MB");
    }
    // A connection that ends makes room for its user.
    drop(open);
    let mut again = Client::of(&server);
    again.enter("/api/v1/session", "analyst0", crate::server::PASSWORD).ok();
    let started = Instant::now();
    while again.get("/api/v1/audit/export?format=csv&tx=1").status == 429 {
        assert!(started.elapsed() < PATIENCE, "its place stays taken");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn another_users_transaction_is_like_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    let own = ann.accepted("ADD,1.00")["transaction"].as_u64().unwrap();
    assert_eq!(ann.get(&format!("/api/v1/history/{own}")).status, 200);
    let others = bob.get(&format!("/api/v1/history/{own}"));
    let none = bob.get("/api/v1/history/999999");
    others.refuses(404, "not_found");
    assert_eq!((others.status, others.text), (none.status, none.text));
}
