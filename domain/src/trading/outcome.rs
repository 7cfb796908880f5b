//! What comes of a command.

use super::tables::{record, tagged};
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

tagged! {
    /// What an accepted command did. Each has the number and the name of its command.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Accepted, "an outcome" {
        /// ADD: the amount joined the cash.
        Added = 0 => "ADD",
        /// QUOTE: the price was shown.
        Quoted = 1 => "QUOTE",
        /// BUY: `cost` left the cash and is reserved for `shares`.
        BuyPending {
            /// Shares to be bought.
            shares: Shares,
            /// What they cost.
            cost: Money,
        } = 2 => "BUY",
        /// COMMIT_BUY: the shares joined the holdings.
        BuyCommitted(taken: PendingTaken) = 3 => "COMMIT_BUY",
        /// CANCEL_BUY: the cost returned to cash.
        BuyCancelled(taken: PendingTaken) = 4 => "CANCEL_BUY",
        /// SELL: `shares` are reserved.
        SellPending {
            /// Shares to be sold.
            shares: Shares,
            /// What they bring.
            proceeds: Money,
        } = 5 => "SELL",
        /// COMMIT_SELL: the proceeds joined the cash.
        SellCommitted(taken: PendingTaken) = 6 => "COMMIT_SELL",
        /// CANCEL_SELL: the shares returned.
        SellCancelled(taken: PendingTaken) = 7 => "CANCEL_SELL",
        /// SET_BUY_AMOUNT: the reserve went from `previous` to the amount.
        BuyAmountSet {
            /// The reserve before.
            previous: Money,
            /// Set where the order fired at once.
            fill: Option<Fill>,
        } = 8 => "SET_BUY_AMOUNT",
        /// SET_BUY_TRIGGER: the order was armed.
        BuyArmed {
            /// Set where the order fired at once.
            fill: Option<Fill>,
        } = 9 => "SET_BUY_TRIGGER",
        /// CANCEL_SET_BUY: the reserve returned to cash.
        BuyOrderDropped {
            /// The reserve.
            reserve: Money,
        } = 10 => "CANCEL_SET_BUY",
        /// SET_SELL_AMOUNT: the amount was noted; an armed order now reserves `reserved` shares.
        SellAmountSet {
            /// Shares the order reserves.
            reserved: Shares,
            /// Set where the order fired at once.
            fill: Option<Fill>,
        } = 11 => "SET_SELL_AMOUNT",
        /// SET_SELL_TRIGGER: the order was armed and reserves `reserved` shares.
        SellArmed {
            /// Shares the order reserves.
            reserved: Shares,
            /// Set where the order fired at once.
            fill: Option<Fill>,
        } = 12 => "SET_SELL_TRIGGER",
        /// CANCEL_SET_SELL: the reserved shares returned.
        SellOrderDropped {
            /// Shares the order reserved.
            reserved: Shares,
        } = 13 => "CANCEL_SET_SELL",
        /// DISPLAY_SUMMARY: the account was shown.
        Summarised = 14 => "DISPLAY_SUMMARY",
        /// DUMPLOG: the log was written.
        Dumped = 15 => "DUMPLOG",
        /// REGISTER: the account is open, and has what it had.
        Registered = 16 => "REGISTER",
    }
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

record!(PendingTaken { opened_by, stock, shares, cash });

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

record!(Fill { price, shares, cash });

tagged! {
    /// Why a command was refused. Commands whose arguments are no good never get here: see
    /// [`Malformed`](super::command::Malformed), which has finer codes of its own.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Reject, "an outcome" {
        /// The command's arguments are no good.
        Malformed = 0x80 => "malformed",
        /// The user never had an accepted ADD, nor signed up.
        UnknownAccount = 0x81 => "unknown_account",
        /// There is less cash than asked for.
        InsufficientFunds {
            /// What the command could have had.
            available: Money,
        } = 0x82 => "insufficient_funds",
        /// There are fewer unreserved shares than asked for.
        InsufficientShares {
            /// What the command could have had.
            available: Shares,
        } = 0x83 => "insufficient_shares",
        /// The amount does not pay for one share.
        AmountTooSmall = 0x84 => "amount_too_small",
        /// Nothing to commit or cancel.
        NoPendingBuy = 0x85 => "no_pending_buy",
        /// Nothing to commit or cancel.
        NoPendingSell = 0x86 => "no_pending_sell",
        /// No SET_BUY_AMOUNT stands.
        NoBuyOrder = 0x87 => "no_buy_order",
        /// No SET_SELL_AMOUNT stands.
        NoSellOrder = 0x88 => "no_sell_order",
        /// No price could be had.
        QuoteUnavailable = 0x89 => "quote_unavailable",
        /// The account would hold more than 64 bits count.
        BalanceLimit = 0x8a => "balance_limit",
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
