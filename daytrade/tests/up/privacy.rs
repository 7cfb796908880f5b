//! Nobody sees what is another's, and nobody does what they may not.

use crate::server::{Client, Server};
use frontend::http::ROUTES;
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

/// Routes that anybody may ask.
const PUBLIC: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/openapi.json",
    "/api/v1/users",
    "post /api/v1/session",
    "/api/v1/sign-in",
    "/api/v1/oidc/start",
    "/api/v1/oidc/callback",
];

fn is_public(method: &str, path: &str) -> bool {
    PUBLIC.iter().any(|public| *public == path || *public == format!("{method} {path}"))
}

fn roles(folder: &std::path::Path, user: &str, roles: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daytrade"));
    command.args(["user", "role", user]).args(roles).arg("--data").arg(folder);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn every_route_asks_who_it_is_and_what_they_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let nobody = Client::of(&server);
    let trader = Client::signed_up(&server, "trader1");
    let analyst = Client::signed_up(&server, "analyst1");
    let operator = Client::signed_up(&server, "operator1");
    roles(folder.path(), "analyst1", &["trader", "analyst"]);
    roles(folder.path(), "operator1", &["trader", "operator"]);
    trader.accepted("ADD,1.00");
    // The server hears of what the command line did within a second or so.
    let heard = |client: &Client, path: &str| {
        let started = std::time::Instant::now();
        while client.get(path).status == 403 {
            assert!(started.elapsed() < crate::server::PATIENCE);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    heard(&analyst, "/api/v1/audit/followers");
    heard(&operator, "/api/v1/operations");
    let record = std::fs::read_to_string(folder.path().join("access.jsonl")).unwrap();
    for part in ["roles_changed", "operator1", "trader, operator", "command line"] {
        assert!(record.contains(part), "{record}");
    }

    for (method, route) in ROUTES {
        let path = route.replace("{stock}", "ABC").replace("{transaction}", "1");
        if !is_public(method, route) {
            let method = method.to_uppercase();
            nobody.send(&method, &path, None).refuses(401, "unauthenticated");
            let mut forged = nobody.clone();
            forged.cookie = Some(format!("daytrade={}", "0".repeat(32)));
            forged.send(&method, &path, None).refuses(401, "unauthenticated");
        }
        if *method != "get" || is_public(method, route) || *route == "/api/v1/stream" {
            continue;
        }
        let (audit, operations) = (path.contains("/audit/"), path.ends_with("/operations"));
        let allowed =
            [(&trader, !audit && !operations), (&analyst, !operations), (&operator, !audit)];
        for (client, allowed) in allowed {
            let answer = client.get(&path);
            match allowed {
                // Another's transaction is as if it were not there.
                true if path == "/api/v1/history/1" && client.cookie != trader.cookie => {
                    answer.refuses(404, "not_found");
                }
                true => assert_eq!(answer.status, 200, "{path} {answer:?}"),
                false => {
                    answer.refuses(403, "forbidden");
                }
            }
        }
    }
}

#[test]
fn a_role_that_is_taken_away_is_gone_at_once_and_on_open_connections() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,1.00");
    roles(folder.path(), "ann", &["trader", "operator"]);
    let until = |status: u16| {
        let started = std::time::Instant::now();
        while ann.get("/api/v1/operations").status != status {
            assert!(started.elapsed() < crate::server::PATIENCE);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until(200);
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["status"] }));
    let status = stream.until(&[("channel", "status")]);
    assert!(status["status"]["series"].is_array(), "{status}");
    roles(folder.path(), "ann", &["analyst"]);
    until(403);
    let told = stream.until(&[("type", "error")]);
    assert_eq!(told["code"], "forbidden");
    stream.say(&json!({ "subscribe": ["status"] }));
    let status = stream.until(&[("channel", "status")]);
    assert!(status["status"]["series"].is_null(), "{status}");
    // Whoever is no trader trades no more.
    let add = json!({ "request_id": crate::server::request_id(), "line": "ADD,1.00" });
    ann.post("/api/v1/commands", &add).refuses(403, "forbidden");
    stream.say(&json!({ "command": add }));
    assert_eq!(stream.until(&[("type", "refused")])["code"], "forbidden");
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "1.00");
}

#[test]
fn two_users_never_see_what_is_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let bob = Client::signed_up(&server, "bob");
    ann.accepted("ADD,1234.56");
    let bought = ann.accepted("BUY,ANN,100.00");
    bob.accepted("ADD,7.00");
    // Naming somebody else does not make one them.
    bob.line("ADD,ann,5.00");
    for path in [
        "/api/v1/account",
        "/api/v1/history",
        "/api/v1/history?stock=ANN",
        "/api/v1/history?command=BUY",
        "/api/v1/history/export?format=csv",
        "/api/v1/history/export?format=jsonl",
        "/api/v1/history/export?format=xml",
    ] {
        let answer = bob.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.text.contains("1234.56"), "{path}: {}", answer.text);
        assert!(!answer.text.contains("\"ann\""), "{path}: {}", answer.text);
    }
    bob.get(&format!("/api/v1/history/{}", bought["transaction"])).refuses(404, "not_found");
    bob.get("/api/v1/history?user=ann").refuses(400, "invalid_request");
    assert_eq!(bob.line("COMMIT_BUY")["code"], "no_pending_buy");
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "1134.56");
}

#[test]
fn the_account_of_a_workload_is_no_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.txt");
    std::fs::write(&file, "[1] ADD,rich,1000000.00\n").unwrap();
    let replay = Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .arg("replay")
        .arg(&file)
        .arg("--out")
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(replay.status.success(), "{replay:?}");
    let server = Server::start(&folder.path().join("data"), &[]);
    let mut thief = Client::of(&server);
    thief.enter("/api/v1/users", "rich", "some long password").refuses(409, "user_taken");
    // Numbers go on from the log: the second opened the account.
    let ann = Client::signed_up(&server, "ann");
    assert_eq!(ann.accepted("ADD,1.00")["transaction"], json!(3));
}

/// Whoever is signed in with a password that somebody had to change may be the reason for it.
#[test]
fn another_password_ends_every_session_of_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let bob = Client::signed_up(&server, "bob");
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["status"] }));
    let mut command = Command::new(env!("CARGO_BIN_EXE_daytrade"));
    command.args(["user", "password", "ann", "--data"]).arg(folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"another long password\n").unwrap();
    assert!(child.wait().unwrap().success());
    let ended = loop {
        if let Err(code) = stream.next() {
            break code;
        }
    };
    assert_eq!(ended, 4001);
    ann.get("/api/v1/account").refuses(401, "unauthenticated");
    bob.get("/api/v1/account").ok();
    let mut again = Client::of(&server);
    again
        .enter("/api/v1/session", "ann", crate::server::PASSWORD)
        .refuses(401, "wrong_credentials");
    again.enter("/api/v1/session", "ann", "another long password").ok();
}
