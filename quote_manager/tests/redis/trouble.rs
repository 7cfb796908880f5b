//! A Redis that hangs, dies, forgets or is not there: trading goes on without it, and with it again
//! when it is back.

use super::{PREFIX, connect, get, quote, server::RedisServer, stock};
use bus::Clock;
use futures_util::future::join_all;
use quote_manager::cache::{CacheError, GET_TIMEOUT, RedisCache};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How much later than promised something may be done on a machine that does much else.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    let price = quote(100, clock.now());
    assert!(cache.put(&price).await.unwrap());

    server.hold();
    let start = Instant::now();
    let burst = join_all((0..1_000).map(|_| cache.get(stock("ABC")))).await;
    assert!(burst.iter().all(Result::is_err));
    assert!(start.elapsed() < GET_TIMEOUT + SLACK, "{:?}", start.elapsed());
    // From now on it counts as down, and nobody waits at all. Were each to wait its time out it
    // would be a minute and a half.
    let start = Instant::now();
    for _ in 0..2_000 {
        assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Down)));
        assert!(matches!(cache.put(&price).await, Err(CacheError::Down)));
    }
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    assert!(cache.stats().failures >= 5_000);
    // Attempts to reach it again find it hanging still.
    sleep(Duration::from_millis(700)).await;
    assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Down)));

    server.go_on();
    let found = get(&cache, stock("ABC")).await.expect("it has kept the price");
    assert!(found.sent <= price.sent && found.price == price.price);
    assert!(get(&cache, stock("ABC")).await.is_some());
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_that_of_another_stock() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    assert!(cache.put(&quote(100, clock.now())).await.unwrap());
    server.hold();
    assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Late(_))));
    // Given up by the one who asked.
    let given_up = tokio::time::timeout(Duration::from_millis(5), cache.get(stock("ABC"))).await;
    assert!(given_up.is_err());
    server.go_on();
    // The connection is the same: two failures are not enough to give it up.
    assert_eq!(get(&cache, stock("X")).await, None);
    assert_eq!(get(&cache, stock("ABC")).await.unwrap().stock, stock("ABC"));
}

#[tokio::test]
async fn a_redis_that_died_is_used_again_when_it_is_back() {
    let mut server = RedisServer::start_at_socket();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    let price = quote(100, clock.now());
    for _ in 0..3 {
        assert!(cache.put(&price).await.unwrap());
        assert!(get(&cache, stock("ABC")).await.is_some());
        server.kill();
        let start = Instant::now();
        for _ in 0..2_000 {
            assert!(cache.get(stock("ABC")).await.is_err());
        }
        assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
        server.start_again();
        // It has forgotten prices and scripts.
        assert_eq!(get(&cache, stock("ABC")).await, None);
    }
    assert!(cache.put(&price).await.unwrap());
    assert!(get(&cache, stock("ABC")).await.is_some());
}

#[tokio::test]
async fn a_redis_that_forgot_its_scripts_is_told_them_again() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    let mut stranger = server.stranger().await;
    for round in 0..3 {
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut stranger).await.unwrap();
        if round == 1 {
            assert!(get(&cache, stock("ABC")).await.is_some());
        } else {
            cache.put(&quote(100 + round, clock.now())).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_redis_that_refuses_is_a_failure_and_not_an_empty_cache() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    let mut stranger = server.stranger().await;
    // Out of memory: reads go on, writes are refused.
    let set = |name: &'static str, value: &'static str| {
        let mut config = redis::cmd("CONFIG");
        config.arg("SET").arg(name).arg(value);
        config
    };
    let () = set("maxmemory", "1").query_async(&mut stranger).await.unwrap();
    let refused = cache.put(&quote(100, clock.now())).await;
    assert!(matches!(refused, Err(CacheError::Failed(_))), "{refused:?}");
    assert_eq!(get(&cache, stock("ABC")).await, None);
    let () = set("maxmemory", "0").query_async(&mut stranger).await.unwrap();
    assert!(cache.put(&quote(100, clock.now())).await.unwrap());
}

#[tokio::test]
async fn a_url_that_is_none_says_what_is_expected() {
    for url in ["", "localhost:6379", "http://localhost", "redis://", "rediss://h", "redis://h/x"] {
        let error = RedisCache::connect(url, PREFIX, Clock::real()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("{url}: ")) && text.contains("redis://["), "{text}");
        assert!(RedisCache::check_url(url).is_err());
    }
    let error = RedisCache::check_url("rediss://me:secret@host").unwrap_err().to_string();
    assert!(error.contains("host") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_redis_that_is_down_at_the_start_is_used_later() {
    let mut server = RedisServer::start_at_socket();
    server.kill();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Down)));
    server.start_again();
    assert_eq!(get(&cache, stock("ABC")).await, None);
    assert!(cache.put(&quote(100, clock.now())).await.unwrap());
    assert!(get(&cache, stock("ABC")).await.is_some());
}

#[tokio::test]
async fn a_redis_that_says_nothing_or_refuses_delays_no_start() {
    let clock = Clock::real();
    // Somebody listens and says nothing.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let start = Instant::now();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let cache = RedisCache::connect(&url, PREFIX, clock.clone()).await.unwrap();
    assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Down)));
    assert!(start.elapsed() < Duration::from_secs(2) + SLACK);

    // A password is expected, until it is no more.
    let server = RedisServer::start();
    let mut stranger = server.stranger().await;
    let password = |password: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("requirepass").arg(password);
        set
    };
    let () = password("geheim").query_async(&mut stranger).await.unwrap();
    let cache = connect(&server, &clock).await;
    assert!(matches!(cache.get(stock("ABC")).await, Err(CacheError::Down)));
    let with = server.url().replace("://", "://:geheim@");
    let admitted = RedisCache::connect(&with, PREFIX, clock.clone()).await.unwrap();
    assert_eq!(get(&admitted, stock("ABC")).await, None);
    let () = password("").query_async(&mut stranger).await.unwrap();
    assert_eq!(get(&cache, stock("ABC")).await, None);
}
