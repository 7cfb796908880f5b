//! A second, slow reading of the rules, written from their description alone: it shares words
//! with the crate (what a command is called) and no rule, no arithmetic and no bookkeeping.
//!
//! It keeps only what a user owns, and what is promised to whom; what is free is worked out anew
//! from these each time. Sums are cents in 128 bits.

use domain::trading::command::Verb;
use domain::trading::{Amount, Stock};
use std::collections::BTreeMap;

/// Why a command is refused.
pub(crate) type Code = &'static str;

/// A pending buy or sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) stock: Stock,
    pub(crate) shares: i128,
    pub(crate) cents: i128,
    pub(crate) since_ms: u64,
}

/// A buy or sell order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) cents: i128,
    pub(crate) trigger: Option<i128>,
}

impl Order {
    /// Shares that an armed sell order sets aside.
    pub(crate) fn shares(&self) -> i128 {
        self.trigger.map_or(0, |trigger| self.cents / trigger)
    }
}

/// One user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) known: bool,
    /// All money, promised or not.
    pub(crate) cents: i128,
    /// All shares, promised or not.
    pub(crate) shares: BTreeMap<Stock, i128>,
    pub(crate) buys: Vec<Promise>,
    pub(crate) sells: Vec<Promise>,
    pub(crate) buy_orders: BTreeMap<Stock, Order>,
    pub(crate) sell_orders: BTreeMap<Stock, Order>,
}

fn cents(amount: &Amount) -> i128 {
    amount.money().cents().into()
}

impl Model {
    pub(crate) fn promised_cents(&self) -> i128 {
        self.buys.iter().map(|buy| buy.cents).sum::<i128>()
            + self.buy_orders.values().map(|order| order.cents).sum::<i128>()
    }

    pub(crate) fn free_cents(&self) -> i128 {
        self.cents - self.promised_cents()
    }

    fn ordered_shares(&self, stock: &Stock) -> i128 {
        self.sell_orders.get(stock).map_or(0, Order::shares)
    }

    pub(crate) fn promised_shares(&self, stock: &Stock) -> i128 {
        let pending = self.sells.iter().filter(|sell| sell.stock == *stock);
        pending.map(|sell| sell.shares).sum::<i128>() + self.ordered_shares(stock)
    }

    pub(crate) fn free_shares(&self, stock: &Stock) -> i128 {
        self.shares.get(stock).unwrap_or(&0) - self.promised_shares(stock)
    }

    fn move_shares(&mut self, stock: Stock, by: i128) {
        *self.shares.entry(stock).or_default() += by;
    }

    /// The command, at a price in cents if one could be had.
    pub(crate) fn run(
        &mut self,
        verb: &Verb,
        price: Option<i128>,
        now_ms: u64,
    ) -> Result<(), Code> {
        let fresh = price.ok_or("quote_unavailable");
        if let Verb::Quote(_) = verb {
            return fresh.map(|_| ());
        }
        if !self.known && !matches!(verb, Verb::Add(_) | Verb::DumpLog(_) | Verb::Register) {
            return Err("unknown_account");
        }
        match verb {
            Verb::Add(amount) => {
                self.known = true;
                self.cents += cents(amount);
            }
            Verb::Register => self.known = true,
            Verb::Buy(stock, amount) => {
                require(self.free_cents() >= cents(amount), "insufficient_funds")?;
                let price = fresh?;
                let shares = cents(amount) / price;
                require(shares >= 1, "amount_too_small")?;
                self.buys.push(Promise {
                    stock: *stock,
                    shares,
                    cents: shares * price,
                    since_ms: now_ms,
                });
            }
            Verb::CommitBuy => {
                let buy = newest(&mut self.buys, now_ms).ok_or("no_pending_buy")?;
                self.cents -= buy.cents;
                self.move_shares(buy.stock, buy.shares);
            }
            Verb::CancelBuy => {
                newest(&mut self.buys, now_ms).ok_or("no_pending_buy")?;
            }
            Verb::Sell(stock, amount) => {
                require(self.free_shares(stock) >= 1, "insufficient_shares")?;
                let price = fresh?;
                let shares = cents(amount) / price;
                require(shares >= 1, "amount_too_small")?;
                require(shares <= self.free_shares(stock), "insufficient_shares")?;
                self.sells.push(Promise {
                    stock: *stock,
                    shares,
                    cents: shares * price,
                    since_ms: now_ms,
                });
            }
            Verb::CommitSell => {
                let sell = newest(&mut self.sells, now_ms).ok_or("no_pending_sell")?;
                self.move_shares(sell.stock, -sell.shares);
                self.cents += sell.cents;
            }
            Verb::CancelSell => {
                newest(&mut self.sells, now_ms).ok_or("no_pending_sell")?;
            }
            Verb::SetBuyAmount(stock, amount) => {
                let standing = self.buy_orders.get(stock).cloned();
                let reserved = standing.as_ref().map_or(0, |order| order.cents);
                require(self.free_cents() + reserved >= cents(amount), "insufficient_funds")?;
                let trigger = standing.and_then(|order| order.trigger);
                let price = if trigger.is_some() { Some(fresh?) } else { None };
                self.buy_orders.insert(*stock, Order { cents: cents(amount), trigger });
                price.map(|price| self.buy_order_sees(*stock, price));
            }
            Verb::SetBuyTrigger(stock, trigger) => {
                let order = self.buy_orders.get_mut(stock).ok_or("no_buy_order")?;
                let price = fresh?;
                order.trigger = Some(cents(trigger));
                self.buy_order_sees(*stock, price);
            }
            Verb::CancelSetBuy(stock) => {
                self.buy_orders.remove(stock).ok_or("no_buy_order")?;
            }
            Verb::SetSellAmount(stock, amount) => {
                let available = self.free_shares(stock) + self.ordered_shares(stock);
                require(available >= 1, "insufficient_shares")?;
                let trigger = self.sell_orders.get(stock).and_then(|order| order.trigger);
                let order = Order { cents: cents(amount), trigger };
                if trigger.is_some() {
                    require(order.shares() >= 1, "amount_too_small")?;
                    require(order.shares() <= available, "insufficient_shares")?;
                    fresh?;
                }
                self.sell_orders.insert(*stock, order);
                price.map(|price| self.sell_order_sees(*stock, price));
            }
            Verb::SetSellTrigger(stock, trigger) => {
                let standing = self.sell_orders.get(stock).ok_or("no_sell_order")?;
                let order = Order { cents: standing.cents, trigger: Some(cents(trigger)) };
                let available = self.free_shares(stock) + self.ordered_shares(stock);
                require(order.shares() >= 1, "amount_too_small")?;
                require(order.shares() <= available, "insufficient_shares")?;
                let price = fresh?;
                self.sell_orders.insert(*stock, order);
                self.sell_order_sees(*stock, price);
            }
            Verb::CancelSetSell(stock) => {
                self.sell_orders.remove(stock).ok_or("no_sell_order")?;
            }
            Verb::Quote(_) | Verb::DisplaySummary | Verb::DumpLog(_) => {}
        }
        Ok(())
    }

    /// A fresh price for a buy order; returns whether it fired.
    pub(crate) fn buy_order_sees(&mut self, stock: Stock, price: i128) -> bool {
        let Some(Order { cents, trigger: Some(trigger) }) = self.buy_orders.get(&stock) else {
            return false;
        };
        let shares = cents / price;
        let fires = price <= *trigger && shares >= 1;
        if fires {
            self.buy_orders.remove(&stock);
            self.cents -= shares * price;
            self.move_shares(stock, shares);
        }
        fires
    }

    /// A fresh price for a sell order; returns whether it fired.
    pub(crate) fn sell_order_sees(&mut self, stock: Stock, price: i128) -> bool {
        let Some(order) = self.sell_orders.get(&stock) else { return false };
        let fires = order.trigger.is_some_and(|trigger| price >= trigger);
        if fires {
            let shares = order.shares();
            self.sell_orders.remove(&stock);
            self.move_shares(stock, -shares);
            self.cents += shares * price;
        }
        fires
    }

    /// Forgets the promises older than 60 s; returns how many there were.
    pub(crate) fn time_passes(&mut self, now_ms: u64) -> usize {
        let before = self.buys.len() + self.sells.len();
        self.buys.retain(|promise| valid(promise, now_ms));
        self.sells.retain(|promise| valid(promise, now_ms));
        before - self.buys.len() - self.sells.len()
    }
}

fn require(holds: bool, otherwise: Code) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn valid(promise: &Promise, now_ms: u64) -> bool {
    now_ms - promise.since_ms <= 60_000
}

fn newest(stack: &mut Vec<Promise>, now_ms: u64) -> Option<Promise> {
    if !valid(stack.last()?, now_ms) {
        return None;
    }
    stack.pop()
}
