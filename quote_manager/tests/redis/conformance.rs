//! What holds of every cache: the one in memory, and the one in Redis.

use super::{PREFIX, ago, get, quote, server::RedisServer, stock};
use bus::quotes::QUOTE_TTL;
use bus::{Clock, FreshQuote};
use domain::trading::Stock;
use quote_manager::cache::{MARGIN, Prices, RedisCache};
use std::time::Duration;
use tokio::time::sleep;

enum Cache {
    Memory(Prices, Clock),
    Redis { cache: RedisCache, _server: RedisServer },
}

impl Cache {
    async fn get(&self, stock: Stock) -> Option<FreshQuote> {
        match self {
            Cache::Memory(prices, clock) => prices.get(stock, clock.now()).copied(),
            Cache::Redis { cache, .. } => get(cache, stock).await,
        }
    }

    async fn put(&mut self, quote: &FreshQuote) -> bool {
        match self {
            Cache::Memory(prices, _) => prices.put(quote),
            Cache::Redis { cache, .. } => cache.put(quote).await.unwrap(),
        }
    }
}

/// Runs `check` on every kind of cache.
async fn on_each(check: impl AsyncFn(&mut Cache, &Clock)) {
    let clock = Clock::real();
    check(&mut Cache::Memory(Prices::default(), clock.clone()), &clock).await;
    let server = RedisServer::start();
    let cache = RedisCache::connect(&server.url(), PREFIX, clock.clone()).await.unwrap();
    check(&mut Cache::Redis { cache, _server: server }, &clock).await;
}

/// It is the same price, and no younger than it was put in.
fn assert_is(found: Option<FreshQuote>, put: &FreshQuote) {
    let found = found.expect("the price is found");
    assert_eq!((found.stock, found.price, found.asked_by), (put.stock, put.price, put.asked_by));
    assert!(found.sent <= put.sent, "{:?}", found.sent.since(put.sent));
    // Ages by the margin, and the time that all of it took.
    let aged = put.sent.since(found.sent);
    assert!(aged < MARGIN + Duration::from_secs(2), "{aged:?}");
}

#[tokio::test]
async fn a_price_is_found_as_it_was_put_in() {
    on_each(async |cache, clock| {
        assert_eq!(cache.get(stock("ABC")).await, None);
        let price = quote(27_683, clock.now());
        assert!(cache.put(&price).await);
        assert_is(cache.get(stock("ABC")).await, &price);
        for other in ["AB", "abc", "A"] {
            assert_eq!(cache.get(stock(other)).await, None);
        }
    })
    .await;
}

#[tokio::test]
async fn an_older_price_never_takes_the_place_of_a_newer_one() {
    on_each(async |cache, clock| {
        let (older, newer) = (quote(1, ago(clock, 2_000)), quote(2, ago(clock, 1_000)));
        assert!(cache.put(&newer).await);
        assert!(!cache.put(&older).await);
        assert_is(cache.get(stock("ABC")).await, &newer);
        let newest = quote(3, clock.now());
        assert!(cache.put(&newest).await);
        assert_is(cache.get(stock("ABC")).await, &newest);
    })
    .await;
}

#[tokio::test]
async fn no_price_is_found_when_its_minute_is_over() {
    on_each(async |cache, clock| {
        let sent = ago(clock, 58_000);
        assert!(cache.put(&quote(1, sent)).await);
        let mut found = 0;
        loop {
            let began = clock.now();
            match cache.get(stock("ABC")).await {
                // It was good when the answer was on its way, and says itself for how much longer.
                Some(price) => {
                    assert!(began < sent.plus(QUOTE_TTL) && price.sent <= sent);
                    found += 1;
                }
                None => break,
            }
            sleep(Duration::from_millis(5)).await;
        }
        assert!(found > 0);
        let given_up = clock.now().since(sent);
        assert!(given_up >= QUOTE_TTL - MARGIN - Duration::from_millis(500), "{given_up:?}");
        while clock.now() < sent.plus(QUOTE_TTL) {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(cache.get(stock("ABC")).await, None);
    })
    .await;
}
