//! A process that brings a Postgres up to a log is killed: alone, or with the run that it is part
//! of. In the end every entry is there once.

use crate::campaign::{Chance, Counts};
use crate::common::*;
use crate::world::{Span, World, assert_consistent};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

/// From the start of a follower to its end.
fn whole() -> &'static Span {
    static WHOLE: OnceLock<Span> = OnceLock::new();
    WHOLE.get_or_init(|| Span::new(Duration::from_millis(200)))
}

pub(crate) fn killed(world: &World, chance: &mut Chance) -> Counts {
    let url = world.postgres().address();
    let folder = tempfile::tempdir().unwrap();
    let (workload, out) = (folder.path().join("load"), folder.path().join("run"));
    // A log of its own for each seed: the store tells logs apart by what is in them.
    let seed = chance.below(u64::MAX / 2).to_string();
    let arguments = ["workload", "generate", "--users", "20", "--commands", "4000"];
    let more = ["--stocks", "20", "--seed", &seed, "--out", text(&workload)];
    run(&[&arguments[..], &more].concat()).with(0);
    let alone = chance.once_in(2);
    let kills = if alone {
        kill_alone(&url, &workload, &out, chance)
    } else {
        kill_both(&url, &workload, &out, chance)
    };

    let store = ["--data", text(&out), "--audit", &url];
    run(&[&["audit", "follow", "--until-complete"], &store[..]].concat()).with(0);
    // Compares every row with its entry, by content.
    run(&[&["audit", "parity"], &store[..]].concat()).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    assert_consistent(daytrade, &out);
    vec![(if alone { "kills of followers" } else { "kills of runs with a follower" }, kills)]
}

/// The run is through; who follows its log is killed.
fn kill_alone(url: &str, workload: &Path, out: &Path, chance: &mut Chance) -> u64 {
    run(&["replay", text(workload), "--out", text(out)]).with(0);
    let mut kills = 0;
    for _ in 0..1 + chance.below(3) {
        let follow = ["audit", "follow", "--until-complete", "--data", text(out), "--audit", url];
        let mut child = Guarded::start(&mut daytrade(&follow));
        sleep(whole().part(chance.below(1_000)));
        let _ = child.0.kill();
        let status = child.0.wait().unwrap();
        let killed = status.signal() == Some(9);
        assert!(killed || status.success(), "{status:?}");
        whole().learn(killed);
        kills += u64::from(killed);
    }
    kills
}

/// The run is killed together with its follower, and resumed.
fn kill_both(url: &str, workload: &Path, out: &Path, chance: &mut Chance) -> u64 {
    let times = 1 + chance.below(3) as u32;
    let mut arguments = vec!["replay", text(workload), "--audit", url, "--out", text(out)];
    let mut points = Seeded(1 + chance.below(u64::MAX / 2));
    kill_and_resume(&mut arguments, || log_length(out), times, 300_000, &mut points);
    run(&arguments).with(0);
    times.into()
}
