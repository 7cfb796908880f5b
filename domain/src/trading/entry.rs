//! Entries: the facts the log is made of. Everything else (accounts, the XML log, statistics) is
//! a fold over them.

use super::account::RecentCommand;
use super::command::{Action, Command, CommandName, Verb};
use super::outcome::{Accepted, Outcome, Reject};
use super::tables::record;
use super::verbs::expiry::{self, Side};
use super::verbs::{self, Stamp, orders};
use super::{Account, Money, Price, RulesVersion, Shares, Stock, TransactionNum, UserName};
use thiserror::Error;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A command was received and decided.
    Command(CommandDecided),
    /// The quote server answered.
    Quote(QuoteReceived),
    /// The quote server failed, or its answer was refused.
    QuoteRefused(QuoteRefused),
    /// A pending buy or sell expired.
    Expired(PendingExpired),
    /// An armed order fired on a later price.
    Filled(OrderFilled),
}

/// A command, the price it used and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandDecided {
    /// What was asked.
    pub command: Command,
    /// When it took effect, in Unix milliseconds: later than it was received where it waited for
    /// a quote.
    pub applied_ms: u64,
    /// The price it used.
    pub price: Option<PriceUsed>,
    /// What came of it.
    pub outcome: Outcome,
}

/// A price that a command used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUsed {
    /// The price.
    pub price: Price,
    /// Whether another command had asked for it.
    pub cached: bool,
}

/// An answer of the quote server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteReceived {
    /// The command that asked.
    pub transaction: TransactionNum,
    /// Its user.
    pub user: UserName,
    /// When the answer came, in Unix milliseconds.
    pub received_ms: u64,
    /// The stock.
    pub stock: Stock,
    /// Its price.
    pub price: Price,
    /// What the server says of the time, in Unix milliseconds; its clock can be minutes off.
    pub server_time_ms: u64,
    /// The server's signature.
    pub cryptokey: Box<str>,
}

record!(QuoteReceived { transaction, user, received_ms, stock, price, server_time_ms, cryptokey });

/// A request to the quote server that brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteRefused {
    /// The command that asked.
    pub transaction: TransactionNum,
    /// Its name.
    pub name: CommandName,
    /// Its user.
    pub user: UserName,
    /// When it failed, in Unix milliseconds.
    pub failed_ms: u64,
    /// The stock.
    pub stock: Stock,
    /// What was wrong.
    pub message: Box<str>,
}

record!(QuoteRefused { transaction, name, user, failed_ms, stock, message });

/// A pending buy or sell that was not committed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingExpired {
    /// The BUY or SELL.
    pub transaction: TransactionNum,
    /// Its user.
    pub user: UserName,
    /// When it was released, in Unix milliseconds.
    pub expired_ms: u64,
    /// Whether it was a buy or a sell.
    pub side: Side,
    /// The stock.
    pub stock: Stock,
    /// Its shares.
    pub shares: Shares,
    /// Its cost (buy) or proceeds (sell).
    pub cash: Money,
}

record!(PendingExpired { transaction, user, expired_ms, side, stock, shares, cash });

/// An armed order that fired on a price that came after it was armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFilled {
    /// The command that last left it armed.
    pub transaction: TransactionNum,
    /// Its name.
    pub name: CommandName,
    /// Whose order it is.
    pub user: UserName,
    /// When it fired, in Unix milliseconds.
    pub filled_ms: u64,
    /// Whether it was a buy or a sell.
    pub side: Side,
    /// The stock.
    pub stock: Stock,
    /// The execution.
    pub fill: super::Fill,
}

record!(OrderFilled { transaction, name, user, filled_ms, side, stock, fill });

/// A log that does not follow from the rules: what it says happened is not what the rules make of
/// the account as it stood.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("transaction {transaction}: the log says {logged}, the rules say {derived}")]
pub struct Divergence {
    /// Where.
    pub transaction: TransactionNum,
    /// What the log says.
    pub logged: String,
    /// What the rules say.
    pub derived: String,
}

impl Entry {
    /// The command it belongs to.
    pub fn transaction(&self) -> TransactionNum {
        match self {
            Entry::Command(decided) => decided.command.transaction,
            Entry::Quote(quote) => quote.transaction,
            Entry::QuoteRefused(refused) => refused.transaction,
            Entry::Expired(expired) => expired.transaction,
            Entry::Filled(filled) => filled.transaction,
        }
    }

    /// The user it is about, as text; none for a global DUMPLOG.
    pub fn user(&self) -> Option<&str> {
        match self {
            Entry::Command(decided) => decided.command.action.user(),
            Entry::Quote(quote) => Some(quote.user.as_str()),
            Entry::QuoteRefused(refused) => Some(refused.user.as_str()),
            Entry::Expired(expired) => Some(expired.user.as_str()),
            Entry::Filled(filled) => Some(filled.user.as_str()),
        }
    }

    /// The account that the entry changes or shows, if it does.
    pub fn account(&self) -> Option<&UserName> {
        match self {
            Entry::Command(decided) => match &decided.command.action {
                Action::User { user, .. } => Some(user),
                _ => None,
            },
            Entry::Expired(expired) => Some(&expired.user),
            Entry::Filled(filled) => Some(&filled.user),
            Entry::Quote(_) | Entry::QuoteRefused(_) => None,
        }
    }
}

/// Decides `verb` for `account` and carries it out. This is the one place where a command meets
/// an account, when it is new and when it is replayed.
pub fn decide(account: &mut Account, stamp: Stamp, verb: &Verb, price: Option<Price>) -> Outcome {
    let outcome = match verbs::apply(account, stamp, verb, price) {
        Ok(accepted) => Outcome::Accepted(accepted),
        Err(reject) => Outcome::Rejected(reject),
    };
    remember(account, stamp.transaction, verb, &outcome);
    outcome
}

fn remember(account: &mut Account, transaction: TransactionNum, verb: &Verb, outcome: &Outcome) {
    // What does not create an account leaves no trace in one that is not there.
    if account.open {
        account.recent.push(RecentCommand {
            transaction,
            name: verb.name(),
            stock: verb.stock(),
            amount: verb.amount(),
            accepted: matches!(outcome, Outcome::Accepted(_)),
        });
    }
}

/// Replays `entry`, which was decided by `rules`, on the account it is about
/// ([`Entry::account`]).
///
/// # Errors
/// The rules do not lead from the account to what the entry says.
pub fn replay(account: &mut Account, rules: RulesVersion, entry: &Entry) -> Result<(), Divergence> {
    match entry {
        Entry::Command(decided) => replay_command(account, rules, decided),
        Entry::Expired(expired) => {
            let derived = expiry::expire_next(account, rules, expired.expired_ms);
            let expected = derived.is_some_and(|(side, pending)| {
                side == expired.side
                    && pending.opened_by == expired.transaction
                    && pending.stock == expired.stock
                    && pending.shares == expired.shares
                    && pending.cash == expired.cash
            });
            if expected { Ok(()) } else { Err(divergence(expired.transaction, entry, &derived)) }
        }
        Entry::Filled(filled) => {
            let derived = fire(account, rules, filled.side, filled.stock, filled.fill.price);
            let expected = Some((filled.transaction, filled.name, filled.fill));
            if derived == expected {
                Ok(())
            } else {
                Err(divergence(filled.transaction, entry, &derived))
            }
        }
        Entry::Quote(_) | Entry::QuoteRefused(_) => Ok(()),
    }
}

fn replay_command(
    account: &mut Account,
    rules: RulesVersion,
    decided: &CommandDecided,
) -> Result<(), Divergence> {
    let Action::User { verb, .. } = &decided.command.action else { return Ok(()) };
    let transaction = decided.command.transaction;
    let stamp = Stamp { transaction, now_ms: decided.applied_ms, rules };
    let derived = decide(account, stamp, verb, decided.price.map(|used| used.price));
    if derived == decided.outcome {
        Ok(())
    } else {
        Err(divergence(transaction, &decided.outcome, &derived))
    }
}

/// Fires the order of `stock` if `price` satisfies it; returns which command had left it armed.
/// Every version of the rules so far says the same.
pub fn fire(
    account: &mut Account,
    _rules: RulesVersion,
    side: Side,
    stock: Stock,
    price: Price,
) -> Option<(TransactionNum, CommandName, super::Fill)> {
    let (_, by) = orders::armed(account, side, stock)?;
    let fill = match side {
        Side::Buy => orders::fill_buy(account, stock, price)?,
        Side::Sell => orders::fill_sell(account, stock, price)?,
    };
    Some((by.transaction, by.name, fill))
}

fn divergence(
    transaction: TransactionNum,
    logged: &impl std::fmt::Debug,
    derived: &impl std::fmt::Debug,
) -> Divergence {
    Divergence { transaction, logged: format!("{logged:?}"), derived: format!("{derived:?}") }
}

impl CommandDecided {
    /// The code of its refusal, if it was refused.
    pub fn reject_code(&self) -> Option<&'static str> {
        match (&self.outcome, &self.command.action) {
            (Outcome::Accepted(_), _) => None,
            (Outcome::Rejected(_), Action::Malformed(malformed)) => Some(malformed.code.as_str()),
            (Outcome::Rejected(reject), _) => Some(reject.code()),
        }
    }

    /// The signed change of cash that the command itself made, before any fill.
    pub fn cash_change(&self) -> CashChange {
        let Outcome::Accepted(accepted) = &self.outcome else { return CashChange::None };
        let amount = match &self.command.action {
            Action::User { verb, .. } => verb.amount().map(|amount| amount.money()),
            _ => None,
        };
        let (add, remove) = match accepted {
            Accepted::Added => (amount, None),
            Accepted::BuyPending { cost, .. } => (None, Some(*cost)),
            Accepted::BuyCancelled(taken) | Accepted::SellCommitted(taken) => {
                (Some(taken.cash), None)
            }
            Accepted::BuyAmountSet { previous, .. } => {
                let amount = amount.unwrap_or_default();
                (previous.checked_sub(amount), amount.checked_sub(*previous))
            }
            Accepted::BuyOrderDropped { reserve } => (Some(*reserve), None),
            _ => (None, None),
        };
        let moved = |sum: Option<Money>| sum.filter(|&sum| sum > Money::ZERO);
        match (moved(add), moved(remove)) {
            (Some(sum), _) => CashChange::Add(sum),
            (_, Some(sum)) => CashChange::Remove(sum),
            _ => CashChange::None,
        }
    }

    /// The fill, where the command left an order armed that fired at once.
    pub fn fill(&self) -> Option<super::Fill> {
        match &self.outcome {
            Outcome::Accepted(
                Accepted::BuyAmountSet { fill, .. }
                | Accepted::BuyArmed { fill }
                | Accepted::SellAmountSet { fill, .. }
                | Accepted::SellArmed { fill, .. },
            ) => *fill,
            _ => None,
        }
    }

    /// A refusal of malformed arguments, decided without an account.
    pub fn refused_malformed(command: Command, applied_ms: u64) -> CommandDecided {
        let outcome = Outcome::Rejected(Reject::Malformed);
        CommandDecided { command, applied_ms, price: None, outcome }
    }
}

/// A movement of an account's cash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CashChange {
    /// The cash stayed as it was.
    None,
    /// The sum joined it.
    Add(Money),
    /// The sum left it.
    Remove(Money),
}
