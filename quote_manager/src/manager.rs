//! The quote manager: workers ask it for prices, it asks the source once for all of them, logs
//! every answer, and tells all workers of every fresh price.

use crate::cache::{Prices, RedisCache};
use crate::source::{Answer, AskError, QuoteUnavailable, Source};
use actix::prelude::*;
use bus::quotes::QUOTE_TTL;
use bus::{AskQuotes, Clock, Entries, EntryLog, FreshQuote, QuoteAsk, QuoteNews, QuoteResult};
use domain::trading::entry::{QuoteReceived, QuoteRefused};
use domain::trading::{Entry, Stock};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use rustc_hash::FxHashSet;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::select;
use tokio::sync::{Semaphore, watch};

/// Batches of questions that may wait in the mailbox: one of every worker of a large machine, a
/// few times over.
pub const MAILBOX: usize = 1024;

/// Appends that may be on their way to the log at once; beyond this the manager waits.
pub const MAX_APPENDS: usize = 256;

/// The quote manager.
pub struct QuoteManager {
    clock: Clock,
    source: Source,
    log: EntryLog,
    listeners: Vec<Recipient<QuoteNews>>,
    cache: Prices,
    shared: Option<RedisCache>,
    in_flight: FxHashSet<Stock>,
    landed: Landed,
    appends: Arc<Semaphore>,
    stats: QuoteStats,
    stopped: watch::Sender<bool>,
}

/// What has come in since listeners were last told.
#[derive(Default)]
struct Landed {
    entries: Entries,
    news: Vec<QuoteResult>,
    /// What may be shared once the entries are durable.
    to_share: Vec<FreshQuote>,
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
    /// Prices that were found in the shared cache, and not asked for.
    pub shared_hits: u64,
}

impl QuoteStats {
    /// Adds the figures of another manager.
    pub fn add(&mut self, other: QuoteStats) {
        self.requests += other.requests;
        self.abandoned += other.abandoned;
        self.answers += other.answers;
        self.unavailable += other.unavailable;
        self.shared_hits += other.shared_hits;
    }
}

/// From now on `0` hears of every fresh price.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Subscribe(pub Recipient<QuoteNews>);

/// From now on nothing is asked for, and requests under way are given up without another one: what
/// cannot be logged is not bought.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopAsking;

/// Asks for the figures.
#[derive(Message)]
#[rtype(result = "QuoteStats")]
pub struct AskStats;

/// A question whose answer another manager had shared.
#[derive(Message)]
#[rtype(result = "()")]
struct SharedLanding(FreshQuote);

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
    pub fn new(clock: Clock, source: Source, log: EntryLog) -> QuoteManager {
        QuoteManager {
            clock,
            source,
            log,
            listeners: Vec::new(),
            cache: Prices::default(),
            shared: None,
            in_flight: FxHashSet::default(),
            landed: Landed::default(),
            appends: Arc::new(Semaphore::new(MAX_APPENDS)),
            stats: QuoteStats::default(),
            stopped: watch::Sender::new(false),
        }
    }

    /// The same manager, that looks for a price in `shared` before it asks, and keeps there what
    /// it has asked for. All who share must write the same log: a price stands there with the
    /// command that asked.
    pub fn with_shared(mut self, shared: Option<RedisCache>) -> QuoteManager {
        self.shared = shared;
        self
    }

    /// Asks in a task of its own: futures that an actor holds are all polled whenever one of them
    /// is ready.
    fn take_off(&self, ask: QuoteAsk, manager: Addr<QuoteManager>) {
        let (source, clock, shared) =
            (self.source.clone(), self.clock.clone(), self.shared.clone());
        let mut stopped = self.stopped.subscribe();
        actix::spawn(async move {
            // Nobody asks for a stock whose flight is under way. One that crashes lands as well, or
            // nobody would ever again.
            let flight = AssertUnwindSafe(fly(source, clock, shared, &ask)).catch_unwind();
            let flight = select! {
                flight = flight => flight,
                // A manager that is gone has not stopped: its flights land nowhere.
                Ok(_) = stopped.wait_for(|stopped| *stopped) => return,
            };
            let flown = flight.unwrap_or_else(|_| Flown::Asked {
                answer: Answer::crashed(ask.stock),
                refused: Vec::new(),
            });
            // A manager that is gone has nobody left to tell.
            let _ = match flown {
                Flown::Shared(quote) => manager.send(SharedLanding(quote)).await,
                Flown::Asked { answer, refused } => {
                    manager.send(Landing { ask, answer, refused }).await
                }
            };
        });
    }

    fn land(&mut self, Landing { ask, answer, refused }: Landing, ctx: &mut Context<Self>) {
        let QuoteAsk { stock, transaction, name, user, .. } = ask;
        let now_ms = self.clock.unix_ms(self.clock.now());
        self.tell_soon(ctx);
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
                if self.shared.is_some() {
                    self.landed.to_share.push(quote);
                }
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
                self.landed.news.push(match unavailable {
                    QuoteUnavailable::ShareSpent { .. } => {
                        QuoteResult::OverShare { stock, transaction }
                    }
                    _ => QuoteResult::Unavailable(stock),
                });
            }
        }
    }

    /// Quotes that land in the same turn share an append and a message to each worker. To be
    /// called before the first of them is among those that landed.
    fn tell_soon(&self, ctx: &mut Context<Self>) {
        if self.landed.news.is_empty() {
            ctx.notify(Tell);
        }
    }

    /// Makes `entries` durable, and then, but not before, shares `quotes` with other managers: a
    /// price that they use stands in the log.
    fn append(
        &self,
        entries: Entries,
        quotes: Vec<FreshQuote>,
    ) -> impl Future<Output = ()> + 'static {
        let append = self.log.append(entries);
        let shared = self.shared.clone();
        async move {
            // A log that has halted tells the workers too, and they tell the clients.
            if append.await.is_ok()
                && let Some(shared) = shared
                && !quotes.is_empty()
            {
                actix::spawn(async move {
                    join_all(quotes.iter().map(|quote| shared.put(quote))).await;
                });
            }
        }
    }
}

/// How a question was answered.
enum Flown {
    /// Another manager had shared the price.
    Shared(FreshQuote),
    /// The source was asked.
    Asked { answer: Answer, refused: Vec<(u64, String)> },
}

async fn fly(source: Source, clock: Clock, shared: Option<RedisCache>, ask: &QuoteAsk) -> Flown {
    // A cache that fails says so itself, and is a miss.
    if let Some(shared) = shared
        && !ask.refresh
        && let Ok(Some(quote)) = shared.get(ask.stock).await
    {
        return Flown::Shared(quote);
    }
    let mut refused = Vec::new();
    let on_failure = |error: &AskError| {
        refused.push((clock.unix_ms(clock.now()), error.to_string()));
    };
    let answer = source.ask(&clock, ask.stock, &ask.user, on_failure).await;
    Flown::Asked { answer, refused }
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
        if *self.stopped.borrow() {
            return;
        }
        let now = self.clock.now();
        let mut known = Vec::new();
        for ask in message.asks {
            match self.cache.get(ask.stock, now) {
                Some(quote) if !ask.refresh => known.push(QuoteResult::Fresh(*quote)),
                // The first who asks is enough; the others hear of the answer.
                Some(quote) if now.since(quote.sent) < QUOTE_TTL / 2 => {}
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

impl Handler<SharedLanding> for QuoteManager {
    type Result = ();

    fn handle(&mut self, SharedLanding(quote): SharedLanding, ctx: &mut Self::Context) {
        self.tell_soon(ctx);
        self.stats.shared_hits += 1;
        // Whoever asked for it has logged it.
        self.landed.news.push(QuoteResult::Fresh(quote));
    }
}

impl Handler<Tell> for QuoteManager {
    type Result = ();

    fn handle(&mut self, _: Tell, ctx: &mut Self::Context) {
        let Landed { entries, news, to_share } = mem::take(&mut self.landed);
        // The log gets the quotes before any worker knows them, from here or from the cache, so
        // that no command stands before the quote it used.
        if !entries.is_empty() {
            let append = self.append(entries, to_share);
            match self.appends.clone().try_acquire_owned() {
                Ok(permit) => {
                    actix::spawn(async move {
                        append.await;
                        drop(permit);
                    });
                }
                Err(_) => ctx.wait(append.into_actor(self)),
            }
        }
        for result in &news {
            let stock = match result {
                QuoteResult::Fresh(quote) => {
                    self.cache.put(quote);
                    quote.stock
                }
                QuoteResult::Unavailable(stock) | QuoteResult::OverShare { stock, .. } => *stock,
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

impl Handler<StopAsking> for QuoteManager {
    type Result = ();

    fn handle(&mut self, _: StopAsking, _: &mut Self::Context) {
        self.stopped.send_replace(true);
    }
}

impl Handler<AskStats> for QuoteManager {
    type Result = MessageResult<AskStats>;

    fn handle(&mut self, _: AskStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stats)
    }
}
