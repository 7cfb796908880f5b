//! Orders that are told of, and fired when a price has met them: once, in their turn, and only as
//! long as they stand as they were.

use crate::desk::{Desk, Quoted, wait};
use domain::trading::verbs::expiry::Side;

/// A desk where `a` has an order for S: 10.00 to buy at 3.00 or less. The price is 5.00.
fn with_buy_order() -> Desk {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "SET_BUY_AMOUNT,a,S,10.00", "SET_BUY_TRIGGER,a,S,3.00"]);
    let armed = desk.price("S", "5.00");
    assert_eq!(armed.log, ["#3 SET_BUY_TRIGGER a accepted at 5.00"]);
    assert_eq!(armed.orders, ["armed #3 of a: buy S at 3.00"]);
    desk
}

/// A desk where `a` has bought 10 shares of S at 1.00 and none of the cash is left.
fn with_shares() -> Desk {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "BUY,a,S,10.00"]);
    desk.price("S", "1.00");
    desk.run(&["COMMIT_BUY,a"]);
    desk
}

fn fire(desk: &mut Desk, armed_by: u64, price: &str) -> Vec<String> {
    let sent = desk.now();
    desk.fire("a", Side::Buy, armed_by, Quoted("S", price, sent)).log
}

#[tokio::test(start_paused = true)]
async fn an_order_fires_once_however_often_it_is_said_to() {
    let mut desk = with_buy_order();
    assert_eq!(fire(&mut desk, 3, "3.00"), ["filled #3 of a: 3 at 3.00, cash 1.00"]);
    assert_eq!(fire(&mut desk, 3, "3.00").len(), 0);
    assert_eq!(desk.money("a"), ("1.00".to_string(), "0.00".to_string()));
    assert_eq!(desk.engine.unattended().fired, 1);
}

#[tokio::test(start_paused = true)]
async fn a_price_that_jumps_past_the_trigger_is_the_one_that_is_paid() {
    let mut desk = with_buy_order();
    assert_eq!(fire(&mut desk, 3, "0.70"), ["filled #3 of a: 14 at 0.70, cash 0.20"]);
    let mut desk = with_shares();
    desk.run(&["SET_SELL_AMOUNT,a,S,4.00", "SET_SELL_TRIGGER,a,S,2.00"]);
    let sent = desk.now();
    let fired = desk.fire("a", Side::Sell, 5, Quoted("S", "70.00", sent));
    assert_eq!(fired.log, ["filled #5 of a: 2 at 70.00, cash 140.00"]);
}

#[tokio::test(start_paused = true)]
async fn a_reserve_that_pays_for_no_share_at_the_trigger_waits_for_the_price_that_it_pays() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,2.00", "SET_BUY_AMOUNT,a,S,2.00", "SET_BUY_TRIGGER,a,S,3.00"]);
    let armed = desk.price("S", "2.50");
    assert_eq!(armed.log, ["#3 SET_BUY_TRIGGER a accepted at 2.50"], "it did not fire");
    assert_eq!(armed.orders, ["armed #3 of a: buy S at 2.00"]);
    let sent = desk.now();
    let again = desk.fire("a", Side::Buy, 3, Quoted("S", "2.01", sent));
    assert!(again.log.is_empty());
    assert_eq!(again.orders, ["armed #3 of a: buy S at 2.00"], "it stands, and is told of again");
    assert_eq!(fire(&mut desk, 3, "2.00"), ["filled #3 of a: 1 at 2.00, cash 0.00"]);
}

#[tokio::test(start_paused = true)]
async fn an_amount_set_again_makes_another_order_of_it() {
    let mut desk = with_buy_order();
    let set = desk.run(&["SET_BUY_AMOUNT,a,S,4.00"]);
    assert_eq!(set.orders, ["gone #3: buy S at 3.00", "armed #4 of a: buy S at 3.00"]);
    assert_eq!(fire(&mut desk, 3, "2.00").len(), 0, "a firing of the old one is late");
    assert_eq!(fire(&mut desk, 4, "2.00"), ["filled #4 of a: 2 at 2.00, cash 0.00"]);
    assert_eq!(desk.money("a"), ("6.00".to_string(), "0.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_trigger_set_again_makes_another_order_of_it() {
    let mut desk = with_buy_order();
    let set = desk.run(&["SET_BUY_TRIGGER,a,S,2.00"]);
    assert_eq!(set.orders, ["gone #3: buy S at 3.00", "armed #4 of a: buy S at 2.00"]);
    assert_eq!(fire(&mut desk, 3, "3.00").len(), 0);
    // One that is refused leaves the order as it was, and there is nothing to tell.
    assert!(desk.run(&["SET_BUY_AMOUNT,a,S,100.00"]).orders.is_empty());
    assert_eq!(fire(&mut desk, 4, "2.00"), ["filled #4 of a: 5 at 2.00, cash 0.00"]);
}

#[tokio::test(start_paused = true)]
async fn the_reserve_of_a_sell_follows_its_amount_and_its_trigger() {
    let mut desk = with_shares();
    let armed = desk.run(&["SET_SELL_AMOUNT,a,S,8.00", "SET_SELL_TRIGGER,a,S,2.00"]);
    assert_eq!(armed.orders, ["armed #5 of a: sell S at 2.00"]);
    let set = desk.run(&["SET_SELL_AMOUNT,a,S,12.00"]);
    assert_eq!(set.orders, ["gone #5: sell S at 2.00", "armed #6 of a: sell S at 2.00"]);
    assert_eq!(desk.account("a").unwrap().holdings()[0].1.reserved.count(), 6);
    let set = desk.run(&["SET_SELL_TRIGGER,a,S,4.00"]);
    assert_eq!(set.orders, ["gone #6: sell S at 2.00", "armed #7 of a: sell S at 4.00"]);
    let sent = desk.now();
    assert!(desk.fire("a", Side::Sell, 6, Quoted("S", "4.00", sent)).log.is_empty());
    let fired = desk.fire("a", Side::Sell, 7, Quoted("S", "4.00", sent));
    assert_eq!(fired.log, ["filled #7 of a: 3 at 4.00, cash 12.00"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_its_own_command_fires_is_never_told_of() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,10.00", "SET_BUY_AMOUNT,a,S,10.00", "SET_BUY_TRIGGER,a,S,5.00"]);
    let fired = desk.price("S", "5.00");
    assert!(fired.orders.is_empty());
    assert_eq!(desk.money("a"), ("0.00".to_string(), "0.00".to_string()));
    // One that was told of, and is fired by the command that sets its amount again, is gone.
    let mut desk = with_buy_order();
    wait(60_000).await;
    desk.run(&["SET_BUY_AMOUNT,a,S,9.00"]);
    let fired = desk.price("S", "3.00");
    assert_eq!(fired.orders, ["gone #3: buy S at 3.00"]);
    assert_eq!(desk.money("a"), ("1.00".to_string(), "0.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_and_a_firing_race_and_whoever_is_first_wins() {
    let mut desk = with_buy_order();
    let cancelled = desk.run(&["CANCEL_SET_BUY,a,S"]);
    assert_eq!(cancelled.orders, ["gone #3: buy S at 3.00"]);
    assert!(fire(&mut desk, 3, "1.00").is_empty());
    assert_eq!(desk.money("a"), ("10.00".to_string(), "0.00".to_string()));

    let mut desk = with_buy_order();
    assert_eq!(fire(&mut desk, 3, "1.00").len(), 1);
    let cancelled = desk.run(&["CANCEL_SET_BUY,a,S"]);
    assert_eq!(cancelled.log, ["#4 CANCEL_SET_BUY a no_buy_order"]);
    assert!(cancelled.orders.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_firing_keeps_its_place_among_the_commands_of_a_user_who_waits() {
    let mut desk = with_buy_order();
    desk.run(&["ADD,a,5.00", "QUOTE,a,T"]);
    assert!(fire(&mut desk, 3, "2.00").is_empty(), "the user waits for T");
    desk.run(&["CANCEL_SET_BUY,a,S"]);
    let happened = desk.price("T", "9.00");
    assert_eq!(
        happened.log,
        [
            "#5 QUOTE a accepted at 9.00",
            "filled #3 of a: 5 at 2.00, cash 0.00",
            "#6 CANCEL_SET_BUY a no_buy_order"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_price_that_ran_out_while_the_user_waited_fires_nothing_and_the_order_is_told_of_again() {
    let mut desk = with_buy_order();
    desk.run(&["QUOTE,a,T"]);
    assert!(fire(&mut desk, 3, "2.00").is_empty());
    wait(59_999).await;
    let mut other = with_buy_order();
    let sent = other.now();
    let fired = other.fire("a", Side::Buy, 3, Quoted("S", "2.00", sent));
    assert_eq!(fired.log.len(), 1);
    wait(1).await;
    let happened = desk.price("T", "9.00");
    assert_eq!(happened.log, ["#4 QUOTE a accepted at 9.00"]);
    assert_eq!(happened.orders, ["armed #3 of a: buy S at 3.00"]);
    assert_eq!(desk.money("a"), ("0.00".to_string(), "10.00".to_string()));
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_one_stock_and_two_orders_at_one_price_fire_each_for_itself() {
    let mut desk = with_shares();
    desk.run(&["ADD,a,4.00", "SET_BUY_AMOUNT,a,S,4.00", "SET_BUY_TRIGGER,a,S,0.50"]);
    desk.run(&["SET_SELL_AMOUNT,a,S,5.00", "SET_SELL_TRIGGER,a,S,5.00"]);
    desk.run(&["ADD,b,4.00", "SET_BUY_AMOUNT,b,S,4.00", "SET_BUY_TRIGGER,b,S,0.50"]);
    let sent = desk.now();
    // 1 to 3 made the shares, 6 armed a's buy, 8 its sell, 11 b's buy.
    let quote = || Quoted("S", "0.50", sent);
    assert_eq!(desk.fire("a", Side::Buy, 6, quote()).log, ["filled #6 of a: 8 at 0.50, cash 0.00"]);
    assert_eq!(
        desk.fire("b", Side::Buy, 11, quote()).log,
        ["filled #11 of b: 8 at 0.50, cash 0.00"]
    );
    assert!(desk.fire("a", Side::Sell, 8, quote()).log.is_empty(), "0.50 is no price for it");
    let fired = desk.fire("a", Side::Sell, 8, Quoted("S", "5.00", sent));
    assert_eq!(fired.log, ["filled #8 of a: 1 at 5.00, cash 5.00"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_armed_before_a_restart_is_told_of_first() {
    let mut desk = with_buy_order();
    let accounts = desk.engine.take_accounts();
    let mut desk = Desk::with(accounts);
    assert_eq!(desk.take().orders, ["armed #3 of a: buy S at 3.00"]);
    assert!(desk.fire("nobody", Side::Buy, 3, Quoted("S", "1.00", desk.now())).log.is_empty());
    assert_eq!(fire(&mut desk, 3, "3.00").len(), 1);
}
