//! A follower in a process of its own, which is killed; and a log that grows meanwhile.

use crate::follow;
use crate::log::{Seeded, append};
use audit_logger::log::LogWriter;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How long such a process lives if nobody ends it.
const LONGEST: Duration = Duration::from_secs(60);

/// What the process does.
#[test]
#[ignore = "is the process that another test kills"]
fn follower_process() {
    let (Ok(url), Ok(folder)) = (std::env::var("FOLLOW_URL"), std::env::var("FOLLOW_LOG")) else {
        return;
    };
    let _follower = follow(url.parse().unwrap(), Path::new(&folder));
    sleep(LONGEST);
}

/// The process. It is killed when this is dropped.
pub(crate) struct FollowerProcess(Child);

impl FollowerProcess {
    /// Follows the log in `folder` to the store at `url`.
    pub(crate) fn start(url: &str, folder: &Path) -> FollowerProcess {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "follower_process::follower_process"])
            .env("FOLLOW_URL", url)
            .env("FOLLOW_LOG", folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        FollowerProcess(child.unwrap())
    }
}

impl Drop for FollowerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn a_moment(chance: &mut Seeded, at_most_ms: u64) {
    sleep(Duration::from_micros(chance.below(at_most_ms * 1000)));
}

/// Appends some batches. (Logs of the same entries are the same log to a store that several tests
/// share: each makes its own.)
pub(crate) fn more(writer: &mut LogWriter, chance: &mut Seeded) {
    for _ in 0..1 + chance.below(6) {
        append(writer, 9, 1 + chance.below(400));
    }
}
