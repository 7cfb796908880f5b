//! The actor around [`AutoTx`]: news of orders and prices come in by its mailbox, firings go to the
//! workers that own the accounts, questions go to the quote managers.

use crate::engine::{AutoTx, AutoTxStats};
use crate::schedule::FarPolicy;
use actix::prelude::*;
use bus::{Clock, FireQueue, Firing, Moment, OrderNews, Partition, QuoteClient, QuoteNews};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Messages that may wait in the mailbox: what all workers and quote managers of a large machine
/// may have on their way.
pub const MAILBOX: usize = 4096;

/// Firings that go to a worker in one message: enough that a message costs nothing beside them,
/// few enough that a user's command behind them waits for a millisecond.
const BATCH: usize = 1024;

/// Messages with firings that may be on their way to one worker: while it works on one the next is
/// there.
const SENDS: usize = 2;

/// The AutoTX manager.
pub struct AutoTxActor {
    orders: AutoTx,
    clock: Clock,
    quotes: QuoteClient,
    workers: FireQueue,
    /// For each worker what waits for it, and how many messages may still be sent to it.
    queues: Vec<(VecDeque<Firing>, Arc<Semaphore>)>,
    wakes_at: Option<Moment>,
    stopped: bool,
}

/// From now on firings go to these workers.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ServeWorkers(pub FireQueue);

/// Nothing is fired or asked for any more; answered when the workers have taken up what was on its
/// way to them.
#[derive(Message)]
#[rtype(result = "AutoTxStats")]
pub struct StopFiring;

/// Asks what the manager has and did.
#[derive(Message)]
#[rtype(result = "AutoTxStats")]
pub struct AskOrders;

/// A worker has taken up a message.
#[derive(Message)]
#[rtype(result = "()")]
struct TakenUp;

impl AutoTxActor {
    /// A manager without orders; `far` as for [`AutoTx::new`].
    pub fn new(clock: Clock, quotes: QuoteClient, far: Option<FarPolicy>) -> AutoTxActor {
        AutoTxActor {
            orders: AutoTx::new(far),
            clock,
            quotes,
            workers: FireQueue::default(),
            queues: Vec::new(),
            wakes_at: None,
            stopped: false,
        }
    }

    /// Sends on what has come out of the news.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.stopped || self.queues.is_empty() {
            return;
        }
        for firing in self.orders.take_firings() {
            let worker = Partition::of_user(firing.user.as_str()).worker(self.queues.len());
            self.queues[worker].0.push_back(firing);
        }
        for worker in 0..self.queues.len() {
            self.send_to(worker, ctx);
        }
        let asks = self.orders.take_asks(self.clock.now());
        if !asks.is_empty() {
            actix::spawn(self.quotes.ask(asks, ctx.address().recipient()));
        }
        self.set_alarm(ctx);
    }

    fn send_to(&mut self, worker: usize, ctx: &mut Context<Self>) {
        let (queue, sends) = &mut self.queues[worker];
        while !queue.is_empty()
            && let Ok(permit) = sends.clone().try_acquire_owned()
        {
            let batch = queue.drain(..queue.len().min(BATCH)).collect();
            let sent = self.workers.send(worker, batch);
            let manager = ctx.address();
            actix::spawn(async move {
                sent.await;
                drop(permit);
                // A manager that is gone has nothing left to send.
                let _ = manager.send(TakenUp).await;
            });
        }
    }

    /// Wakes the manager when the next price is to be asked for.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.orders.next_ask() else { return };
        if self.wakes_at.is_some_and(|wakes_at| wakes_at <= due) {
            return;
        }
        self.wakes_at = Some(due);
        // Timers count whole milliseconds: one that came early would find nothing to do.
        let wait = self.clock.to_wait(due.since(self.clock.now())) + Duration::from_millis(1);
        ctx.run_later(wait, move |manager, ctx| {
            if manager.wakes_at == Some(due) {
                manager.wakes_at = None;
            }
            manager.flush(ctx);
        });
    }
}

impl Actor for AutoTxActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<ServeWorkers> for AutoTxActor {
    type Result = ();

    fn handle(&mut self, ServeWorkers(workers): ServeWorkers, ctx: &mut Self::Context) {
        let queue = || (VecDeque::new(), Arc::new(Semaphore::new(SENDS)));
        self.queues = (0..workers.workers()).map(|_| queue()).collect();
        self.workers = workers;
        self.flush(ctx);
    }
}

impl Handler<OrderNews> for AutoTxActor {
    type Result = ();

    fn handle(&mut self, OrderNews(changes): OrderNews, ctx: &mut Self::Context) {
        self.orders.hear_orders(changes, self.clock.now());
        self.flush(ctx);
    }
}

impl Handler<QuoteNews> for AutoTxActor {
    type Result = ();

    fn handle(&mut self, news: QuoteNews, ctx: &mut Self::Context) {
        self.orders.hear_prices(&news.0, self.clock.now());
        self.flush(ctx);
    }
}

impl Handler<TakenUp> for AutoTxActor {
    type Result = ();

    fn handle(&mut self, _: TakenUp, ctx: &mut Self::Context) {
        self.flush(ctx);
    }
}

impl Handler<AskOrders> for AutoTxActor {
    type Result = MessageResult<AskOrders>;

    fn handle(&mut self, _: AskOrders, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.orders.stats())
    }
}

impl Handler<StopFiring> for AutoTxActor {
    type Result = ResponseFuture<AutoTxStats>;

    fn handle(&mut self, _: StopFiring, _: &mut Self::Context) -> Self::Result {
        self.stopped = true;
        let stats = self.orders.stats();
        let sends: Vec<_> = self.queues.iter().map(|(_, sends)| sends.clone()).collect();
        Box::pin(async move {
            for sends in sends {
                // The semaphore is never closed.
                let _ = sends.acquire_many(SENDS as u32).await;
            }
            stats
        })
    }
}
