//! The quote manager: workers ask it for prices, it asks the source once for all of them, logs
//! every answer, and tells all workers of every fresh price.

use crate::source::{Answer, Patience, Source};
use actix::prelude::*;
use bus::{AskQuotes, Clock, Entries, EntryLog, FreshQuote, QuoteAsk, QuoteNews, QuoteResult};
use domain::trading::entry::{QuoteReceived, QuoteRefused};
use domain::trading::{Entry, Stock};
use rustc_hash::{FxHashMap, FxHashSet};
use std::mem;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Batches of questions that may wait in the mailbox: one of every worker of a large machine, a
/// few times over.
pub const MAILBOX: usize = 1024;

/// Appends that may be on their way to the log at once; beyond this the manager waits.
pub const MAX_APPENDS: usize = 256;

/// The quote manager.
pub struct QuoteManager {
    clock: Clock,
    source: Source,
    patience: Patience,
    log: EntryLog,
    listeners: Vec<Recipient<QuoteNews>>,
    cache: FxHashMap<Stock, FreshQuote>,
    in_flight: FxHashSet<Stock>,
    landed: Landed,
    appends: Arc<Semaphore>,
    stats: QuoteStats,
}

/// What has come in since listeners were last told.
#[derive(Default)]
struct Landed {
    entries: Entries,
    news: Vec<QuoteResult>,
}

/// What the quote server was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuoteStats {
    /// Requests sent.
    pub requests: u64,
    /// Requests given up before an answer came; the server may charge for them all the same.
    pub abandoned: u64,
    /// Usable answers.
    pub answers: u64,
    /// Stocks for which no price could be had.
    pub unavailable: u64,
}

/// From now on `0` hears of every fresh price.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Recipient<QuoteNews>);

/// Asks for the figures.
#[derive(Message)]
#[rtype(result = "QuoteStats")]
pub struct AskStats;

/// A question that has been answered, or given up.
#[derive(Message)]
#[rtype(result = "()")]
struct Landing {
    ask: QuoteAsk,
    answer: Answer,
    /// Requests that failed, with their times in Unix milliseconds.
    refused: Vec<(u64, String)>,
}

/// Logs and tells what has landed.
#[derive(Message)]
#[rtype(result = "()")]
struct Tell;

impl QuoteManager {
    /// A manager that asks `source`.
    pub fn new(clock: Clock, source: Source, patience: Patience, log: EntryLog) -> QuoteManager {
        QuoteManager {
            clock,
            source,
            patience,
            log,
            listeners: Vec::new(),
            cache: FxHashMap::default(),
            in_flight: FxHashSet::default(),
            landed: Landed::default(),
            appends: Arc::new(Semaphore::new(MAX_APPENDS)),
            stats: QuoteStats::default(),
        }
    }

    /// Asks in a task of its own: futures that an actor holds are all polled whenever one of them
    /// is ready.
    fn take_off(&self, ask: QuoteAsk, manager: Addr<QuoteManager>) {
        let source = self.source.clone();
        let clock = self.clock.clone();
        let patience = self.patience;
        actix::spawn(async move {
            let mut refused = Vec::new();
            let on_failure = |error: &crate::source::AskError| {
                refused.push((clock.unix_ms(clock.now()), error.to_string()));
            };
            let answer = source.ask(&clock, ask.stock, &ask.user, patience, on_failure).await;
            // A manager that is gone has nobody left to tell.
            let _ = manager.send(Landing { ask, answer, refused }).await;
        });
    }

    fn land(&mut self, Landing { ask, answer, refused }: Landing, ctx: &mut Context<Self>) {
        let QuoteAsk { stock, transaction, name, user } = ask;
        let now_ms = self.clock.unix_ms(self.clock.now());
        let first = self.landed.news.is_empty();
        self.stats.requests += u64::from(answer.requests);
        self.stats.abandoned += u64::from(answer.abandoned);
        let mut log_refused = |failed_ms: u64, message: String| {
            self.landed.entries.push(&Entry::QuoteRefused(QuoteRefused {
                transaction,
                name,
                user: user.clone(),
                failed_ms,
                stock,
                message: message.into(),
            }));
        };
        for (failed_ms, message) in refused {
            log_refused(failed_ms, message);
        }
        match answer.result {
            Ok((reply, sent)) => {
                let quote = FreshQuote { stock, price: reply.price, sent, asked_by: transaction };
                self.stats.answers += 1;
                self.landed.news.push(QuoteResult::Fresh(quote));
                self.landed.entries.push(&Entry::Quote(QuoteReceived {
                    transaction,
                    user,
                    received_ms: now_ms,
                    stock,
                    price: reply.price,
                    server_time_ms: reply.server_time_ms,
                    cryptokey: reply.cryptokey,
                }));
            }
            Err(unavailable) => {
                self.stats.unavailable += 1;
                log_refused(now_ms, unavailable.to_string());
                self.landed.news.push(QuoteResult::Unavailable(stock));
            }
        }
        if first {
            // Quotes that land in the same turn share an append and a message to each worker.
            ctx.notify(Tell);
        }
    }
}

impl Actor for QuoteManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<AskQuotes> for QuoteManager {
    type Result = ();

    fn handle(&mut self, message: AskQuotes, ctx: &mut Self::Context) {
        let now = self.clock.now();
        let mut known = Vec::new();
        for ask in message.asks {
            match self.cache.get(&ask.stock) {
                Some(quote) if quote.is_fresh(now) => known.push(QuoteResult::Fresh(*quote)),
                _ if self.in_flight.insert(ask.stock) => self.take_off(ask, ctx.address()),
                // Someone has asked; all workers will hear.
                _ => {}
            }
        }
        if !known.is_empty() {
            let told = message.reply_to.send(QuoteNews(known.into()));
            actix::spawn(told);
        }
    }
}

impl Handler<Landing> for QuoteManager {
    type Result = ();

    fn handle(&mut self, landing: Landing, ctx: &mut Self::Context) {
        self.land(landing, ctx);
    }
}

impl Handler<Tell> for QuoteManager {
    type Result = ();

    fn handle(&mut self, _: Tell, ctx: &mut Self::Context) {
        let Landed { entries, news } = mem::take(&mut self.landed);
        // The log gets the quotes before any worker knows them, from here or from the cache, so
        // that no command stands before the quote it used.
        let append = self.log.append(entries);
        match self.appends.clone().try_acquire_owned() {
            Ok(permit) => {
                actix::spawn(async move {
                    // A log that has halted tells the workers too, and they tell the clients.
                    let _ = append.await;
                    drop(permit);
                });
            }
            Err(_) => ctx.wait(append.into_actor(self).map(|_, _, _| ())),
        }
        for result in &news {
            let stock = match result {
                QuoteResult::Fresh(quote) => {
                    self.cache.insert(quote.stock, *quote);
                    quote.stock
                }
                QuoteResult::Unavailable(stock) => *stock,
            };
            self.in_flight.remove(&stock);
        }
        let news = QuoteNews(news.into());
        for listener in &self.listeners {
            actix::spawn(listener.send(news.clone()));
        }
    }
}

impl Handler<Subscribe> for QuoteManager {
    type Result = ();

    fn handle(&mut self, Subscribe(listener): Subscribe, _: &mut Self::Context) {
        self.listeners.push(listener);
    }
}

impl Handler<AskStats> for QuoteManager {
    type Result = MessageResult<AskStats>;

    fn handle(&mut self, _: AskStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stats)
    }
}
