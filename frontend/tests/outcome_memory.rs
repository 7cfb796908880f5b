//! What the outcomes of everybody's requests take of the process's memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(target_os = "linux")]

use bus::Reply;
use domain::trading::command::{Command, CommandName};
use domain::trading::entry::CommandDecided;
use domain::trading::parse::parse_action;
use domain::trading::{Accepted, Outcome, RequestId, TransactionNum, UserName};
use frontend::outcomes::{BYTES, KEPT, Outcomes};
use std::time::Duration;

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// The only test of this binary: nothing else takes memory meanwhile.
#[test]
fn everybodys_outcomes_stay_within_their_memory() {
    let before = resident();
    let outcomes = Outcomes::default();
    let mut most = 0;
    for nth in 0..4000_u64 {
        let user = UserName::parse(format!("somebody-with-a-long-name-{nth}").as_bytes()).unwrap();
        for number in 0..KEPT as u64 {
            let request = RequestId::from_bytes(u128::from(nth << 32 | number).to_be_bytes());
            let text = format!("{user},{}.00", number + 1);
            let action = parse_action(CommandName::Add, Some(text.as_bytes()));
            assert!(outcomes.begin(&user, &request, &action).is_ok());
            let command = Command {
                transaction: TransactionNum(nth * 1000 + number),
                received_ms: 1_795_312_120_920,
                request: Some(request.clone()),
                action,
            };
            let decided = CommandDecided {
                command,
                applied_ms: 1_795_312_120_920,
                price: None,
                outcome: Outcome::Accepted(Accepted::Added),
            };
            let reply = Reply {
                decided,
                entry: nth * 1000 + number,
                received: bus::Moment::default(),
                execution: Duration::ZERO,
                price_age: None,
                summary: None,
            };
            outcomes.settle(&user, &request, reply);
        }
        assert!(outcomes.bytes() <= BYTES);
        most = most.max(outcomes.bytes());
    }
    let taken = resident() - before;
    println!("{} MiB of memory for {} MiB of outcomes", taken >> 20, most >> 20);
    assert!(most > BYTES / 2, "the bound was never near");
    assert!(taken < BYTES + BYTES / 4, "{taken} bytes");
}
