//! The 60 seconds of a pending buy or sell.

use super::script::check;
use domain::trading::account::Pending;
use domain::trading::verbs::expiry::{Side, expire_next};
use domain::trading::{Account, Money, RulesVersion, Shares, Stock, TransactionNum};

#[test]
fn a_pending_of_60_000_ms_is_committed_and_one_of_60_001_ms_is_not() {
    for (opened, commit, done) in [
        ("BUY,u,S,4.00 @ 2.00 -> buying 2 for 4.00", "COMMIT_BUY,u", "committed #4, 2 S for 4.00"),
        ("BUY,u,S,4.00 @ 2.00 -> buying 2 for 4.00", "CANCEL_BUY,u", "cancelled #4, 2 S for 4.00"),
        (
            "SELL,u,S,4.00 @ 2.00 -> selling 2 for 4.00",
            "COMMIT_SELL,u",
            "committed #4, 2 S for 4.00",
        ),
        (
            "SELL,u,S,4.00 @ 2.00 -> selling 2 for 4.00",
            "CANCEL_SELL,u",
            "cancelled #4, 2 S for 4.00",
        ),
    ] {
        let given = "ADD,u,20.00 -> added
            BUY,u,S,10.00 @ 1.00 -> buying 10 for 10.00
            COMMIT_BUY,u -> committed #2, 10 S for 10.00";
        let none = if opened.starts_with("BUY") { "no_pending_buy" } else { "no_pending_sell" };
        check(&format!("{given}\n{opened}\n+ 60000\nexpire -> nothing\n{commit} -> {done}"));
        // Whether or not the timer has come by already.
        check(&format!("{given}\n{opened}\n+ 60001\n{commit} -> {none}"));
    }
}

#[test]
fn what_expires_returns_whole() {
    check(
        "ADD,u,20.00 -> added
         BUY,u,S,10.00 @ 3.00 -> buying 3 for 9.00
         COMMIT_BUY,u -> committed #2, 3 S for 9.00
         SELL,u,S,8.00 @ 4.00 -> selling 2 for 8.00
         BUY,u,T,11.00 @ 2.00 -> buying 5 for 10.00
         = 1.00 + 10.00; S 1 + 2; buying 5 T for 10.00; selling 2 S for 8.00
         + 60001
         expire -> sell #4, 2 S for 8.00
         = 1.00 + 10.00; S 3 + 0; buying 5 T for 10.00
         expire -> buy #5, 5 T for 10.00
         = 11.00 + 0.00; S 3 + 0
         expire -> nothing",
    );
}

#[test]
fn the_oldest_expires_and_the_newest_can_still_be_committed() {
    check(
        "ADD,u,20.00 -> added
         BUY,u,S,3.00 @ 3.00 -> buying 1 for 3.00
         + 1
         BUY,u,T,4.00 @ 4.00 -> buying 1 for 4.00
         + 60000
         expire -> buy #2, 1 S for 3.00
         expire -> nothing
         = 16.00 + 4.00; buying 1 T for 4.00
         COMMIT_BUY,u -> committed #3, 1 T for 4.00
         COMMIT_BUY,u -> no_pending_buy
         = 16.00 + 0.00; T 1 + 0",
    );
}

#[test]
fn an_expired_buy_that_no_timer_has_released_is_not_spent_again() {
    check(
        "ADD,u,10.00 -> added
         BUY,u,S,10.00 @ 10.00 -> buying 1 for 10.00
         + 60001
         BUY,u,S,10.00 @ 10.00 -> insufficient_funds (0.00)
         expire -> buy #2, 1 S for 10.00
         BUY,u,S,10.00 @ 10.00 -> buying 1 for 10.00
         COMMIT_BUY,u -> committed #4, 1 S for 10.00
         = 0.00 + 0.00; S 1 + 0",
    );
}

#[test]
fn orders_do_not_expire() {
    check(
        "ADD,u,10.00 -> added
         SET_BUY_AMOUNT,u,S,5.00 -> was 0.00
         SET_BUY_TRIGGER,u,S,1.00 @ 2.00 -> armed
         + 86400000
         expire -> nothing
         = 5.00 + 5.00; buy order S 5.00 at 1.00 by #3
         fire buy S @ 1.00 -> #3 SET_BUY_TRIGGER, filled 5 at 1.00, cash 0.00",
    );
}

/// To move the others up for each that leaves would be 28 TB of copying here: an hour, not a moment.
#[test]
fn a_million_pending_buys_expire_without_quadratic_work() {
    const COUNT: u64 = 1_000_000;
    let stock = Stock::parse(b"S").unwrap();
    let cent = Money::from_cents(1);
    let pending = |number| Pending {
        opened_by: TransactionNum(number),
        stock,
        shares: Shares::new(1),
        cash: cent,
        accepted_ms: 0,
    };
    let mut account = Account::default();
    account.reserved = Money::from_cents(COUNT as i64);
    account.pending_buys.extend((0..COUNT).map(pending));
    assert_eq!(expire_next(&mut account, RulesVersion::CURRENT, 60_000), None);
    for number in 0..COUNT {
        assert_eq!(
            expire_next(&mut account, RulesVersion::CURRENT, 60_001),
            Some((Side::Buy, pending(number)))
        );
    }
    assert_eq!(expire_next(&mut account, RulesVersion::CURRENT, 60_001), None);
    assert_eq!(account.cash.cents(), COUNT as i64);
}

#[test]
fn a_pending_at_the_end_of_time_never_expires() {
    let mut account = Account::default();
    account.pending_sells.push_back(Pending {
        opened_by: TransactionNum(1),
        stock: Stock::parse(b"S").unwrap(),
        shares: Shares::new(1),
        cash: Money::ZERO,
        accepted_ms: u64::MAX - 1,
    });
    assert_eq!(account.next_deadline_ms(), Some(u64::MAX));
    assert_eq!(expire_next(&mut account, RulesVersion::CURRENT, u64::MAX), None);
}
