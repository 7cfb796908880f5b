//! Commands that wait for a quote.

use crate::desk::{Desk, wait};

#[tokio::test(start_paused = true)]
async fn a_slow_quote_holds_up_its_own_user_and_nobody_else() {
    let mut desk = Desk::open();
    let happened = desk.run(&[
        "ADD,a,100.00",
        "ADD,b,100.00",
        "BUY,a,S,10.00",
        "COMMIT_BUY,a",
        "ADD,b,1.00",
        "DISPLAY_SUMMARY,b",
        "DUMPLOG,./everything",
    ]);
    assert_eq!(
        happened.log,
        [
            "#1 ADD a accepted",
            "#2 ADD b accepted",
            "#5 ADD b accepted",
            "#6 DISPLAY_SUMMARY b accepted",
            "#7 DUMPLOG everyone accepted",
        ]
    );
    assert_eq!(happened.asks, ["S for #3 BUY a"]);

    let later = desk.run(&["ADD,a,1.00", "ADD,b,1.00"]);
    assert_eq!(later.log, ["#9 ADD b accepted"]);

    let priced = desk.price("S", "3.00");
    assert_eq!(
        priced.log,
        ["#3 BUY a accepted at 3.00", "#4 COMMIT_BUY a accepted", "#8 ADD a accepted"]
    );
    assert_eq!(desk.money("a"), ("92.00".to_string(), "0.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn who_is_over_their_share_takes_nobody_along() {
    let mut desk = Desk::open();
    let happened = desk.run(&[
        "ADD,a,100.00",
        "ADD,b,100.00",
        "BUY,a,S,10.00",
        "BUY,a,S,20.00",
        "BUY,b,S,10.00",
    ]);
    assert_eq!(happened.asks, ["S for #3 BUY a"]);
    // One asks after the other: the refused user's next command comes behind everybody.
    let refused = desk.over_share("S", 3);
    assert_eq!(refused.log, ["#3 BUY a quote_unavailable"]);
    assert_eq!(refused.asks, ["S for #5 BUY b"]);
    // Somebody else's refusal changes nothing for those who wait here, but that they ask again.
    let elsewhere = desk.over_share("S", 99);
    assert!(elsewhere.log.is_empty());
    assert_eq!(elsewhere.asks, ["S for #5 BUY b"]);
    let priced = desk.price("S", "5.00");
    assert_eq!(priced.log, ["#5 BUY b accepted at 5.00", "#4 BUY a accepted at 5.00 (cached)"]);
    assert!(desk.over_share("S", 5).log.is_empty(), "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn malformed_commands_keep_their_place_behind_a_waiting_one() {
    let mut desk = Desk::open();
    let happened =
        desk.run(&["ADD,a,9.00", "BUY,a,S,5.00", "ADD,a,-1.00", "BUY,a,GOOGL,1.00", "ADD,a,1.00"]);
    assert_eq!(happened.log, ["#1 ADD a accepted"]);
    let priced = desk.price("S", "5.00");
    assert_eq!(
        priced.log,
        [
            "#2 BUY a accepted at 5.00",
            "#3 ADD a invalid_amount",
            "#4 BUY a invalid_stock",
            "#5 ADD a accepted",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_quote_of_an_unknown_user_keeps_the_order_too() {
    let mut desk = Desk::open();
    let happened = desk.run(&[
        "BUY,x,S,1.00",
        "QUOTE,x,S",
        "ADD,x,0.00",
        "COMMIT_BUY,x",
        "DUMPLOG,x,./log",
        "ADD,x,7.00",
        "BUY,x,S,7.00",
    ]);
    assert_eq!(happened.log, ["#1 BUY x unknown_account"]);
    assert_eq!(happened.asks, ["S for #2 QUOTE x"]);
    let priced = desk.price("S", "7.00");
    assert_eq!(
        priced.log,
        [
            "#2 QUOTE x accepted at 7.00",
            "#3 ADD x invalid_amount",
            "#4 COMMIT_BUY x unknown_account",
            "#5 DUMPLOG x accepted",
            "#6 ADD x accepted",
            "#7 BUY x accepted at 7.00 (cached)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stock_is_asked_for_once_however_many_wait() {
    let mut desk = Desk::open();
    let first = desk.run(&["QUOTE,a,S", "QUOTE,b,S", "QUOTE,c,T"]);
    assert_eq!(first.asks, ["S for #1 QUOTE a", "T for #3 QUOTE c"]);
    let second = desk.run(&["QUOTE,d,S", "QUOTE,e,s"]);
    assert_eq!(second.asks, ["s for #5 QUOTE e"]);
    let priced = desk.price("S", "2.50");
    assert_eq!(
        priced.log,
        [
            "#1 QUOTE a accepted at 2.50",
            "#2 QUOTE b accepted at 2.50 (cached)",
            "#4 QUOTE d accepted at 2.50 (cached)",
        ]
    );
    assert_eq!(desk.run(&["QUOTE,f,S"]).log, ["#6 QUOTE f accepted at 2.50 (cached)"]);
}

#[tokio::test(start_paused = true)]
async fn a_price_is_used_for_60_s_from_the_moment_it_was_asked_for() {
    let mut desk = Desk::open();
    desk.run(&["QUOTE,a,S"]);
    let sent = desk.now();
    wait(4_000).await;
    desk.price_sent("S", "1.00", sent);
    wait(55_999).await;
    let fresh = desk.run(&["QUOTE,b,S"]);
    assert_eq!((fresh.log.len(), fresh.asks.len()), (1, 0), "{fresh:?}");
    wait(1).await;
    let stale = desk.run(&["QUOTE,c,S"]);
    assert_eq!(stale.asks, ["S for #3 QUOTE c"]);
    assert!(stale.log.is_empty());
    assert_eq!(desk.price("S", "2.00").log, ["#3 QUOTE c accepted at 2.00"]);
}

#[tokio::test(start_paused = true)]
async fn a_price_that_comes_too_late_is_asked_for_again() {
    let mut desk = Desk::open();
    desk.run(&["QUOTE,a,S", "QUOTE,b,S", "DISPLAY_SUMMARY,b"]);
    let sent = desk.now();
    wait(60_000).await;
    let late = desk.price_sent("S", "1.00", sent);
    assert!(late.log.is_empty(), "{late:?}");
    assert_eq!(late.asks, ["S for #1 QUOTE a"]);
    let priced = desk.price("S", "2.00");
    assert_eq!(
        priced.log,
        [
            "#1 QUOTE a accepted at 2.00",
            "#2 QUOTE b accepted at 2.00 (cached)",
            "#3 DISPLAY_SUMMARY b unknown_account",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_price_that_cannot_be_had_refuses_who_waits_and_the_queues_go_on() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,9.00", "BUY,a,S,5.00", "ADD,a,1.00", "QUOTE,b,S", "QUOTE,a,S", "ADD,a,2.00"]);
    let refused = desk.no_price("S");
    assert_eq!(
        refused.log,
        ["#2 BUY a quote_unavailable", "#3 ADD a accepted", "#4 QUOTE b quote_unavailable"]
    );
    // The refusal was the BUY's; the QUOTE behind it asks for itself.
    assert_eq!(refused.asks, ["S for #5 QUOTE a"]);
    assert_eq!(desk.price("S", "1.00").log, ["#5 QUOTE a accepted at 1.00", "#6 ADD a accepted"]);
    assert_eq!(desk.money("a"), ("12.00".to_string(), "0.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_stops_for_another_stock_keeps_its_order() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,90.00", "BUY,a,S,5.00", "BUY,a,T,5.00", "ADD,a,-1", "BUY,a,S,5.00"]);
    let first = desk.price("S", "5.00");
    assert_eq!(first.log, ["#2 BUY a accepted at 5.00"]);
    assert_eq!(first.asks, ["T for #3 BUY a"]);
    assert!(desk.run(&["COMMIT_BUY,a"]).log.is_empty());
    let second = desk.price("T", "5.00");
    assert_eq!(
        second.log,
        [
            "#3 BUY a accepted at 5.00",
            "#4 ADD a invalid_amount",
            "#5 BUY a accepted at 5.00 (cached)",
            "#6 COMMIT_BUY a accepted",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_anyway_asks_for_no_price() {
    let mut desk = Desk::open();
    let happened = desk.run(&[
        "ADD,a,1.00",
        "BUY,a,S,1.01",
        "SELL,a,S,1.00",
        "SET_BUY_TRIGGER,a,S,1.00",
        "SET_SELL_AMOUNT,a,S,1.00",
        "SET_SELL_TRIGGER,a,S,1.00",
        "SET_BUY_AMOUNT,a,S,1.00",
    ]);
    assert!(happened.asks.is_empty(), "{:?}", happened.asks);
    assert_eq!(happened.log[6], "#7 SET_BUY_AMOUNT a accepted");
    assert_eq!(happened.log.len(), 7);
    // Armed, an amount has to be compared with a price.
    desk.run(&["SET_BUY_TRIGGER,a,S,0.50"]);
    desk.price("S", "1.00");
    wait(60_000).await;
    assert_eq!(desk.run(&["SET_BUY_AMOUNT,a,S,0.60"]).asks, ["S for #9 SET_BUY_AMOUNT a"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_judged_by_the_account_as_it_is_when_the_price_comes() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "BUY,a,S,6.00"]);
    desk.price("S", "6.00");
    wait(30_000).await;
    desk.run(&["BUY,a,T,4.00"]);
    wait(30_001).await;
    // The first BUY has expired while the second waited, before any timer looked.
    let priced = desk.price("T", "4.00");
    assert_eq!(priced.log, ["expired #2 of a", "#3 BUY a accepted at 4.00"]);
    assert_eq!(desk.money("a"), ("6.00".to_string(), "4.00".to_string()));
}
