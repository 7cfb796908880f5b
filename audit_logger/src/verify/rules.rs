//! The rules of trading, as the checker reads them: what a command needs, what it does.

use super::account::{
    Account, Armed, BuyOrder, Moment, PENDING_MS, Pending, SellOrder, shares_for, worth,
};
use super::codes::Code;
use super::words::{Movement, Stock, Verb};

/// A command whose arguments are good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) stock: Stock,
    /// Its amount or trigger, or 0.
    pub(super) cents: i64,
    pub(super) transaction: u64,
}

/// What the account says to a command before any price is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It must be refused.
    Refuse(Code),
    /// It must be refused because the newest pending is this old, in milliseconds.
    TooOld(Code, u64),
    /// The log is not exact enough to tell: carrying it out and this refusal both pass.
    Either(Code),
    /// It must be carried out, with a price where it needs one.
    CarryOut {
        /// Whether a price is needed.
        price: bool,
    },
}

/// The cash that a carried out command must move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// This, or nothing.
    Exactly(Option<Movement>),
    /// Whatever the log says: what it builds on is already reported.
    Unknown,
}

/// Judges `call` before any price is known.
pub(super) fn before(account: &Account, call: Call, moment: Moment) -> Before {
    let needs_account = !matches!(call.verb, Verb::Add | Verb::Quote | Verb::DumpLog);
    if needs_account && !account.open {
        return Before::Refuse(Code::UnknownAccount);
    }
    let holding = account.holding(call.stock);
    let refuse = |wrong: bool, code| wrong.then_some(Before::Refuse(code));
    let (refusal, price) = match call.verb {
        Verb::Add | Verb::DisplaySummary | Verb::DumpLog => (None, false),
        Verb::Quote => (None, true),
        Verb::Buy => (refuse(account.cash < call.cents, Code::InsufficientFunds), true),
        Verb::Sell => (refuse(holding.free < 1, Code::InsufficientShares), true),
        Verb::CommitBuy | Verb::CancelBuy => {
            (newest(&account.buys, moment, Code::NoPendingBuy), false)
        }
        Verb::CommitSell | Verb::CancelSell => {
            (newest(&account.sells, moment, Code::NoPendingSell), false)
        }
        Verb::SetBuyAmount => {
            let reserve = holding.buy.map_or(0, |order| order.reserve);
            let short = account.cash.saturating_add(reserve) < call.cents;
            let armed = holding.buy.is_some_and(|order| order.armed.is_some());
            (refuse(short, Code::InsufficientFunds), armed)
        }
        Verb::SetBuyTrigger => (refuse(holding.buy.is_none(), Code::NoBuyOrder), true),
        Verb::CancelSetBuy => (refuse(holding.buy.is_none(), Code::NoBuyOrder), false),
        Verb::SetSellAmount => {
            let reserved = holding.sell.map_or(0, |order| order.shares);
            let none = holding.free.saturating_add(reserved) < 1;
            let armed = holding.sell.and_then(|order| order.armed);
            let refusal = refuse(none, Code::InsufficientShares)
                .or_else(|| sell_reserve(call.cents, armed?.trigger, holding.free, reserved).err());
            (refusal, armed.is_some())
        }
        Verb::SetSellTrigger => match holding.sell {
            None => (Some(Before::Refuse(Code::NoSellOrder)), true),
            Some(SellOrder { amount, shares, .. }) => {
                (sell_reserve(amount, call.cents, holding.free, shares).err(), true)
            }
        },
        Verb::CancelSetSell => (refuse(holding.sell.is_none(), Code::NoSellOrder), false),
    };
    refusal.unwrap_or(Before::CarryOut { price })
}

/// The shares that a sell order reserves when armed at `trigger`, or why it cannot.
fn sell_reserve(amount: i64, trigger: i64, free: i64, reserved: i64) -> Result<i64, Before> {
    let shares = shares_for(amount, trigger);
    if shares < 1 {
        Err(Before::Refuse(Code::AmountTooSmall))
    } else if shares > free.saturating_add(reserved) {
        Err(Before::Refuse(Code::InsufficientShares))
    } else {
        Ok(shares)
    }
}

/// Whether the newest pending can be committed or cancelled: it can while it is not older than
/// 60 s.
fn newest(stack: &[Pending], moment: Moment, code: Code) -> Option<Before> {
    let Some(pending) = stack.last() else {
        return Some(Before::Refuse(code));
    };
    let least = moment.low.saturating_sub(pending.since.high());
    if least > PENDING_MS {
        return Some(Before::TooOld(code, least));
    }
    let most = moment.high().saturating_sub(pending.since.low);
    (most > PENDING_MS).then_some(Before::Either(code))
}

/// Judges a BUY or SELL at its price.
pub(super) fn at_price(account: &Account, call: Call, price: i64) -> Option<Code> {
    let shares = shares_for(call.cents, price);
    match call.verb {
        Verb::Buy | Verb::Sell if shares < 1 => Some(Code::AmountTooSmall),
        Verb::Sell if shares > account.holding(call.stock).free => Some(Code::InsufficientShares),
        _ => None,
    }
}

/// Whether the account may come to hold more than a 64-bit count of cents or shares, so that
/// `balance_limit` is a good reason to refuse.
pub(super) fn may_pass_limit(account: &Account, call: Call) -> bool {
    let limit = i128::from(i64::MAX);
    let (more, stock) = match call.verb {
        Verb::Add | Verb::Sell => (call.cents, None),
        // A share costs at least a cent.
        Verb::Buy => (call.cents, Some(call.stock)),
        Verb::CommitBuy => (0, account.buys.last().map(|pending| pending.stock)),
        _ => (0, None),
    };
    let more = i128::from(more);
    let shares = stock.is_some_and(|stock| account.shares_within_reach(stock) + more > limit);
    shares || (call.verb != Verb::Buy && account.exposure() + more > limit)
}

/// Carries out `call` as the log says it was, at `price` where it used one. `logged` is the
/// movement that the log has for it.
pub(super) fn carry_out(
    account: &mut Account,
    call: Call,
    price: Option<i64>,
    moment: Moment,
    logged: Option<Movement>,
) -> Expected {
    let Call { verb, stock, cents, transaction } = call;
    let armed = |trigger| Armed { trigger, transaction, verb };
    match verb {
        Verb::Add => {
            account.open = true;
            account.added += i128::from(cents);
            Expected::Exactly(Movement::add(cents))
        }
        Verb::Buy => {
            let mut pending = Pending::new(call, price, moment);
            if !pending.known {
                pending.cents = logged.map_or(0, |movement| movement.cents);
                account.buys.push(pending);
                return Expected::Unknown;
            }
            // What buys nothing had to be refused, and leaves nothing.
            account.buys.extend((pending.shares > 0).then_some(pending));
            Expected::Exactly(Movement::remove(pending.cents))
        }
        Verb::Sell => {
            let pending = Pending::new(call, price, moment);
            account.gain(stock, -pending.shares);
            account.sells.extend((pending.shares > 0 || !pending.known).then_some(pending));
            Expected::Exactly(None)
        }
        Verb::CommitBuy | Verb::CancelBuy => match account.buys.pop() {
            Some(pending) if verb == Verb::CommitBuy => {
                account.gain(pending.stock, pending.shares);
                account.spent += i128::from(pending.cents);
                Expected::Exactly(None)
            }
            Some(pending) => Expected::Exactly(Movement::add(pending.cents)),
            None => Expected::Unknown,
        },
        Verb::CommitSell | Verb::CancelSell => match account.sells.pop() {
            Some(pending) if verb == Verb::CancelSell => {
                account.gain(pending.stock, pending.shares);
                Expected::Exactly(None)
            }
            Some(pending) if pending.known => {
                account.spent -= i128::from(pending.cents);
                Expected::Exactly(Movement::add(pending.cents))
            }
            _ => {
                account.spent -= logged.map_or(0, |movement| i128::from(movement.cents));
                Expected::Unknown
            }
        },
        Verb::SetBuyAmount => {
            let holding = account.holding_mut(stock);
            let before = holding.buy.map_or(0, |order| order.reserve);
            let standing = holding.buy.and_then(|order| order.armed);
            let armed = standing.map(|standing| armed(standing.trigger));
            holding.buy = Some(BuyOrder { reserve: cents, armed });
            let difference = cents.saturating_sub(before);
            Expected::Exactly(Movement::remove(difference).or_else(|| Movement::add(-difference)))
        }
        Verb::SetBuyTrigger => {
            if let Some(order) = account.holding_mut(stock).buy.as_mut() {
                order.armed = Some(armed(cents));
            }
            Expected::Exactly(None)
        }
        Verb::CancelSetBuy => match account.holding_mut(stock).buy.take() {
            Some(order) => Expected::Exactly(Movement::add(order.reserve)),
            None => Expected::Unknown,
        },
        Verb::SetSellAmount => {
            let holding = account.holding_mut(stock);
            let before = holding.sell.map_or(0, |order| order.shares);
            let standing = holding.sell.and_then(|order| order.armed);
            let shares = standing.map_or(0, |armed| shares_for(cents, armed.trigger));
            let armed = standing.map(|standing| armed(standing.trigger));
            holding.sell = Some(SellOrder { amount: cents, shares, armed });
            account.gain(stock, before.saturating_sub(shares));
            Expected::Exactly(None)
        }
        Verb::SetSellTrigger => {
            if let Some(order) = account.holding_mut(stock).sell.as_mut() {
                let before = order.shares;
                order.shares = shares_for(order.amount, cents);
                order.armed = Some(armed(cents));
                let released = before.saturating_sub(order.shares);
                account.gain(stock, released);
            }
            Expected::Exactly(None)
        }
        Verb::CancelSetSell => {
            let order = account.holding_mut(stock).sell.take();
            account.gain(stock, order.map_or(0, |order| order.shares));
            Expected::Exactly(None)
        }
        Verb::Quote | Verb::DisplaySummary | Verb::DumpLog => Expected::Exactly(None),
    }
}

impl Pending {
    fn new(call: Call, price: Option<i64>, since: Moment) -> Pending {
        let price = price.unwrap_or(0);
        let shares = shares_for(call.cents, price);
        Pending {
            transaction: call.transaction,
            stock: call.stock,
            shares,
            cents: worth(shares, price),
            since,
            known: price > 0,
        }
    }
}
