//! The whole embedded system in virtual time, with faults that follow from a seed: a quote server
//! that misbehaves, players that stop, processes that die, clocks that jump.
//!
//! It is part of the binary's own tests, because it wires the system as the binary does.

#[path = "../campaign/mod.rs"]
mod campaign;
mod check;
mod life;
// The slow reading of the rules that the rules themselves are tested against.
#[path = "../../../domain/tests/invariants/model.rs"]
mod model;
mod plan;

use campaign::{Campaign, Counts};
use life::Run;
use plan::Plan;

/// Every so many seeds one runs twice, and must leave the same log to the byte.
const TWICE_EVERY: u64 = 10;

#[test]
fn faults_lose_nothing_and_break_no_rule() {
    Campaign { target: "campaign-seeds", slice: 1..=300, threads: 2 }.run(run_seed);
}

fn run_seed(seed: u64) -> Counts {
    let plan = Plan::of(seed);
    let run = Run::live(&plan);
    let mut counts = check::run(&plan, &run);
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = Run::live(&plan);
        assert!(run.segments() == again.segments(), "the same seed left another log");
        counts.push(("repeated to the byte", 1));
    }
    counts
}

#[test]
fn lost_acknowledged_command_is_noticed() {
    let plan = Plan::of(2);
    let mut run = Run::live(&plan);
    run.acknowledged.insert(plan.commands + 1);
    let checked = std::panic::catch_unwind(|| check::run(&plan, &run));
    assert!(checked.is_err(), "the check accepts an acknowledged command that is not in the log");
}
