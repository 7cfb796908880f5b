//! Several managers behind one client: they share the stocks, and what a dead one had is asked of
//! the others. A flight that crashes is over, too.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test is for")]

use actix::prelude::*;
use bus::entry_log::{Append, Durable};
use bus::{Clock, EntryLog, QuoteAsk, QuoteClient, QuoteNews, QuoteResult};
use domain::trading::{CommandName, Stock, TransactionNum, UserName};
use quote_manager::QuoteManager;
use quote_manager::manager::AskStats;
use quote_manager::manager::Subscribe;
use quote_manager::simulator::{DelayModel, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{ClientOptions, Connect, LegacyClient, Source, Strategy};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// A log that says of everything that it is durable.
struct Log;

impl Actor for Log {
    type Context = Context<Self>;
}

impl Handler<Append> for Log {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        let _ = append.done.send(Ok(Durable { first: 1, count: append.entries.count() }));
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
        news.0.iter().for_each(|&result| self.0.send(result).unwrap());
    }
}

fn stocks() -> Vec<Stock> {
    (b'A'..=b'Z').map(|letter| Stock::parse(&[letter]).unwrap()).collect()
}

fn questions() -> Vec<QuoteAsk> {
    let ask = |stock| QuoteAsk {
        stock,
        transaction: TransactionNum(1),
        name: CommandName::Quote,
        user: UserName::parse(b"u").unwrap(),
        refresh: false,
    };
    stocks().into_iter().map(ask).collect()
}

async fn hear_of_all(heard: &mut mpsc::UnboundedReceiver<QuoteResult>) {
    let mut missing: BTreeSet<Stock> = stocks().into_iter().collect();
    while !missing.is_empty() {
        match heard.recv().await.unwrap() {
            QuoteResult::Fresh(quote) => missing.remove(&quote.stock),
            no_price => panic!("{no_price:?}"),
        };
    }
}

#[test]
fn a_manager_that_dies_is_taken_over_and_no_price_is_asked_twice_before() {
    System::new().block_on(async {
        let clock = Clock::real();
        let (delay, faults) = (DelayModel::None, Faults::NONE);
        let config = SimulatorConfig { seed: 1, delay, faults, clock: clock.clone() };
        let simulator = Simulator::new(config);
        let log = EntryLog::new(Log.start().recipient());
        let (tell, mut heard) = mpsc::unbounded_channel();
        let ear = Ear(tell).start();
        let arbiters = [Arbiter::new(), Arbiter::new(), Arbiter::new()];
        let mut managers = Vec::new();
        for arbiter in &arbiters {
            let source = Source::Legacy(LegacyClient::new(Connect::Memory(simulator.handle())));
            let (clock, log) = (clock.clone(), log.clone());
            let manager = QuoteManager::start_in_arbiter(&arbiter.handle(), move |_| {
                QuoteManager::new(clock, source, log)
            });
            manager.send(Subscribe(ear.clone().recipient())).await.unwrap();
            managers.push(manager);
        }
        let client =
            QuoteClient::new(managers.iter().map(|manager| manager.clone().recipient()).collect());

        client.ask(questions(), ear.clone().recipient()).await;
        hear_of_all(&mut heard).await;
        assert_eq!(simulator.counts().requests, stocks().len() as u64);
        let mut shares = Vec::new();
        for manager in &managers {
            shares.push(manager.send(AskStats).await.unwrap().answers);
        }
        assert!(shares.iter().all(|&share| share > 0), "{shares:?}");

        let [dead, ..] = arbiters;
        dead.stop();
        dead.join().unwrap();
        assert!(!managers[0].connected());
        // The others still know theirs; those of the dead one are asked for anew, once.
        client.ask(questions(), ear.recipient()).await;
        hear_of_all(&mut heard).await;
        assert_eq!(simulator.counts().requests, stocks().len() as u64 + shares[0]);
    });
}

/// Crashes the first time.
#[derive(Debug, Default)]
struct Crashing(AtomicBool);

impl Strategy for Crashing {
    fn patience(&self, _: u32) -> Option<Duration> {
        assert!(self.0.swap(true, Ordering::Relaxed), "the first flight crashes");
        None
    }

    fn keeps_slow(&self) -> bool {
        false
    }
}

#[test]
fn a_flight_that_crashes_leaves_its_stock_to_be_asked_for_again() {
    System::new().block_on(async {
        let clock = Clock::real();
        let (delay, faults) = (DelayModel::None, Faults::NONE);
        let simulator =
            Simulator::new(SimulatorConfig { seed: 1, delay, faults, clock: clock.clone() });
        let options =
            ClientOptions { strategy: Arc::new(Crashing::default()), ..ClientOptions::default() };
        let client = LegacyClient::with(Connect::Memory(simulator.handle()), options);
        let log = EntryLog::new(Log.start().recipient());
        let manager = QuoteManager::new(clock, Source::Legacy(client), log).start();
        let (tell, mut heard) = mpsc::unbounded_channel();
        let ear = Ear(tell).start();
        manager.send(Subscribe(ear.clone().recipient())).await.unwrap();
        let client = QuoteClient::new(vec![manager.recipient()]);
        let question = || questions().into_iter().take(1).collect();
        client.ask(question(), ear.clone().recipient()).await;
        assert_eq!(heard.recv().await, Some(QuoteResult::Unavailable(stocks()[0])));
        client.ask(question(), ear.recipient()).await;
        assert!(matches!(heard.recv().await, Some(QuoteResult::Fresh(_))));
    });
}
