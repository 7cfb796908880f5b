//! A replay is killed, resumed, killed again, and then left to end.

use crate::campaign::{Chance, Counts};
use crate::common::*;
use crate::victim::{Point, Victim};
use crate::world::{WORKLOADS, World, assert_consistent};

pub(crate) fn killed(world: &World, chance: &mut Chance) -> Counts {
    let undisturbed = world.workload(chance.below(WORKLOADS as u64) as usize);
    let folder = tempfile::tempdir().unwrap();
    let mut victim = Victim::new(&undisturbed.workload, folder.path(), 0);
    let (mut kills, mut growing) = (0, 0);
    for _ in 0..1 + chance.below(3) {
        let before = log_length(&victim.out);
        let by_time = chance.once_in(3);
        let point = if by_time {
            Point::Time(undisturbed.whole.part(chance.below(1_000)))
        } else if chance.once_in(2) {
            let left = undisturbed.length.saturating_sub(before);
            Point::Length(before + chance.below(left))
        } else {
            Point::Acknowledged(chance.below(undisturbed.commands) as usize)
        };
        let killed = victim.run_until(point);
        if by_time {
            undisturbed.whole.learn(killed);
        }
        if !killed {
            break;
        }
        kills += 1;
        growing += u64::from(log_length(&victim.out) > before);
    }
    assert!(!victim.run_until(Point::Time(PATIENCE)));
    victim.compare(undisturbed.commands, &undisturbed.state);
    assert_consistent(daytrade, &victim.out);
    vec![("kills of replays", kills), ("replays killed after progress", growing)]
}
