//! A process is asked to stop, writes its snapshot, and is killed while it does.

use crate::campaign::{Chance, Counts};
use crate::common::*;
use crate::victim::{Point, Victim};
use crate::world::{Span, World, assert_consistent};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

/// From being asked to stop to the end.
fn tail() -> &'static Span {
    static TAIL: OnceLock<Span> = OnceLock::new();
    TAIL.get_or_init(|| Span::new(Duration::from_millis(40)))
}

/// The snapshots in `log`, and those that were not finished.
fn snapshots(log: &Path) -> (u64, u64) {
    let (mut whole, mut begun) = (0, 0);
    for item in fs::read_dir(log).into_iter().flatten() {
        let name = item.unwrap().file_name().to_string_lossy().into_owned();
        whole += u64::from(name.ends_with(".snap"));
        begun += u64::from(name.contains(".snap") && !name.ends_with(".snap"));
    }
    (whole, begun)
}

pub(crate) fn killed(world: &World, chance: &mut Chance) -> Counts {
    let undisturbed = world.workload(1 + chance.below(2) as usize);
    let folder = tempfile::tempdir().unwrap();
    let mut victim = Victim::new(&undisturbed.workload, folder.path(), 0);
    let log = victim.out.join("log");
    let (mut kills, mut written, mut halfway) = (0, 0, 0);
    for _ in 0..1 + chance.below(2) {
        let before = log_length(&victim.out);
        let enough = before + chance.below(undisturbed.length.saturating_sub(before));
        let mut child = Guarded::start(&mut daytrade(&victim.arguments()));
        until("the log grows", || {
            log_length(&victim.out) > enough || child.0.try_wait().unwrap().is_some()
        });
        let pid = child.0.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let by_time = chance.once_in(3);
        if by_time {
            sleep(tail().part(chance.below(1_000)));
        } else {
            // The moment that it begins to write one, or soon after.
            let (whole, begun) = snapshots(&log);
            while snapshots(&log) == (whole, begun) && child.0.try_wait().unwrap().is_none() {}
            sleep(Duration::from_micros(chance.below(3) * chance.below(2_000)));
        }
        let _ = child.0.kill();
        let status = child.0.wait().unwrap();
        let killed = status.signal() == Some(9);
        assert!(killed || [Some(0), Some(130)].contains(&status.code()), "{status:?}");
        if by_time {
            tail().learn(killed);
        }
        victim.look();
        kills += u64::from(killed);
        let (whole, begun) = snapshots(&log);
        written += u64::from(killed && whole > 0);
        halfway += u64::from(killed && begun > 0);
    }
    assert!(!victim.run_until(Point::Time(PATIENCE)));
    victim.compare(undisturbed.commands, &undisturbed.state);
    assert_consistent(daytrade, &victim.out);
    vec![
        ("kills of ending processes", kills),
        ("of them with a snapshot", written),
        ("of them with half a snapshot", halfway),
    ]
}
