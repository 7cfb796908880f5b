//! One flight a stock, however many wait: nobody who waits is forgotten, nothing is asked for
//! twice, and whoever leaves takes nothing from the others.
//!
//! The manager is an actor: what can go wrong is the order in which questions, landings and
//! departures reach it. So thousands of small scenes are played on a virtual clock, each with an
//! order that follows from its seed, and all of them are held to the same rules.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix::prelude::*;
use bus::entry_log::{Append, Durable, LogHalted};
use bus::quotes::QUOTE_TTL;
use bus::{
    AskQuotes, Clock, EntryLog, FreshQuote, Moment, QuoteAsk, QuoteClient, QuoteNews, QuoteResult,
};
use domain::trading::{CommandName, Stock, TransactionNum, UserName};
use futures_util::future::LocalBoxFuture;
use quote_manager::manager::{AskStats, Subscribe};
use quote_manager::simulator::{Chance, DelayModel, Fault, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{Bounds, ClientOptions, Connect, LegacyClient, Source, StrategyKind};
use quote_manager::{QuoteManager, QuoteStats};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

/// How many scenes are played.
const SCENES: u64 = 10_000;

/// How long a scene goes on asking: prices run out twice meanwhile.
const SCENE: Duration = Duration::from_secs(150);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs on a paused clock: time goes on when there is nothing to do but wait.
fn on_virtual_time<T>(scene: impl Future<Output = T>) -> T {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    actix::System::with_tokio_rt(runtime).block_on(scene)
}

/// A log that takes its time, or has halted.
struct Log {
    chance: Chance,
    halted: bool,
}

impl Actor for Log {
    type Context = Context<Self>;
}

impl Handler<Append> for Log {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        let outcome = if self.halted {
            Err(LogHalted { reason: "a test".to_string() })
        } else {
            Ok(Durable { first: 1, count: append.entries.count() })
        };
        let slow = ms(self.chance.below(4) as u64);
        actix::spawn(async move {
            sleep(slow).await;
            let _ = append.done.send(outcome);
        });
    }
}

/// When something happened. Much happens at one moment of a virtual clock: the number tells what
/// came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct When {
    number: u64,
    at: Moment,
}

#[derive(Clone)]
struct Watch {
    clock: Clock,
    last: Rc<Cell<u64>>,
}

impl Watch {
    fn look(&self) -> When {
        self.last.set(self.last.get() + 1);
        When { number: self.last.get(), at: self.clock.now() }
    }
}

/// A worker that only listens, and notes what it hears and when.
struct Worker {
    watch: Watch,
    heard: Heard,
}

type Heard = Rc<RefCell<Vec<(When, QuoteResult)>>>;

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<QuoteNews> for Worker {
    type Result = ();

    fn handle(&mut self, news: QuoteNews, _: &mut Self::Context) {
        let now = self.watch.look();
        self.heard.borrow_mut().extend(news.0.iter().map(|&result| (now, result)));
    }
}

/// Leaves without a word.
#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

impl Handler<Leave> for Worker {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A worker, what it has heard, and what it has asked.
struct Seat {
    worker: Addr<Worker>,
    heard: Heard,
    asked: RefCell<Vec<(When, Stock)>>,
}

struct Stage {
    clock: Clock,
    watch: Watch,
    simulator: Simulator,
    manager: Addr<QuoteManager>,
    client: QuoteClient,
}

impl Stage {
    fn new(options: ClientOptions, delay: DelayModel, faults: Faults, log: Log) -> Stage {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let config = SimulatorConfig { seed: 3, delay, faults, clock: clock.clone() };
        let simulator = Simulator::new(config);
        let source =
            Source::Legacy(LegacyClient::with(Connect::Memory(simulator.handle()), options));
        let log = EntryLog::new(log.start().recipient());
        let manager = QuoteManager::new(clock.clone(), source, log).start();
        let client = QuoteClient::new(vec![manager.clone().recipient()]);
        let watch = Watch { clock: clock.clone(), last: Rc::default() };
        Stage { clock, watch, simulator, manager, client }
    }

    /// A worker that hears of all that lands.
    async fn seat(&self) -> Seat {
        let heard = Heard::default();
        let worker = Worker { watch: self.watch.clone(), heard: heard.clone() }.start();
        self.manager.send(Subscribe(worker.clone().recipient())).await.unwrap();
        Seat { worker, heard, asked: RefCell::default() }
    }

    /// A question of `seat`, which is withdrawn if it is dropped before it is taken up.
    fn ask(&self, seat: &Seat, stocks: &[Stock], refresh: bool) -> LocalBoxFuture<'static, ()> {
        let asks = stocks.iter().map(|&stock| question(stock, refresh)).collect();
        Box::pin(self.client.ask(asks, seat.worker.clone().recipient()))
    }

    /// From now on `seat` waits for prices of `stocks`.
    fn waits(&self, seat: &Seat, stocks: &[Stock]) {
        let now = self.watch.look();
        seat.asked.borrow_mut().extend(stocks.iter().map(|&stock| (now, stock)));
    }

    async fn stats(&self) -> QuoteStats {
        self.manager.send(AskStats).await.unwrap()
    }
}

fn question(stock: Stock, refresh: bool) -> QuoteAsk {
    QuoteAsk {
        stock,
        transaction: TransactionNum(1),
        name: CommandName::Buy,
        user: UserName::parse(b"oY01WVirLr").unwrap(),
        refresh,
    }
}

fn stock_of(result: &QuoteResult) -> Stock {
    match result {
        QuoteResult::Fresh(quote) => quote.stock,
        QuoteResult::Unavailable(stock) | QuoteResult::OverShare { stock, .. } => *stock,
    }
}

fn stock(letter: u8) -> Stock {
    Stock::parse(&[letter]).unwrap()
}

/// One request a flight: what is counted at the server are flights.
fn one_request() -> ClientOptions {
    ClientOptions {
        strategy: StrategyKind::Wait.make(),
        bounds: Bounds { attempts: 1, ..Bounds::default() },
        ..ClientOptions::default()
    }
}

fn seeded(seed: u64) -> Chance {
    Chance::new(seed)
}

fn good_log(seed: u64) -> Log {
    Log { chance: seeded(seed), halted: false }
}

/// Plays one scene and holds it to the rules.
async fn play(seed: u64) {
    let mut chance = seeded(seed);
    let by_hedge = seed % 2 == 1;
    let refreshes = seed % 3 == 1;
    let options = if by_hedge { ClientOptions::default() } else { one_request() };
    let total = options.bounds.total;
    let faults = [(Fault::Na, 0.15), (Fault::Reset, 0.1), (Fault::Silence, 0.05)];
    let faults = match seed % 5 {
        0 => Faults::NONE,
        _ => faults.into_iter().fold(Faults::NONE, |all, (fault, p)| all.with(fault, p).unwrap()),
    };
    // Whole milliseconds, as in the pauses between questions: much happens at the same instant.
    let delays = [0, 0, 1, 1, 2, 3, 10, 1_000, 4_000, 12_000].map(ms);
    let log = Log { chance: seeded(!seed), halted: seed % 16 == 7 };
    let stage = Stage::new(options, DelayModel::Empirical(delays.as_slice().into()), faults, log);

    let observer = stage.seat().await;
    let mut seats = Vec::new();
    for _ in 0..2 + chance.below(4) {
        seats.push(stage.seat().await);
    }
    let mut gone = Vec::new();
    let stocks: Vec<Stock> = (0..1 + chance.below(3) as u8).map(|n| stock(b'A' + n)).collect();
    let end = stage.clock.now().plus(SCENE);
    while stage.clock.now() < end {
        let seat = chance.below(seats.len());
        let mut wanted = stocks.clone();
        wanted.retain(|_| chance.unit() < 0.6);
        let refresh = refreshes && chance.unit() < 0.3;
        let asking = stage.ask(&seats[seat], &wanted, refresh);
        let waits = || {
            if !refresh {
                stage.waits(&seats[seat], &wanted);
            }
        };
        match chance.below(8) {
            0 => drop(asking),
            1 => {
                let asking = actix::spawn(asking);
                for _ in 0..chance.below(4) {
                    yield_now().await;
                }
                asking.abort();
            }
            2..5 => {
                waits();
                drop(actix::spawn(asking));
            }
            _ => {
                waits();
                asking.await;
            }
        }
        if seats.len() > 1 && chance.unit() < 0.05 {
            let left = seats.swap_remove(seat);
            left.worker.do_send(Leave);
            gone.push(left);
        }
        match chance.below(8) {
            0..3 => {}
            3 | 4 => sleep(ms(1 + chance.below(3) as u64)).await,
            5 => sleep(ms(chance.below(15) as u64)).await,
            6 => sleep(ms(1_000 * chance.below(12) as u64)).await,
            // The price runs out: the instant before, the instant itself, and the one after.
            _ => {
                let heard = observer.heard.borrow().last().map(|&(_, result)| result);
                if let Some(QuoteResult::Fresh(quote)) = heard {
                    let over = quote.sent.plus(QUOTE_TTL + ms(chance.below(3) as u64)).minus(ms(1));
                    sleep(over.since(stage.clock.now())).await;
                }
            }
        }
        for _ in 0..chance.below(6) {
            yield_now().await;
        }
    }
    sleep(total + ms(1_000)).await;

    // No lost waiter: who asked and stayed has heard, after that and in time.
    for seat in &seats {
        let heard = seat.heard.borrow();
        for &(asked, stock) in &*seat.asked.borrow() {
            let answer = heard.iter().find(|(when, result)| {
                *when > asked && stock_of(result) == stock && !is_old(result, asked.at)
            });
            let Some((when, _)) = answer else { panic!("seed {seed}: {stock} at {asked:?}: lost") };
            let waited = when.at.since(asked.at);
            assert!(waited <= total + ms(1), "seed {seed}: {stock} at {asked:?}: {waited:?}");
        }
    }
    // No double flight: each one is told once to all; the next begins when it has landed, and not
    // while its price is good (or, to refresh it, young).
    let stats = stage.stats().await;
    let landed = observer.heard.borrow();
    assert_eq!(stats.answers + stats.unavailable, landed.len() as u64, "seed {seed}");
    if !by_hedge {
        assert_eq!(stage.simulator.counts().requests, landed.len() as u64, "seed {seed}");
    }
    let apart = if refreshes { QUOTE_TTL / 2 } else { QUOTE_TTL };
    for &stock in &stocks {
        let mut last: Option<(Moment, Option<FreshQuote>)> = None;
        for (when, result) in landed.iter().filter(|(_, result)| stock_of(result) == stock) {
            if let (QuoteResult::Fresh(quote), Some((landed, before))) = (result, last) {
                assert!(quote.sent >= landed, "seed {seed}: two flights of {stock}");
                let early = before.filter(|before| quote.sent.since(before.sent) < apart);
                assert!(
                    early.is_none(),
                    "seed {seed}: {stock} is asked for while its price is good"
                );
            }
            let price = match result {
                QuoteResult::Fresh(quote) => Some(*quote),
                QuoteResult::Unavailable(_) | QuoteResult::OverShare { .. } => {
                    last.and_then(|(_, before)| before)
                }
            };
            last = Some((when.at, price));
        }
    }
}

/// Whether it is a price that could not be used any more when it was asked for.
fn is_old(result: &QuoteResult, asked: Moment) -> bool {
    matches!(result, QuoteResult::Fresh(quote) if !quote.is_fresh(asked))
}

#[test]
fn whatever_the_order_nobody_is_forgotten_and_nothing_is_asked_twice() {
    on_virtual_time(async {
        for seed in 0..SCENES {
            play(seed).await;
        }
    });
}

#[test]
fn two_thousand_waiters_cost_one_request() {
    on_virtual_time(async {
        let delay = DelayModel::Empirical([ms(9)].as_slice().into());
        let stage = Stage::new(ClientOptions::default(), delay, Faults::NONE, good_log(1));
        let mut seats = Vec::new();
        for _ in 0..2_000 {
            seats.push(stage.seat().await);
        }
        // Half of them at once, the other half while the answer is on its way and as it lands.
        for (n, seat) in seats.iter().enumerate() {
            stage.waits(seat, &[stock(b'S')]);
            actix::spawn(stage.ask(seat, &[stock(b'S')], false));
            if n >= 1_000 && n % 100 == 0 {
                sleep(ms(1)).await;
            }
        }
        sleep(ms(100)).await;
        assert_eq!(stage.simulator.counts().requests, 1);
        for seat in &seats {
            let asked = seat.asked.borrow()[0].0;
            let heard = seat.heard.borrow();
            assert!(
                heard
                    .iter()
                    .any(|(when, result)| *when > asked && matches!(result, QuoteResult::Fresh(_)))
            );
        }
    });
}

#[test]
fn a_flight_that_fails_is_told_to_all_and_the_next_question_asks_anew() {
    on_virtual_time(async {
        let faults = Faults::NONE.with(Fault::Na, 1.0).unwrap();
        let stage = Stage::new(one_request(), DelayModel::None, faults, good_log(1));
        let (one, other) = (stage.seat().await, stage.seat().await);
        for round in 1..=3 {
            actix::spawn(stage.ask(&one, &[stock(b'S')], false));
            actix::spawn(stage.ask(&other, &[stock(b'S')], false));
            sleep(ms(20)).await;
            for seat in [&one, &other] {
                let heard = seat.heard.borrow();
                assert_eq!(heard.len(), round);
                assert_eq!(heard[round - 1].1, QuoteResult::Unavailable(stock(b'S')));
            }
            assert_eq!(stage.simulator.counts().requests, round as u64);
        }
    });
}

#[test]
fn who_asked_first_may_leave_and_the_others_hear_all_the_same() {
    on_virtual_time(async {
        let delay = DelayModel::Empirical([ms(9)].as_slice().into());
        let stage = Stage::new(one_request(), delay, Faults::NONE, good_log(1));
        let (first, second) = (stage.seat().await, stage.seat().await);
        stage.ask(&first, &[stock(b'S')], false).await;
        first.worker.send(Leave).await.unwrap();
        drop(first);
        stage.ask(&second, &[stock(b'S')], false).await;
        sleep(ms(20)).await;
        assert_eq!(second.heard.borrow().len(), 1);
        assert_eq!(stage.simulator.counts().requests, 1);
    });
}

#[test]
fn a_burst_beyond_the_mailbox_loses_nobody() {
    on_virtual_time(async {
        let stage = Stage::new(one_request(), DelayModel::None, Faults::NONE, good_log(1));
        let seat = stage.seat().await;
        let burst = 3 * quote_manager::manager::MAILBOX as u64;
        for n in 0..burst {
            let ask = question(stock(b'A' + (n % 26) as u8), false);
            let reply_to = seat.worker.clone().recipient();
            actix::spawn(stage.manager.send(AskQuotes { asks: vec![ask], reply_to }));
        }
        sleep(ms(100)).await;
        assert_eq!(stage.simulator.counts().requests, 26);
        let mut heard: Vec<Stock> = seat.heard.borrow().iter().map(|(_, r)| stock_of(r)).collect();
        heard.sort();
        heard.dedup();
        assert_eq!(heard.len(), 26);
    });
}
