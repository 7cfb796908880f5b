//! The actor around an [`Engine`]: commands and news come in by its mailbox, entries go to the
//! log, and replies leave when the log says that they are durable.

use crate::Engine;
use crate::engine::{Output, Unattended};
use crate::telling::{Prepared, Telling};
use actix::prelude::*;
use bus::quotes::ASK_AGAIN;
use bus::{
    AskAccount, Clock, CommandBatch, EntryLog, FireOrders, Moment, NewsTo, OrderChange, OrderDesk,
    QuoteClient, QuoteNews, UpdatesTo,
};
use domain::trading::{Account, Entry, RulesVersion, UserName};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Batches that may wait in the mailbox: enough that a worker never idles between two, few
/// enough that a client that waits is told early to slow down.
pub const MAILBOX: usize = 64;

/// Appends that may be on their way to the log at once. While a flush is under way the next
/// batches gather; beyond this the worker waits.
pub const MAX_APPENDS: usize = 256;

/// News of orders that may be on its way to the AutoTX manager at once; beyond this the worker
/// waits.
const MAX_ORDER_NEWS: usize = 64;

/// One worker.
pub struct ShardActor {
    engine: Engine,
    clock: Clock,
    log: EntryLog,
    quotes: QuoteClient,
    orders: OrderDesk,
    listener: Option<Rc<RefCell<NewsTo>>>,
    telling: Rc<RefCell<Telling>>,
    appends: Arc<Semaphore>,
    order_news: Arc<Semaphore>,
    wakes_at_ms: Option<u64>,
    asks_again: bool,
}

/// Takes all open accounts away, in no order, from a worker that has nothing left to do.
#[derive(Message)]
#[rtype(result = "Retired")]
pub struct TakeAccounts;

/// Asks what the accounts of a worker did by themselves since its start.
#[derive(Message)]
#[rtype(result = "Unattended")]
pub struct AskUnattended;

/// What a worker leaves.
#[derive(Debug)]
pub struct Retired {
    /// Its open accounts, in no order.
    pub accounts: Vec<(UserName, Account)>,
    /// What they did by themselves.
    pub unattended: Unattended,
}

impl ShardActor {
    /// A worker that owns `accounts` and decides by `rules`, which are those that the log stands
    /// under.
    pub fn new(
        clock: Clock,
        log: EntryLog,
        quotes: QuoteClient,
        orders: OrderDesk,
        rules: RulesVersion,
        accounts: Vec<(UserName, Account)>,
    ) -> ShardActor {
        let engine = Engine::new(clock.clone(), rules, accounts);
        ShardActor {
            engine,
            clock,
            log,
            quotes,
            orders,
            listener: None,
            telling: Rc::default(),
            appends: Arc::new(Semaphore::new(MAX_APPENDS)),
            order_news: Arc::new(Semaphore::new(MAX_ORDER_NEWS)),
            wakes_at_ms: None,
            asks_again: false,
        }
    }

    /// From now on a price that is used in the last `before` of its life is asked for again.
    pub fn refresh_before(mut self, before: Option<Duration>) -> ShardActor {
        self.engine.refresh_before(before);
        self
    }

    /// From now on `listener` is told what accounts do by themselves.
    pub fn tell_news(mut self, listener: Option<NewsTo>) -> ShardActor {
        if let Some(listener) = listener {
            self.engine.tell_news();
            self.listener = Some(Rc::new(RefCell::new(listener)));
        }
        self
    }

    /// From now on `listener` is told of the accounts that are watched. `last` is the number of
    /// the last entry in the log: what reads of accounts are numbered from.
    pub fn tell_updates(mut self, last: u64, listener: Option<UpdatesTo>) -> ShardActor {
        self.telling = Rc::new(RefCell::new(Telling::new(last, listener)));
        self
    }

    /// What is told of the accounts that `entries` are about, once these are durable.
    fn prepare(&mut self, entries: Vec<(u64, Entry)>) -> Vec<Prepared> {
        let mut updates: Vec<Prepared> = Vec::new();
        for (number, entry) in entries {
            let Some(user) = entry.account() else { continue };
            match updates.iter_mut().find(|update| update.user == *user) {
                Some(update) => update.events.push((number, entry)),
                None => updates.push(Prepared {
                    user: user.clone(),
                    account: self.engine.account(user).cloned().map(Box::new),
                    events: vec![(number, entry)],
                }),
            }
        }
        updates
    }

    /// Sends on what came out of the engine. What waits for an answer waits in a task of its own:
    /// futures that an actor holds are all polled whenever one of them is ready.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let Output { entries, replies, asks, orders, mut news, watched } =
            self.engine.take_output();
        self.tell_orders(orders, ctx);
        if !asks.is_empty() {
            actix::spawn(self.quotes.ask(asks, ctx.address().recipient()));
        }
        if !entries.is_empty() {
            let append = self.log.append(entries);
            let updates = self.prepare(watched);
            let number = self.telling.borrow_mut().begin(updates);
            let telling = self.telling.clone();
            let listener = self.listener.clone().filter(|_| !news.is_empty());
            let release = move |permit: OwnedSemaphorePermit| async move {
                let durable = append.await;
                if let (Some(listener), Ok(durable)) = (listener, &durable) {
                    news.iter_mut().for_each(|news| news.entry += durable.first);
                    listener.borrow_mut().send(news);
                }
                match &durable {
                    Ok(durable) => telling.borrow_mut().settle(number, *durable),
                    Err(_) => telling.borrow_mut().halt(),
                }
                for (client, mut batch) in replies {
                    client.send(durable.clone().map(|durable| {
                        batch.iter_mut().for_each(|reply| reply.entry += durable.first);
                        batch
                    }));
                }
                drop(permit);
            };
            spawn_with(&self.appends, release, self, ctx);
        }
        self.set_alarm(ctx);
        self.ask_again_later(ctx);
    }

    fn tell_orders(&mut self, orders: Vec<OrderChange>, ctx: &mut Context<Self>) {
        if orders.is_empty() {
            return;
        }
        let told = self.orders.tell(orders);
        let tell = |permit: OwnedSemaphorePermit| async move {
            told.await;
            drop(permit);
        };
        spawn_with(&self.order_news, tell, self, ctx);
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
        let due_ms = deadline_ms.saturating_add(1);
        if self.wakes_at_ms.is_some_and(|wakes_at_ms| wakes_at_ms <= due_ms) {
            return;
        }
        self.wakes_at_ms = Some(due_ms);
        let now: Moment = self.clock.now();
        let wait = Duration::from_millis(due_ms.saturating_sub(self.clock.unix_ms(now)));
        ctx.run_later(self.clock.to_wait(wait), move |worker, ctx| {
            if worker.wakes_at_ms == Some(due_ms) {
                worker.wakes_at_ms = None;
            }
            worker.engine.expire();
            worker.flush(ctx);
        });
    }
}

/// Runs a task that holds a permit of `bound` as long as it wants. Where none is left the worker
/// takes up nothing else until there is.
fn spawn_with<F: Future<Output = ()> + 'static>(
    bound: &Arc<Semaphore>,
    task: impl FnOnce(OwnedSemaphorePermit) -> F + 'static,
    worker: &ShardActor,
    ctx: &mut Context<ShardActor>,
) {
    match bound.clone().try_acquire_owned() {
        Ok(permit) => {
            actix::spawn(task(permit));
        }
        Err(_) => {
            let free = bound.clone().acquire_owned().into_actor(worker);
            ctx.wait(free.map(|permit, _, _| {
                // The semaphore is never closed.
                if let Ok(permit) = permit {
                    actix::spawn(task(permit));
                }
            }));
        }
    }
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // The orders that were armed before the last stop.
        self.flush(ctx);
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

impl Handler<FireOrders> for ShardActor {
    type Result = ();

    fn handle(&mut self, FireOrders(firings): FireOrders, ctx: &mut Self::Context) {
        self.engine.fire(firings);
        self.flush(ctx);
    }
}

impl Handler<AskAccount> for ShardActor {
    type Result = ();

    fn handle(&mut self, ask: AskAccount, _: &mut Self::Context) {
        match ask {
            AskAccount::Read(user, reader) => {
                let account = self.engine.account(&user).cloned().map(Box::new);
                self.telling.borrow_mut().read(reader, account);
            }
            AskAccount::Watch(user) if self.telling.borrow().has_listener() => {
                self.engine.watch(user);
            }
            AskAccount::Watch(_) => {}
            AskAccount::Unwatch(user) => self.engine.unwatch(&user),
        }
    }
}

impl Handler<AskUnattended> for ShardActor {
    type Result = MessageResult<AskUnattended>;

    fn handle(&mut self, _: AskUnattended, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.engine.unattended())
    }
}

impl Handler<TakeAccounts> for ShardActor {
    type Result = MessageResult<TakeAccounts>;

    fn handle(&mut self, _: TakeAccounts, _: &mut Self::Context) -> Self::Result {
        let accounts = self.engine.take_accounts();
        MessageResult(Retired { accounts, unattended: self.engine.unattended() })
    }
}
