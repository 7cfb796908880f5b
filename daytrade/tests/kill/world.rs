//! What all seeds share, made once: workloads and their undisturbed runs, the folder of a server
//! with users, a Postgres.

use crate::common::*;
use crate::postgres;
use crate::server::{Client, Server};
use crate::victim::{Point, Victim};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The users of a server.
pub(crate) const USERS: [&str; 2] = ["ann", "bob"];

/// How many workloads there are.
pub(crate) const WORKLOADS: usize = 4;

pub(crate) struct World {
    folder: TempDir,
    workloads: [OnceLock<Undisturbed>; WORKLOADS],
    server: OnceLock<PathBuf>,
    postgres: OnceLock<postgres::Server>,
}

/// A workload, and what a run of it leaves that nobody kills.
pub(crate) struct Undisturbed {
    pub(crate) workload: PathBuf,
    pub(crate) commands: u64,
    /// The bytes of its `state.json`.
    pub(crate) state: Vec<u8>,
    /// The bytes of its log.
    pub(crate) length: u64,
    /// How long it took.
    pub(crate) whole: Span,
}

/// About how long something takes, as it turns out: the machine is busier at times.
pub(crate) struct Span(Mutex<Duration>);

impl Span {
    pub(crate) fn new(first: Duration) -> Span {
        Span(Mutex::new(first))
    }

    /// A point of time in it: in thousandths.
    pub(crate) fn part(&self, thousandths: u64) -> Duration {
        self.0.lock().unwrap().mul_f64(thousandths as f64 / 1_000.0)
    }

    /// A process was killed before the end, or was through: what the next one is given.
    pub(crate) fn learn(&self, killed: bool) {
        let mut span = self.0.lock().unwrap();
        *span = span.mul_f64(if killed { 1.05 } else { 0.8 }).max(Duration::from_millis(2));
    }
}

impl World {
    pub(crate) fn new() -> World {
        World {
            folder: tempfile::tempdir().unwrap(),
            workloads: [const { OnceLock::new() }; WORKLOADS],
            server: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    /// The workload of that number.
    pub(crate) fn workload(&self, number: usize) -> &Undisturbed {
        self.workloads[number].get_or_init(|| Undisturbed::run(self.folder.path(), number))
    }

    /// A copy in `folder` of the data of a server that knows [`USERS`], and was ended in order.
    pub(crate) fn server_in(&self, folder: &Path) {
        let data = self.server.get_or_init(|| {
            let data = self.folder.path().join("server");
            fs::create_dir(&data).unwrap();
            let server = Server::start(&data, &[]);
            USERS.iter().for_each(|user| drop(Client::signed_up(&server, user)));
            server.signal("-INT");
            assert_eq!(server.ended().0, Some(0));
            data
        });
        copy(data, folder);
    }

    /// A Postgres that is running.
    pub(crate) fn postgres(&self) -> &postgres::Server {
        self.postgres.get_or_init(postgres::Server::start)
    }
}

impl Undisturbed {
    fn run(folder: &Path, number: usize) -> Undisturbed {
        let workload = folder.join(format!("workload-{number}"));
        let (users, commands) = [(20, 2_000), (200, 5_000), (1_000, 8_000), (5, 800)][number];
        generate(&workload, "valid", users, commands, 40);
        let mut run = Victim::new(&workload, folder, number);
        let started = Instant::now();
        assert!(!run.run_until(Point::Time(PATIENCE)));
        let whole = Span::new(started.elapsed());
        let state = fs::read(run.out.join("state.json")).unwrap();
        let length = log_length(&run.out);
        Undisturbed { workload, commands: commands.into(), state, length, whole }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}

/// `audit check` finds the log in `data` consistent, and signed by whoever ran `command`.
pub(crate) fn assert_consistent(command: impl Fn(&[&str]) -> std::process::Command, data: &Path) {
    let checked = end(&mut command(&["audit", "check", "--data", text(data)]));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}
