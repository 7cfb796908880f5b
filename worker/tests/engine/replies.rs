//! Replies: to whom, in which messages, with what; and what is left of users who own nothing.
//! That each reply points to the entry of its command is checked for every test by
//! [`Desk::take`].

use crate::desk::{Desk, client, wait};
use bus::{Reply, ReplyTo};
use domain::trading::Entry;
use domain::trading::RulesVersion;
use std::time::Duration;
use worker::Ledger;

fn numbers(replies: &[Reply]) -> Vec<u64> {
    replies.iter().map(|reply| reply.decided.command.transaction.0).collect()
}

#[tokio::test(start_paused = true)]
async fn replies_go_to_the_client_who_asked_in_one_message_a_run() {
    let mut desk = Desk::open();
    let (one, two) = (client(), client());
    desk.send(one.clone(), &["ADD,a,1.00", "ADD,b,1.00"]);
    desk.send(one.clone(), &["ADD,a,1.00"]);
    desk.send(two.clone(), &["ADD,a,1.00", "DUMPLOG,./all"]);
    desk.send(one.clone(), &["ADD,a,1.00"]);
    let happened = desk.take();
    let messages: Vec<(bool, Vec<u64>)> =
        happened.replies.iter().map(|(to, of)| (to.same_client(&one), numbers(of))).collect();
    assert_eq!(messages, [(true, vec![1, 2, 3]), (false, vec![4, 5]), (true, vec![6])]);
    assert!(happened.replies[1].0.same_client(&two));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_has_waited_is_answered_to_its_own_client() {
    let mut desk = Desk::open();
    let (one, two) = (client(), client());
    desk.send(one.clone(), &["QUOTE,a,S", "ADD,b,1.00"]);
    desk.send(two.clone(), &["ADD,a,1.00"]);
    assert_eq!(numbers(&desk.take().replies[0].1), [2]);
    let priced = desk.price("S", "1.00");
    let of = |at: usize| -> (&ReplyTo, Vec<u64>) {
        (&priced.replies[at].0, numbers(&priced.replies[at].1))
    };
    assert!(of(0).0.same_client(&one) && of(0).1 == [1]);
    assert!(of(1).0.same_client(&two) && of(1).1 == [3]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_quote_counts_as_execution() {
    let mut desk = Desk::open();
    let asked = desk.now();
    desk.run(&["QUOTE,a,S", "ADD,a,1.00"]);
    wait(4_000).await;
    let priced = desk.price("S", "1.00");
    let replies = &priced.replies[0].1;
    assert_eq!(replies[0].execution, Duration::from_secs(4));
    assert_eq!(replies[1].execution, Duration::ZERO, "it waited for the other, not for a quote");
    assert!(replies.iter().all(|reply| reply.received == asked));
    assert_eq!(replies[0].decided.command.received_ms + 4_000, replies[0].decided.applied_ms);
}

#[tokio::test(start_paused = true)]
async fn a_price_is_the_asking_commands_own_and_cached_for_the_others() {
    let mut desk = Desk::open();
    desk.run(&["ADD,a,9.00", "BUY,a,S,1.00", "BUY,a,S,1.00", "COMMIT_BUY,a", "SELL,a,S,1.00"]);
    assert_eq!(
        desk.price("S", "1.00").log,
        [
            "#2 BUY a accepted at 1.00",
            "#3 BUY a accepted at 1.00 (cached)",
            "#4 COMMIT_BUY a accepted",
            "#5 SELL a accepted at 1.00 (cached)",
        ]
    );
    // Another worker asked for it.
    desk.price("T", "2.00");
    assert_eq!(desk.run(&["QUOTE,a,T"]).log, ["#6 QUOTE a accepted at 2.00 (cached)"]);
}

#[tokio::test(start_paused = true)]
async fn a_summary_shows_the_account_as_it_was_then() {
    let mut desk = Desk::open();
    let happened =
        desk.run(&["ADD,a,1.00", "DISPLAY_SUMMARY,a", "ADD,a,1.00", "DISPLAY_SUMMARY,b"]);
    let summaries: Vec<Option<String>> = happened.replies[0]
        .1
        .iter()
        .map(|reply| reply.summary.as_ref().map(|account| account.cash.to_string()))
        .collect();
    assert_eq!(summaries, [None, Some("1.00".to_string()), None, None]);
}

#[tokio::test(start_paused = true)]
async fn users_who_own_nothing_leave_nothing_behind() {
    let mut desk = Desk::open();
    desk.run(&["ADD,owner,1.00"]);
    desk.price("S", "1.00");
    for user in 0..1_000 {
        let commands = ["QUOTE,{},S", "BUY,{},S,1.00", "DISPLAY_SUMMARY,{}", "DUMPLOG,{},f"];
        let lines = commands.map(|line| line.replace("{}", &format!("stranger{user}")));
        desk.run(&lines.each_ref().map(String::as_str));
    }
    assert!(desk.engine.slots() <= 2, "{} slots", desk.engine.slots());
    // As many as wait at once need room; those who come behind them use it again.
    for round in 0..10 {
        for user in 0..100 {
            desk.run(&[&format!("QUOTE,waiter{round}x{user},T{}", ["a", "b"][user % 2])]);
        }
        desk.no_price("Ta");
        desk.no_price("Tb");
    }
    assert!(desk.engine.slots() <= 101, "{} slots", desk.engine.slots());
    assert_eq!(desk.engine.accounts().count(), 1);
    assert_eq!(desk.engine.next_deadline_ms(), None);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_used_again_shows_nothing_of_the_user_before() {
    let mut desk = Desk::open();
    desk.run(&["QUOTE,x,S"]);
    desk.price("S", "1.00");
    desk.run(&["ADD,y,5.00", "BUY,y,S,1.00"]);
    assert_eq!(desk.engine.slots(), 1);
    assert_eq!(desk.run(&["DISPLAY_SUMMARY,x"]).log, ["#4 DISPLAY_SUMMARY x unknown_account"]);
    assert_eq!(desk.account("y").unwrap().recent.newest_first().count(), 2);
    wait(60_001).await;
    assert_eq!(desk.expire().log, ["expired #3 of y"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_signs_up_has_an_account_in_turn_with_what_came_before() {
    let mut desk = Desk::open();
    desk.run(&["QUOTE,x,S", "REGISTER,x", "COMMIT_BUY,x"]);
    assert!(desk.account("x").is_none());
    assert_eq!(
        desk.price("S", "1.00").log,
        ["#1 QUOTE x accepted at 1.00", "#2 REGISTER x accepted", "#3 COMMIT_BUY x no_pending_buy"]
    );
    assert_eq!(desk.account("x").unwrap().cash.to_string(), "0.00");
}

/// A sender whose clock is ahead, or that sends before its time.
#[tokio::test(start_paused = true)]
async fn a_command_from_the_future_is_received_now() {
    let mut desk = Desk::open();
    let (now, now_ms) = (desk.now(), desk.now_ms());
    let ahead = now.plus(Duration::from_secs(16));
    desk.send_received(client(), &["ADD,a,9.00", "BUY,a,S,9.00", "ADD,a,x"], ahead);
    desk.take();
    let happened = desk.price("S", "1.00");
    assert_eq!(happened.replies[0].1[0].received, now);
    let mut ledger = Ledger::default();
    for entry in &desk.entries {
        let Entry::Command(decided) = entry else { panic!("{entry:?}") };
        assert_eq!((decided.command.received_ms, decided.applied_ms), (now_ms, now_ms));
        ledger.replay(RulesVersion::CURRENT, entry).unwrap();
    }
    assert_eq!(desk.entries.len(), 3);
    assert_eq!(desk.engine.next_deadline_ms(), Some(now_ms + 60_000));
}
