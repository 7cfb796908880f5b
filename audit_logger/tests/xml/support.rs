//! Entries made from the text of commands.

use domain::trading::command::CommandName;
use domain::trading::entry::{CommandDecided, PriceUsed};
use domain::trading::parse::parse_action;
use domain::trading::{
    Command, Entry, Money, Outcome, Price, Reject, Shares, Stock, TransactionNum, UserName,
};

/// When commands are received, and when they take effect.
pub(crate) const RECEIVED_MS: u64 = 1_767_225_600_000;
pub(crate) const APPLIED_MS: u64 = 1_767_225_601_500;

pub(crate) fn user(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

pub(crate) fn stock(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

pub(crate) fn cents(cents: i64) -> Money {
    Money::from_cents(cents)
}

pub(crate) fn price(cents: i64) -> Price {
    Price::from_cents(cents).unwrap()
}

pub(crate) fn shares(count: u64) -> Shares {
    Shares::new(count)
}

/// The command `line` as transaction `transaction`.
pub(crate) fn decided(
    transaction: u64,
    line: &str,
    price: Option<PriceUsed>,
    outcome: Outcome,
) -> Entry {
    let (name, arguments) = match line.split_once(',') {
        Some((name, arguments)) => (name, Some(arguments.as_bytes())),
        None => (line, None),
    };
    let action = parse_action(CommandName::named(name.as_bytes()).unwrap(), arguments);
    Entry::Command(CommandDecided {
        command: Command::new(TransactionNum(transaction), RECEIVED_MS, action),
        applied_ms: APPLIED_MS,
        price,
        outcome,
    })
}

/// The command `line`, whose arguments are no good.
pub(crate) fn malformed(transaction: u64, line: &str) -> Entry {
    decided(transaction, line, None, Outcome::Rejected(Reject::Malformed))
}
