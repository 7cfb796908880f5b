//! One price for many processes: each has a connection and a clock of its own.

use super::{PREFIX, ago, connect, get, quote, server::RedisServer, stock};
use bus::quotes::QUOTE_TTL;
use bus::{Clock, FreshQuote};
use domain::trading::{Price, TransactionNum};
use quote_manager::cache::{MARGIN, RedisCache};
use redis::AsyncCommands;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What a price has left.
fn left(clock: &Clock, price: &FreshQuote) -> Duration {
    price.sent.plus(QUOTE_TTL).since(clock.now())
}

#[tokio::test]
async fn a_price_is_as_old_in_a_process_that_has_just_started() {
    let server = RedisServer::start();
    let old = Clock::real();
    let ours = connect(&server, &old).await;
    let price = quote(100, ago(&old, 40_000));
    assert!(ours.put(&price).await.unwrap());

    // Its clock began after the price was asked for.
    let young = Clock::real();
    let theirs = connect(&server, &young).await;
    let found = get(&theirs, stock("ABC")).await.unwrap();
    let (theirs, ours) = (left(&young, &found), left(&old, &price));
    assert!(theirs <= ours && ours < Duration::from_secs(20), "{theirs:?} {ours:?}");
    assert!(ours - theirs < MARGIN + Duration::from_secs(2), "{theirs:?} {ours:?}");
}

#[tokio::test]
async fn of_many_writers_at_once_the_newest_wins() {
    const WRITERS: u64 = 8;
    const QUOTES: u64 = 200;
    let server = RedisServer::start();
    let clock = Clock::real();
    let start = ago(&clock, 55_000);
    // Which of two is newer can be told if they are further apart than a round trip takes.
    let nth = move |n: u64| FreshQuote {
        stock: stock("ABC"),
        price: Price::from_cents(1 + n as i64).unwrap(),
        sent: start.plus(Duration::from_millis(250 * n)),
        asked_by: TransactionNum(n),
    };
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (cache, done) = (connect(&server, &clock).await, done.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !done.load(SeqCst) {
                if let Some(found) = get(&cache, stock("ABC")).await {
                    seen.push(found.asked_by);
                }
            }
            seen
        })
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (url, clock) = (server.url(), clock.clone());
            tokio::spawn(async move {
                let cache = RedisCache::connect(&url, PREFIX, clock).await.unwrap();
                let mut kept = 0;
                for turn in 0..QUOTES {
                    // All of them, in an order of its own: no step shares a divisor with 200.
                    let step = [1, 199, 83, 117, 29, 171, 7, 193][writer as usize];
                    kept += u64::from(cache.put(&nth(turn * step % QUOTES)).await.unwrap());
                }
                kept
            })
        })
        .collect();
    let mut kept = 0;
    for writer in writers {
        kept += writer.await.unwrap();
    }
    let last = get(&connect(&server, &clock).await, stock("ABC")).await.unwrap();
    done.store(true, SeqCst);
    let seen = reader.await.unwrap();
    assert_eq!(last.asked_by, TransactionNum(QUOTES - 1));
    assert!((1..QUOTES).contains(&kept), "{kept} were newer than all before");
    assert!(seen.is_sorted(), "a reader saw an older price after a newer one");
}

#[tokio::test]
async fn runs_with_other_prefixes_share_nothing() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let url = server.url();
    let one = RedisCache::connect(&url, "daytrade:1:quote", clock.clone()).await.unwrap();
    let other = RedisCache::connect(&url, "daytrade:11:quote", clock.clone()).await.unwrap();
    assert!(one.put(&quote(100, clock.now())).await.unwrap());
    assert_eq!(get(&other, stock("ABC")).await, None);
    assert!(get(&one, stock("ABC")).await.is_some());
}

#[tokio::test]
async fn garbage_is_a_miss_and_gives_way_to_the_next_price() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    let mut stranger = server.stranger().await;
    let key = format!("{PREFIX}:ABC");
    let day_ms = 86_400_000;
    // (value, what it has left): no price at all, or one that no price lives so long; the latter
    // is also what is found when Redis's clock has been set back by a day.
    let strange = [
        ("", Some(30_000)),
        ("v0 100 7", Some(30_000)),
        ("v1 -100 7", Some(30_000)),
        ("v1 100 7", None),
        ("v1 100 7", Some(day_ms)),
        ("v1 100 7", Some(61_000)),
    ];
    for (refused, (value, left_ms)) in strange.into_iter().enumerate() {
        let () = match left_ms {
            Some(ms) => stranger.pset_ex(&key, value, ms).await.unwrap(),
            None => stranger.set(&key, value).await.unwrap(),
        };
        assert_eq!(get(&cache, stock("ABC")).await, None, "{value:?} for {left_ms:?} ms");
        assert_eq!(cache.stats().refused, refused as u64 + 1);
        let price = quote(500, clock.now());
        assert!(cache.put(&price).await.unwrap(), "{value:?} for {left_ms:?} ms");
        assert!(get(&cache, stock("ABC")).await.is_some());
    }
    // Not even text.
    let () = stranger.del(&key).await.unwrap();
    let () = stranger.rpush(&key, "v1 100 7").await.unwrap();
    assert!(cache.get(stock("ABC")).await.is_err());
    assert!(cache.put(&quote(500, clock.now())).await.unwrap());
    assert!(get(&cache, stock("ABC")).await.is_some());
}

#[tokio::test]
async fn a_price_without_a_minute_is_not_shared() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let cache = connect(&server, &clock).await;
    sleep(Duration::from_millis(2)).await;
    assert!(!cache.put(&quote(1, ago(&clock, 60_000))).await.unwrap());
    let later = clock.now().plus(Duration::from_secs(5));
    assert!(!cache.put(&quote(1, later)).await.unwrap(), "sent in the future");
    let mut stranger = server.stranger().await;
    assert!(!stranger.exists::<_, bool>(format!("{PREFIX}:ABC")).await.unwrap());
}

/// Passes a connection on to `server`, but holds the first write of a price up for `hold`, and
/// notes when it lets it go.
async fn slow_way(server: &RedisServer, hold: Duration) -> (String, Arc<AtomicBool>) {
    let target = server.url().trim_start_matches("redis://").to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let passed = Arc::new(AtomicBool::new(false));
    let held = passed.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            let held = held.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                loop {
                    let read = from_client.read(&mut bytes).await.unwrap_or(0);
                    if read == 0 {
                        break;
                    }
                    if bytes[..read].windows(3).any(|part| part == b"v1 ") {
                        sleep(hold).await;
                        held.store(true, SeqCst);
                    }
                    if to_server.write_all(&bytes[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, passed)
}

#[tokio::test]
async fn a_write_that_is_held_up_gives_a_price_no_more_time() {
    let server = RedisServer::start();
    let clock = Clock::real();
    let near = connect(&server, &clock).await;
    // Both scripts are known to Redis, so that the write is one message.
    assert!(near.put(&FreshQuote { stock: stock("X"), ..quote(1, clock.now()) }).await.unwrap());

    let hold = Duration::from_millis(1_500);
    let (url, passed) = slow_way(&server, hold).await;
    let far = RedisCache::connect(&url, PREFIX, clock.clone()).await.unwrap();
    let price = quote(100, clock.now());
    assert!(far.put(&price).await.is_err(), "the writer has stopped waiting by then");
    let found = loop {
        let found = get(&near, stock("ABC")).await;
        assert!(found.is_none() || passed.load(SeqCst), "it is there before it was let go");
        if let Some(found) = found {
            break found;
        }
        sleep(Duration::from_millis(5)).await;
    };
    assert!(clock.now().since(price.sent) >= hold);
    assert!(found.sent <= price.sent, "younger by {:?}", found.sent.since(price.sent));

    // One whose minute is over on the way is not kept at all.
    let (url, passed) = slow_way(&server, hold).await;
    let far = RedisCache::connect(&url, PREFIX, clock.clone()).await.unwrap();
    let late = FreshQuote { stock: stock("B"), ..quote(1, ago(&clock, 59_000)) };
    assert!(far.put(&late).await.is_err());
    while !passed.load(SeqCst) {
        sleep(Duration::from_millis(5)).await;
    }
    let mut stranger = server.stranger().await;
    for _ in 0..20 {
        assert!(!stranger.exists::<_, bool>(format!("{PREFIX}:B")).await.unwrap());
        sleep(Duration::from_millis(5)).await;
    }
}
