//! The shared cache against a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod managers;
mod server;
mod sharing;
mod trouble;

use bus::{Clock, FreshQuote, Moment};
use domain::trading::{Price, Stock, TransactionNum};
use quote_manager::cache::RedisCache;
use server::RedisServer;
use std::time::Duration;

/// What keys begin with in most tests: each has a Redis of its own.
const PREFIX: &str = "test:quote";

fn stock(name: &str) -> Stock {
    Stock::parse(name.as_bytes()).unwrap()
}

/// A price of ABC.
fn quote(cents: i64, sent: Moment) -> FreshQuote {
    FreshQuote {
        stock: stock("ABC"),
        price: Price::from_cents(cents).unwrap(),
        sent,
        asked_by: TransactionNum(cents as u64),
    }
}

fn ago(clock: &Clock, ms: u64) -> Moment {
    clock.now().minus(Duration::from_millis(ms))
}

async fn connect(server: &RedisServer, clock: &Clock) -> RedisCache {
    RedisCache::connect(&server.url(), PREFIX, clock.clone()).await.unwrap()
}
