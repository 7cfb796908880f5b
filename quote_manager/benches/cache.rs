//! What a cached price costs: in this process (less than 100 ns), and in a Redis on this machine
//! (less than 150 µs). A real Redis is started for it.
//!
//! ```sh
//! cargo bench -p quote_manager --bench cache
//! ```

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../tests/redis/server.rs"]
mod server;

use bus::{Clock, FreshQuote};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::trading::{Price, Stock, TransactionNum};
use futures_util::future::join_all;
use quote_manager::cache::{Prices, RedisCache};
use server::RedisServer;
use std::hint::black_box;
use std::time::Duration;

/// 1,000 stocks, all with a fresh price.
fn quotes(clock: &Clock) -> Vec<FreshQuote> {
    let letters = b'A'..=b'Z';
    let names = letters.clone().flat_map(|a| letters.clone().map(move |b| [a, b]));
    let names = names.flat_map(|[a, b]| [vec![a, b], vec![a, b, b'X']]);
    let quote = |name: Vec<u8>| FreshQuote {
        stock: Stock::parse(&name).unwrap(),
        price: Price::from_cents(27_683).unwrap(),
        sent: clock.now(),
        asked_by: TransactionNum(1_234_567),
    };
    names.take(1_000).map(quote).collect()
}

fn in_process(c: &mut Criterion) {
    let clock = Clock::real();
    let mut prices = Prices::default();
    // None runs out while it is measured.
    let later = clock.now().plus(Duration::from_secs(86_400));
    let quotes = quotes(&clock);
    for quote in &quotes {
        prices.put(&FreshQuote { sent: later, ..*quote });
    }
    let mut turn = quotes.iter().cycle();
    c.bench_function("price in this process", |b| {
        b.iter(|| {
            let stock = turn.next().unwrap().stock;
            black_box(prices.get(black_box(stock), clock.now())).is_some()
        });
    });
}

fn redis(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache =
        runtime.block_on(RedisCache::connect(&server.url(), "bench:quote", clock.clone())).unwrap();
    let stock = quotes(&clock)[0].stock;
    let fill = || {
        let quotes = quotes(&clock);
        runtime.block_on(async {
            for quote in &quotes {
                cache.put(quote).await.unwrap();
            }
        });
        quotes
    };

    let mut group = c.benchmark_group("redis on this machine");
    fill();
    group.bench_function("get a price", |b| {
        b.iter(|| assert!(runtime.block_on(cache.get(stock)).unwrap().is_some()));
    });
    let missing = Stock::parse(b"zzz").unwrap();
    group.bench_function("find none", |b| {
        b.iter(|| assert!(runtime.block_on(cache.get(missing)).unwrap().is_none()));
    });
    group.bench_function("put a price", |b| {
        b.iter(|| {
            let quote = FreshQuote {
                stock: missing,
                price: Price::from_cents(1).unwrap(),
                sent: clock.now(),
                asked_by: TransactionNum(1),
            };
            runtime.block_on(cache.put(&quote)).unwrap()
        });
    });
    let batch = &fill()[..64];
    group.throughput(Throughput::Elements(batch.len() as u64));
    group.bench_function("get 64 prices at once", |b| {
        b.iter(|| {
            let found = join_all(batch.iter().map(|quote| cache.get(quote.stock)));
            assert!(runtime.block_on(found).iter().all(|price| price.as_ref().unwrap().is_some()));
        });
    });
    group.finish();
}

criterion_group!(benches, in_process, redis);
criterion_main!(benches);
