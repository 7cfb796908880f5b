//! `kill -9` at points that follow from a seed: of replays, of servers under load, of followers, of
//! processes that write snapshots. Nothing that was acknowledged is lost, nothing is carried out
//! twice, the accounts are the fold of the log, and `audit check` finds the log consistent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

#[path = "../campaign/mod.rs"]
#[allow(dead_code, reason = "each campaign takes what it needs")]
mod campaign;
#[path = "../binary/common.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod common;
mod follower;
mod load;
#[path = "../../../audit_logger/tests/postgres/server.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod postgres;
mod replay;
#[path = "../up/server.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod server;
mod snapshot;
mod up;
#[path = "../binary/victim.rs"]
mod victim;
mod world;

use campaign::{Campaign, Chance};
use world::World;

#[test]
fn kill_loses_nothing_and_repeats_nothing() {
    let world = World::new();
    Campaign { target: "campaign-kill", slice: 1..=48, threads: 2 }.run(|seed| {
        let mut chance = Chance::of(seed);
        match seed % 4 {
            0 => replay::killed(&world, &mut chance),
            1 => up::killed(&world, &mut chance),
            2 => follower::killed(&world, &mut chance),
            _ => snapshot::killed(&world, &mut chance),
        }
    });
}
