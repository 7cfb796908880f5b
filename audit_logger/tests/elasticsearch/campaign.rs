//! A node that is killed and stopped at random under load. A start takes seconds, so `make tests`
//! runs a few rounds; `DAYTRADE_ELASTICSEARCH_ROUNDS` asks for more (`make campaign-elasticsearch`).

use crate::follower_process::{a_moment, more};
use crate::log::{self, Seeded};
use crate::node::Node;
use crate::{assert_same, follow, stream_of, until, until_complete};
use elasticsearch::http::Method;

fn rounds(few: u64) -> u64 {
    match std::env::var("DAYTRADE_ELASTICSEARCH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("a number of rounds"),
        Err(_) => few,
    }
}

#[test]
fn a_node_that_is_killed_and_stopped_loses_and_doubles_nothing() {
    let mut node = Node::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut chance =
        Seeded(std::env::var("DAYTRADE_SEED").map_or(12, |seed| seed.parse().unwrap()));
    more(&mut writer, &mut chance);
    let follower = follow(node.url(), folder.path());
    until_complete(&follower, writer.next_entry());
    let stream = stream_of(folder.path());
    for _ in 0..rounds(2) {
        let before = follower.status().next;
        for _ in 0..3 {
            more(&mut writer, &mut chance);
        }
        a_moment(&mut chance, 60);
        node.kill();
        // The log takes entries all the while.
        more(&mut writer, &mut chance);
        node.run();
        // It must come back to it each time, or the kills would meet nothing.
        until(&follower, "back", |follower| follower.status().next > before);
        if chance.below(3) == 0 {
            node.ask(Method::Post, &format!("/{stream}/_rollover"), None);
        }
    }
    for _ in 0..rounds(6) {
        more(&mut writer, &mut chance);
        a_moment(&mut chance, 30);
        node.freeze();
        more(&mut writer, &mut chance);
        a_moment(&mut chance, 60);
        node.thaw();
        if chance.below(5) == 0 {
            node.ask(Method::Post, &format!("/{stream}/_rollover"), None);
        }
    }
    until_complete(&follower, writer.next_entry());
    assert_same(&node, folder.path());
}
