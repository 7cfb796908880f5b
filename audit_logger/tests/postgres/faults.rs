//! Servers, connections and followers that die at any moment: afterwards every entry is there once.

use crate::follower_process::{FollowerProcess, a_moment, more};
use crate::log::{self, Seeded, append};
use crate::server::Server;
use crate::{PATIENCE, assert_same, follow, until_complete};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut chance = Seeded(11);
    more(&mut writer, &mut chance);
    let follower = follow(server.url(), folder.path());
    let sql = server.sql();
    for _ in 0..50 {
        more(&mut writer, &mut chance);
        a_moment(&mut chance, 25);
        sql.end_connections();
    }
    until_complete(&follower, writer.next_entry());
    assert_same(&server, folder.path());
}

#[test]
fn a_server_that_takes_nothing_is_tried_again_until_it_does() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    append(&mut writer, 9, 1_000);
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 1_001);
    let sql = server.sql();
    sql.run("ALTER DATABASE postgres SET default_transaction_read_only = on");
    sql.end_connections();
    append(&mut writer, 9, 1_000);
    let started = Instant::now();
    let tried = |follower: &audit_logger::follow::Follower| {
        format!("{:?}", follower.status().state).contains("read-only")
    };
    while !tried(&follower) {
        assert!(started.elapsed() < PATIENCE, "{:?}", follower.status());
        sleep(Duration::from_millis(1));
    }
    sql.run(
        "SET default_transaction_read_only = off; \
             ALTER DATABASE postgres RESET default_transaction_read_only",
    );
    until_complete(&follower, 2_001);
    assert_same(&server, folder.path());
}

#[test]
fn a_follower_that_is_killed_loses_and_doubles_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut chance = Seeded(14);
    more(&mut writer, &mut chance);
    // Let one come as far as the tables.
    until_complete(&follow(server.url(), folder.path()), writer.next_entry());
    let address = server.address();
    for _ in 0..30 {
        let child = FollowerProcess::start(&address, folder.path());
        for _ in 0..4 {
            more(&mut writer, &mut chance);
        }
        a_moment(&mut chance, 120);
        drop(child);
    }
    until_complete(&follow(server.url(), folder.path()), writer.next_entry());
    assert_same(&server, folder.path());
}
