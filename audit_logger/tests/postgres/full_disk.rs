//! A disk that runs full under the store: it waits and says why, and goes on when there is room.

use crate::log;
use crate::server::Server;
use crate::{PATIENCE, assert_same, follow, until_complete};
use audit_logger::follow::State;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A small disk that goes with the test.
struct Disk(PathBuf);

impl Disk {
    /// None where we may not mount one.
    fn mount(at: &Path, size: &str) -> Option<Disk> {
        fs::create_dir(at).unwrap();
        let option = format!("size={size},mode=0777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "daytrade-test"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Disk(at.to_path_buf()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once for everybody who looks, and for good when the server is gone.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_store_whose_disk_is_full_waits_and_then_has_every_entry_once() {
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&place.path().join("small"), "40m") else {
        println!("skipped: this user may not mount a small disk");
        return;
    };
    let server = Server::start();
    let tables = disk.0.join("tables");
    fs::create_dir(&tables).unwrap();
    server.own(place.path());
    server.own(&tables);
    let filler = disk.0.join("filler");
    File::create(&filler).unwrap();
    fs::write(&filler, vec![b'x'; 37 << 20]).unwrap();
    let sql = server.sql();
    sql.run(&format!("CREATE TABLESPACE small LOCATION '{}'", tables.display()));
    sql.run("ALTER ROLE daytrade SET default_tablespace = small");

    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let follower = follow(server.url(), folder.path());
    // Some 6 MB of rows and indexes: twice what there is room for.
    log::grow(&mut writer, 9, 30_000);
    let started = Instant::now();
    loop {
        if let State::Waiting { reason, .. } = follower.status().state {
            assert!(reason.contains("No space left on device"), "{reason}");
            break;
        }
        let status = follower.status();
        assert!(status.next <= 30_000, "it all fitted: {status:?}");
        assert!(started.elapsed() < PATIENCE, "{status:?}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    // The log grows all the same.
    log::grow(&mut writer, 9, 40_000);
    let stuck = follower.status().next;
    assert!(stuck > 1 && stuck < 30_000, "{stuck}");
    fs::remove_file(&filler).unwrap();
    until_complete(&follower, 40_001);
    assert_same(&server, folder.path());
    drop(follower);
    drop(server);
}
