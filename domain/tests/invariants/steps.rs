//! Random steps: commands, later prices, time. Small sums, few users and few stocks, so that
//! commands meet what earlier ones left.

use domain::trading::verbs::expiry::Side;
use domain::trading::{Amount, DumpFile, Money, Price, Stock, Verb};
use proptest::prelude::*;

pub(crate) const USERS: usize = 2;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A user's command, at a price if one can be had.
    Command { user: usize, verb: Verb, price: Option<Price> },
    /// A price that comes later.
    Price { user: usize, side: Side, stock: Stock, price: Price },
    /// Milliseconds pass; the timers run behind them.
    Wait(u64),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 50..200)
}

fn step() -> impl Strategy<Value = Step> {
    let a_price = || prop_oneof![9 => price().prop_map(Some), 1 => Just(None)];
    prop_oneof![
        24 => (0..USERS, verb(), a_price())
            .prop_map(|(user, verb, price)| Step::Command { user, verb, price }),
        3 => (0..USERS, prop_oneof![Just(Side::Buy), Just(Side::Sell)], stock(), price())
            .prop_map(|(user, side, stock, price)| Step::Price { user, side, stock, price }),
        3 => prop_oneof![
            4 => 0u64..2_000,
            1 => 2_000u64..62_000,
            1 => prop_oneof![Just(59_999), Just(60_000), Just(60_001)],
        ].prop_map(Step::Wait),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    // Commits come oftener than cancels, so that users get to own something.
    prop_oneof![
        4 => amount(90_000).prop_map(Verb::Add),
        1 => stock().prop_map(Verb::Quote),
        6 => (stock(), amount(15_000)).prop_map(|(stock, amount)| Verb::Buy(stock, amount)),
        5 => Just(Verb::CommitBuy),
        1 => Just(Verb::CancelBuy),
        4 => (stock(), amount(2_000)).prop_map(|(stock, amount)| Verb::Sell(stock, amount)),
        2 => Just(Verb::CommitSell),
        1 => Just(Verb::CancelSell),
        3 => (stock(), amount(5_000)).prop_map(|(stock, amount)| Verb::SetBuyAmount(stock, amount)),
        3 => (stock(), amount(400)).prop_map(|(stock, price)| Verb::SetBuyTrigger(stock, price)),
        1 => stock().prop_map(Verb::CancelSetBuy),
        4 => (stock(), amount(2_000)).prop_map(|(stock, amount)| Verb::SetSellAmount(stock, amount)),
        5 => (stock(), amount(600)).prop_map(|(stock, price)| Verb::SetSellTrigger(stock, price)),
        1 => stock().prop_map(Verb::CancelSetSell),
        1 => Just(Verb::Register),
        1 => Just(Verb::DisplaySummary),
        1 => Just(Verb::DumpLog(DumpFile::parse(b"./log").unwrap())),
    ]
}

fn stock() -> impl Strategy<Value = Stock> {
    prop_oneof![4 => Just("S"), 1 => Just("s"), 1 => Just("ABC")]
        .prop_map(|text| Stock::parse(text.as_bytes()).unwrap())
}

fn amount(most: i64) -> impl Strategy<Value = Amount> {
    (1..=most).prop_map(|cents| Amount::new(Money::from_cents(cents)).unwrap())
}

fn price() -> impl Strategy<Value = Price> {
    (1i64..=600).prop_map(|cents| Price::from_cents(cents).unwrap())
}
