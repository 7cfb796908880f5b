//! A Redis that hangs, dies, forgets or is not there: trading goes on without it, and with it again
//! when it is back.

use super::{PREFIX, connect, get, quote, server::RedisServer, server::free_port, stock};
use bus::Clock;
use futures_util::future::join_all;
use quote_manager::cache::{CacheError, ConnectError, GET_TIMEOUT, RedisCache};
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
async fn a_url_that_leads_nowhere_says_what_is_expected() {
    let clock = Clock::real();
    let connect = async |url: &str| RedisCache::connect(url, PREFIX, clock.clone()).await;
    for url in ["", "localhost:6379", "http://localhost", "redis://", "rediss://h", "redis://h/x"] {
        let error = connect(url).await.unwrap_err();
        assert!(matches!(error, ConnectError::BadUrl { .. }), "{url}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{url}: ")) && text.contains("redis://["), "{text}");
    }
    let nobody = format!("redis://me:secret@127.0.0.1:{}", free_port());
    let error = connect(&nobody).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoServer { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1") && !text.contains("secret"), "{text}");

    // Somebody listens and says nothing.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let start = Instant::now();
    let error = connect(&format!("redis://{}", silent.local_addr().unwrap())).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoServer { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2) + SLACK);

    // A password is wanted.
    let server = RedisServer::start();
    let mut stranger = server.stranger().await;
    let mut set = redis::cmd("CONFIG");
    let () =
        set.arg("SET").arg("requirepass").arg("geheim").query_async(&mut stranger).await.unwrap();
    let error = connect(&server.url()).await.unwrap_err();
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    let with = |password: &str| server.url().replace("://", &format!("://:{password}@"));
    let error = connect(&with("falsch")).await.unwrap_err();
    assert!(!error.to_string().contains("falsch"), "{error}");
    assert!(connect(&with("geheim")).await.is_ok());
}
