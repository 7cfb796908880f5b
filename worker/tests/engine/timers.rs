//! The 60 seconds of pending buys and sells, as the engine keeps them.

use crate::desk::{Desk, user_of, wait};
use domain::trading::Entry;

/// A desk where `a` has a pending buy of 6.00 from now, and 4.00 left.
fn with_pending_buy() -> Desk {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "BUY,a,S,6.00"]);
    assert_eq!(desk.price("S", "6.00").log, ["#2 BUY a accepted at 6.00"]);
    assert_eq!(desk.money("a"), ("4.00".to_string(), "6.00".to_string()));
    desk
}

#[tokio::test(start_paused = true)]
async fn the_timer_releases_a_pending_buy_at_60_001_ms_and_not_before() {
    let mut desk = with_pending_buy();
    let deadline_ms = desk.now_ms() + 60_000;
    assert_eq!(desk.engine.next_deadline_ms(), Some(deadline_ms));
    wait(60_000).await;
    assert!(desk.expire().log.is_empty());
    assert_eq!(desk.engine.next_deadline_ms(), Some(deadline_ms));
    wait(1).await;
    assert_eq!(desk.expire().log, ["expired #2 of a"]);
    assert_eq!(desk.money("a"), ("10.00".to_string(), "0.00".to_string()));
    assert_eq!(desk.engine.next_deadline_ms(), None);
    let Some(Entry::Expired(expired)) = desk.entries.last() else { panic!() };
    assert_eq!(expired.expired_ms, deadline_ms + 1);
    assert_eq!(desk.run(&["COMMIT_BUY,a"]).log, ["#3 COMMIT_BUY a no_pending_buy"]);
}

#[tokio::test(start_paused = true)]
async fn the_timer_returns_the_shares_of_a_pending_sell() {
    let mut desk = with_pending_buy();
    desk.run(&["COMMIT_BUY,a", "SELL,a,S,6.00"]);
    assert_eq!(desk.account("a").unwrap().holdings()[0].1.reserved.count(), 1);
    wait(60_001).await;
    assert_eq!(desk.expire().log, ["expired #4 of a"]);
    assert_eq!(desk.account("a").unwrap().holdings()[0].1.free.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_faster_than_the_timer_finds_the_cash_returned() {
    let mut desk = with_pending_buy();
    wait(60_001).await;
    let happened = desk.run(&["SET_BUY_AMOUNT,a,T,10.00"]);
    assert_eq!(happened.log, ["expired #2 of a", "#3 SET_BUY_AMOUNT a accepted"]);
    assert_eq!(happened.replies[0].1[0].entry, 1, "the reply points behind the expiry");
    assert!(desk.expire().log.is_empty(), "what has expired does not expire again");
    assert_eq!(desk.engine.next_deadline_ms(), None);
}

#[tokio::test(start_paused = true)]
async fn a_commit_at_60_000_ms_is_in_time() {
    let mut desk = with_pending_buy();
    wait(60_000).await;
    desk.expire();
    assert_eq!(desk.run(&["COMMIT_BUY,a"]).log, ["#3 COMMIT_BUY a accepted"]);
    wait(1).await;
    assert!(desk.expire().log.is_empty());
    assert_eq!(desk.engine.next_deadline_ms(), None);
}

#[tokio::test(start_paused = true)]
async fn a_later_pending_outlives_the_timer_of_an_earlier_one() {
    let mut desk = with_pending_buy();
    wait(10_000).await;
    desk.run(&["COMMIT_BUY,a", "SELL,a,S,6.00"]);
    wait(20_000).await;
    desk.run(&["BUY,a,S,4.00", "ADD,a,2.00", "BUY,a,S,6.00"]);
    let sell_ms = desk.now_ms() - 20_000 + 60_000;
    wait(30_001).await;
    assert!(desk.expire().log.is_empty(), "the timer was that of the committed buy");
    assert_eq!(desk.engine.next_deadline_ms(), Some(sell_ms));
    wait(10_000).await;
    assert_eq!(desk.expire().log, ["expired #4 of a"]);
    assert_eq!(desk.engine.next_deadline_ms(), Some(sell_ms + 20_000));
    wait(20_000).await;
    assert_eq!(desk.expire().log, ["expired #7 of a"]);
    assert_eq!(desk.engine.next_deadline_ms(), None);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_due_expires_and_the_timers_stand_in_order() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,9.00", "ADD,b,9.00", "ADD,c,9.00", "BUY,b,S,1.00"]);
    desk.price("S", "1.00");
    wait(5).await;
    desk.run(&["BUY,a,S,1.00", "BUY,a,S,2.00"]);
    wait(5).await;
    desk.run(&["BUY,c,S,1.00"]);
    wait(59_996).await;
    assert_eq!(desk.expire().log, ["expired #4 of b", "expired #5 of a", "expired #6 of a"]);
    wait(5).await;
    assert_eq!(desk.expire().log, ["expired #7 of c"]);
}

#[tokio::test(start_paused = true)]
async fn a_pending_expires_while_its_user_waits_for_a_quote() {
    let mut desk = with_pending_buy();
    desk.run(&["BUY,a,T,4.00", "COMMIT_BUY,a", "COMMIT_BUY,a"]);
    wait(60_001).await;
    assert_eq!(desk.expire().log, ["expired #2 of a"]);
    assert_eq!(desk.money("a"), ("10.00".to_string(), "0.00".to_string()));
    let priced = desk.price("T", "4.00");
    assert_eq!(
        priced.log,
        ["#3 BUY a accepted at 4.00", "#4 COMMIT_BUY a accepted", "#5 COMMIT_BUY a no_pending_buy",]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_made_between_two_waits_expires_by_the_timer_too() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "BUY,a,S,6.00", "BUY,a,T,4.00"]);
    assert_eq!(desk.price("S", "6.00").asks, ["T for #3 BUY a"]);
    let deadline_ms = desk.now_ms() + 60_000;
    assert_eq!(desk.engine.next_deadline_ms(), Some(deadline_ms));
    wait(60_001).await;
    assert_eq!(desk.expire().log, ["expired #2 of a"]);
    assert_eq!(desk.money("a"), ("10.00".to_string(), "0.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn timers_of_recovered_accounts_are_set() {
    let mut before = with_pending_buy();
    before.run(&["ADD,b,1.00"]);
    let accounts = ["a", "b"].map(|user| (user_of(user), before.account(user).unwrap()));
    let mut desk = Desk::with(accounts);
    wait(60_001).await;
    assert_eq!(desk.expire().log, ["expired #2 of a"]);
    assert_eq!(desk.money("a"), ("10.00".to_string(), "0.00".to_string()));
    assert_eq!(desk.money("b"), ("1.00".to_string(), "0.00".to_string()));
}
