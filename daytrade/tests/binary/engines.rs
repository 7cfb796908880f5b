//! Quote servers, caches and stores that are not there, or not what they should be, when a program
//! starts: it says so at once, and ends where waiting helps nobody.

use crate::common::*;
use crate::postgres::Server;
use crate::tls_proxy::TlsProxy;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use tempfile::TempDir;

/// A folder with a workload of a few commands, two of which need a price, and a place for a run.
struct World {
    folder: TempDir,
    workload: PathBuf,
    out: PathBuf,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let lines = ["ADD,a,1000.00", "QUOTE,a,ABC", "BUY,a,ABC,10.00", "DUMPLOG,./all"];
        let workload = write_workload(folder.path(), "load", &lines);
        let out = folder.path().join("out");
        World { folder, workload, out }
    }

    fn replay(&self, more: &[&str]) -> Ended {
        let run = ["replay", text(&self.workload), "--out", text(&self.out)];
        crate::common::run(&[&run[..], more].concat())
    }

    /// `up` with what it keeps in a folder of its own: only for starts that fail.
    fn up(&self, more: &[&str]) -> Ended {
        let data = self.folder.path().join("data");
        let up = ["up", "--data", text(&data), "--listen", "127.0.0.1:0"];
        crate::common::run(&[&up[..], more].concat())
    }
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that answers every connection with `answer` once it has heard something; its port.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    port
}

#[test]
fn an_unreachable_quote_server_is_named_at_once() {
    for (place, cause) in [
        (format!("127.0.0.1:{}", closed_port()), "refused"),
        ("nobody.invalid:4444".to_string(), "lookup"),
    ] {
        let world = World::new();
        let ended = world.replay(&["--quotes", &format!("tcp://{place}")]).with(0);
        let first = ended.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with(&format!("warning: tcp://{place}: cannot connect")), "{first}");
        assert!(first.contains(cause), "{first}");
        let end = format!("last failure: quote server {place}: cannot connect");
        ended.telling(&["2 of 4 commands were rejected for want of a price", &end]);
    }
}

#[test]
fn a_server_of_another_protocol_is_named() {
    let world = World::new();
    let place = format!("127.0.0.1:{}", answering("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let ended = world.replay(&["--quotes", &format!("tcp://{place}")]).with(0);
    ended.telling(&[
        "the quote server has given no price yet",
        &place,
        "2 of 4 commands were rejected for want of a price",
        "refused a reply of the quote server",
    ]);
}

#[test]
fn strict_does_not_begin_without_a_quote_server() {
    let world = World::new();
    let address = format!("tcp://127.0.0.1:{}", closed_port());
    let ended = world.replay(&["--strict", "--quotes", &address]).with(1);
    ended.telling(&["error: ", &address, "cannot connect"]);
    assert!(!world.out.exists(), "nothing was begun");
    // One that is there and gives no price is found out later.
    let place = format!("127.0.0.1:{}", answering("NA\n"));
    let ended = world.replay(&["--strict", "--quotes", &format!("tcp://{place}")]).with(3);
    ended.telling(&["2 of 4 commands", "answered NA"]);
    let world = World::new();
    world.replay(&["--strict", "--quotes", "fixed:1.00"]).with(0);
}

#[test]
fn a_redis_that_is_down_holds_no_run_up() {
    let world = World::new();
    let url = format!("redis://me:s3cret@127.0.0.1:{}", closed_port());
    let ended = world.replay(&["--quote-cache", &url]).with(0);
    let said = ended.stderr.matches("the shared quote cache is unavailable").count();
    assert_eq!(said, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("127.0.0.1") && !ended.stderr.contains("s3cret"));
    for start in [World::replay, World::up] {
        let world = World::new();
        let ended = start(&world, &["--quote-cache", "rediss://me:s3cret@127.0.0.1"]).with(2);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        ended.telling(&["no address of a Redis server"]);
        assert!(!world.out.exists());
    }
}

#[test]
fn a_wrong_postgres_ends_the_start() {
    let server = Server::start();
    server.sql().run("CREATE ROLE reader LOGIN");
    let place = server.place();
    for (url, told) in [
        (format!("postgres://daytrade@{place}nowhere"), "database \"nowhere\" does not exist"),
        (format!("postgres://stranger@{place}postgres"), "role \"stranger\" does not exist"),
        (format!("postgres://reader@{place}postgres"), "permission denied"),
        (format!("postgres://daytrade@{place}postgres?sslmode=require"), "support TLS"),
    ] {
        let world = World::new();
        let shown = url.split('?').next().unwrap();
        world.replay(&["--audit", &url]).with(1).telling(&["error: ", shown, told]);
        assert!(logged(&world.out).is_empty(), "no command was played");
        world.up(&["--audit", &url]).with(1).telling(&["error: ", shown, told]);
    }
    // What is said to a store of a run that is there.
    let world = World::new();
    world.replay(&[]).with(0);
    let url = format!("postgres://daytrade@{place}nowhere");
    let data = ["--data", text(&world.out), "--audit", &url];
    for command in [&["follow"][..], &["follow", "--until-complete"], &["rebuild", "postgres"]] {
        let ended = run(&[&["audit"], command, &data].concat()).with(1);
        ended.telling(&["does not exist (3D000)"]);
    }
}

#[test]
fn a_role_that_is_revoked_leaves_an_incomplete_store() {
    let server = Server::start();
    let sql = server.sql();
    sql.run("CREATE ROLE writer LOGIN; GRANT CREATE ON DATABASE postgres TO writer");
    let url = format!("postgres://writer@{}postgres", server.place());
    let world = World::new();
    let mut command = daytrade(&["replay", "-", "--audit", &url, "--out", text(&world.out)]);
    let mut replay = Guarded::start(command.stdin(Stdio::piped()));
    let mut pipe = replay.0.stdin.take().unwrap();
    pipe.write_all(b"[1] ADD,a,1.00\n").unwrap();
    let stored = || {
        let there = sql.rows("SELECT to_regclass('daytrade.logs') IS NOT NULL");
        there[0].get::<_, bool>(0)
            && !sql.rows("SELECT 1 FROM daytrade.logs WHERE next_entry > 1").is_empty()
    };
    until("the first entry is stored", stored);
    sql.run("ALTER ROLE writer NOLOGIN");
    sql.end_connections();
    pipe.write_all(b"[2] ADD,a,2.00\n[3] ADD,b,3.00\n").unwrap();
    drop(pipe);
    let ended = replay.ended().with(1);
    assert!(ended.stdout.contains("accepted"), "the report comes first: {}", ended.stdout);
    ended.telling(&["the store is incomplete", "of 3 entries", "not permitted to log in"]);
    assert_eq!(logged(&world.out), [1, 2, 3]);
}

#[test]
fn a_postgres_that_is_down_is_said_once_and_waited_for() {
    let mut server = Server::start();
    server.kill();
    let world = World::new();
    let address = server.address();
    let run = ["replay", text(&world.workload), "--audit", &address, "--out", text(&world.out)];
    let replay = Guarded::start(&mut daytrade(&run));
    until("the run has its report", || world.out.join("report.json").exists());
    server.run();
    let ended = replay.ended().with(0);
    let said = |what: &str| ended.stderr.matches(what).count();
    assert_eq!(said("audit store unavailable, retrying"), 1, "{}", ended.stderr);
    assert_eq!(said("audit store available again"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}

#[test]
fn a_url_without_a_database_is_refused() {
    let url = "postgres://ann:s3cret@127.0.0.1:1";
    let world = World::new();
    world.replay(&[]).with(0);
    let data = ["--data", text(&world.out)];
    for command in [
        vec!["replay", text(&world.workload), "--audit", url],
        vec!["up", "--audit", url],
        [&["audit", "follow", "--audit", url][..], &data].concat(),
        [&["audit", "rebuild", "postgres", "--audit", url][..], &data].concat(),
        [&["audit", "status", "--audit", url][..], &data].concat(),
        [&["audit", "parity", "--audit", url][..], &data].concat(),
        [&["audit", "retain", "--keep", "1", "--audit", url][..], &data].concat(),
        vec!["audit", "search", "--from", url],
        vec!["experiment", "logging", "--audit", url],
    ] {
        let ended = run(&command).with(2).telling(&["a database is missing", "ann:PASSWORD@"]);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

/// What an Elasticsearch says to a user that it does not know, and to one that may do too little.
const UNKNOWN: &str = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 104\r\n\r\n\
    {\"error\":{\"type\":\"security_exception\",\"reason\":\"unable to authenticate user [ann] for REST\"},\"status\":401}";

#[test]
fn a_search_server_that_refuses_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = answering(UNKNOWN);
    let other =
        answering("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let proxy = TlsProxy::to(unknown, folder.path());
    for (url, told) in [
        (format!("http://ann:s3cret@127.0.0.1:{unknown}"), "unable to authenticate user [ann]"),
        (format!("http://127.0.0.1:{other}"), "expected an Elasticsearch server"),
        (format!("https://127.0.0.1:{}", proxy.port), "invalid peer certificate"),
        (format!("https://127.0.0.1:{unknown}"), "corrupt message"),
    ] {
        let world = World::new();
        for ended in [world.replay(&["--search", &url]), world.up(&["--search", &url])] {
            assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
            ended.with(1).telling(&["error: failed to open the audit store", told]);
        }
        assert!(logged(&world.out).is_empty(), "no command was played");
    }
}

#[test]
fn a_search_server_that_is_down_is_said_once() {
    let world = World::new();
    // As one that is starting: it takes connections and closes them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let run = ["replay", text(&world.workload), "--search", &url, "--out", text(&world.out)];
    let mut replay = Guarded::start(&mut daytrade(&run));
    for _ in 0..4 {
        drop(listener.accept().unwrap());
    }
    until("the run has its report", || world.out.join("report.json").exists());
    replay.0.kill().unwrap();
    let ended = replay.ended();
    let said = ended.stderr.matches("audit store unavailable, retrying").count();
    assert_eq!(said, 1, "{}", ended.stderr);
    ended.telling(&[&url]);
}

#[test]
fn an_address_in_use_ends_the_start_of_the_server() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let up = ["up", "--data", text(folder.path()), "--listen", &address];
    run(&up).with(1).telling(&[&address, "in use"]);
}

#[test]
fn an_identity_provider_that_is_down_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = format!("http://127.0.0.1:{}", closed_port());
    let up = ["up", "--data", text(folder.path()), "--listen", "127.0.0.1:0"];
    let oidc = ["--oidc-issuer", &issuer, "--oidc-client-id", "daytrade"];
    let mut up = Guarded::start(&mut daytrade(&[&up[..], &oidc].concat()));
    let stderr = BufReader::new(up.0.stderr.take().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    loop {
        let line = told.recv_timeout(PATIENCE).expect("a warning");
        if line.contains("identity provider unavailable") {
            assert!(line.contains(&issuer), "{line}");
            break;
        }
    }
}
