//! The actor around an engine: it wakes by itself when a pending runs out, and nobody is told of
//! anything that the log has not made durable.
//!
//! The log and the quote manager of these tests are actors behind the same ports as the real
//! ones; the log answers when the test lets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix::prelude::*;
use bus::{
    AccountEvent, Append, AskQuotes, Clock, CommandBatch, CommandQueue, Durable, Entries, EntryLog,
    FireQueue, Firing, FreshQuote, LogHalted, NewsBatch, NewsTo, OrderChange, OrderDesk, OrderNews,
    QuoteClient, QuoteNews, QuoteResult, Reply, ReplyTo,
};
use domain::trading::parse::parse_action;
use domain::trading::{Command, CommandName, Entry, Price, RulesVersion, TransactionNum, codec};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::sleep;
use worker::{MAX_APPENDS, ShardActor};

/// A log that keeps what is appended, and says that it is durable when it is let.
#[derive(Clone, Default)]
struct HeldLog(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    entries: Vec<Entry>,
    waiting: Vec<(Entries, tokio::sync::oneshot::Sender<Result<Durable, LogHalted>>)>,
    durable: u64,
    let_through: bool,
}

impl HeldLog {
    fn waiting(&self) -> usize {
        self.0.lock().unwrap().waiting.len()
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().entries.clone()
    }

    /// Makes everything durable that waits and, with `from_now_on`, what comes.
    fn make_durable(&self, from_now_on: bool) {
        let mut held = self.0.lock().unwrap();
        held.let_through = from_now_on;
        held.answer();
    }

    fn halt(&self, reason: &str) {
        for (_, done) in std::mem::take(&mut self.0.lock().unwrap().waiting) {
            done.send(Err(LogHalted { reason: reason.to_string() })).unwrap();
        }
    }
}

impl Held {
    fn answer(&mut self) {
        for (entries, done) in std::mem::take(&mut self.waiting) {
            let durable = Durable { first: self.durable + 1, count: entries.count() };
            self.durable += u64::from(entries.count());
            done.send(Ok(durable)).unwrap();
        }
    }
}

impl Actor for HeldLog {
    type Context = Context<Self>;
}

impl Handler<Append> for HeldLog {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        let mut held = self.0.lock().unwrap();
        let mut rest = append.entries.bytes();
        while !rest.is_empty() {
            let (entry, behind) = codec::decode(rest).unwrap();
            held.entries.push(entry);
            rest = behind;
        }
        held.waiting.push((append.entries, append.done));
        if held.let_through {
            held.answer();
        }
    }
}

/// Answers every question with 2.00 dollars, at once.
struct TwoDollars(Clock);

impl Actor for TwoDollars {
    type Context = Context<Self>;
}

impl Handler<AskQuotes> for TwoDollars {
    type Result = ();

    fn handle(&mut self, questions: AskQuotes, _: &mut Self::Context) {
        let fresh = questions.asks.iter().map(|ask| {
            QuoteResult::Fresh(FreshQuote {
                stock: ask.stock,
                price: Price::from_cents(200).unwrap(),
                sent: self.0.now(),
                asked_by: ask.transaction,
            })
        });
        questions.reply_to.try_send(QuoteNews(fresh.collect())).unwrap();
    }
}

/// Keeps the news of orders.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<Vec<OrderChange>>>);

impl Actor for Orders {
    type Context = Context<Self>;
}

impl Handler<OrderNews> for Orders {
    type Result = ();

    fn handle(&mut self, OrderNews(changes): OrderNews, _: &mut Self::Context) {
        self.0.lock().unwrap().extend(changes);
    }
}

type Replies = Result<Vec<Reply>, LogHalted>;

struct Shard {
    queue: CommandQueue,
    clock: Clock,
    log: HeldLog,
    commands: u64,
    client: ReplyTo,
    replies: Receiver<Replies>,
    orders: Orders,
    news: Receiver<NewsBatch>,
    fire: FireQueue,
}

impl Shard {
    fn start() -> Shard {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let log = HeldLog::default();
        let orders = Orders::default();
        let (listener, news) = mpsc::channel(100);
        let shard = ShardActor::new(
            clock.clone(),
            EntryLog::new(log.clone().start().recipient()),
            QuoteClient::new(vec![TwoDollars(clock.clone()).start().recipient()]),
            OrderDesk::new(orders.clone().start().recipient()),
            RulesVersion::CURRENT,
            Vec::new(),
        )
        .tell_news(Some(NewsTo::new(listener)));
        let shard = shard.start();
        let queue = CommandQueue::new(vec![shard.clone().recipient()]);
        let fire = FireQueue::new(vec![shard.recipient()]);
        let (client, replies) = mpsc::channel(10_000);
        Shard {
            queue,
            clock,
            log,
            commands: 0,
            client: ReplyTo::new(client),
            replies,
            orders,
            news,
            fire,
        }
    }

    /// Sends a batch without waiting for the worker to take it up.
    fn send(&mut self, lines: &[&str]) -> Pin<Box<dyn Future<Output = ()>>> {
        let received = self.clock.now();
        let received_ms = self.clock.unix_ms(received);
        let commands = lines.iter().map(|line| {
            self.commands += 1;
            let (name, arguments) = line.split_once(',').unwrap();
            let name = CommandName::parse(name.as_bytes()).unwrap();
            let action = parse_action(name, Some(arguments.as_bytes()));
            Command::new(TransactionNum(self.commands), received_ms, action)
        });
        let commands = commands.collect();
        let batch = CommandBatch { commands, received, reply_to: self.client.clone() };
        let sent = self.queue.send(0, batch);
        Box::pin(async move { sent.await.unwrap() })
    }
}

fn with_time_paused(test: impl Future<Output = ()>) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(runtime).block_on(test);
}

#[test]
fn a_pending_buy_runs_out_though_nobody_sends_a_command() {
    with_time_paused(async {
        let mut shard = Shard::start();
        shard.log.make_durable(true);
        shard.send(&["ADD,a,5.00", "BUY,a,S,4.00"]).await;
        sleep(Duration::from_secs(20)).await;
        shard.send(&["BUY,a,S,1.00", "ADD,a,4.00", "BUY,a,S,4.00"]).await;
        sleep(Duration::from_millis(40_000)).await;
        assert_eq!(shard.log.entries().len(), 5, "60,000 ms are in time");
        sleep(Duration::from_millis(2)).await;
        let Some(Entry::Expired(first)) = shard.log.entries().last().cloned() else {
            panic!("{:?}", shard.log.entries())
        };
        assert_eq!(first.transaction, TransactionNum(2));
        assert_eq!(first.expired_ms, Clock::VIRTUAL_START_UNIX_MS + 60_001);
        // The alarm is set anew for the next one.
        sleep(Duration::from_secs(20)).await;
        let Some(Entry::Expired(second)) = shard.log.entries().last().cloned() else { panic!() };
        assert_eq!(second.transaction, TransactionNum(5));
        assert_eq!(second.expired_ms, Clock::VIRTUAL_START_UNIX_MS + 80_001);
    });
}

#[test]
fn nobody_is_told_before_the_log_is_durable() {
    with_time_paused(async {
        let mut shard = Shard::start();
        shard.send(&["ADD,a,5.00", "ADD,b,5.00"]).await;
        shard.send(&["DISPLAY_SUMMARY,a"]).await;
        sleep(Duration::from_secs(600)).await;
        assert_eq!(shard.log.entries().len(), 3, "the entries are on their way");
        assert!(shard.replies.try_recv().is_err(), "and nobody knows");
        shard.log.make_durable(false);
        let mut told = Vec::new();
        for _ in 0..2 {
            let replies = shard.replies.recv().await.unwrap().unwrap();
            told.extend(replies.iter().map(|of| (of.decided.command.transaction.0, of.entry)));
        }
        assert_eq!(told, [(1, 1), (2, 2), (3, 3)], "each with the number of its entry");
    });
}

#[test]
fn a_log_that_halts_is_told_instead_of_an_outcome() {
    with_time_paused(async {
        let mut shard = Shard::start();
        shard.send(&["ADD,a,5.00"]).await;
        sleep(Duration::from_millis(1)).await;
        shard.log.halt("the disk is full");
        let told = shard.replies.recv().await.unwrap();
        assert_eq!(told.unwrap_err().reason, "the disk is full");
    });
}

#[test]
fn a_log_that_does_not_keep_up_is_waited_for_and_nothing_is_lost() {
    with_time_paused(async {
        let mut shard = Shard::start();
        let batches = MAX_APPENDS + 200;
        let sends: Vec<_> = (0..batches).map(|_| shard.send(&["ADD,a,0.01"])).collect();
        for sent in sends {
            actix::spawn(sent);
        }
        sleep(Duration::from_secs(1)).await;
        assert!(shard.log.waiting() <= MAX_APPENDS + 1, "{} appends", shard.log.waiting());
        shard.log.make_durable(true);
        for entry in 1..=batches as u64 {
            let replies = shard.replies.recv().await.unwrap().unwrap();
            assert_eq!(replies.len(), 1);
            assert_eq!(
                (replies[0].entry, replies[0].decided.command.transaction.0),
                (entry, entry)
            );
        }
    });
}

#[test]
fn a_user_hears_of_a_firing_when_it_is_durable_and_not_before() {
    with_time_paused(async {
        let mut shard = Shard::start();
        shard.send(&["ADD,a,5.00", "SET_BUY_AMOUNT,a,S,4.00", "SET_BUY_TRIGGER,a,S,1.50"]).await;
        sleep(Duration::from_millis(1)).await;
        let told = shard.orders.0.lock().unwrap().clone();
        let [OrderChange::Armed(order)] = &told[..] else { panic!("{told:?}") };
        let price = Price::from_cents(150).unwrap();
        let sent = shard.clock.now();
        let asked_by = TransactionNum(3);
        let quote = FreshQuote { stock: order.stock, price, sent, asked_by };
        let armed_by = order.armed_by.transaction;
        let firing = Firing { user: order.user.clone(), side: order.side, armed_by, quote };
        shard.fire.send(0, vec![firing.clone(), firing]).await;
        sleep(Duration::from_secs(1)).await;
        assert!(shard.news.try_recv().is_err(), "nobody knows yet");
        shard.log.make_durable(false);
        let NewsBatch { missed, news } = shard.news.recv().await.unwrap();
        assert_eq!((missed, news.len()), (0, 1), "twice told, once fired");
        assert_eq!((news[0].entry, news[0].quoted), (4, Some(sent)));
        let AccountEvent::Filled(filled) = &news[0].event else { panic!("{news:?}") };
        assert_eq!(filled.fill.cash.to_string(), "1.00");
    });
}
