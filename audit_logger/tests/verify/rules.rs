//! Rules of trading that take more than one changed line to break, or to keep.

use super::log::{good, script};
use super::{assert_found, assert_good, check};
use audit_logger::verify::FindingKind::*;

#[test]
fn an_early_expiry_is_found() {
    let log = good().with_all(12, "60206", "60204");
    assert_found("early", &check(&log.xml()), ExpiredEarly, 1);
    assert_good(&check(&good().with_all(12, "60206", "60205").xml()));
}

#[test]
fn a_sale_that_fired_at_once_and_is_not_told_is_found() {
    let log = good()
        .with("event 270 17 SET_SELL_TRIGGER u=alice s=ABC f=10.00", &[])
        .with("cash 270 17 add u=alice f=50.00", &[]);
    assert_found("silent", &check(&log.xml()), FiringMissed, 3);
}

#[test]
fn a_stale_price_is_found() {
    let log = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 100 2 u=alice s=ABC p=10.00
cmd 90 2 QUOTE u=alice s=ABC
cmd 60000 3 QUOTE u=alice s=ABC
event 60100 3 QUOTE u=alice s=ABC f=10.00
cmd 60100 4 BUY u=alice s=ABC f=10.00
event 60101 4 BUY u=alice s=ABC f=10.00
cash 60101 4 remove u=alice f=10.00
cmd 60102 5 CANCEL_BUY u=alice
cash 60102 5 add u=alice f=10.00
cmd 60103 6 DUMPLOG n=x
";
    let report = check(&script(log).xml());
    assert_found("stale", &report, PriceStale, 1);
    assert_eq!(report.findings[0].transaction, Some(4));
}

/// A process that is killed between the two leaves an answer without its command, which the resumed
/// run receives again, and asks for again.
#[test]
fn quote_of_a_killed_process_is_no_finding() {
    let log = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 100 2 u=alice s=ABC p=10.00
quote 90000 2 u=alice s=ABC p=12.00
cmd 89990 2 BUY u=alice s=ABC f=50.00
cash 90000 2 remove u=alice f=48.00
cmd 90003 3 DUMPLOG n=x
";
    assert_good(&check(&script(log).xml()));
    // Its old price is no price for the command.
    let old = log.replace("f=48.00", "f=50.00");
    assert!(!check(&script(&old).xml()).is_good());
}

#[test]
fn shares_below_nothing_are_found() {
    let log = good().with_all(8, "f=30.00", "f=110.00").with_all(9, "f=30.00", "f=110.00");
    assert_found("eleven of ten", &check(&log.xml()), NegativeShares, 9);
    assert_found("eleven of ten", &check(&log.xml()), NotRefused, 9);
}

/// A SELL that asked for its own price leaves no element with the time of its effect.
#[test]
fn where_the_log_is_not_exact_the_checker_does_not_guess() {
    let base = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 10 2 u=alice s=ABC p=10.00
cmd 5 2 BUY u=alice s=ABC f=100.00
cash 10 2 remove u=alice f=100.00
cmd 20 3 COMMIT_BUY u=alice
quote 60300 4 u=alice s=ABC p=11.00
cmd 60200 4 SELL u=alice s=ABC f=22.00
";
    let with = |tail: &str| check(&script(&format!("{base}{tail}")).xml());
    let commit = |at: u64| {
        with(&format!("cmd {at} 5 COMMIT_SELL u=alice\ncash {at} 5 add u=alice f=22.00\n"))
    };
    assert_good(&commit(120_300));
    assert_good(&commit(121_300));
    assert_found("late", &commit(121_301), WindowPassed, 1);
    let refused = |at: u64| {
        with(&format!(
            "cmd {at} 5 COMMIT_SELL u=alice\nerror {at} 5 COMMIT_SELL u=alice m=no_pending_sell\n"
        ))
    };
    assert_good(&refused(120_301));
    assert_found("early", &refused(120_300), WronglyRefused, 1);
}

#[test]
fn a_command_that_waited_is_judged_by_the_time_of_its_effect() {
    // The COMMIT_BUY was received in time, and waited for the QUOTE before it.
    let log = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 10 2 u=alice s=ABC p=10.00
cmd 5 2 BUY u=alice s=ABC f=100.00
cash 10 2 remove u=alice f=100.00
quote 60500 3 u=alice s=XYZ p=10.00
cmd 60000 3 QUOTE u=alice s=XYZ
cmd 60005 4 COMMIT_BUY u=alice
error 60500 4 COMMIT_BUY u=alice m=no_pending_buy
event 60501 2 CANCEL_BUY u=alice s=ABC f=100.00
cash 60501 2 add u=alice f=100.00
cmd 60600 5 DUMPLOG n=x
";
    assert_good(&check(&script(log).xml()));
}

#[test]
fn another_price_excuses_an_order_that_did_not_fire() {
    let log = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 10 2 u=alice s=ABC p=10.00
cmd 5 2 QUOTE u=alice s=ABC
quote 59000 3 u=alice s=ABC p=4.00
cmd 58990 3 QUOTE u=alice s=ABC
cmd 59001 4 SET_BUY_AMOUNT u=alice s=ABC f=50.00
cash 59001 4 remove u=alice f=50.00
cmd 59002 5 SET_BUY_TRIGGER u=alice s=ABC f=5.00
cmd 59003 6 DUMPLOG n=x
";
    assert_good(&check(&script(log).xml()));
    // A minute later only the satisfying price is good.
    let later = log.replace("59002 5", "60071 5").replace("59003 6", "60072 6");
    assert_found("later", &check(&script(&later).xml()), FiringMissed, 1);
}

#[test]
fn an_order_that_cannot_pay_for_a_share_does_not_fire() {
    let log = "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
cmd 1 2 SET_BUY_AMOUNT u=alice s=ABC f=3.99
cash 1 2 remove u=alice f=3.99
quote 10 3 u=alice s=ABC p=4.00
cmd 2 3 SET_BUY_TRIGGER u=alice s=ABC f=5.00
cmd 11 4 DUMPLOG n=x
";
    assert_good(&check(&script(log).xml()));
    let fired =
        log.replace("cmd 11 4", "event 10 3 SET_BUY_TRIGGER u=alice s=ABC f=4.00\ncmd 11 4");
    assert_found("fired", &check(&script(&fired).xml()), FiredUnsatisfied, 3);
}

#[test]
fn sell_orders_are_held_to_their_shares() {
    let log = |tail: &str| {
        let log = format!(
            "\
cmd 0 1 ADD u=alice f=100.00
cash 0 1 add u=alice f=100.00
quote 10 2 u=alice s=ABC p=10.00
cmd 5 2 BUY u=alice s=ABC f=50.00
cash 10 2 remove u=alice f=50.00
cmd 20 3 COMMIT_BUY u=alice
cmd 30 4 SET_SELL_AMOUNT u=alice s=ABC f=100.00
{tail}"
        );
        check(&script(&log).xml())
    };
    assert_good(&log("cmd 31 5 SET_SELL_TRIGGER u=alice s=ABC f=20.00\n"));
    assert_found(
        "six of five",
        &log("cmd 31 5 SET_SELL_TRIGGER u=alice s=ABC f=16.66\n"),
        NotRefused,
        2,
    );
    assert_found("none", &log("cmd 31 5 SET_SELL_TRIGGER u=alice s=ABC f=100.01\n"), NotRefused, 1);
    let refused = |code: &str, price: &str| {
        log(&format!(
            "cmd 31 5 SET_SELL_TRIGGER u=alice s=ABC f={price}\n\
             error 31 5 SET_SELL_TRIGGER u=alice s=ABC f={price} m={code}\n"
        ))
    };
    assert_good(&refused("insufficient_shares", "16.66"));
    assert_good(&refused("amount_too_small", "100.01"));
    assert_good(&refused("quote_unavailable", "20.00"));
    assert_found("not so", &refused("insufficient_shares", "20.00"), WronglyRefused, 1);
    assert_found("other", &refused("amount_too_small", "16.66"), WrongCode, 1);
    // An armed order follows its amount.
    let again =
        |tail: &str| log(&format!("cmd 31 5 SET_SELL_TRIGGER u=alice s=ABC f=20.00\n{tail}"));
    assert_good(&again(
        "cmd 32 6 SET_SELL_AMOUNT u=alice s=ABC f=19.99\n\
         error 32 6 SET_SELL_AMOUNT u=alice s=ABC f=19.99 m=amount_too_small\n",
    ));
    assert_good(&again(
        "cmd 32 6 SET_SELL_AMOUNT u=alice s=ABC f=120.00\n\
         error 32 6 SET_SELL_AMOUNT u=alice s=ABC f=120.00 m=insufficient_shares\n",
    ));
    // All five shares are reserved: none is free to be sold.
    assert_good(&again(
        "cmd 32 6 SELL u=alice s=ABC f=20.00\n\
         error 32 6 SELL u=alice s=ABC f=20.00 m=insufficient_shares\n",
    ));
    // The order fires later, for all it reserves.
    assert_good(&again(
        "quote 60100 5 u=alice s=ABC p=20.00\n\
         event 60100 5 SET_SELL_TRIGGER u=alice s=ABC f=20.00\n\
         cash 60100 5 add u=alice f=100.00\n",
    ));
}

#[test]
fn a_limit_is_believed_where_it_is_near() {
    let mut log = String::new();
    // 92,233 times the largest amount is just below what 64 bits hold.
    for number in 1..=92_234 {
        log += &format!("cmd {number} {number} ADD u=rich f=1000000000000.00\n");
        log += &format!("cash {number} {number} add u=rich f=1000000000000.00\n");
    }
    let refused = "cash 92234 92234 add u=rich f=1000000000000.00\n";
    let over = check(&script(&log).xml());
    assert_found("over", &over, NotRefused, 3);
    let log =
        log.replace(refused, "error 92234 92234 ADD u=rich f=1000000000000.00 m=balance_limit\n");
    assert_good(&check(&script(&log).xml()));
}
