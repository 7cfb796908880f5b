//! Runs that a Postgres follows, and the commands that tell of it and fill it anew.

use crate::common::*;
use crate::postgres::Server;
use audit_logger::log::LogReader;
use std::net::TcpListener;

pub fn entries_of(out: &std::path::Path) -> i64 {
    let mut count = 0;
    let mut reader = LogReader::open(&out.join("log")).unwrap();
    let each = |number: u64, _| {
        count = number as i64;
        Ok::<(), audit_logger::LogError>(())
    };
    reader.for_each(u64::MAX, each).unwrap();
    count
}

#[track_caller]
pub fn assert_each_once(server: &Server, entries: i64) {
    let rows = server.sql().rows(
        "SELECT count(*), count(DISTINCT entry), coalesce(min(entry), 0), coalesce(max(entry), 0) \
         FROM daytrade.audit",
    );
    let told: [i64; 4] = [0, 1, 2, 3].map(|column| rows[0].get(column));
    assert_eq!(told, [entries, entries, 1, entries]);
}

#[test]
fn a_run_that_is_killed_and_gone_on_with_is_in_postgres_once() {
    let server = Server::start();
    let url = server.address();
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "course", 50, 60_000, 20);
    let mut arguments = vec!["replay", text(&workload), "--audit", &url, "--out", text(&out)];
    kill_and_resume(&mut arguments, || log_length(&out), 6, 200_000, &mut Seeded(21));
    let ended = run(&arguments).with(0);
    assert!(ended.stdout.contains("after the last command"), "{}", ended.stdout);
    let entries = entries_of(&out);
    assert_each_once(&server, entries);

    let status = ["audit", "status", "--data", text(&out), "--audit", &url, "--format", "json"];
    let told = run(&status).with(0).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["stored_entries"], entries);
    assert_eq!(told["lag_entries"], 0);

    // As if a row had been lost: to begin anew brings it back.
    server.sql().run("DELETE FROM daytrade.entries WHERE entry = 5");
    let named = || {
        let rows = server.sql().rows("SELECT log, folder FROM daytrade.logs");
        assert_eq!(rows.len(), 1);
        (rows[0].get::<_, i32>(0), rows[0].get::<_, String>(1))
    };
    let rebuild = ["audit", "rebuild", "postgres", "--data", text(&out), "--audit", &url];
    let before = named();
    run(&rebuild).with(0);
    assert_each_once(&server, entries);
    assert_eq!(named(), before, "the log has another number or name");
    // A link to the run, as out/latest is one, leads elsewhere after the next run.
    let link = folder.path().join("latest");
    std::os::unix::fs::symlink(&out, &link).unwrap();
    run(&["audit", "rebuild", "postgres", "--data", text(&link), "--audit", &url]).with(0);
    assert_eq!(named(), before);
    assert_eq!(before.1, out.canonicalize().unwrap().join("log").display().to_string());
    let follow = ["audit", "follow", "--until-complete", "--data", text(&out), "--audit", &url];
    run(&follow).with(0);
    assert_each_once(&server, entries);
}

#[test]
fn a_server_that_is_not_there_holds_up_no_run() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ann:s3cret@127.0.0.1:{port}/audit");
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("out"));
    generate(&workload, "course", 5, 2_000, 5);
    let arguments = ["replay", text(&workload), "--audit", &url, "--out", text(&out)];
    let child = Guarded::start(&mut daytrade(&arguments));
    until("the run has its report", || out.join("report.json").exists());
    assert_eq!(json(&out.join("report.json"))["commands"], 2_000);
    drop(child);
    let follow = ["audit", "status", "--data", text(&out), "--audit", &url];
    let told = run(&follow).with(1);
    assert!(!told.stderr.contains("s3cret"), "{}", told.stderr);
}
