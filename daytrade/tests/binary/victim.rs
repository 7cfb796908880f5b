//! A replay that is killed and resumed, and what must hold after each kill.

use crate::common::*;
use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A run that is killed and resumed until it is through.
pub(crate) struct Victim<'a> {
    workload: &'a Path,
    /// The folder of the run.
    pub(crate) out: PathBuf,
    acknowledgements: PathBuf,
    acknowledged: HashSet<u64>,
}

/// When a process is killed.
pub(crate) enum Point {
    /// So long after its start.
    Time(Duration),
    /// When the log has so many bytes.
    Length(u64),
    /// When so many commands are acknowledged.
    Acknowledged(usize),
}

impl<'a> Victim<'a> {
    /// A run of `workload` below `folder`.
    pub(crate) fn new(workload: &'a Path, folder: &Path, name: usize) -> Victim<'a> {
        let out = folder.join(format!("run-{name}"));
        let acknowledgements = folder.join(format!("acknowledged-{name}"));
        Victim { workload, out, acknowledgements, acknowledged: HashSet::new() }
    }

    pub(crate) fn arguments(&self) -> Vec<&str> {
        let out = ["--out", text(&self.out), "--resume"];
        let acknowledge = ["--acknowledgements", text(&self.acknowledgements)];
        [&["replay", text(self.workload), "--quotes", "fixed:42.17"], &out[..], &acknowledge]
            .concat()
    }

    /// Runs until `point`; whether the process was still there to be killed.
    pub(crate) fn run_until(&mut self, point: Point) -> bool {
        let mut child = Guarded::start(&mut daytrade(&self.arguments()));
        let started = Instant::now();
        loop {
            let reached = match point {
                Point::Time(after) => started.elapsed() >= after,
                Point::Length(bytes) => log_length(&self.out) >= bytes,
                Point::Acknowledged(count) => acknowledged(&self.acknowledgements).len() >= count,
            };
            if reached || child.0.try_wait().unwrap().is_some() {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "the run does not end");
            thread::sleep(Duration::from_micros(200));
        }
        let _ = child.0.kill();
        let status = child.0.wait().unwrap();
        assert!(status.signal() == Some(9) || status.success(), "{status:?}");
        self.look();
        !status.success()
    }

    /// Looks at the log as it lies there, without the program's help.
    pub(crate) fn look(&mut self) {
        let logged = logged(&self.out);
        let distinct: HashSet<u64> = logged.iter().copied().collect();
        assert_eq!(distinct.len(), logged.len(), "a command was played twice");
        let acknowledged = acknowledged(&self.acknowledgements);
        let again: HashSet<u64> = acknowledged.iter().copied().collect();
        assert_eq!(again.len(), acknowledged.len(), "a command was acknowledged twice");
        assert!(again.is_superset(&self.acknowledged), "an acknowledgement is gone");
        if let Some(lost) = again.iter().find(|number| !distinct.contains(number)) {
            panic!("{lost} was acknowledged, and is not in the log");
        }
        self.acknowledged = again;
    }

    /// The run is through: compares it with one that was not disturbed.
    pub(crate) fn compare(&self, commands: u64, state: &[u8]) {
        let mut dumped = dumped(&self.out.join("testLOG"));
        dumped.sort_unstable();
        assert!(dumped.into_iter().eq(1..=commands), "not every command once in the dump");
        assert!(fs::read(self.out.join("state.json")).unwrap() == state, "the state differs");
        assert_good(&self.out.join("testLOG"), &[self.workload]);
    }
}
