//! Logs and followers in order: several logs, several followers, one that begins anew.

use crate::log::{self, grow};
use crate::server::Server;
use crate::{assert_same, follow, until_complete};
use audit_logger::follow::{LogId, Sink as _, State};
use audit_logger::log::segments;
use audit_logger::postgres::PostgresSink;
use std::fs;

#[test]
fn a_log_is_never_appended_to_another() {
    let server = Server::start();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, seed, count) in [(&one, 1, 1_500), (&two, 2, 700)] {
        grow(&mut log::open(folder.path()), seed, count);
        until_complete(&follow(server.url(), folder.path()), count + 1);
    }
    grow(&mut log::open(one.path()), 3, 2_000);
    until_complete(&follow(server.url(), one.path()), 2_001);
    assert_same(&server, one.path());
    assert_same(&server, two.path());
    assert_eq!(server.sql().rows("SELECT 1 FROM daytrade.logs").len(), 2);
}

#[test]
fn two_followers_of_one_log_double_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let followers = [(); 3].map(|()| follow(server.url(), folder.path()));
    grow(&mut writer, 4, 8_000);
    for follower in &followers {
        until_complete(follower, 8_001);
    }
    assert_same(&server, folder.path());
}

#[test]
fn a_log_that_lost_its_end_is_not_gone_on_with_as_if_it_had_not() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 6, 1_000);
    let (_, last) = segments::list(folder.path()).unwrap().pop().unwrap();
    let whole = fs::read(&last).unwrap();
    log::append(&mut log::open(folder.path()), 6, 50);
    until_complete(&follow(server.url(), folder.path()), 1_051);
    // As after a machine that died before its disk had the last batch.
    fs::write(&last, whole).unwrap();
    log::append(&mut log::open(folder.path()), 7, 80);
    let follower = follow(server.url(), folder.path());
    let started = std::time::Instant::now();
    while !matches!(follower.status().state, State::Refused(_)) {
        assert!(started.elapsed() < crate::PATIENCE, "{:?}", follower.status());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let State::Refused(reason) = follower.status().state else { unreachable!() };
    assert!(reason.contains("rebuild"), "{reason}");
    drop(follower);

    let log = LogId::of(folder.path()).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(PostgresSink::new(server.url(), "", "").reset(&log)).unwrap();
    until_complete(&follow(server.url(), folder.path()), 1_081);
    assert_same(&server, folder.path());
}

#[test]
fn a_schema_of_a_later_version_is_left_alone() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    grow(&mut log::open(folder.path()), 8, 10);
    until_complete(&follow(server.url(), folder.path()), 11);
    server.sql().run("INSERT INTO daytrade.migrations (version) VALUES (99)");
    let follower = follow(server.url(), folder.path());
    let started = std::time::Instant::now();
    while !matches!(follower.status().state, State::Refused(_)) {
        assert!(started.elapsed() < crate::PATIENCE, "{:?}", follower.status());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
