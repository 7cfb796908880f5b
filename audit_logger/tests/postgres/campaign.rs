//! A server that is killed, and one that is stopped, again and again while a log grows: afterwards
//! every entry is there once. `DAYTRADE_CAMPAIGN=50` makes it fifty times instead of a few.

use crate::log::{self, Seeded};
use crate::server::Server;
use crate::{PATIENCE, assert_same, follow, until_complete};
use audit_logger::follow::Follower;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Entries that the log may be ahead of the store: so much is enough to be interrupted in.
const AHEAD: u64 = 8_000;

fn times(few: u32) -> u32 {
    std::env::var("DAYTRADE_CAMPAIGN").map_or(few, |text| text.parse().expect("a number"))
}

/// A log that grows on a thread of its own until it is told to end.
struct Load {
    /// The number of its next entry.
    next: AtomicU64,
    over: AtomicBool,
}

impl Load {
    fn run(&self, folder: &Path, follower: &Follower, seed: u64) {
        let mut writer = log::open(folder);
        let mut chance = Seeded(seed);
        while !self.over.load(Ordering::SeqCst) {
            let behind = writer.next_entry() - follower.status().next.min(writer.next_entry());
            if behind < AHEAD {
                log::append(&mut writer, seed, 1 + chance.below(400));
                self.next.store(writer.next_entry(), Ordering::SeqCst);
            }
            thread::sleep(Duration::from_micros(chance.below(4_000)));
        }
    }
}

/// Does `harm` to a server `times` while a log grows, and compares at the end.
fn campaign(seed: u64, times: u32, mut harm: impl FnMut(&mut Server, &mut Seeded)) {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let follower = follow(server.url(), folder.path());
    let load = Load { next: AtomicU64::new(1), over: AtomicBool::new(false) };
    let mut chance = Seeded(seed);
    thread::scope(|scope| {
        scope.spawn(|| load.run(folder.path(), &follower, seed));
        for round in 0..times {
            // It must have come back and go on each time, or the harm would meet nothing.
            let (before, started) = (follower.status().next, Instant::now());
            while follower.status().next <= before {
                if started.elapsed() > PATIENCE {
                    load.over.store(true, Ordering::SeqCst);
                    panic!("round {round}: {:?}", follower.status());
                }
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_micros(chance.below(60_000)));
            harm(&mut server, &mut chance);
        }
        load.over.store(true, Ordering::SeqCst);
    });
    let next = load.next.load(Ordering::SeqCst);
    until_complete(&follower, next);
    assert_same(&server, folder.path());
    println!("seed {seed}: {times} times, {} entries, each there once", next - 1);
}

#[test]
fn a_server_that_is_killed_again_and_again_has_every_entry_once() {
    campaign(31, times(6), |server, _| {
        server.kill();
        server.run();
    });
}

#[test]
fn a_server_that_is_stopped_again_and_again_has_every_entry_once() {
    campaign(32, times(12), |server, chance| {
        server.freeze();
        thread::sleep(Duration::from_micros(chance.below(80_000)));
        server.thaw();
    });
}

#[test]
fn a_server_that_is_stopped_and_then_killed_has_every_entry_once() {
    campaign(33, times(5), |server, chance| {
        server.freeze();
        thread::sleep(Duration::from_micros(chance.below(50_000)));
        server.kill();
        server.run();
    });
}
