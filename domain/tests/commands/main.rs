//! Every command of the exchange: each precondition met and not met, and what is left of the
//! account to the cent and the share. The scripts are explained in [`script`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod buy_orders;
mod buys;
mod expiry;
mod limits;
mod script;
mod sell_orders;
mod sells;

use script::check;

#[test]
fn only_add_opens_an_account_and_only_quote_and_dumplog_work_without() {
    for (command, answer) in [
        ("QUOTE,u,S @ 3.00", "quoted"),
        ("BUY,u,S,1.00 @ 3.00", "unknown_account"),
        ("COMMIT_BUY,u", "unknown_account"),
        ("CANCEL_BUY,u", "unknown_account"),
        ("SELL,u,S,1.00 @ 3.00", "unknown_account"),
        ("COMMIT_SELL,u", "unknown_account"),
        ("CANCEL_SELL,u", "unknown_account"),
        ("SET_BUY_AMOUNT,u,S,1.00 @ 3.00", "unknown_account"),
        ("SET_BUY_TRIGGER,u,S,1.00 @ 3.00", "unknown_account"),
        ("CANCEL_SET_BUY,u,S", "unknown_account"),
        ("SET_SELL_AMOUNT,u,S,1.00 @ 3.00", "unknown_account"),
        ("SET_SELL_TRIGGER,u,S,1.00 @ 3.00", "unknown_account"),
        ("CANCEL_SET_SELL,u,S", "unknown_account"),
        ("DISPLAY_SUMMARY,u", "unknown_account"),
        ("DUMPLOG,u,./log", "dumped"),
    ] {
        check(&format!("{command} -> {answer}\n= no account"));
    }
    check("ADD,u,0.01 -> added\n= 0.01 + 0.00");
}

#[test]
fn an_unknown_user_is_refused_before_a_price_is_asked_for() {
    for command in ["BUY,u,S,1.00", "SELL,u,S,1.00", "SET_BUY_TRIGGER,u,S,1.00"] {
        check(&format!("{command} -> unknown_account"));
    }
    check("QUOTE,u,S -> quote_unavailable\n= no account");
}

#[test]
fn add_adds_to_the_cent() {
    check(
        "ADD,u,0.01 -> added
         ADD,u,63511.53 -> added
         ADD,u,0.1 -> added
         ADD,u,7 -> added
         = 63518.64 + 0.00
         ADD,u,1000000000000.00 -> added
         = 1000000063518.64 + 0.00",
    );
}

#[test]
fn looking_changes_nothing() {
    check(
        "ADD,u,10.00 -> added
         BUY,u,S,10.00 @ 4.00 -> buying 2 for 8.00
         = 2.00 + 8.00; buying 2 S for 8.00
         QUOTE,u,S @ 3.00 -> quoted
         QUOTE,u,S -> quote_unavailable
         DISPLAY_SUMMARY,u -> shown
         DUMPLOG,u,./log -> dumped
         = 2.00 + 8.00; buying 2 S for 8.00",
    );
}

#[test]
fn a_symbol_in_small_letters_is_another_stock() {
    check(
        "ADD,u,10.00 -> added
         BUY,u,s,1.00 @ 1.00 -> buying 1 for 1.00
         COMMIT_BUY,u -> committed #2, 1 s for 1.00
         SELL,u,S,1.00 @ 1.00 -> insufficient_shares (0)
         = 9.00 + 0.00; s 1 + 0",
    );
}
