//! What comes of a command.

use super::{Money, Price, Shares, Stock, TransactionNum};
use std::fmt;

/// What came of a command: a refusal is an outcome, not a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Accepted(Accepted),
    /// It was refused; nothing changed.
    Rejected(Reject),
}

/// What an accepted command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// ADD: the amount joined the cash.
    Added,
    /// QUOTE: the price was shown.
    Quoted,
    /// BUY: `cost` left the cash and is reserved for `shares`.
    BuyPending {
        /// Shares to be bought.
        shares: Shares,
        /// What they cost.
        cost: Money,
    },
    /// COMMIT_BUY: the shares joined the holdings.
    BuyCommitted(PendingTaken),
    /// CANCEL_BUY: the cost returned to cash.
    BuyCancelled(PendingTaken),
    /// SELL: `shares` are reserved.
    SellPending {
        /// Shares to be sold.
        shares: Shares,
        /// What they bring.
        proceeds: Money,
    },
    /// COMMIT_SELL: the proceeds joined the cash.
    SellCommitted(PendingTaken),
    /// CANCEL_SELL: the shares returned.
    SellCancelled(PendingTaken),
    /// SET_BUY_AMOUNT: the reserve went from `previous` to the amount.
    BuyAmountSet {
        /// The reserve before.
        previous: Money,
        /// Set where the order fired at once.
        fill: Option<Fill>,
    },
    /// SET_BUY_TRIGGER: the order was armed.
    BuyArmed {
        /// Set where the order fired at once.
        fill: Option<Fill>,
    },
    /// CANCEL_SET_BUY: the reserve returned to cash.
    BuyOrderDropped {
        /// The reserve.
        reserve: Money,
    },
    /// SET_SELL_AMOUNT: the amount was noted; an armed order now reserves `reserved` shares.
    SellAmountSet {
        /// Shares the order reserves.
        reserved: Shares,
        /// Set where the order fired at once.
        fill: Option<Fill>,
    },
    /// SET_SELL_TRIGGER: the order was armed and reserves `reserved` shares.
    SellArmed {
        /// Shares the order reserves.
        reserved: Shares,
        /// Set where the order fired at once.
        fill: Option<Fill>,
    },
    /// CANCEL_SET_SELL: the reserved shares returned.
    SellOrderDropped {
        /// Shares the order reserved.
        reserved: Shares,
    },
    /// DISPLAY_SUMMARY: the account was shown.
    Summarised,
    /// DUMPLOG: the log was written.
    Dumped,
    /// REGISTER: the account is open, and has what it had.
    Registered,
}

/// The pending buy or sell that a commit or cancel took off the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingTaken {
    /// The BUY or SELL that made it.
    pub opened_by: TransactionNum,
    /// Its stock.
    pub stock: Stock,
    /// Its shares.
    pub shares: Shares,
    /// Its cost (buy) or proceeds (sell).
    pub cash: Money,
}

/// The execution of an armed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The price of each share.
    pub price: Price,
    /// Shares bought or sold.
    pub shares: Shares,
    /// What joins the cash: the remainder of a buy's reserve, or a sale's proceeds.
    pub cash: Money,
}

/// Why a command was refused. Commands whose arguments are no good never get here: see
/// [`Malformed`](super::command::Malformed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The command's arguments are no good.
    Malformed,
    /// The user never had an accepted ADD, nor signed up.
    UnknownAccount,
    /// There is less cash than asked for.
    InsufficientFunds {
        /// What the command could have had.
        available: Money,
    },
    /// There are fewer unreserved shares than asked for.
    InsufficientShares {
        /// What the command could have had.
        available: Shares,
    },
    /// The amount does not pay for one share.
    AmountTooSmall,
    /// Nothing to commit or cancel.
    NoPendingBuy,
    /// Nothing to commit or cancel.
    NoPendingSell,
    /// No SET_BUY_AMOUNT stands.
    NoBuyOrder,
    /// No SET_SELL_AMOUNT stands.
    NoSellOrder,
    /// No price could be had.
    QuoteUnavailable,
    /// The account would hold more than 64 bits count.
    BalanceLimit,
}

impl Reject {
    /// The stable, machine-readable code ([`Reject::Malformed`] has finer ones of its own).
    pub const fn code(&self) -> &'static str {
        match self {
            Reject::Malformed => "malformed",
            Reject::UnknownAccount => "unknown_account",
            Reject::InsufficientFunds { .. } => "insufficient_funds",
            Reject::InsufficientShares { .. } => "insufficient_shares",
            Reject::AmountTooSmall => "amount_too_small",
            Reject::NoPendingBuy => "no_pending_buy",
            Reject::NoPendingSell => "no_pending_sell",
            Reject::NoBuyOrder => "no_buy_order",
            Reject::NoSellOrder => "no_sell_order",
            Reject::QuoteUnavailable => "quote_unavailable",
            Reject::BalanceLimit => "balance_limit",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::Malformed => f.write_str("the arguments are no good"),
            Reject::UnknownAccount => f.write_str("the user has no account yet: ADD opens one"),
            Reject::InsufficientFunds { available } => {
                write!(f, "only {available} dollars are free for it")
            }
            Reject::InsufficientShares { available } => {
                write!(f, "only {available} unreserved shares are there for it")
            }
            Reject::AmountTooSmall => f.write_str("the amount does not pay for one share"),
            Reject::NoPendingBuy => f.write_str("no BUY of the last 60 seconds is pending"),
            Reject::NoPendingSell => f.write_str("no SELL of the last 60 seconds is pending"),
            Reject::NoBuyOrder => f.write_str("no SET_BUY_AMOUNT stands for this stock"),
            Reject::NoSellOrder => f.write_str("no SET_SELL_AMOUNT stands for this stock"),
            Reject::QuoteUnavailable => f.write_str("the quote server gave no usable price"),
            Reject::BalanceLimit => f.write_str("the account cannot hold so much"),
        }
    }
}
