//! A manager that was told to stop buys nothing more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix::prelude::*;
use bus::entry_log::{Append, Durable};
use bus::{Clock, EntryLog, QuoteAsk, QuoteClient, QuoteNews};
use domain::trading::{CommandName, Stock, TransactionNum, UserName};
use quote_manager::QuoteManager;
use quote_manager::manager::StopAsking;
use quote_manager::simulator::{DelayModel, Fault, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{ClientOptions, Connect, LegacyClient, Source};
use std::time::Duration;
use tokio::time::sleep;

/// A log that takes everything.
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

/// Whoever asks.
struct Worker;

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<QuoteNews> for Worker {
    type Result = ();

    fn handle(&mut self, _: QuoteNews, _: &mut Self::Context) {}
}

/// Requests that a server which never answers gets within a minute after the first, where the
/// manager is stopped then, or is not.
fn requests(stops: bool) -> u64 {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    actix::System::with_tokio_rt(runtime).block_on(async {
        let clock = Clock::virtual_at(1_000);
        let simulator = Simulator::new(SimulatorConfig {
            seed: 1,
            delay: DelayModel::None,
            faults: Faults::NONE.with(Fault::Silence, 1.0).unwrap(),
            clock: clock.clone(),
        });
        let connect = Connect::Memory(simulator.handle());
        let source = Source::Legacy(LegacyClient::with(connect, ClientOptions::default()));
        let log = EntryLog::new(Log.start().recipient());
        let manager = QuoteManager::new(clock, source, log).start();
        let client = QuoteClient::new(vec![manager.clone().recipient()]);
        let worker = Worker.start().recipient();
        let ask = |stock: &[u8]| QuoteAsk {
            stock: Stock::parse(stock).unwrap(),
            transaction: TransactionNum(1),
            name: CommandName::Quote,
            user: UserName::parse(b"ann").unwrap(),
            refresh: false,
        };
        client.ask(vec![ask(b"ABC")], worker.clone()).await;
        while simulator.counts().requests == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        if stops {
            manager.send(StopAsking).await.unwrap();
        }
        let before = simulator.counts().requests;
        client.ask(vec![ask(b"XYZ")], worker).await;
        sleep(Duration::from_secs(60)).await;
        simulator.counts().requests - before
    })
}

#[test]
fn stopped_manager_sends_no_further_request() {
    assert_eq!(requests(true), 0);
    assert!(requests(false) > 1, "left alone it asks again, and for more");
}
