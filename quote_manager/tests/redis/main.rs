//! The shared cache against a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod managers;
mod server;
mod sharing;
mod trouble;

use bus::{Clock, FreshQuote, Moment};
use domain::trading::{Price, Stock, TransactionNum};
use quote_manager::cache::{CacheError, RedisCache};
use server::RedisServer;
use std::time::{Duration, Instant};

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

/// What Redis finds, however busy the machine is: an answer that is late is asked for again.
async fn get(cache: &RedisCache, stock: Stock) -> Option<FreshQuote> {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        match cache.get(stock).await {
            Ok(found) => return found,
            Err(CacheError::Late(_) | CacheError::Down) if Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}
