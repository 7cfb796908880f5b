//! SET_SELL_AMOUNT, SET_SELL_TRIGGER, CANCEL_SET_SELL, and how a sell order fires.

use super::script::check;

/// An account with 10 free shares of S and no money.
fn check_with_shares(script: &str) {
    check(&format!(
        "ADD,u,10.00 -> added
         BUY,u,S,10.00 @ 1.00 -> buying 10 for 10.00
         COMMIT_BUY,u -> committed #2, 10 S for 10.00
         = 0.00 + 0.00; S 10 + 0
         {script}"
    ));
}

#[test]
fn an_amount_is_noted_and_reserves_nothing() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,1000000.00 -> holds 0
         = 0.00 + 0.00; S 10 + 0; sell order S 1000000.00
         SET_SELL_AMOUNT,u,S,0.01 -> holds 0
         = 0.00 + 0.00; S 10 + 0; sell order S 0.01
         SELL,u,S,10.00 @ 1.00 -> selling 10 for 10.00",
    );
}

#[test]
fn an_amount_needs_a_share_that_is_free_or_its_own() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,T,1.00 -> insufficient_shares (0)
         SELL,u,S,10.00 @ 1.00 -> selling 10 for 10.00
         SET_SELL_AMOUNT,u,S,1.00 -> insufficient_shares (0)
         CANCEL_SELL,u -> cancelled #5, 10 S for 10.00
         SET_SELL_AMOUNT,u,S,20.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 10
         SET_SELL_AMOUNT,u,S,16.00 @ 1.00 -> holds 8
         = 0.00 + 0.00; S 2 + 8; sell order S 16.00 at 2.00 by #10 holds 8",
    );
}

#[test]
fn a_trigger_or_a_cancel_without_an_amount_is_refused_before_a_price_is_asked_for() {
    check_with_shares(
        "SET_SELL_TRIGGER,u,S,1.00 -> no_sell_order
         CANCEL_SET_SELL,u,S -> no_sell_order
         SET_BUY_TRIGGER,u,S,1.00 -> no_buy_order
         SET_SELL_AMOUNT,u,S,5.00 -> holds 0
         SET_SELL_TRIGGER,u,T,1.00 -> no_sell_order
         CANCEL_SET_SELL,u,T -> no_sell_order
         SET_SELL_TRIGGER,u,S,1.00 -> quote_unavailable
         = 0.00 + 0.00; S 10 + 0; sell order S 5.00",
    );
}

#[test]
fn a_trigger_that_reserves_no_share_or_too_many_is_refused_before_a_price_is_asked_for() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,20.00 -> holds 0
         SET_SELL_TRIGGER,u,S,20.01 -> amount_too_small
         SET_SELL_TRIGGER,u,S,1.81 -> insufficient_shares (10)
         = 0.00 + 0.00; S 10 + 0; sell order S 20.00
         SET_SELL_TRIGGER,u,S,1.82 @ 1.00 -> armed, holds 10
         = 0.00 + 0.00; S 0 + 10; sell order S 20.00 at 1.82 by #7 holds 10
         SET_SELL_TRIGGER,u,S,20.00 @ 1.00 -> armed, holds 1
         = 0.00 + 0.00; S 9 + 1; sell order S 20.00 at 20.00 by #8 holds 1",
    );
}

#[test]
fn shares_sold_since_the_amount_was_set_are_not_reserved() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,10.00 -> holds 0
         SELL,u,S,8.00 @ 1.00 -> selling 8 for 8.00
         SET_SELL_TRIGGER,u,S,3.00 -> insufficient_shares (2)
         SET_SELL_TRIGGER,u,S,5.00 @ 1.00 -> armed, holds 2
         = 0.00 + 0.00; S 0 + 10; selling 8 S for 8.00; sell order S 10.00 at 5.00 by #7 holds 2",
    );
}

#[test]
fn an_order_fires_when_it_is_armed_at_the_price_or_below() {
    for (trigger, answer, left) in [
        ("2.99", "armed, holds 3, filled 3 at 3.00, cash 9.00", "9.00 + 0.00; S 7 + 0"),
        ("3.00", "armed, holds 3, filled 3 at 3.00, cash 9.00", "9.00 + 0.00; S 7 + 0"),
        (
            "3.01",
            "armed, holds 3",
            "0.00 + 0.00; S 7 + 3; sell order S 10.00 at 3.01 by #5 holds 3",
        ),
    ] {
        check_with_shares(&format!(
            "SET_SELL_AMOUNT,u,S,10.00 -> holds 0
             SET_SELL_TRIGGER,u,S,{trigger} @ 3.00 -> {answer}
             = {left}"
        ));
    }
}

#[test]
fn all_reserved_shares_are_sold_at_the_price_even_for_more_than_the_amount() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,10.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 100.00 -> armed, holds 5, filled 5 at 100.00, cash 500.00
         = 500.00 + 0.00; S 5 + 0
         SET_SELL_TRIGGER,u,S,2.00 -> no_sell_order
         CANCEL_SET_SELL,u,S -> no_sell_order
         fire sell S @ 100.00 -> nothing",
    );
}

#[test]
fn the_reserve_of_an_armed_order_follows_its_amount() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,10.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 5
         SET_SELL_AMOUNT,u,S,20.00 -> quote_unavailable
         SET_SELL_AMOUNT,u,S,1.99 -> amount_too_small
         SET_SELL_AMOUNT,u,S,22.00 -> insufficient_shares (10)
         = 0.00 + 0.00; S 5 + 5; sell order S 10.00 at 2.00 by #5 holds 5
         SET_SELL_AMOUNT,u,S,21.99 @ 1.00 -> holds 10
         = 0.00 + 0.00; S 0 + 10; sell order S 21.99 at 2.00 by #9 holds 10
         SET_SELL_AMOUNT,u,S,21.99 @ 1.00 -> holds 10
         SET_SELL_AMOUNT,u,S,2.00 @ 1.00 -> holds 1
         = 0.00 + 0.00; S 9 + 1; sell order S 2.00 at 2.00 by #11 holds 1
         SET_SELL_AMOUNT,u,S,9.00 @ 2.50 -> holds 4, filled 4 at 2.50, cash 10.00
         = 10.00 + 0.00; S 6 + 0",
    );
}

#[test]
fn re_arming_changes_the_reserve_and_evaluates_the_order() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,12.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 6
         SET_SELL_TRIGGER,u,S,3.00 @ 1.00 -> armed, holds 4
         = 0.00 + 0.00; S 6 + 4; sell order S 12.00 at 3.00 by #6 holds 4
         SET_SELL_TRIGGER,u,S,1.50 -> quote_unavailable
         SET_SELL_TRIGGER,u,S,1.50 @ 1.49 -> armed, holds 8
         SET_SELL_TRIGGER,u,S,1.00 -> insufficient_shares (10)
         SET_SELL_TRIGGER,u,S,1.20 @ 1.49 -> armed, holds 10, filled 10 at 1.49, cash 14.90
         = 14.90 + 0.00",
    );
}

#[test]
fn a_later_price_fires_under_the_command_that_last_left_the_order_armed() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,6.00 -> holds 0
         fire sell S @ 9.00 -> nothing
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 3
         SET_SELL_AMOUNT,u,S,8.00 @ 1.00 -> holds 4
         fire sell S @ 1.99 -> nothing
         fire buy S @ 2.00 -> nothing
         fire sell T @ 2.00 -> nothing
         fire sell S @ 2.01 -> #6 SET_SELL_AMOUNT, filled 4 at 2.01, cash 8.04
         = 8.04 + 0.00; S 6 + 0
         fire sell S @ 2.01 -> nothing",
    );
}

#[test]
fn a_dropped_order_returns_its_shares_armed_or_not() {
    check_with_shares(
        "SET_SELL_AMOUNT,u,S,6.00 -> holds 0
         CANCEL_SET_SELL,u,S -> dropped 0
         = 0.00 + 0.00; S 10 + 0
         SET_SELL_AMOUNT,u,S,6.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 3
         CANCEL_SET_SELL,u,S -> dropped 3
         = 0.00 + 0.00; S 10 + 0
         SET_SELL_AMOUNT,u,S,6.00 -> holds 0
         = 0.00 + 0.00; S 10 + 0; sell order S 6.00",
    );
}
