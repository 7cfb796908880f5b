//! The actor around an [`Engine`]: commands and news come in by its mailbox, entries go to the
//! log, and replies leave when the log says that they are durable.

use crate::Engine;
use crate::engine::Output;
use crate::prices::ASK_AGAIN;
use actix::prelude::*;
use bus::{Clock, CommandBatch, EntryLog, Moment, QuoteClient, QuoteNews};
use domain::trading::{Account, UserName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Batches that may wait in the mailbox: enough that a worker never idles between two, few
/// enough that a client that waits is told early to slow down.
pub const MAILBOX: usize = 64;

/// Appends that may be on their way to the log at once. While a flush is under way the next
/// batches gather; beyond this the worker waits.
pub const MAX_APPENDS: usize = 256;

/// One worker.
pub struct ShardActor {
    engine: Engine,
    clock: Clock,
    log: EntryLog,
    quotes: QuoteClient,
    appends: Arc<Semaphore>,
    wakes_at_ms: Option<u64>,
    asks_again: bool,
}

/// Takes all open accounts away, in no order, from a worker that has nothing left to do.
#[derive(Message)]
#[rtype(result = "Vec<(UserName, Account)>")]
pub struct TakeAccounts;

impl ShardActor {
    /// A worker that owns `accounts`.
    pub fn new(
        clock: Clock,
        log: EntryLog,
        quotes: QuoteClient,
        accounts: Vec<(UserName, Account)>,
    ) -> ShardActor {
        let engine = Engine::new(clock.clone(), accounts);
        ShardActor {
            engine,
            clock,
            log,
            quotes,
            appends: Arc::new(Semaphore::new(MAX_APPENDS)),
            wakes_at_ms: None,
            asks_again: false,
        }
    }

    /// From now on a price that is used in the last `before` of its life is asked for again.
    pub fn refresh_before(mut self, before: Option<Duration>) -> ShardActor {
        self.engine.refresh_before(before);
        self
    }

    /// Sends on what came out of the engine. What waits for an answer waits in a task of its own:
    /// futures that an actor holds are all polled whenever one of them is ready.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let Output { entries, replies, asks } = self.engine.take_output();
        if !asks.is_empty() {
            actix::spawn(self.quotes.ask(asks, ctx.address().recipient()));
        }
        if !entries.is_empty() {
            let append = self.log.append(entries);
            let release = |permit: OwnedSemaphorePermit| async move {
                let durable = append.await;
                for (client, mut batch) in replies {
                    client.send(durable.clone().map(|durable| {
                        batch.iter_mut().for_each(|reply| reply.entry += durable.first);
                        batch
                    }));
                }
                drop(permit);
            };
            match self.appends.clone().try_acquire_owned() {
                Ok(permit) => {
                    actix::spawn(release(permit));
                }
                Err(_) => {
                    let free = self.appends.clone().acquire_owned().into_actor(self);
                    ctx.wait(free.map(|permit, _, _| {
                        // The semaphore is never closed.
                        if let Ok(permit) = permit {
                            actix::spawn(release(permit));
                        }
                    }));
                }
            }
        }
        self.set_alarm(ctx);
        self.ask_again_later(ctx);
    }

    /// While an account waits for a price, looks now and then whether to ask once more.
    fn ask_again_later(&mut self, ctx: &mut Context<Self>) {
        if self.asks_again || !self.engine.awaits_prices() {
            return;
        }
        self.asks_again = true;
        ctx.run_later(ASK_AGAIN, |worker, ctx| {
            worker.asks_again = false;
            worker.engine.ask_again();
            worker.flush(ctx);
        });
    }

    /// Wakes the worker when the next pending buy or sell runs out.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline_ms) = self.engine.next_deadline_ms() else { return };
        // Due in the first millisecond behind the deadline.
        let due_ms = deadline_ms + 1;
        if self.wakes_at_ms.is_some_and(|wakes_at_ms| wakes_at_ms <= due_ms) {
            return;
        }
        self.wakes_at_ms = Some(due_ms);
        let now: Moment = self.clock.now();
        let wait = Duration::from_millis(due_ms.saturating_sub(self.clock.unix_ms(now)));
        ctx.run_later(wait, move |worker, ctx| {
            if worker.wakes_at_ms == Some(due_ms) {
                worker.wakes_at_ms = None;
            }
            worker.engine.expire();
            worker.flush(ctx);
        });
    }
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.set_alarm(ctx);
    }
}

impl Handler<CommandBatch> for ShardActor {
    type Result = ();

    fn handle(&mut self, batch: CommandBatch, ctx: &mut Self::Context) {
        self.engine.run(batch);
        self.flush(ctx);
    }
}

impl Handler<QuoteNews> for ShardActor {
    type Result = ();

    fn handle(&mut self, news: QuoteNews, ctx: &mut Self::Context) {
        self.engine.hear(&news.0);
        self.flush(ctx);
    }
}

impl Handler<TakeAccounts> for ShardActor {
    type Result = MessageResult<TakeAccounts>;

    fn handle(&mut self, _: TakeAccounts, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.engine.take_accounts())
    }
}
