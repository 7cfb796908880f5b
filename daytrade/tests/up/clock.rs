//! A clock that runs faster than time passes: deadlines, prices and the log agree on it, and no
//! restart goes back behind it.

use crate::server::{Client, PASSWORD, Server};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

fn history(client: &Client) -> Vec<Value> {
    client.get("/api/v1/history?limit=1000").ok()["records"].as_array().unwrap().clone()
}

/// Runs the binary on the log in `folder`, which must find nothing to complain of.
fn passes(folder: &std::path::Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daytrade"));
    command.env("XDG_DATA_HOME", folder.join("share")).args(arguments);
    let done = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {said}");
}

#[test]
fn a_minute_passes_in_half_a_second_and_time_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let server = Server::start(folder.path(), &["--clock-speed", "120"]);
    assert!(server.said.contains("120 times as fast"), "{}", server.said);
    let mut ann = Client::signed_up(&server, "ann");
    let session = ann.get("/api/v1/session").ok();
    assert_eq!(session["clock_speed"], 120);
    ann.accepted("ADD,1000.00");
    let bought = ann.accepted("BUY,ABC,105.00");
    let applied = bought["applied_ms"].as_u64().unwrap();
    let mut stream = ann.own_stream();
    stream.say(&json!({ "subscribe": ["account"] }));
    let expired = loop {
        if let Some(gone) = history(&ann).into_iter().find(|record| record["outcome"] == "expired")
        {
            break gone;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it does not run out");
        stream.next().unwrap();
    };
    let ran_out = expired["time_ms"].as_u64().unwrap();
    assert!((60_000..120_000).contains(&(ran_out - applied)), "{bought} {expired}");
    // The price has run out as well: the next buy asks for another.
    let again = ann.accepted("BUY,ABC,105.00");
    assert_ne!(again["cached"], true, "{again}");
    let fast_ms = session["now_ms"].as_u64().unwrap();
    let ended_ms = loop {
        // Far enough ahead of the wall that no slow machine catches up with it.
        let now_ms = ann.get("/api/v1/session").ok()["now_ms"].as_u64().unwrap();
        if now_ms > fast_ms + 300_000 {
            break ann.accepted("ADD,1.00")["applied_ms"].as_u64().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    server.kill();

    // Nobody signed the end of it, and time goes on where the log ends.
    let server = Server::start(folder.path(), &[]);
    assert!(server.said.contains("ahead of this machine's"), "{}", server.said);
    ann = Client::of(&server);
    let session = ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    assert_eq!(session["clock_speed"], 1);
    let now_ms = session["now_ms"].as_u64().unwrap();
    assert!((ended_ms..ended_ms + 120_000).contains(&now_ms), "{ended_ms} {now_ms}");
    ann.accepted("BUY,ABC,105.00");
    ann.accepted("COMMIT_BUY");
    let times: Vec<u64> =
        history(&ann).iter().map(|record| record["time_ms"].as_u64().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));

    let data = folder.path().to_str().unwrap();
    let xml = folder.path().join("all.xml");
    let xml = xml.to_str().unwrap();
    passes(folder.path(), &["audit", "check", "--data", data]);
    passes(folder.path(), &["audit", "export", "--format", "xml", "--data", data, "--out", xml]);
    passes(folder.path(), &["verify", xml]);
}

#[test]
fn prices_of_a_server_elsewhere_are_for_a_clock_that_runs_as_time_passes() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["up", "--quotes", "tcp://127.0.0.1:1", "--clock-speed", "2", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--clock-speed 2"), "{said}");
}
