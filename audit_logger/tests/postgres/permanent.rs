//! Failures that come again until somebody puts something right end a follower; others do not.

use crate::log::{self, append};
use crate::server::{PATIENCE, Server};
use crate::{assert_same, follow, until_complete};
use audit_logger::follow::{Follower, State};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Why the follower gave up.
#[track_caller]
fn refused(follower: &Follower) -> String {
    let started = Instant::now();
    loop {
        if let State::Refused(reason) = follower.status().state {
            return reason;
        }
        assert!(started.elapsed() < PATIENCE, "not refused: {:?}", follower.status());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_wrong_database_or_role_is_not_retried() {
    let server = Server::start();
    let sql = server.sql();
    sql.run("CREATE ROLE reader LOGIN; CREATE ROLE nobody NOLOGIN");
    let folder = tempfile::tempdir().unwrap();
    append(&mut log::open(folder.path()), 9, 10);
    let place = server.place();
    for (url, told) in [
        (format!("postgres://daytrade@{place}nowhere"), "3D000"),
        (format!("postgres://stranger@{place}postgres"), "role \"stranger\" does not exist"),
        (format!("postgres://nobody@{place}postgres"), "28000"),
        (format!("postgres://reader@{place}postgres"), "42501"),
    ] {
        let follower = follow(url.parse().unwrap(), folder.path());
        assert!(matches!(follower.wait_started(PATIENCE).state, State::Refused(_)), "{url}");
        let reason = refused(&follower);
        assert!(reason.contains(told), "{url}: {reason}");
    }
    // The schema is there, and the role may read it only.
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 11);
    sql.run("GRANT USAGE ON SCHEMA daytrade TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA daytrade TO reader");
    let url = format!("postgres://reader@{place}postgres");
    let reason = refused(&follow(url.parse().unwrap(), folder.path()));
    assert!(reason.starts_with("role reader lacks CREATE on schema daytrade"), "{reason}");
    assert!(reason.contains("INSERT"), "{reason}");
}

#[test]
fn a_dropped_table_ends_the_follower_and_rebuilding_does_not() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    append(&mut writer, 9, 100);
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 101);
    // As `audit rebuild` does it: the position goes with the table.
    let sql = server.sql();
    sql.run("BEGIN; DELETE FROM daytrade.logs; DROP TABLE daytrade.entries_1; COMMIT");
    append(&mut writer, 9, 100);
    let started = Instant::now();
    while sql.rows("SELECT 1 FROM daytrade.entries OFFSET 199").is_empty() {
        assert!(started.elapsed() < PATIENCE, "not begun anew: {:?}", follower.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_same(&server, folder.path());
    // A table that is gone while the position stands is a store that lost something.
    sql.run("DROP TABLE daytrade.entries_2");
    append(&mut writer, 9, 100);
    let reason = refused(&follower);
    assert!(reason.contains("daytrade.entries_2"), "{reason}");
}

#[test]
fn a_revoked_role_ends_the_follower() {
    let server = Server::start();
    let sql = server.sql();
    sql.run("CREATE ROLE writer LOGIN; GRANT CREATE ON DATABASE postgres TO writer");
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    append(&mut writer, 9, 100);
    let url = format!("postgres://writer@{}postgres", server.place());
    let follower = follow(url.parse().unwrap(), folder.path());
    until_complete(&follower, 101);
    sql.run("ALTER ROLE writer NOLOGIN");
    sql.end_connections();
    append(&mut writer, 9, 100);
    let reason = refused(&follower);
    assert!(reason.contains("not permitted to log in"), "{reason}");
    assert_eq!(follower.status().next, 101);
}

#[test]
fn a_server_that_is_down_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ann@127.0.0.1:{port}/audit").parse().unwrap();
    let follower = follow(url, folder.path());
    // Even before there is a log.
    let status = follower.wait_started(PATIENCE);
    let State::Waiting { reason, .. } = status.state else { panic!("{status:?}") };
    assert!(reason.contains("refused"), "{reason}");
}
