//! Two workers, an AutoTX manager and a market, and the messages that are on their way between
//! them.

use crate::model::Model;
use autotx::AutoTx;
use bus::{
    Clock, CommandBatch, Firing, FreshQuote, OrderChange, Partition, QuoteAsk, QuoteResult, ReplyTo,
};
use domain::trading::parse::parse_action;
use domain::trading::verbs::expiry::Side;
use domain::trading::verbs::orders;
use domain::trading::{
    Account, Action, Command, CommandName, Entry, Price, RulesVersion, Stock, TransactionNum,
    UserName, codec,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::sync::mpsc;
use worker::Engine;

// Few enough that commands meet, on different workers.
pub(crate) const USERS: [&str; 2] = ["ann", "amy"];
pub(crate) const STOCKS: [&str; 2] = ["A", "B"];
const WORKERS: usize = 2;

/// Chance from a seed (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// A worker and what is on its way to it.
struct Shard {
    engine: Engine,
    quotes: VecDeque<QuoteResult>,
    firings: VecDeque<Vec<Firing>>,
    /// On its way from it to the AutoTX manager.
    orders: VecDeque<Vec<OrderChange>>,
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    shards: Vec<Shard>,
    pub(crate) autotx: AutoTx,
    /// On its way to the AutoTX manager.
    quotes: VecDeque<QuoteResult>,
    /// Questions that the market has not answered.
    asks: VecDeque<(QuoteAsk, bus::Moment)>,
    pub(crate) cache: BTreeMap<Stock, FreshQuote>,
    /// What stocks cost, in cents.
    market: BTreeMap<Stock, i64>,
    commands: u64,
    client: ReplyTo,
    models: BTreeMap<UserName, Model>,
    /// The firings that were sent, by the command that had left the order armed.
    sent: BTreeMap<TransactionNum, FreshQuote>,
    /// The commands whose orders fired.
    fired: BTreeSet<TransactionNum>,
    pub(crate) fired_later: u64,
}

pub(crate) fn stock(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

impl World {
    pub(crate) fn open(clock: &Clock) -> World {
        World::with(clock, vec![Vec::new(); WORKERS])
    }

    fn with(clock: &Clock, accounts: Vec<Vec<(UserName, Account)>>) -> World {
        let shard = |accounts| Shard {
            engine: Engine::new(clock.clone(), RulesVersion::CURRENT, accounts),
            quotes: VecDeque::new(),
            firings: VecDeque::new(),
            orders: VecDeque::new(),
        };
        let mut world = World {
            clock: clock.clone(),
            shards: accounts.into_iter().map(shard).collect(),
            autotx: AutoTx::default(),
            quotes: VecDeque::new(),
            asks: VecDeque::new(),
            cache: BTreeMap::new(),
            market: STOCKS.iter().map(|name| (stock(name), 1_000)).collect(),
            commands: 0,
            client: ReplyTo::new(mpsc::channel(1).0),
            models: BTreeMap::new(),
            sent: BTreeMap::new(),
            fired: BTreeSet::new(),
            fired_later: 0,
        };
        (0..WORKERS).for_each(|shard| world.collect(shard));
        world
    }

    /// All processes die, and come back with what the log says. What was on its way is lost.
    pub(crate) fn restart(&mut self) {
        let accounts = self.shards.iter_mut().map(|shard| shard.engine.take_accounts()).collect();
        let fresh = World::with(&self.clock.clone(), accounts);
        let World { shards, autotx, quotes, asks, .. } = fresh;
        *self = World {
            shards,
            autotx,
            quotes,
            asks,
            clock: self.clock.clone(),
            client: self.client.clone(),
            market: std::mem::take(&mut self.market),
            cache: std::mem::take(&mut self.cache),
            models: std::mem::take(&mut self.models),
            sent: std::mem::take(&mut self.sent),
            fired: std::mem::take(&mut self.fired),
            ..*self
        };
    }

    pub(crate) fn command(&mut self, line: &str) {
        self.commands += 1;
        let (name, arguments) = line.split_once(',').unwrap();
        let name = CommandName::parse(name.as_bytes()).unwrap();
        let action = parse_action(name, Some(arguments.as_bytes()));
        let shard = Partition::of(&action).worker(WORKERS);
        let now = self.clock.now();
        let received_ms = self.clock.unix_ms(now);
        let transaction = TransactionNum(self.commands);
        self.shards[shard].engine.run(CommandBatch {
            commands: vec![Command::new(transaction, received_ms, action)],
            received: now,
            reply_to: self.client.clone(),
        });
        self.collect(shard);
    }

    pub(crate) fn set_price(&mut self, name: &str, cents: i64) {
        self.market.insert(stock(name), cents);
    }

    /// Time has passed: timers run.
    pub(crate) fn look(&mut self) {
        for shard in 0..WORKERS {
            self.shards[shard].engine.expire();
            self.shards[shard].engine.ask_again();
            self.collect(shard);
        }
        self.collect_autotx();
    }

    /// Delivers what is first in one of the channels; whether there was anything.
    pub(crate) fn deliver(&mut self, channel: u64) -> bool {
        let now = self.clock.now();
        let shard = (channel / 3) as usize % WORKERS;
        match channel {
            0 | 3 => match self.shards[shard].quotes.pop_front() {
                Some(quote) => {
                    self.shards[shard].engine.hear(&[quote]);
                    self.collect(shard);
                    true
                }
                None => false,
            },
            1 | 4 => match self.shards[shard].firings.pop_front() {
                Some(firings) => {
                    self.shards[shard].engine.fire(firings);
                    self.collect(shard);
                    true
                }
                None => false,
            },
            2 | 5 => match self.shards[shard].orders.pop_front() {
                Some(changes) => {
                    self.autotx.hear_orders(changes, now);
                    self.collect_autotx();
                    true
                }
                None => false,
            },
            6 => match self.quotes.pop_front() {
                Some(quote) => {
                    self.autotx.hear_prices(&[quote], now);
                    self.collect_autotx();
                    true
                }
                None => false,
            },
            _ => self.answer(),
        }
    }

    pub(crate) const CHANNELS: u64 = 8;

    /// Delivers until nothing is on its way.
    pub(crate) fn deliver_all(&mut self) {
        while (0..Self::CHANNELS).any(|channel| self.deliver(channel)) {}
    }

    /// The market answers the oldest question: all hear of it.
    fn answer(&mut self) -> bool {
        let Some((ask, sent)) = self.asks.pop_front() else { return false };
        // A quote manager answers from its cache as long as it can.
        if let Some(known) = self.cache.get(&ask.stock).filter(|known| known.is_fresh(sent)) {
            self.tell_all(QuoteResult::Fresh(*known));
            return true;
        }
        let price = Price::from_cents(self.market[&ask.stock]).unwrap();
        let asked_by = ask.transaction;
        let quote = FreshQuote { stock: ask.stock, price, sent, asked_by };
        self.cache.insert(ask.stock, quote);
        self.tell_all(QuoteResult::Fresh(quote));
        true
    }

    fn tell_all(&mut self, news: QuoteResult) {
        self.shards.iter_mut().for_each(|shard| shard.quotes.push_back(news));
        self.quotes.push_back(news);
    }

    fn collect(&mut self, shard: usize) {
        let output = self.shards[shard].engine.take_output();
        let now = self.clock.now();
        self.asks.extend(output.asks.into_iter().map(|ask| (ask, now)));
        if !output.orders.is_empty() {
            self.shards[shard].orders.push_back(output.orders);
        }
        let mut rest = output.entries.bytes();
        while !rest.is_empty() {
            let (entry, behind) = codec::decode(rest).unwrap();
            self.follow(&entry);
            rest = behind;
        }
    }

    fn collect_autotx(&mut self) {
        let now = self.clock.now();
        let asks = self.autotx.take_asks(now);
        self.asks.extend(asks.into_iter().map(|ask| (ask, now)));
        for firing in self.autotx.take_firings() {
            let shard = Partition::of_user(firing.user.as_str()).worker(WORKERS);
            self.sent.insert(firing.armed_by, firing.quote);
            self.shards[shard].firings.push_back(vec![firing]);
        }
    }

    /// The slow reading of the rules follows the log.
    fn follow(&mut self, entry: &Entry) {
        let Some(user) = entry.account() else { return };
        let model = self.models.entry(user.clone()).or_default();
        match entry {
            Entry::Command(decided) => {
                model.time_passes(decided.applied_ms);
                let Action::User { verb, .. } = &decided.command.action else { return };
                let price = decided.price.map(|used| used.price.cents().into());
                let expected = model.run(verb, price, decided.applied_ms);
                assert_eq!(decided.reject_code(), expected.err(), "{decided:?}");
                if decided.fill().is_some() {
                    assert!(self.fired.insert(decided.command.transaction));
                }
            }
            Entry::Filled(filled) => {
                let price = filled.fill.price.cents().into();
                let fires = match filled.side {
                    Side::Buy => model.buy_order_sees(filled.stock, price),
                    Side::Sell => model.sell_order_sees(filled.stock, price),
                };
                assert!(fires, "{filled:?}");
                let quote = self.sent.get(&filled.transaction).expect("nobody said so");
                assert_eq!(quote.price, filled.fill.price);
                assert!(quote.is_fresh(self.clock.now()), "{filled:?} by a price that ran out");
                assert!(self.fired.insert(filled.transaction), "fired twice: {filled:?}");
                self.fired_later += 1;
            }
            Entry::Expired(expired) => {
                model.time_passes(expired.expired_ms);
            }
            Entry::Quote(_) | Entry::QuoteRefused(_) => {}
        }
    }

    /// Every account is what the slow reading makes of the log, to the cent and the share.
    pub(crate) fn check(&self) {
        for (user, account) in self.shards.iter().flat_map(|shard| shard.engine.accounts()) {
            let model = &self.models[user];
            assert_eq!(i128::from(account.cash.cents()), model.free_cents(), "{user}");
            assert_eq!(i128::from(account.reserved.cents()), model.promised_cents(), "{user}");
            for name in STOCKS {
                let holding = account.holding(stock(name));
                let (free, promised) =
                    (model.free_shares(&stock(name)), model.promised_shares(&stock(name)));
                assert_eq!(i128::from(holding.free.count()), free, "{user} {name}");
                assert_eq!(i128::from(holding.reserved.count()), promised, "{user} {name}");
            }
        }
    }

    /// Nothing is on its way: the book has exactly the armed orders, and none of them is met by a
    /// price that is good now.
    pub(crate) fn check_at_rest(&self, last: &BTreeMap<Stock, FreshQuote>) {
        let mut armed = 0;
        for (user, account) in self.shards.iter().flat_map(|shard| shard.engine.accounts()) {
            for name in STOCKS {
                let stock = stock(name);
                for side in [Side::Buy, Side::Sell] {
                    let Some((limit, by)) = orders::armed(account, side, stock) else { continue };
                    armed += 1;
                    let Some(quote) = last.get(&stock) else { continue };
                    let met = match side {
                        Side::Buy => quote.price.money() <= limit,
                        Side::Sell => quote.price.money() >= limit,
                    };
                    let fresh = quote.is_fresh(self.clock.now());
                    assert!(!(met && fresh), "{user}'s {side:?} of {name} by {by:?} is forgotten");
                }
            }
        }
        assert_eq!(self.autotx.stats().armed, armed, "the book is what the accounts say");
    }

    /// A new price of each stock, that nobody asked for.
    pub(crate) fn last_prices(&mut self) -> BTreeMap<Stock, FreshQuote> {
        let mut last = BTreeMap::new();
        let now = self.clock.now();
        for name in STOCKS {
            let stock = stock(name);
            let price = Price::from_cents(self.market[&stock]).unwrap();
            let asked_by = TransactionNum(0);
            let quote = FreshQuote { stock, price, sent: now, asked_by };
            self.tell_all(QuoteResult::Fresh(quote));
            last.insert(stock, quote);
        }
        last
    }
}
