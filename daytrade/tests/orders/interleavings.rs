//! Random users, a random market, and messages that are delivered in a random order.

use crate::world::{Chance, STOCKS, USERS, World};
use bus::Clock;
use std::time::Duration;

/// So many seeds are tried.
const SEEDS: u64 = 10_000;

/// A command of a user with orders on its mind.
fn line(chance: &mut Chance) -> String {
    let user = chance.one_of(&USERS);
    let stock = chance.one_of(&STOCKS);
    let amount = |chance: &mut Chance, most: u64| {
        let cents = 1 + chance.below(most);
        format!("{}.{:02}", cents / 100, cents % 100)
    };
    match chance.below(16) {
        0 | 1 => format!("BUY,{user},{stock},{}", amount(chance, 10_000)),
        2 | 3 => format!("COMMIT_BUY,{user},"),
        4 => format!("SELL,{user},{stock},{}", amount(chance, 5_000)),
        5 => format!("COMMIT_SELL,{user},"),
        6 | 7 => format!("SET_BUY_AMOUNT,{user},{stock},{}", amount(chance, 5_000)),
        8 | 9 => format!("SET_BUY_TRIGGER,{user},{stock},{}.00", 4 + chance.below(9)),
        10 => format!("CANCEL_SET_BUY,{user},{stock}"),
        11 | 12 => format!("SET_SELL_AMOUNT,{user},{stock},{}", amount(chance, 5_000)),
        13 | 14 => format!("SET_SELL_TRIGGER,{user},{stock},{}.00", 8 + chance.below(9)),
        _ => format!("CANCEL_SET_SELL,{user},{stock}"),
    }
}

async fn live_through(seed: u64, clock: &Clock) -> u64 {
    let mut chance = Chance(seed);
    let mut world = World::open(clock);
    for user in USERS {
        world.command(&format!("ADD,{user},2000.00"));
        for stock in STOCKS {
            world.command(&format!("BUY,{user},{stock},300.00"));
            world.command(&format!("COMMIT_BUY,{user}"));
        }
    }
    world.deliver_all();
    for step in 0..300 {
        match chance.below(12) {
            0..=2 => world.command(line(&mut chance).trim_end_matches(',')),
            3 | 4 | 7 => {
                let cents = 500 + chance.below(1_001) as i64;
                world.set_price(chance.one_of(&STOCKS), cents);
            }
            5 | 8 | 9 => {
                tokio::time::advance(Duration::from_millis(chance.below(25_000))).await;
                world.look();
            }
            // In one of eight worlds a process dies now and then.
            6 if seed.is_multiple_of(8) && chance.below(8) == 0 => world.restart(),
            _ => {}
        }
        for _ in 0..chance.below(16) {
            world.deliver(chance.below(World::CHANNELS));
        }
        if step % 10 == 0 {
            world.check();
        }
    }
    // Users fall silent; a price of every stock reaches everyone.
    world.deliver_all();
    world.check_at_rest(&world.cache);
    tokio::time::advance(Duration::from_millis(1)).await;
    let last = world.last_prices();
    world.deliver_all();
    world.check();
    world.check_at_rest(&last);
    world.fired_later
}

#[tokio::test(start_paused = true)]
async fn whatever_the_order_of_events_nothing_is_lost_doubled_or_forgotten() {
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    let mut fired = 0;
    for seed in 0..SEEDS {
        fired += live_through(seed, &clock).await;
    }
    println!("{fired} orders fired on later prices in {SEEDS} worlds");
    assert!(fired > SEEDS, "{fired} firings in {SEEDS} worlds are too few to prove anything");
}
