//! What one order costs in the AutoTX manager: a million armed over a thousand stocks.

#![allow(missing_docs, reason = "a benchmark exports nothing")]

use autotx::AutoTx;
use bus::{ArmedOrder, FreshQuote, Moment, OrderChange, QuoteResult};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use domain::trading::account::ArmedBy;
use domain::trading::verbs::expiry::Side;
use domain::trading::{CommandName, Money, Price, Stock, TransactionNum, UserName};
use std::hint::black_box;

const ORDERS: u64 = 1_000_000;
const STOCKS: u64 = 1_000;

fn stock(nth: u64) -> Stock {
    let letter = |digit: u64| b'A' + (digit % 26) as u8;
    Stock::parse(&[letter(nth / 676), letter(nth / 26), letter(nth)]).expect("three letters")
}

fn order(nth: u64) -> ArmedOrder {
    ArmedOrder {
        user: UserName::parse(format!("user{nth}").as_bytes()).expect("a name"),
        stock: stock(nth % STOCKS),
        side: Side::Buy,
        limit: Money::from_cents(5_000 - (nth.wrapping_mul(2_654_435_761) % 3_000) as i64),
        armed_by: ArmedBy {
            transaction: TransactionNum(nth + 1),
            name: CommandName::SetBuyTrigger,
        },
        compared: None,
    }
}

fn quote(nth: u64, cents: i64, sent: u64) -> QuoteResult {
    QuoteResult::Fresh(FreshQuote {
        stock: stock(nth % STOCKS),
        price: Price::from_cents(cents).expect("a price"),
        sent: Moment::from_nanos(sent),
        asked_by: TransactionNum(1),
    })
}

fn full() -> AutoTx {
    let mut manager = AutoTx::default();
    let all = (0..ORDERS).map(|nth| OrderChange::Armed(order(nth))).collect();
    manager.hear_orders(all, Moment::from_nanos(0));
    manager
}

fn book(c: &mut Criterion) {
    let mut group = c.benchmark_group("a million orders");
    let mut manager = full();
    let mut sent = 0;
    group.bench_function("a price that fires nothing", |bench| {
        bench.iter(|| {
            sent += 1;
            let news = quote(sent, 6_000 + (sent % 100) as i64, sent);
            manager.hear_prices(black_box(&[news]), Moment::from_nanos(sent));
        });
    });
    let mut nth = 0;
    group.bench_function("arm and cancel one", |bench| {
        bench.iter(|| {
            nth += 1;
            let order = OrderArmed::of(ORDERS + nth % 1_000);
            manager.hear_orders(vec![OrderChange::Armed(order.0)], Moment::from_nanos(sent));
            manager.hear_orders(vec![OrderChange::Gone(order.1)], Moment::from_nanos(sent));
        });
    });
    drop(manager);
    group.sample_size(10);
    group.bench_function("fire all of them", |bench| {
        bench.iter_batched(
            full,
            |mut manager| {
                let mut fired = 0;
                for nth in 0..STOCKS {
                    manager.hear_prices(&[quote(nth, 1, 1)], Moment::from_nanos(1));
                    fired += manager.take_firings().len();
                }
                assert_eq!(fired as u64, ORDERS);
                manager
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// An order, and where it stands.
struct OrderArmed(ArmedOrder, bus::OrderKey);

impl OrderArmed {
    fn of(nth: u64) -> OrderArmed {
        let order = order(nth);
        let key = order.key();
        OrderArmed(order, key)
    }
}

criterion_group!(benches, book);
criterion_main!(benches);
