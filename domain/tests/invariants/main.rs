//! Random commands, prices and times: money and shares are neither made nor lost, a second and
//! independent reading of the rules comes to the same, and the entries alone lead there again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod model;
mod steps;
mod tamper;
mod world;

use domain::trading::Account;
use domain::trading::RulesVersion;
use domain::trading::codec;
use domain::trading::entry;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use std::collections::{BTreeSet, HashMap};
use steps::{Step, USERS, steps};
use world::{World, user_name};

fn run(steps: &[Step]) -> World {
    let mut world = World::new();
    steps.iter().for_each(|step| world.take(step));
    world
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(462),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(1024))]

    /// The checks stand in [`World::take`]: they are made behind every step.
    #[test]
    fn money_and_shares_are_conserved_and_a_second_reading_agrees(steps in steps()) {
        run(&steps);
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn the_entries_alone_lead_to_the_same_accounts(steps in steps()) {
        let world = run(&steps);
        let mut bytes = Vec::new();
        world.entries.iter().for_each(|entry| codec::encode(entry, &mut bytes).unwrap());
        let mut accounts = HashMap::new();
        let mut rest = bytes.as_slice();
        for written in &world.entries {
            let (entry, behind) = codec::decode(rest).unwrap();
            prop_assert_eq!(&entry, written);
            rest = behind;
            let user = entry.account().unwrap().clone();
            let account: &mut Account = accounts.entry(user).or_default();
            prop_assert_eq!(entry::replay(account, RulesVersion::CURRENT, &entry), Ok(()));
        }
        prop_assert!(rest.is_empty());
        for user in 0..USERS {
            let replayed = accounts.remove(&user_name(user)).unwrap_or_default();
            prop_assert_eq!(&replayed, &world.accounts[user]);
        }
    }

    #[test]
    fn an_entry_that_says_something_else_is_found(steps in steps()) {
        let world = run(&steps);
        let mut accounts = HashMap::new();
        for entry in &world.entries {
            let user = entry.account().unwrap().clone();
            let account: &mut Account = accounts.entry(user).or_default();
            for tampered in tamper::tampered(entry) {
                let found = entry::replay(&mut account.clone(), RulesVersion::CURRENT, &tampered);
                prop_assert!(found.is_err(), "{:?} passes for {:?}", tampered, entry);
                prop_assert_eq!(found.unwrap_err().transaction, tampered.transaction());
            }
            prop_assert_eq!(entry::replay(account, RulesVersion::CURRENT, entry), Ok(()));
        }
    }
}

/// Whether an outcome belongs to a command that can have it is what the other tests ask; here
/// it is whether they ever meet it.
#[test]
fn the_random_steps_reach_every_outcome() {
    let mut runner = TestRunner::new(config(1));
    let mut seen = BTreeSet::new();
    for _ in 0..256 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        seen.extend(run(&steps).seen);
    }
    let expected = "ADD accepted
        QUOTE accepted, QUOTE quote_unavailable
        BUY accepted, BUY unknown_account, BUY insufficient_funds, BUY amount_too_small
        BUY quote_unavailable
        COMMIT_BUY accepted, COMMIT_BUY unknown_account, COMMIT_BUY no_pending_buy
        CANCEL_BUY accepted, CANCEL_BUY unknown_account, CANCEL_BUY no_pending_buy
        SELL accepted, SELL unknown_account, SELL insufficient_shares, SELL amount_too_small
        SELL quote_unavailable
        COMMIT_SELL accepted, COMMIT_SELL unknown_account, COMMIT_SELL no_pending_sell
        CANCEL_SELL accepted, CANCEL_SELL unknown_account, CANCEL_SELL no_pending_sell
        SET_BUY_AMOUNT accepted, SET_BUY_AMOUNT unknown_account
        SET_BUY_AMOUNT insufficient_funds, SET_BUY_AMOUNT quote_unavailable
        SET_BUY_TRIGGER accepted, SET_BUY_TRIGGER unknown_account, SET_BUY_TRIGGER no_buy_order
        SET_BUY_TRIGGER quote_unavailable
        CANCEL_SET_BUY accepted, CANCEL_SET_BUY unknown_account, CANCEL_SET_BUY no_buy_order
        SET_SELL_AMOUNT accepted, SET_SELL_AMOUNT unknown_account
        SET_SELL_AMOUNT insufficient_shares, SET_SELL_AMOUNT amount_too_small
        SET_SELL_AMOUNT quote_unavailable
        SET_SELL_TRIGGER accepted, SET_SELL_TRIGGER unknown_account
        SET_SELL_TRIGGER no_sell_order, SET_SELL_TRIGGER amount_too_small
        SET_SELL_TRIGGER insufficient_shares, SET_SELL_TRIGGER quote_unavailable
        CANCEL_SET_SELL accepted, CANCEL_SET_SELL unknown_account, CANCEL_SET_SELL no_sell_order
        DISPLAY_SUMMARY accepted, DISPLAY_SUMMARY unknown_account
        DUMPLOG accepted, REGISTER accepted
        fired Buy, fired Sell, expired Buy, expired Sell";
    let mut expected: BTreeSet<String> =
        expected.split([',', '\n']).map(|outcome| outcome.trim().to_string()).collect();
    for order in ["SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER"] {
        expected.insert(format!("{order} accepted, filled"));
    }
    let missed: Vec<_> = expected.difference(&seen).collect();
    let strange: Vec<_> = seen.difference(&expected).collect();
    assert!(missed.is_empty() && strange.is_empty(), "missed {missed:?}, strange {strange:?}");
}
