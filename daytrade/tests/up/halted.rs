//! A disk that takes no more, under a server.
#![cfg(target_os = "linux")]

use crate::raw::answer;
use crate::server::{Client, PASSWORD, PATIENCE, Server, request_id};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use std::time::Instant;

/// From now on no file of the server can grow.
fn fill_disk(server: &Server) {
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap());
    let limit = Rlimit { current: Some(1), maximum: Some(1) };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn status(server: &Server, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    String::from_utf8(answer(&server.address, request.as_bytes())).unwrap()
}

#[test]
fn halted_log_stops_everything_and_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_limited(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,10.00");
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["status"] }));
    assert_eq!(stream.until(&[("channel", "status")])["status"]["ready"], true);
    assert!(status(&server, "/readyz").starts_with("HTTP/1.1 200"));
    fill_disk(&server);
    let add = || json!({ "request_id": request_id(), "line": "ADD,1.00" });
    // Nobody can say what became of the one that met the full disk.
    ann.post("/api/v1/commands", &add()).refuses(503, "unavailable");
    let started = Instant::now();
    loop {
        let ready = status(&server, "/readyz");
        if ready.starts_with("HTTP/1.1 503") {
            assert!(ready.contains("log_halted"), "{ready}");
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it still says that it is ready");
    }
    ann.post("/api/v1/commands", &add()).refuses(503, "log_halted");
    assert!(status(&server, "/healthz").starts_with("HTTP/1.1 200"), "the process answers");
    assert_eq!(ann.get("/api/v1/history").status, 200, "what is durable can be read");
    while stream.until(&[("channel", "status")])["status"]["ready"] != false {}
    drop(stream);
    let (code, said) = server.ended();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("the log has halted") && said.contains("exit code 4"), "{said}");

    // A supervisor starts it again, on a disk with room.
    let server = Server::start(folder.path(), &[]);
    let mut ann = Client::of(&server);
    ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "10.00");
    ann.accepted("ADD,1.00");
}

/// Nobody gives a command: the price that cannot be logged is what meets the full disk.
#[test]
fn halted_log_buys_no_more_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--quotes", "sim", "--seed-demo", "--clock-speed", "60"];
    let server = Server::start_limited(folder.path(), &arguments);
    fill_disk(&server);
    let (code, said) = server.ended();
    assert_eq!(code, Some(4), "{said}");
    // One line says why, and not one for each price that is asked for.
    assert_eq!(
        said.matches("ERROR").count(),
        1 + said.matches("no command is taken").count() + said.matches("access log").count(),
        "{said}"
    );
}
