//! Who may come in: users that the command line changes, guessers, and where they come from.

use crate::server::{Client, PASSWORD, PATIENCE, Server};
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

fn give_roles(folder: &Path, user: &str, role: &str) -> bool {
    let done = Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["user", "role", user, "trader", role, "--data"])
        .arg(folder)
        .stdout(Stdio::null())
        .status();
    done.unwrap().success()
}

/// Many users with two lines each: the file is rewritten at a start, and that takes a while.
fn many_users(folder: &Path, users: usize) {
    let hash = json!({ "salt": "00".repeat(16), "hash": "00".repeat(32), "m": 19456, "t": 2 });
    let mut lines = String::new();
    for nth in 0..users {
        let user = format!("user{nth}");
        let add = json!({ "user": user, "password": hash, "roles": ["trader"], "at_ms": 1 });
        let role = json!({ "user": user, "roles": ["trader"], "at_ms": 2 });
        lines += &format!("{add}\n{role}\n");
    }
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("users.jsonl"), lines).unwrap();
}

#[test]
fn role_changes_during_a_start_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    many_users(&data, 20_000);
    let before = std::fs::metadata(data.join("users.jsonl")).unwrap().len();
    let done: Vec<usize> = std::thread::scope(|scope| {
        let change = |nth: usize| {
            let data = &data;
            scope.spawn(move || give_roles(data, &format!("user{nth}"), "operator").then_some(nth))
        };
        let changes: Vec<_> = (0..12).map(change).collect();
        drop(Server::start(&data, &[]));
        changes.into_iter().filter_map(|change| change.join().unwrap()).collect()
    });
    assert_eq!(done.len(), 12);
    assert!(std::fs::metadata(data.join("users.jsonl")).unwrap().len() < before, "not rewritten");
    let list = Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["user", "list", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.lines().count(), 20_000);
    for nth in done {
        let line = format!("user{nth}: trader, operator");
        assert!(list.lines().any(|listed| listed == line), "{line} was reported done and is lost");
    }
}

#[test]
fn a_held_users_file_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ann = Client::signed_up(&server, "ann");
    let held = File::open(folder.path().join("users.jsonl")).unwrap();
    held.lock().unwrap();
    // A change waits for the lock, and the server wants to know of what is there.
    let path = folder.path().join("users.jsonl");
    let line = json!({ "user": "ann", "roles": ["trader", "operator"], "at_ms": 2 });
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes()).unwrap();
    let mut bob = Client::of(&server);
    let signs_up = std::thread::spawn(move || bob.enter("/api/v1/users", "bob", PASSWORD).status);
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["status"] }));
    for _ in 0..3 {
        stream.until(&[("channel", "status")]);
        ann.accepted("ADD,1.00");
    }
    ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_eq!(ann.get("/api/v1/session").ok()["roles"], json!(["trader"]));
    drop(held);
    assert_eq!(signs_up.join().unwrap(), 201);
    let started = Instant::now();
    while ann.get("/api/v1/session").ok()["roles"] != json!(["trader", "operator"]) {
        assert!(started.elapsed() < PATIENCE, "the change never came");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn guessers_lock_no_known_browser_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ann = Client::of(&server);
    let device = |answer: &crate::server::Answer| {
        let set = answer.cookies.iter().find(|set| set.starts_with("daytrade-device-")).unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=15552000"] {
            assert!(set.contains(part), "{set}");
        }
        set.split(';').next().unwrap().to_string()
    };
    let first = device(&ann.enter("/api/v1/users", "ann", PASSWORD));
    let bobs = device(&Client::of(&server).enter("/api/v1/users", "bob", PASSWORD));
    // Somebody guesses until the account takes no more.
    let mut guesser = Client::of(&server);
    let limited = (0..12).any(|_| guesser.enter("/api/v1/session", "ann", "wrong").status == 429);
    assert!(limited, "guesses are not limited");
    Client::of(&server).enter("/api/v1/session", "ann", PASSWORD).refuses(429, "rate_limited");
    // Her own browser comes in, and is known as long again; another's is a stranger.
    let enter_with = |cookie: &str, password: &str| {
        let mut client = Client::of(&server);
        client.more = vec![("cookie", cookie.to_string())];
        client.enter("/api/v1/session", "ann", password)
    };
    let again = device(&enter_with(&first, PASSWORD));
    assert_eq!(again.split('.').next(), first.split('.').next(), "it keeps its name");
    let (name, _) = first.split_once('=').unwrap();
    let (_, value) = bobs.split_once('=').unwrap();
    enter_with(&format!("{name}={value}"), PASSWORD).refuses(429, "rate_limited");
    // A known browser that guesses has a limit of its own, and the server one for each address.
    let limited = (0..12).any(|_| enter_with(&again, "wrong").status == 429);
    assert!(limited, "a known browser guesses on and on");
}

#[test]
fn one_traders_quotes_leave_others_their_share() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--quotes", "sim", "--quote-budget", "8", "--quote-strategy", "wait"];
    let server = Server::start(folder.path(), &options);
    let (ann, bob) = (Client::signed_up(&server, "ann"), Client::signed_up(&server, "bob"));
    let code = |outcome: serde_json::Value| outcome["code"].clone();
    assert_eq!(
        ["A", "B"].map(|stock| code(ann.line(&format!("QUOTE,{stock}")))),
        [json!(null), json!(null)]
    );
    for stock in ["C", "D", "E", "F", "G", "H", "I", "J"] {
        assert_eq!(code(ann.line(&format!("QUOTE,{stock}"))), "quote_unavailable");
    }
    // What is known costs nothing, and the others have their share.
    ann.accepted("QUOTE,A");
    bob.accepted("QUOTE,C");
    bob.accepted("QUOTE,D");
    assert_eq!(code(bob.line("QUOTE,E")), "quote_unavailable");
    // By the price that he paid for she can trade, too.
    ann.accepted("QUOTE,D");
}

#[test]
fn a_proxy_is_trusted_by_either_of_its_names() {
    let Ok(free) = std::net::TcpListener::bind("[::]:0") else {
        eprintln!("skipped: there is no IPv6");
        return;
    };
    drop(free);
    for proxy in ["127.0.0.1", "::ffff:127.0.0.1"] {
        let folder = tempfile::tempdir().unwrap();
        let options = ["--listen", "[::]:0", "--trusted-proxy", proxy];
        let server = Server::start(folder.path(), &options);
        let port = server.address.rsplit(':').next().unwrap().to_string();
        let mut client = Client::of(&server);
        client.address = format!("127.0.0.1:{port}");
        client.more = vec![
            ("x-forwarded-for", "::ffff:198.51.100.7".to_string()),
            ("x-forwarded-proto", "https".to_string()),
        ];
        let told = client.get("/healthz").tls_only;
        assert_eq!(told.as_deref(), Some("max-age=31536000"), "{proxy}");
        // One network is one, whatever address of it is used.
        let guess = |nth: u32, network: &str| {
            let mut client = client.clone();
            client.more[0].1 = format!("2001:db8:0:{network}::{nth:x}");
            client.enter("/api/v1/session", &format!("nobody{nth}"), "?").status
        };
        assert!((0..60).any(|nth| guess(nth, "1") == 429), "a network guesses on and on");
        assert_ne!(guess(1, "2"), 429, "another network is refused");
    }
}
