//! A player that is told to stop, on a clock that the test moves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix::{Actor, Context, Handler};
use bus::{Clock, CommandBatch, CommandQueue, Moment, Reply};
use domain::trading::entry::CommandDecided;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use workload::input::{Input, Line};
use workload::played::Played;
use workload::player::{Audience, Player};

/// Batches with the moment at which each came.
type Taken = Rc<RefCell<Vec<(Moment, CommandBatch)>>>;

/// A worker that refuses everything.
struct Refuser {
    clock: Clock,
    taken: Taken,
}

impl Actor for Refuser {
    type Context = Context<Self>;
}

impl Handler<CommandBatch> for Refuser {
    type Result = ();

    fn handle(&mut self, batch: CommandBatch, _: &mut Self::Context) {
        let now = self.clock.now();
        let replies = batch.commands.iter().map(|command| Reply {
            decided: CommandDecided::refused_malformed(command.clone(), self.clock.unix_ms(now)),
            entry: command.transaction.0,
            received: batch.received,
            execution: Duration::ZERO,
            price_age: None,
            summary: None,
        });
        batch.reply_to.send(Ok(replies.collect()));
        self.taken.borrow_mut().push((now, batch));
    }
}

/// Wants to stop from a moment on.
struct StopsAt(Clock, Moment);

impl Audience for StopsAt {
    fn unreadable(&mut self, _: &str, _: Line<'_>, _: usize, _: &'static str) {}

    fn replies(&mut self, _: &[Reply]) {}

    fn progress(&mut self, _: u64) {}

    fn wants_to_stop(&mut self) -> bool {
        self.0.now() >= self.1
    }
}

/// Plays ten ADDs of as many users at `rate` and stops after `stop`; what the worker was sent.
async fn play(rate: &str, stop: Duration) -> Vec<(Moment, CommandBatch)> {
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    let taken = Taken::default();
    let worker = Refuser { clock: clock.clone(), taken: taken.clone() }.start();
    let queue = CommandQueue::new(vec![worker.recipient()]);
    let mut audience = StopsAt(clock.clone(), clock.now().plus(stop));
    let none = Played::default();
    let mut player =
        Player::new(queue, clock, &none, &mut audience).at_rate(Some(rate.parse().unwrap()));
    let lines: String = (1..=10).map(|number| format!("[{number}] ADD,u{number},1.00\n")).collect();
    for _ in 0..2 {
        let bytes = std::io::Cursor::new(lines.clone().into_bytes());
        player.play(Input::new("test".to_string(), Box::new(bytes)).unwrap()).await.unwrap();
    }
    player.settle().await.unwrap();
    drop(player);
    taken.take()
}

fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    actix::System::with_tokio_rt(runtime).block_on(future)
}

#[test]
fn a_stopped_player_sends_no_future_command() {
    // One command every 20 s, and the stop comes after 4 s: only the first was due.
    let taken = in_virtual_time(play("0.05", Duration::from_secs(4)));
    let commands: Vec<usize> = taken.iter().map(|(_, batch)| batch.commands.len()).collect();
    assert_eq!(commands, [1]);
}

#[test]
fn no_batch_is_received_later_than_it_is_sent() {
    for stop_ms in [0, 1, 499, 500, 501, 2_250, 60_000] {
        let taken = in_virtual_time(play("2", Duration::from_millis(stop_ms)));
        let commands: usize = taken.iter().map(|(_, batch)| batch.commands.len()).sum();
        // What is due at the very moment of the stop is not sent any more.
        let due = usize::try_from(stop_ms.div_ceil(500)).unwrap().min(20);
        assert_eq!(commands, due, "stopped after {stop_ms} ms");
        for (now, batch) in taken {
            assert!(batch.received <= now, "{:?} {now:?}", batch.received);
        }
    }
}
