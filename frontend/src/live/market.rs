//! The last known price of every stock, and those before it. Hears of prices as workers do; asks
//! nobody.

use super::hub::{Hub, Topic, frame};
use actix::{Actor, Context, Handler};
use bus::quotes::QUOTE_TTL;
use bus::{Clock, FreshQuote, QuoteNews, QuoteResult};
use domain::trading::{Price, Stock};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// Prices of a stock that are remembered.
pub const HISTORY: usize = 500;

/// Batches of prices that may wait for the board: one from every quote manager, many times over.
const MAILBOX: usize = 1024;

/// A price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuoteView {
    /// The stock.
    pub stock: String,
    /// The price of a share, in dollars.
    pub price: String,
    /// When it was asked for, in Unix milliseconds.
    pub sent_ms: u64,
    /// Until when commands may use it.
    pub fresh_until_ms: u64,
}

/// A price at a time (Unix milliseconds).
pub type PricePoint = (u64, Price);

#[derive(Default)]
struct Prices {
    by_stock: BTreeMap<Stock, VecDeque<PricePoint>>,
    /// Counts prices: the sequence number of what is pushed.
    seq: u64,
    /// Stocks with a price that the market channel has not been told.
    untold: BTreeMap<Stock, QuoteView>,
}

/// The board.
#[derive(Clone, Default)]
pub struct Market(Arc<Mutex<Prices>>);

impl Market {
    fn lock(&self) -> MutexGuard<'_, Prices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts up a price from before, the oldest first.
    pub fn recall(&self, stock: Stock, at_ms: u64, price: Price) {
        self.lock().put(stock, at_ms, price);
    }

    /// The last known prices.
    pub fn quotes(&self) -> (u64, Vec<QuoteView>) {
        let prices = self.lock();
        let newest = prices.by_stock.iter().filter_map(|(stock, all)| Some((stock, all.back()?)));
        let quotes = newest.map(|(stock, &(at_ms, price))| quote(*stock, at_ms, price)).collect();
        (prices.seq, quotes)
    }

    /// The last known price of a stock.
    pub fn quote(&self, stock: Stock) -> Option<(u64, QuoteView)> {
        let prices = self.lock();
        let &(at_ms, price) = prices.by_stock.get(&stock)?.back()?;
        Some((prices.seq, quote(stock, at_ms, price)))
    }

    /// The prices of a stock that are remembered, oldest first.
    pub fn history(&self, stock: Stock) -> Vec<PricePoint> {
        self.lock()
            .by_stock
            .get(&stock)
            .map(|all| all.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Takes what the market channel has not been told.
    pub fn take_untold(&self) -> (u64, Vec<QuoteView>) {
        let mut prices = self.lock();
        (prices.seq, std::mem::take(&mut prices.untold).into_values().collect())
    }
}

impl Prices {
    fn put(&mut self, stock: Stock, at_ms: u64, price: Price) {
        let all = self.by_stock.entry(stock).or_default();
        if all.len() >= HISTORY {
            all.pop_front();
        }
        all.push_back((at_ms, price));
        self.seq += 1;
    }
}

fn quote(stock: Stock, sent_ms: u64, price: Price) -> QuoteView {
    let fresh_until_ms = sent_ms + QUOTE_TTL.as_millis() as u64;
    QuoteView { stock: stock.to_string(), price: price.to_string(), sent_ms, fresh_until_ms }
}

/// Hears of prices and puts them on the board.
pub struct MarketActor {
    market: Market,
    hub: Hub,
    clock: Clock,
}

impl MarketActor {
    /// Keeps `market`, and tells `hub`.
    pub fn new(market: Market, hub: Hub, clock: Clock) -> MarketActor {
        MarketActor { market, hub, clock }
    }

    fn hear(&self, fresh: &FreshQuote) {
        let sent_ms = self.clock.unix_ms(fresh.sent);
        let view = quote(fresh.stock, sent_ms, fresh.price);
        let seq = {
            let mut prices = self.market.lock();
            prices.put(fresh.stock, sent_ms, fresh.price);
            prices.untold.insert(fresh.stock, view.clone());
            prices.seq
        };
        let topic = Topic::Quotes(fresh.stock);
        self.hub.push(&topic, || {
            frame(
                &topic,
                seq,
                &serde_json::json!({
                    "channel": topic.to_string(), "type": "quote", "seq": seq, "quote": view
                }),
            )
        });
    }
}

impl Actor for MarketActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<QuoteNews> for MarketActor {
    type Result = ();

    fn handle(&mut self, news: QuoteNews, _: &mut Self::Context) {
        for result in news.0.iter() {
            if let QuoteResult::Fresh(fresh) = result {
                self.hear(fresh);
            }
        }
    }
}
