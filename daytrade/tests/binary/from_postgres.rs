//! `daytrade audit … --from postgres://…`: what it says is, to the byte, what the log says.

use crate::common::{Ended, daytrade, end, run, sample, text, write_workload};
use crate::postgres::Server;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use tempfile::TempDir;

struct World {
    folder: TempDir,
    out: PathBuf,
    server: Server,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let odd = write_workload(
            folder.path(),
            "odd",
            &[
                "ADD,o'hara,5.00",
                "ADD,odd,1,2,\"<&>\"; DROP TABLE entries; --",
                "BUY,odd,%_%,5.00",
                "DUMPLOG,odd,./x' OR '1'='1",
                "ADD,odd,-12.00",
            ],
        );
        let samples = ["course-10users-1000.txt", "valid-10users-1000.txt"].map(sample);
        let mut arguments = vec!["replay", "--clock", "virtual", "--out", text(&out)];
        arguments.extend(["--quote-delay", "measured", "--quote-faults", "na=0.1,garbage=0.05"]);
        arguments.extend(samples.iter().map(|path| text(path)).chain([text(&odd)]));
        run(&arguments).with(0);
        let server = Server::start();
        let url = server.address();
        let follow = ["audit", "follow", "--until-complete", "--data", text(&out), "--audit", &url];
        run(&follow).with(0);
        World { folder, out, server }
    }

    /// What `audit COMMAND` says of the log, which must be what it says of Postgres.
    #[track_caller]
    fn both(&self, command: &[&str]) -> Ended {
        let url = self.server.address();
        let ask = |more: &[&str]| {
            let mut arguments = vec!["audit"];
            arguments.extend(command);
            arguments.extend(["--data", text(&self.out)]);
            arguments.extend(more);
            run(&arguments)
        };
        let (log, postgres) = (ask(&[]), ask(&["--from", &url]));
        assert!(log.stdout == postgres.stdout, "{command:?}\n{}\n{}", log.stdout, postgres.stdout);
        let told = (log.code, &log.stderr);
        assert_eq!(told, (postgres.code, &postgres.stderr), "{command:?}");
        log
    }
}

#[test]
fn every_command_says_the_same_from_postgres() {
    let world = World::new();
    let first = world.both(&["search", "--format", "jsonl", "--limit", "1"]).with(0).stdout;
    let newest: serde_json::Value = serde_json::from_str(&first).unwrap();
    let user = newest["user"].as_str().unwrap_or("odd").to_string();
    let filters: [&[&str]; 12] = [
        &[],
        &["--user", &user],
        &["--user", "odd", "--user", "o'hara"],
        &["--stock", "%_%"],
        &["--command", "buy", "--outcome", "expired"],
        &["--outcome", "rejected", "--since", "-60s"],
        &["--outcome", "filled"],
        &["--tx", "100..300", "--amount", "50..900.50"],
        &["--amount", "..-1"],
        &["--text", "FREE"],
        &["--text", "'; drop table"],
        &["--user", "'; DROP TABLE daytrade.entries; --"],
    ];
    let mut some = 0;
    for filter in filters {
        for format in ["xml", "jsonl", "csv"] {
            let all = [&["export", "--format", format], filter].concat();
            some += usize::from(world.both(&all).with(0).stdout.lines().count() > 3);
        }
        for format in ["table", "jsonl", "csv"] {
            world.both(&[&["search", "--limit", "20", "--format", format], filter].concat());
            let other = ["search", "--oldest-first", "--limit", "0", "--format", format];
            world.both(&[&other, filter].concat()).with(0);
        }
        world.both(&[&["stats", "--format", "json", "--top", "3"], filter].concat()).with(0);
    }
    assert!(some >= 15, "most exports were empty: {some}");
    for transaction in ["1", "77", "500", "1234", "999999"] {
        for format in ["table", "json"] {
            world.both(&["show", transaction, "--format", format]);
            world.both(&["at", "--user", &user, "--tx", transaction, "--format", format]);
        }
    }
    assert_eq!(world.both(&["show", "1"]).code, Some(0));

    // The table of counts tells where it counted.
    let url = world.server.address();
    let table = run(&["audit", "stats", "--from", &url]).with(0).stdout;
    assert!(table.contains(&url), "{table}");
}

#[test]
fn what_cannot_be_asked_is_told_with_the_place_and_without_the_password() {
    let world = World::new();
    let url = world.server.address();
    let other = world.folder.path().join("other");
    run(&["replay", text(&sample("valid-10users-1000.txt")), "--out", text(&other)]).with(0);
    run(&["audit", "stats", "--from", &url, "--data", text(&other)])
        .with(1)
        .telling(&["does not have this log", &url]);
    run(&["audit", "stats", "--from", &url, "--log", "9"]).with(1).telling(&["no log 9"]);
    run(&["audit", "stats", "--from", &url, "--log", "1"]).with(0);
    run(&["audit", "stats", "--log", "1"]).with(2);
    run(&["audit", "stats", "--from", "mysql://db"]).with(2);
    let shut = "postgres://ann:s3cret@127.0.0.1:1/audit";
    let told = run(&["audit", "search", "--from", shut]).with(1);
    assert!(!told.stderr.contains("s3cret"), "{}", told.stderr);
    // What is no text is refused before anybody is asked.
    let mut odd = daytrade(&["audit", "search", "--from", &url, "--text"]);
    end(odd.arg(OsStr::from_bytes(b"a\xff'; --"))).with(2);

    // Of several logs one must be named.
    let follow = ["audit", "follow", "--until-complete", "--audit", &url, "--data", text(&other)];
    run(&follow).with(0);
    let mut nowhere = daytrade(&["audit", "stats", "--from", &url]);
    end(nowhere.current_dir(world.folder.path())).with(1).telling(&["several logs", "--log"]);

    // What it has not taken in yet is left out, and said.
    server_lacks_the_last_entry(&world);
    let behind = ["audit", "stats", "--from", &url, "--data", text(&world.out)];
    run(&behind).with(0).telling(&["1 entries behind the log"]);
}

fn server_lacks_the_last_entry(world: &World) {
    world.server.sql().run("UPDATE daytrade.logs SET next_entry = next_entry - 1 WHERE log = 1");
}
