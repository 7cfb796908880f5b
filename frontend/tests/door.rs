//! The door: batches go in, replies come out, and where it is full it says so at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix::prelude::*;
use bus::{Clock, CommandBatch, CommandQueue, Reply};
use domain::trading::command::CommandName;
use domain::trading::entry::CommandDecided;
use domain::trading::parse::parse_action;
use domain::trading::{Accepted, Action, Outcome};
use frontend::Fault;
use frontend::door::Door;
use std::time::Duration;

/// A worker that answers all that comes, unless it is held up.
struct Worker {
    held_up: bool,
    held: Vec<CommandBatch>,
}

#[derive(Message)]
#[rtype(result = "usize")]
struct GoOn;

fn answer(batch: CommandBatch) {
    let reply = |command| Reply {
        decided: CommandDecided {
            command,
            applied_ms: 0,
            price: None,
            outcome: Outcome::Accepted(Accepted::Added),
        },
        entry: 1,
        received: batch.received,
        execution: Duration::ZERO,
        price_age: None,
        summary: None,
    };
    batch.reply_to.send(Ok(batch.commands.into_iter().map(reply).collect()));
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<CommandBatch> for Worker {
    type Result = ();

    fn handle(&mut self, batch: CommandBatch, _: &mut Self::Context) {
        match self.held_up {
            true => self.held.push(batch),
            false => answer(batch),
        }
    }
}

impl Handler<GoOn> for Worker {
    type Result = usize;

    fn handle(&mut self, _: GoOn, _: &mut Self::Context) -> usize {
        self.held_up = false;
        let held = std::mem::take(&mut self.held);
        let most = held.iter().map(|batch| batch.commands.len()).max().unwrap_or_default();
        held.into_iter().for_each(answer);
        most
    }
}

fn add() -> Action {
    parse_action(CommandName::Add, Some(b"u,1.00"))
}

#[test]
fn a_full_door_refuses_at_once_and_what_it_let_in_is_answered() {
    System::new().block_on(async {
        let worker = Worker { held_up: true, held: Vec::new() }.start();
        let queue = CommandQueue::new(vec![worker.clone().recipient()]);
        let (door, tasks) = Door::open(&queue, Clock::real(), 7);
        let mut let_in = Vec::new();
        let refused = loop {
            match door.enter(add()) {
                Ok(replied) => let_in.push(replied),
                // The desk gets its turn: it takes as many as it may have with the worker.
                Err(fault) => {
                    let before = door.depth();
                    for _ in 0..100 {
                        tokio::task::yield_now().await;
                    }
                    if door.depth() == before {
                        break fault;
                    }
                }
            }
            assert!(let_in.len() < 100_000, "the door has no bound");
        };
        assert_eq!(refused, Fault::Busy(1));
        let most = worker.send(GoOn).await.unwrap();
        assert!(most > 100, "commands of many go together, {most} did at most");
        door.close();
        let mut numbers = Vec::new();
        for replied in let_in {
            numbers.push(replied.await.unwrap().decided.command.transaction.0);
        }
        tasks.ended().await;
        // Each has a number of its own, without gaps, from where the log ends.
        assert!(numbers.iter().copied().eq(7..7 + numbers.len() as u64));
        assert_eq!(door.enter(add()).err(), Some(Fault::Unavailable));
    });
}
