//! BUY, COMMIT_BUY, CANCEL_BUY.

use super::script::check;

#[test]
fn a_buy_reserves_whole_shares_and_leaves_the_rest_free() {
    check(
        "ADD,u,100.00 -> added
         BUY,u,S,10.00 @ 3.00 -> buying 3 for 9.00
         = 91.00 + 9.00; buying 3 S for 9.00
         BUY,u,T,10.00 @ 0.07 -> buying 142 for 9.94
         = 81.06 + 18.94; buying 3 S for 9.00; buying 142 T for 9.94",
    );
}

#[test]
fn a_buy_needs_the_whole_amount_even_where_the_shares_cost_less() {
    check(
        "ADD,u,9.99 -> added
         BUY,u,S,10.00 @ 3.00 -> insufficient_funds (9.99)
         BUY,u,S,9.99 @ 3.33 -> buying 3 for 9.99
         = 0.00 + 9.99; buying 3 S for 9.99
         BUY,u,S,0.01 @ 0.01 -> insufficient_funds (0.00)",
    );
}

#[test]
fn cash_is_checked_before_a_price_is_asked_for() {
    check(
        "ADD,u,5.00 -> added
         BUY,u,S,5.01 -> insufficient_funds (5.00)
         BUY,u,S,5.00 -> quote_unavailable
         = 5.00 + 0.00",
    );
}

#[test]
fn an_amount_below_the_price_buys_nothing() {
    check(
        "ADD,u,10.00 -> added
         BUY,u,S,2.99 @ 3.00 -> amount_too_small
         BUY,u,S,3.00 @ 3.00 -> buying 1 for 3.00
         = 7.00 + 3.00; buying 1 S for 3.00",
    );
}

#[test]
fn the_newest_buy_is_committed_first() {
    check(
        "ADD,u,100.00 -> added
         BUY,u,S,10.00 @ 3.00 -> buying 3 for 9.00
         BUY,u,T,10.00 @ 5.00 -> buying 2 for 10.00
         BUY,u,S,4.00 @ 4.00 -> buying 1 for 4.00
         COMMIT_BUY,u -> committed #4, 1 S for 4.00
         = 77.00 + 19.00; S 1 + 0; buying 3 S for 9.00; buying 2 T for 10.00
         COMMIT_BUY,u -> committed #3, 2 T for 10.00
         COMMIT_BUY,u -> committed #2, 3 S for 9.00
         = 77.00 + 0.00; S 4 + 0; T 2 + 0
         COMMIT_BUY,u -> no_pending_buy",
    );
}

#[test]
fn the_newest_buy_is_cancelled_first_and_its_cost_returns() {
    check(
        "ADD,u,100.00 -> added
         BUY,u,S,10.00 @ 3.00 -> buying 3 for 9.00
         BUY,u,T,10.00 @ 4.00 -> buying 2 for 8.00
         CANCEL_BUY,u -> cancelled #3, 2 T for 8.00
         = 91.00 + 9.00; buying 3 S for 9.00
         COMMIT_BUY,u -> committed #2, 3 S for 9.00
         CANCEL_BUY,u -> no_pending_buy
         = 91.00 + 0.00; S 3 + 0",
    );
}

#[test]
fn a_pending_sell_is_no_pending_buy() {
    check(
        "ADD,u,10.00 -> added
         COMMIT_BUY,u -> no_pending_buy
         CANCEL_BUY,u -> no_pending_buy
         BUY,u,S,10.00 @ 5.00 -> buying 2 for 10.00
         COMMIT_SELL,u -> no_pending_sell
         CANCEL_SELL,u -> no_pending_sell
         COMMIT_BUY,u -> committed #4, 2 S for 10.00
         SELL,u,S,5.00 @ 5.00 -> selling 1 for 5.00
         COMMIT_BUY,u -> no_pending_buy
         CANCEL_BUY,u -> no_pending_buy
         = 0.00 + 0.00; S 1 + 1; selling 1 S for 5.00",
    );
}

#[test]
fn reserved_cash_pays_for_nothing_else() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,T,4.00 -> was 0.00
         BUY,u,S,6.01 @ 1.00 -> insufficient_funds (6.00)
         BUY,u,S,6.00 @ 1.00 -> buying 6 for 6.00
         SET_BUY_AMOUNT,u,S,0.01 -> insufficient_funds (0.00)
         = 0.00 + 10.00; buying 6 S for 6.00; buy order T 4.00",
    );
}
