//! One transaction with all that came of it, and an account as it was: both folded anew from the
//! user's own entries by the rules of `domain`, because an account depends on nothing else.

use super::filter::{StockOf, stock_of};
use super::record::time_ms;
use super::{Filter, Order, QueryError, Record, Source};
use crate::error::LogError;
use domain::trading::{Accepted, Account, Entry, Outcome, TransactionNum, UserName, entry};
use serde::Serialize;
use std::ops::ControlFlow;
use thiserror::Error;

/// What cannot be told.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The log cannot be read, or the store not asked.
    #[error(transparent)]
    Log(#[from] QueryError),
    /// The log knows no such transaction.
    #[error("transaction {0} is not in the log")]
    NoTransaction(u64),
    /// The beginning of the log is gone, and with it what accounts are made of.
    #[error("the log begins with entry {0}: what an account held before it is not known")]
    BeginsLate(u64),
    /// The user had no account then.
    #[error("user {user} has no account right after transaction {transaction}")]
    NoAccount {
        /// The user.
        user: String,
        /// The transaction.
        transaction: u64,
    },
}

/// One transaction, and everything in the log that came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// Its number.
    pub transaction: u64,
    /// For a commit or cancel: the BUY or SELL that it took up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<u64>,
    /// What happened, in the order of the log. The commit or cancel that took up what the
    /// transaction left pending is part of it.
    pub steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The logged fact.
    #[serde(flatten)]
    pub record: Record,
    /// The account right before and right after; none where no account has a part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Change>,
}

/// An account before and after an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Before it.
    pub before: Standing,
    /// After it.
    pub after: Standing,
}

/// What an account held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Free money, in dollars.
    pub cash: String,
    /// Money held for pending buys and buy orders.
    pub reserved: String,
    /// Free shares of the entry's stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Shares of it held for pending sells and sell orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_shares: Option<u64>,
}

impl Standing {
    fn of(account: &Account, entry: &Entry) -> Standing {
        let holding = match stock_of(entry) {
            Some(StockOf::Stock(stock)) => Some(account.holding(stock)),
            _ => None,
        };
        Standing {
            cash: account.cash.to_string(),
            reserved: account.reserved.to_string(),
            shares: holding.map(|holding| holding.free.count()),
            reserved_shares: holding.map(|holding| holding.reserved.count()),
        }
    }
}

/// Tells `transaction`.
///
/// # Errors
/// The log cannot be read, does not follow from the rules, or knows no such transaction.
pub fn story(source: &Source, transaction: u64) -> Result<Story, HistoryError> {
    let own = of_transaction(source, transaction)?;
    let mut story = Story { transaction, opened_by: None, steps: Vec::new() };
    story.opened_by = own.iter().find_map(|(_, entry)| opened_by(entry)).map(|opened| opened.0);
    let Some(user) = own.iter().find_map(|(_, entry)| entry.account()).cloned() else {
        // Nothing but what was refused before it met an account.
        let step = |(number, entry): (u64, Entry)| Step {
            record: Record::of(number, &entry),
            account: None,
        };
        story.steps = own.into_iter().map(step).collect();
        return Ok(story);
    };
    let number = TransactionNum(transaction);
    fold(source, &user, u64::MAX, |at, entry, before, after| {
        if entry.transaction() == number || opened_by(entry) == Some(number) {
            let account = entry.account().map(|_| Change {
                before: Standing::of(before, entry),
                after: Standing::of(after, entry),
            });
            story.steps.push(Step { record: Record::of(at, entry), account });
        }
    })?;
    Ok(story)
}

/// An account as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountThen {
    /// The account.
    pub account: Account,
    /// The number of the transaction's own entry: the last that is counted in.
    pub entry: u64,
    /// When it took effect, in Unix milliseconds.
    pub time_ms: u64,
    /// Transactions of the user with lower numbers that are not counted in: they stand later in the
    /// log, because they waited for a quote or for another command of the user.
    pub not_yet: Vec<u64>,
}

/// The account of `user` as it was right behind `transaction`, whoever's that is.
///
/// # Errors
/// The log cannot be read, does not follow from the rules, knows no such transaction, or the user
/// had no account then.
pub fn account_at(
    source: &Source,
    user: &UserName,
    transaction: u64,
) -> Result<AccountThen, HistoryError> {
    let own = of_transaction(source, transaction)?;
    // What it caused later (an expiry, a fill) carries its number too and is not counted in.
    let command = own.iter().find(|(_, entry)| matches!(entry, Entry::Command(_)));
    let (last, entry) = command.ok_or(HistoryError::NoTransaction(transaction))?;
    let account = fold(source, user, *last, |_, _, _, _| {})?;
    if !account.open {
        return Err(HistoryError::NoAccount { user: user.to_string(), transaction });
    }
    let not_yet = not_yet_in(source, user, transaction, *last)?;
    Ok(AccountThen { account, entry: *last, time_ms: time_ms(entry), not_yet })
}

/// The commands of `user` with lower numbers than `transaction` that stand behind entry `last`.
fn not_yet_in(
    source: &Source,
    user: &UserName,
    transaction: u64,
    last: u64,
) -> Result<Vec<u64>, HistoryError> {
    let filter = Filter {
        users: vec![user.to_string()],
        transactions: Some(0..=transaction.saturating_sub(1)),
        entries: last.saturating_add(1)..=u64::MAX,
        ..Filter::default()
    };
    let later = source.collect(&filter, Order::OldestFirst, usize::MAX)?;
    let command = |entry: &Entry| matches!(entry, Entry::Command(_));
    let later = later.iter().filter(|(_, entry)| command(entry));
    let mut numbers: Vec<u64> = later.map(|(_, entry)| entry.transaction().0).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn of_transaction(source: &Source, transaction: u64) -> Result<Vec<(u64, Entry)>, HistoryError> {
    let filter = Filter { transactions: Some(transaction..=transaction), ..Filter::default() };
    let own = source.collect(&filter, Order::OldestFirst, usize::MAX)?;
    if own.is_empty() { Err(HistoryError::NoTransaction(transaction)) } else { Ok(own) }
}

/// Folds the entries of `user` up to and including `last`; `each` sees every one with the account
/// before and after it.
fn fold(
    source: &Source,
    user: &UserName,
    last: u64,
    mut each: impl FnMut(u64, &Entry, &Account, &Account),
) -> Result<Account, HistoryError> {
    if source.first() > 1 {
        return Err(HistoryError::BeginsLate(source.first()));
    }
    let users = vec![user.to_string()];
    let filter = Filter { users, entries: 0..=last, ..Filter::default() };
    let mut account = Account::default();
    source.scan(
        &filter,
        Order::OldestFirst,
        usize::MAX,
        |found: &mut Vec<(u64, Entry)>, number, entry| found.push((number, entry)),
        |found| {
            for (number, fact) in &found {
                let before = account.clone();
                if fact.account().is_some() {
                    entry::replay(&mut account, source.rules_of(*number), fact)
                        .map_err(|source| LogError::Diverges { entry: *number, source })?;
                }
                each(*number, fact, &before, &account);
            }
            Ok::<_, QueryError>(ControlFlow::Continue(()))
        },
    )?;
    Ok(account)
}

/// For a commit or cancel: the BUY or SELL that it took up.
fn opened_by(entry: &Entry) -> Option<TransactionNum> {
    let Entry::Command(decided) = entry else { return None };
    match &decided.outcome {
        Outcome::Accepted(
            Accepted::BuyCommitted(taken)
            | Accepted::BuyCancelled(taken)
            | Accepted::SellCommitted(taken)
            | Accepted::SellCancelled(taken),
        ) => Some(taken.opened_by),
        _ => None,
    }
}
