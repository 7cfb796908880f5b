//! SET_BUY_AMOUNT, SET_BUY_TRIGGER, CANCEL_SET_BUY, and how a buy order fires.

use super::script::check;

#[test]
fn an_amount_leaves_cash_for_the_reserve_and_needs_no_price() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,10.01 -> insufficient_funds (10.00)
         SET_BUY_AMOUNT,u,S,10.00 -> was 0.00
         = 0.00 + 10.00; buy order S 10.00",
    );
}

#[test]
fn setting_an_amount_again_moves_the_difference_only() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,6.00 -> was 0.00
         SET_BUY_AMOUNT,u,S,10.01 -> insufficient_funds (10.00)
         SET_BUY_AMOUNT,u,S,10.00 -> was 6.00
         = 0.00 + 10.00; buy order S 10.00
         SET_BUY_AMOUNT,u,S,10.00 -> was 10.00
         SET_BUY_AMOUNT,u,S,2.50 -> was 10.00
         = 7.50 + 2.50; buy order S 2.50",
    );
}

#[test]
fn what_another_order_reserves_is_not_available() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,6.00 -> was 0.00
         SET_BUY_AMOUNT,u,T,4.01 -> insufficient_funds (4.00)
         SET_BUY_AMOUNT,u,T,4.00 -> was 0.00
         = 0.00 + 10.00; buy order S 6.00; buy order T 4.00",
    );
}

#[test]
fn a_trigger_or_a_cancel_without_an_amount_is_refused_before_a_price_is_asked_for() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_TRIGGER,u,S,1.00 -> no_buy_order
         CANCEL_SET_BUY,u,S -> no_buy_order
         SET_BUY_AMOUNT,u,T,1.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,1.00 -> no_buy_order
         CANCEL_SET_BUY,u,S -> no_buy_order
         SET_BUY_TRIGGER,u,T,1.00 -> quote_unavailable
         = 9.00 + 1.00; buy order T 1.00",
    );
}

#[test]
fn an_order_fires_when_it_is_armed_at_the_price_or_above() {
    for (trigger, answer, left) in [
        ("2.99", "armed", "0.00 + 10.00; buy order S 10.00 at 2.99 by #3"),
        ("3.00", "armed, filled 3 at 3.00, cash 1.00", "1.00 + 0.00; S 3 + 0"),
        ("3.01", "armed, filled 3 at 3.00, cash 1.00", "1.00 + 0.00; S 3 + 0"),
    ] {
        check(&format!(
            "ADD,u,10.00 -> added
             SET_BUY_AMOUNT,u,S,10.00 -> was 0.00
             SET_BUY_TRIGGER,u,S,{trigger} @ 3.00 -> {answer}
             = {left}"
        ));
    }
}

#[test]
fn a_fired_order_is_gone() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,7.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,3.00 @ 3.00 -> armed, filled 2 at 3.00, cash 1.00
         = 4.00 + 0.00; S 2 + 0
         SET_BUY_TRIGGER,u,S,3.00 -> no_buy_order
         CANCEL_SET_BUY,u,S -> no_buy_order
         fire buy S @ 1.00 -> nothing
         SET_BUY_AMOUNT,u,S,4.00 -> was 0.00
         = 0.00 + 4.00; S 2 + 0; buy order S 4.00",
    );
}

#[test]
fn a_reserve_smaller_than_one_share_waits_for_a_lower_price() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,2.99 -> was 0.00
         SET_BUY_TRIGGER,u,S,5.00 @ 3.00 -> armed
         = 7.01 + 2.99; buy order S 2.99 at 5.00 by #3
         fire buy S @ 3.00 -> nothing
         fire buy S @ 2.99 -> #3 SET_BUY_TRIGGER, filled 1 at 2.99, cash 0.00
         = 7.01 + 0.00; S 1 + 0",
    );
}

#[test]
fn an_armed_order_stays_armed_when_its_amount_changes_and_is_evaluated_anew() {
    check(
        "ADD,u,20.00 -> added
         SET_BUY_AMOUNT,u,S,2.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,3.00 @ 4.00 -> armed
         SET_BUY_AMOUNT,u,S,8.00 -> quote_unavailable
         = 18.00 + 2.00; buy order S 2.00 at 3.00 by #3
         SET_BUY_AMOUNT,u,S,20.01 -> insufficient_funds (20.00)
         SET_BUY_AMOUNT,u,S,8.00 @ 4.00 -> was 2.00
         = 12.00 + 8.00; buy order S 8.00 at 3.00 by #6
         SET_BUY_AMOUNT,u,S,8.00 @ 4.00 -> was 8.00
         SET_BUY_AMOUNT,u,S,1.00 @ 3.00 -> was 8.00
         = 19.00 + 1.00; buy order S 1.00 at 3.00 by #8
         SET_BUY_AMOUNT,u,S,7.00 @ 3.00 -> was 1.00, filled 2 at 3.00, cash 1.00
         = 14.00 + 0.00; S 2 + 0",
    );
}

#[test]
fn re_arming_replaces_the_trigger_and_evaluates_it() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,10.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,2.00 @ 5.00 -> armed
         SET_BUY_TRIGGER,u,S,1.00 @ 5.00 -> armed
         = 0.00 + 10.00; buy order S 10.00 at 1.00 by #4
         SET_BUY_TRIGGER,u,S,6.00 -> quote_unavailable
         = 0.00 + 10.00; buy order S 10.00 at 1.00 by #4
         SET_BUY_TRIGGER,u,S,6.00 @ 5.00 -> armed, filled 2 at 5.00, cash 0.00
         = 0.00 + 0.00; S 2 + 0",
    );
}

#[test]
fn a_later_price_fires_under_the_command_that_last_left_the_order_armed() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,9.00 -> was 0.00
         fire buy S @ 1.00 -> nothing
         SET_BUY_TRIGGER,u,S,2.00 @ 5.00 -> armed
         SET_BUY_AMOUNT,u,S,10.00 @ 5.00 -> was 9.00
         fire buy S @ 2.01 -> nothing
         fire sell S @ 2.00 -> nothing
         fire buy T @ 2.00 -> nothing
         = 0.00 + 10.00; buy order S 10.00 at 2.00 by #4
         fire buy S @ 1.99 -> #4 SET_BUY_AMOUNT, filled 5 at 1.99, cash 0.05
         = 0.05 + 0.00; S 5 + 0
         fire buy S @ 1.99 -> nothing",
    );
}

#[test]
fn a_dropped_order_returns_its_reserve_armed_or_not() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,4.00 -> was 0.00
         CANCEL_SET_BUY,u,S -> dropped 4.00
         = 10.00 + 0.00
         SET_BUY_AMOUNT,u,S,5.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,1.00 @ 2.00 -> armed
         CANCEL_SET_BUY,u,S -> dropped 5.00
         = 10.00 + 0.00
         SET_BUY_AMOUNT,u,S,5.00 -> was 0.00
         = 5.00 + 5.00; buy order S 5.00
         fire buy S @ 1.00 -> nothing",
    );
}

#[test]
fn a_buy_order_and_a_sell_order_of_one_stock_do_not_mix() {
    check(
        "ADD,u,20.00 -> added
         BUY,u,S,10.00 @ 2.00 -> buying 5 for 10.00
         COMMIT_BUY,u -> committed #2, 5 S for 10.00
         SET_BUY_AMOUNT,u,S,6.00 -> was 0.00
         SET_SELL_AMOUNT,u,S,6.00 -> holds 0
         SET_BUY_TRIGGER,u,S,1.00 @ 2.00 -> armed
         SET_SELL_TRIGGER,u,S,3.00 @ 2.00 -> armed, holds 2
         = 4.00 + 6.00; S 3 + 2; buy order S 6.00 at 1.00 by #6; \
         sell order S 6.00 at 3.00 by #7 holds 2
         CANCEL_SET_BUY,u,S -> dropped 6.00
         CANCEL_SET_BUY,u,S -> no_buy_order
         fire sell S @ 3.00 -> #7 SET_SELL_TRIGGER, filled 2 at 3.00, cash 6.00
         = 16.00 + 0.00; S 3 + 0",
    );
}
