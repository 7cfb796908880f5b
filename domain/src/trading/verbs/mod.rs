//! The rules: one verb a file. A rule is a plain function of an account, the command's arguments,
//! a price and the time; a refusal changes nothing.

use super::account::{self, Account, ArmedBy, Pending, SellOrder};
use super::command::{CommandName, Verb};
use super::outcome::{Accepted, Fill, PendingTaken, Reject};
use super::tables::enumeration;
use super::{Amount, Money, Price, RulesVersion, Shares, Stock, TransactionNum};
use std::collections::VecDeque;

mod add;
mod buy;
mod cancel_buy;
mod cancel_sell;
mod cancel_set_buy;
mod cancel_set_sell;
mod commit_buy;
mod commit_sell;
pub mod expiry;
pub mod orders;
mod register;
mod sell;
mod set_buy_amount;
mod set_buy_trigger;
mod set_sell_amount;
mod set_sell_trigger;

/// Which command is carried out, when, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The command's number.
    pub transaction: TransactionNum,
    /// The time it takes effect, in Unix milliseconds.
    pub now_ms: u64,
    /// The rules that decide it.
    pub rules: RulesVersion,
}

impl Stamp {
    const fn armed_by(self, name: CommandName) -> ArmedBy {
        ArmedBy { transaction: self.transaction, name }
    }
}

/// The stock whose fresh price `verb` needs, or why it is refused before any quote is asked for.
/// Every version of the rules so far says the same.
pub fn price_wanted(
    account: &Account,
    _rules: RulesVersion,
    verb: &Verb,
) -> Result<Option<Stock>, Reject> {
    if let Verb::Quote(stock) = verb {
        return Ok(Some(*stock));
    }
    if !account.open && !matches!(verb, Verb::Add(_) | Verb::DumpLog(_) | Verb::Register) {
        return Err(Reject::UnknownAccount);
    }
    match verb {
        Verb::Buy(stock, amount) => buy::check(account, *amount).map(|()| Some(*stock)),
        Verb::Sell(stock, _) => sell::check(account, *stock).map(|()| Some(*stock)),
        Verb::SetBuyAmount(stock, amount) => {
            set_buy_amount::check(account, *stock, *amount)?;
            Ok(set_buy_amount::wants_price(account, *stock).then_some(*stock))
        }
        Verb::SetBuyTrigger(stock, _) => {
            set_buy_trigger::check(account, *stock).map(|_| Some(*stock))
        }
        Verb::SetSellAmount(stock, amount) => {
            set_sell_amount::check(account, *stock, *amount)?;
            Ok(set_sell_amount::wants_price(account, *stock).then_some(*stock))
        }
        Verb::SetSellTrigger(stock, trigger) => {
            set_sell_trigger::check(account, *stock, *trigger).map(|_| Some(*stock))
        }
        _ => Ok(None),
    }
}

/// Carries `verb` out on `account`. `price` is a fresh price of the stock that [`price_wanted`]
/// named; without one, a verb that wants one is refused [`Reject::QuoteUnavailable`].
pub fn apply(
    account: &mut Account,
    stamp: Stamp,
    verb: &Verb,
    price: Option<Price>,
) -> Result<Accepted, Reject> {
    // With a price at hand each verb makes its own checks again, and once is enough.
    if price.is_none() && price_wanted(account, stamp.rules, verb)?.is_some() {
        return Err(Reject::QuoteUnavailable);
    }
    let needs_none =
        matches!(verb, Verb::Add(_) | Verb::Quote(_) | Verb::DumpLog(_) | Verb::Register);
    if !account.open && !needs_none {
        return Err(Reject::UnknownAccount);
    }
    let fresh = || price.ok_or(Reject::QuoteUnavailable);
    match verb {
        Verb::Add(amount) => add::apply(account, *amount),
        Verb::Quote(_) => fresh().map(|_| Accepted::Quoted),
        Verb::Buy(stock, amount) => buy::apply(account, stamp, *stock, *amount, fresh()?),
        Verb::CommitBuy => commit_buy::apply(account, stamp),
        Verb::CancelBuy => cancel_buy::apply(account, stamp),
        Verb::Sell(stock, amount) => sell::apply(account, stamp, *stock, *amount, fresh()?),
        Verb::CommitSell => commit_sell::apply(account, stamp),
        Verb::CancelSell => cancel_sell::apply(account, stamp),
        Verb::SetBuyAmount(stock, amount) => {
            set_buy_amount::apply(account, stamp, *stock, *amount, price)
        }
        Verb::SetBuyTrigger(stock, trigger) => {
            set_buy_trigger::apply(account, stamp, *stock, *trigger, fresh()?)
        }
        Verb::CancelSetBuy(stock) => cancel_set_buy::apply(account, *stock),
        Verb::SetSellAmount(stock, amount) => {
            set_sell_amount::apply(account, stamp, *stock, *amount, price)
        }
        Verb::SetSellTrigger(stock, trigger) => {
            set_sell_trigger::apply(account, stamp, *stock, *trigger, fresh()?)
        }
        Verb::CancelSetSell(stock) => cancel_set_sell::apply(account, *stock),
        Verb::DisplaySummary => Ok(Accepted::Summarised),
        Verb::DumpLog(_) => Ok(Accepted::Dumped),
        Verb::Register => Ok(register::apply(account)),
    }
}

/// The newest pending buy or sell, if it can still be committed.
fn valid_newest(stack: &VecDeque<Pending>, stamp: Stamp) -> Option<Pending> {
    stack.back().copied().filter(|pending| !pending.is_expired(stamp.now_ms))
}

const fn taken(pending: Pending) -> PendingTaken {
    PendingTaken {
        opened_by: pending.opened_by,
        stock: pending.stock,
        shares: pending.shares,
        cash: pending.cash,
    }
}
