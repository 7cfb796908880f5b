//! SELL, COMMIT_SELL, CANCEL_SELL.

use super::script::check;

/// An account with 10 free shares of S and 90.00 dollars.
const TEN_SHARES: &str = "ADD,u,100.00 -> added
    BUY,u,S,10.00 @ 1.00 -> buying 10 for 10.00
    COMMIT_BUY,u -> committed #2, 10 S for 10.00
    = 90.00 + 0.00; S 10 + 0
    ";

fn check_with_shares(script: &str) {
    check(&format!("{TEN_SHARES}{script}"));
}

#[test]
fn a_sell_reserves_whole_shares_and_brings_no_cash_yet() {
    check_with_shares(
        "SELL,u,S,10.00 @ 3.00 -> selling 3 for 9.00
         = 90.00 + 0.00; S 7 + 3; selling 3 S for 9.00
         COMMIT_SELL,u -> committed #4, 3 S for 9.00
         = 99.00 + 0.00; S 7 + 0",
    );
}

#[test]
fn a_share_must_be_free_before_a_price_is_asked_for() {
    check_with_shares(
        "SELL,u,T,1.00 -> insufficient_shares (0)
         SELL,u,S,1.00 -> quote_unavailable
         SELL,u,S,10.00 @ 1.00 -> selling 10 for 10.00
         SELL,u,S,1.00 -> insufficient_shares (0)
         = 90.00 + 0.00; S 0 + 10; selling 10 S for 10.00",
    );
}

#[test]
fn a_sell_of_less_than_a_share_or_of_more_than_are_free_is_refused() {
    check_with_shares(
        "SELL,u,S,2.99 @ 3.00 -> amount_too_small
         SELL,u,S,33.00 @ 3.00 -> insufficient_shares (10)
         SELL,u,S,32.99 @ 3.00 -> selling 10 for 30.00
         = 90.00 + 0.00; S 0 + 10; selling 10 S for 30.00",
    );
}

#[test]
fn shares_that_are_pending_or_ordered_are_not_sold_twice() {
    check_with_shares(
        "SELL,u,S,4.00 @ 1.00 -> selling 4 for 4.00
         SET_SELL_AMOUNT,u,S,10.00 -> holds 0
         SET_SELL_TRIGGER,u,S,2.00 @ 1.00 -> armed, holds 5
         SELL,u,S,2.00 @ 1.00 -> insufficient_shares (1)
         SELL,u,S,1.00 @ 1.00 -> selling 1 for 1.00
         = 90.00 + 0.00; S 0 + 10; selling 4 S for 4.00; selling 1 S for 1.00; \
         sell order S 10.00 at 2.00 by #6 holds 5",
    );
}

#[test]
fn the_newest_sell_is_committed_or_cancelled_first() {
    check_with_shares(
        "SELL,u,S,3.00 @ 3.00 -> selling 1 for 3.00
         SELL,u,S,8.00 @ 4.00 -> selling 2 for 8.00
         SELL,u,S,15.00 @ 5.00 -> selling 3 for 15.00
         CANCEL_SELL,u -> cancelled #6, 3 S for 15.00
         = 90.00 + 0.00; S 7 + 3; selling 1 S for 3.00; selling 2 S for 8.00
         COMMIT_SELL,u -> committed #5, 2 S for 8.00
         CANCEL_SELL,u -> cancelled #4, 1 S for 3.00
         = 98.00 + 0.00; S 8 + 0
         COMMIT_SELL,u -> no_pending_sell
         CANCEL_SELL,u -> no_pending_sell",
    );
}

#[test]
fn the_price_of_the_sell_counts_and_not_that_of_the_commit() {
    check_with_shares(
        "SELL,u,S,10.00 @ 5.00 -> selling 2 for 10.00
         QUOTE,u,S @ 1.00 -> quoted
         COMMIT_SELL,u -> committed #4, 2 S for 10.00
         = 100.00 + 0.00; S 8 + 0",
    );
}

#[test]
fn the_last_share_sold_leaves_no_empty_holding() {
    check_with_shares(
        "SELL,u,S,10.00 @ 1.00 -> selling 10 for 10.00
         COMMIT_SELL,u -> committed #4, 10 S for 10.00
         = 100.00 + 0.00
         SELL,u,S,1.00 -> insufficient_shares (0)",
    );
}

#[test]
fn both_stacks_of_one_stock_stand_beside_each_other() {
    check_with_shares(
        "SELL,u,S,6.00 @ 2.00 -> selling 3 for 6.00
         BUY,u,S,6.00 @ 2.00 -> buying 3 for 6.00
         = 84.00 + 6.00; S 7 + 3; buying 3 S for 6.00; selling 3 S for 6.00
         COMMIT_SELL,u -> committed #4, 3 S for 6.00
         COMMIT_BUY,u -> committed #5, 3 S for 6.00
         = 90.00 + 0.00; S 10 + 0",
    );
}
