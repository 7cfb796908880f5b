//! Accounts at the end of 64 bits: what they could not hold is refused, and nothing changes.

use super::script::{check, check_on, stock_of};
use domain::trading::{Account, Money, Shares};

/// An account with cash up to `below` cents under the largest sum.
fn rich(below: i64) -> Account {
    let mut account = Account::default();
    account.open = true;
    account.cash = Money::from_cents(i64::MAX - below);
    account
}

/// 92,233,720,368,547,758.07 dollars.
const MOST: &str = "92233720368547758.07";

#[test]
fn an_add_that_the_cash_cannot_hold_is_refused() {
    check_on(
        rich(5),
        &format!(
            "ADD,u,0.06 -> balance_limit
             ADD,u,1000000000000.00 -> balance_limit
             = 92233720368547758.02 + 0.00
             ADD,u,0.05 -> added
             = {MOST} + 0.00"
        ),
    );
}

#[test]
fn reserved_money_counts_so_that_it_can_always_return() {
    check_on(
        rich(0),
        &format!(
            "BUY,u,S,1.00 @ 1.00 -> buying 1 for 1.00
             SET_BUY_AMOUNT,u,S,2.00 -> was 0.00
             ADD,u,0.01 -> balance_limit
             CANCEL_BUY,u -> cancelled #1, 1 S for 1.00
             CANCEL_SET_BUY,u,S -> dropped 2.00
             = {MOST} + 0.00"
        ),
    );
}

#[test]
fn a_sale_that_the_cash_cannot_hold_stays_pending_and_its_shares_are_not_lost() {
    let mut account = rich(299);
    account.gain_shares(stock_of("S"), Shares::new(3)).unwrap();
    check_on(
        account,
        "SELL,u,S,3.00 @ 1.00 -> selling 3 for 3.00
         COMMIT_SELL,u -> balance_limit
         = 92233720368547755.08 + 0.00; S 0 + 3; selling 3 S for 3.00
         BUY,u,T,0.01 @ 0.01 -> buying 1 for 0.01
         COMMIT_SELL,u -> balance_limit
         COMMIT_BUY,u -> committed #3, 1 T for 0.01
         COMMIT_SELL,u -> committed #1, 3 S for 3.00
         = 92233720368547758.07 + 0.00; T 1 + 0",
    );
}

#[test]
fn an_order_whose_proceeds_the_cash_cannot_hold_stays_armed() {
    let mut account = rich(299);
    account.gain_shares(stock_of("S"), Shares::new(3)).unwrap();
    check_on(
        account,
        "SET_SELL_AMOUNT,u,S,3.00 -> holds 0
         SET_SELL_TRIGGER,u,S,1.00 @ 1.00 -> armed, holds 3
         fire sell S @ 1.00 -> nothing
         = 92233720368547755.08 + 0.00; S 0 + 3; sell order S 3.00 at 1.00 by #2 holds 3
         SET_SELL_TRIGGER,u,S,1.01 @ 1.00 -> armed, holds 2
         fire sell S @ 1.49 -> #3 SET_SELL_TRIGGER, filled 2 at 1.49, cash 2.98
         = 92233720368547758.06 + 0.00; S 1 + 0",
    );
}

#[test]
fn shares_beyond_64_bits_are_not_bought() {
    let mut account = rich(0);
    account.gain_shares(stock_of("S"), Shares::new(u64::MAX - 1)).unwrap();
    check_on(
        account,
        "BUY,u,S,0.02 @ 0.01 -> buying 2 for 0.02
         COMMIT_BUY,u -> balance_limit
         = 92233720368547758.05 + 0.02; S 18446744073709551614 + 0; buying 2 S for 0.02
         SET_BUY_AMOUNT,u,S,0.02 -> was 0.00
         SET_BUY_TRIGGER,u,S,0.01 @ 0.01 -> armed
         fire buy S @ 0.01 -> nothing
         = 92233720368547758.03 + 0.04; S 18446744073709551614 + 0; buying 2 S for 0.02; \
         buy order S 0.02 at 0.01 by #4
         CANCEL_BUY,u -> cancelled #1, 2 S for 0.02
         BUY,u,S,0.01 @ 0.01 -> buying 1 for 0.01
         COMMIT_BUY,u -> committed #6, 1 S for 0.01
         = 92233720368547758.04 + 0.02; S 18446744073709551615 + 0; \
         buy order S 0.02 at 0.01 by #4",
    );
}

#[test]
fn reserved_shares_count_so_that_they_can_always_return() {
    let mut account = rich(0);
    account.gain_shares(stock_of("S"), Shares::new(u64::MAX)).unwrap();
    check_on(
        account,
        "SELL,u,S,0.01 @ 0.01 -> selling 1 for 0.01
         BUY,u,S,0.01 @ 0.01 -> buying 1 for 0.01
         COMMIT_BUY,u -> balance_limit
         CANCEL_SELL,u -> cancelled #1, 1 S for 0.01
         = 92233720368547758.06 + 0.01; S 18446744073709551615 + 0; buying 1 S for 0.01",
    );
}

#[test]
fn the_largest_amount_at_the_smallest_price_is_counted_in_full() {
    check_on(
        rich(0),
        "BUY,u,S,1000000000000.00 @ 0.01 -> buying 100000000000000 for 1000000000000.00
         COMMIT_BUY,u -> committed #1, 100000000000000 S for 1000000000000.00
         SELL,u,S,1000000000000.00 @ 0.01 -> selling 100000000000000 for 1000000000000.00
         SET_BUY_AMOUNT,u,T,1000000000000.00 -> was 0.00
         SET_BUY_TRIGGER,u,T,1000000000000.00 @ 0.01 -> \
         armed, filled 100000000000000 at 0.01, cash 0.00
         = 92231720368547758.07 + 0.00; S 0 + 100000000000000; T 100000000000000 + 0; \
         selling 100000000000000 S for 1000000000000.00",
    );
}

#[test]
fn signing_up_opens_an_account_with_nothing_in_it_and_changes_none_that_is_open() {
    check(
        "COMMIT_BUY,u -> unknown_account
         REGISTER,u -> open
         = 0.00 + 0.00
         BUY,u,S,1.00 -> insufficient_funds (0.00)
         ADD,u,5.00 -> added
         REGISTER,u -> open
         = 5.00 + 0.00",
    );
}
