//! The AutoTX manager's own speed, without actors: orders go into its book and out again.

use super::super::text::ns;
use super::{Named, resident_bytes};
use autotx::AutoTx;
use bus::{ArmedOrder, FreshQuote, Moment, OrderChange, QuoteResult};
use domain::trading::account::ArmedBy;
use domain::trading::verbs::expiry::Side;
use domain::trading::{CommandName, Money, Price, TransactionNum, UserName};
use std::time::{Duration, Instant};

/// Changes that a worker tells in one message.
const BATCH: u32 = 512;

/// Prices that meet nothing.
const IDLE_TICKS: u64 = 1_000_000;

/// The price of every stock at the beginning. Buys wait below it, sells above.
const PRICE_CENTS: i64 = 10_000;

/// What it came to.
pub struct BookFigures {
    pub arm_per_s: f64,
    pub cancel_per_s: f64,
    pub fire_per_s: f64,
    pub bytes_per_order: f64,
    pub idle_tick_ns: f64,
}

/// Measures with so many orders, spread over `stocks`.
pub fn measure(orders: u32, stocks: &Named) -> anyhow::Result<BookFigures> {
    let mut manager = AutoTx::default();
    let now = Moment::from_nanos(1_000_000_000);
    let before = resident_bytes();
    let armed = arm(&mut manager, orders, stocks, now);
    let bytes = resident_bytes().saturating_sub(before);
    anyhow::ensure!(manager.stats().armed == u64::from(orders), "not every order was armed");

    let mut sent = now;
    let begun = Instant::now();
    for tick in 0..IDLE_TICKS {
        sent = sent.plus(Duration::from_nanos(1));
        let stock = stocks.nth(tick as u32);
        let cents = PRICE_CENTS + (tick % 100) as i64 - 50;
        manager.hear_prices(&[quote(stock, cents, sent)], sent);
    }
    let idle = begun.elapsed();
    anyhow::ensure!(manager.stats().met == 0, "a price met an order that it should not");

    let mut cancelled = Duration::ZERO;
    for first in (0..orders).step_by(BATCH as usize) {
        let gone = (first..orders.min(first + BATCH))
            .map(|nth| OrderChange::Gone(order(nth, orders, stocks).key()))
            .collect();
        let begun = Instant::now();
        manager.hear_orders(gone, sent);
        cancelled += begun.elapsed();
    }
    anyhow::ensure!(manager.stats().armed == 0, "not every order was cancelled");

    arm(&mut manager, orders, stocks, sent);
    let begun = Instant::now();
    let mut fired = 0;
    for cents in [PRICE_CENTS / 2, PRICE_CENTS * 2] {
        sent = sent.plus(Duration::from_nanos(1));
        for nth in 0..stocks.len() {
            manager.hear_prices(&[quote(stocks.nth(nth), cents, sent)], sent);
            fired += manager.take_firings().len();
        }
    }
    let firing = begun.elapsed();
    anyhow::ensure!(fired == orders as usize, "{fired} of {orders} orders were met");
    let per_s = |time: Duration| f64::from(orders) / time.as_secs_f64();
    Ok(BookFigures {
        arm_per_s: per_s(armed),
        cancel_per_s: per_s(cancelled),
        fire_per_s: per_s(firing),
        bytes_per_order: bytes as f64 / f64::from(orders),
        idle_tick_ns: ns(idle) / IDLE_TICKS as f64,
    })
}

/// Arms all orders; the time it takes to make them is not counted.
fn arm(manager: &mut AutoTx, orders: u32, stocks: &Named, now: Moment) -> Duration {
    let mut time = Duration::ZERO;
    for first in (0..orders).step_by(BATCH as usize) {
        let armed = (first..orders.min(first + BATCH))
            .map(|nth| OrderChange::Armed(order(nth, orders, stocks)))
            .collect();
        let begun = Instant::now();
        manager.hear_orders(armed, now);
        time += begun.elapsed();
    }
    time
}

/// The order of that number: its limit is spread over a third of the price, in no order.
fn order(nth: u32, orders: u32, stocks: &Named) -> ArmedOrder {
    let spread = i64::from(nth.wrapping_mul(2_654_435_761) % 3_000);
    let (side, limit) = match nth / stocks.len() % 2 {
        0 => (Side::Buy, PRICE_CENTS - 100 - spread),
        _ => (Side::Sell, PRICE_CENTS + 100 + spread),
    };
    let name = format!("user{:08}", nth % orders);
    ArmedOrder {
        user: UserName::parse(name.as_bytes()).unwrap_or_else(|| stocks.user.clone()),
        stock: stocks.nth(nth),
        side,
        limit: Money::from_cents(limit),
        armed_by: ArmedBy {
            transaction: TransactionNum(u64::from(nth) + 1),
            name: CommandName::SetBuyTrigger,
        },
        compared: None,
    }
}

fn quote(stock: domain::trading::Stock, cents: i64, sent: Moment) -> QuoteResult {
    let price = Price::from_cents(cents).unwrap_or(super::ONE_DOLLAR);
    QuoteResult::Fresh(FreshQuote { stock, price, sent, asked_by: TransactionNum(1) })
}
