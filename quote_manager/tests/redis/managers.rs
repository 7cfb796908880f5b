//! Quote managers of two processes (each has a clock, a log and a connection of its own) that
//! share their prices.

use super::{connect, get, server::RedisServer, stock};
use actix::prelude::*;
use bus::entry_log::{Append, Durable};
use bus::{AskQuotes, Clock, EntryLog, FreshQuote, QuoteAsk, QuoteNews, QuoteResult};
use domain::trading::{CommandName, TransactionNum, UserName};
use quote_manager::cache::RedisCache;
use quote_manager::manager::{AskStats, Subscribe};
use quote_manager::simulator::{DelayModel, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{Connect, LegacyClient, Source};
use quote_manager::{QuoteManager, QuoteStats};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// A log that says of everything that it is durable, when `slow` lets it.
struct Log {
    entries: u64,
    slow: Option<oneshot::Receiver<()>>,
}

impl Actor for Log {
    type Context = Context<Self>;
}

impl Handler<Append> for Log {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        let durable = Durable { first: self.entries + 1, count: append.entries.count() };
        self.entries += u64::from(append.entries.count());
        let slow = self.slow.take();
        actix::spawn(async move {
            if let Some(slow) = slow {
                let _ = slow.await;
            }
            let _ = append.done.send(Ok(durable));
        });
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct CountEntries;

impl Handler<CountEntries> for Log {
    type Result = u64;

    fn handle(&mut self, _: CountEntries, _: &mut Self::Context) -> u64 {
        self.entries
    }
}

/// A worker that only listens.
struct Ear(mpsc::UnboundedSender<QuoteResult>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<QuoteNews> for Ear {
    type Result = ();

    fn handle(&mut self, news: QuoteNews, _: &mut Self::Context) {
        for &result in &*news.0 {
            // A test that listens no more has ended.
            let _ = self.0.send(result);
        }
    }
}

struct Process {
    clock: Clock,
    manager: Addr<QuoteManager>,
    log: Addr<Log>,
    ear: Addr<Ear>,
    heard: mpsc::UnboundedReceiver<QuoteResult>,
    cache: RedisCache,
}

fn simulator() -> Simulator {
    Simulator::new(SimulatorConfig {
        seed: 1,
        delay: DelayModel::None,
        faults: Faults::NONE,
        clock: Clock::real(),
    })
}

impl Process {
    async fn start(server: &RedisServer, simulator: &Simulator) -> Process {
        Process::start_with(server, simulator, None).await
    }

    async fn start_with(
        server: &RedisServer,
        simulator: &Simulator,
        slow: Option<oneshot::Receiver<()>>,
    ) -> Process {
        let clock = Clock::real();
        let cache = connect(server, &clock).await;
        let log = Log { entries: 0, slow }.start();
        let source = Source::Legacy(LegacyClient::new(Connect::Memory(simulator.handle())));
        let entry_log = EntryLog::new(log.clone().recipient());
        let manager = QuoteManager::new(clock.clone(), source, entry_log)
            .with_shared(Some(cache.clone()))
            .start();
        let (tell, heard) = mpsc::unbounded_channel();
        let ear = Ear(tell).start();
        manager.send(Subscribe(ear.clone().recipient())).await.unwrap();
        Process { clock, manager, log, ear, heard, cache }
    }

    async fn ask(&self, name: &str, transaction: u64) {
        let ask = QuoteAsk {
            stock: stock(name),
            transaction: TransactionNum(transaction),
            name: CommandName::Buy,
            user: UserName::parse(b"oY01WVirLr").unwrap(),
            refresh: false,
        };
        let reply_to = self.ear.clone().recipient();
        self.manager.send(AskQuotes { asks: vec![ask], reply_to }).await.unwrap();
    }

    async fn hear(&mut self) -> FreshQuote {
        match timeout(Duration::from_secs(10), self.heard.recv()).await.unwrap().unwrap() {
            QuoteResult::Fresh(quote) => quote,
            no_price => panic!("{no_price:?}"),
        }
    }

    async fn quote(&mut self, name: &str, transaction: u64) -> FreshQuote {
        self.ask(name, transaction).await;
        self.hear().await
    }

    async fn stats(&self) -> QuoteStats {
        self.manager.send(AskStats).await.unwrap()
    }

    async fn entries(&self) -> u64 {
        self.log.send(CountEntries).await.unwrap()
    }

    /// Waits until the price of `name` stands in Redis.
    async fn until_shared(&self, name: &str) {
        let shared = async {
            while get(&self.cache, stock(name)).await.is_none() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), shared).await.unwrap();
    }
}

#[actix::test]
async fn two_processes_pay_for_a_price_once() {
    let (server, simulator) = (RedisServer::start(), simulator());
    let mut one = Process::start(&server, &simulator).await;
    let mut other = Process::start(&server, &simulator).await;

    let asked = one.quote("ABC", 7).await;
    one.until_shared("ABC").await;
    let shared = other.quote("ABC", 8).await;
    assert_eq!(simulator.counts().requests, 1);
    assert_eq!(
        (shared.stock, shared.price, shared.asked_by),
        (stock("ABC"), asked.price, TransactionNum(7))
    );
    assert!(shared.is_fresh(other.clock.now()));

    // Who asked has logged it, and nobody else.
    assert_eq!((one.entries().await, other.entries().await), (1, 0));
    let (ones, others) = (one.stats().await, other.stats().await);
    assert_eq!((ones.requests, ones.answers, ones.shared_hits), (1, 1, 0));
    assert_eq!((others.requests, others.answers, others.shared_hits), (0, 0, 1));

    // It is in memory from then on, even without Redis.
    server.hold();
    assert_eq!(other.quote("ABC", 9).await, shared);
    assert_eq!(other.stats().await, others);
}

#[actix::test]
async fn a_price_is_not_shared_before_it_is_in_the_log() {
    let (server, simulator) = (RedisServer::start(), simulator());
    let (durable, slow) = oneshot::channel();
    let mut one = Process::start_with(&server, &simulator, Some(slow)).await;
    // Its own workers hear at once: what they do with it stands behind it in the same log.
    one.quote("ABC", 7).await;
    for _ in 0..20 {
        assert_eq!(get(&one.cache, stock("ABC")).await, None);
        sleep(Duration::from_millis(5)).await;
    }
    durable.send(()).unwrap();
    one.until_shared("ABC").await;
}

#[actix::test]
async fn prices_are_asked_for_without_redis() {
    let (mut server, simulator) = (RedisServer::start_at_socket(), simulator());
    let mut process = Process::start(&server, &simulator).await;
    let names = ["A", "B", "C", "D", "E", "F", "G", "H"];

    server.hold();
    for (requests, name) in names.iter().enumerate() {
        let asked = process.clock.now();
        process.quote(name, 1).await;
        // The quote server takes no time here; Redis 50 ms at most.
        let took = process.clock.now().since(asked);
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(simulator.counts().requests, requests as u64 + 1);
    }
    assert!(process.cache.stats().failures >= 8);

    // Many at once wait as long as one.
    let asked = process.clock.now();
    for name in ["AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH"] {
        process.ask(name, 2).await;
    }
    for _ in 0..8 {
        process.hear().await;
    }
    assert!(process.clock.now().since(asked) < Duration::from_secs(1));

    server.kill();
    process.quote("Y", 3).await;
    server.start_again();
    timeout(Duration::from_secs(10), async {
        while process.cache.get(stock("Q")).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    process.quote("Z", 4).await;
    process.until_shared("Z").await;
}
