//! Commands: what users ask for.

use super::tables::{enumeration, record, tagged};
use super::verbs::expiry::Side;
use super::{Amount, DumpFile, RequestId, Stock, TransactionNum, UserName};
use std::fmt;

/// One command as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its number among all commands received.
    pub transaction: TransactionNum,
    /// When it was received, in Unix milliseconds.
    pub received_ms: u64,
    /// The number that whoever asks gave it, where one was given: the same one again is the same
    /// request.
    pub request: Option<RequestId>,
    /// What it asks for.
    pub action: Action,
}

impl Command {
    /// A command to which nobody gave a number of their own.
    pub const fn new(transaction: TransactionNum, received_ms: u64, action: Action) -> Command {
        Command { transaction, received_ms, request: None, action }
    }
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A user's command with well-formed arguments.
    User {
        /// Whose account it is about.
        user: UserName,
        /// What is to be done.
        verb: Verb,
    },
    /// An operator's `DUMPLOG,file`: the complete log.
    DumpAll(DumpFile),
    /// One of the 16 commands with arguments that are not: it is refused, and logged like any
    /// other.
    Malformed(Box<Malformed>),
}

tagged! {
    /// A user's command without the user. An amount after a trigger verb is a price.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum Verb, "a command" {
        /// Put money into the account.
        Add(amount: Amount) = 0 => "ADD",
        /// Show the price of a stock.
        Quote(stock: Stock) = 1 => "QUOTE",
        /// Reserve money for as many shares as the amount pays for.
        Buy(stock: Stock, amount: Amount) = 2 => "BUY",
        /// Carry out the newest pending buy.
        CommitBuy = 3 => "COMMIT_BUY",
        /// Drop the newest pending buy.
        CancelBuy = 4 => "CANCEL_BUY",
        /// Reserve as many shares as the amount is worth.
        Sell(stock: Stock, amount: Amount) = 5 => "SELL",
        /// Carry out the newest pending sell.
        CommitSell = 6 => "COMMIT_SELL",
        /// Drop the newest pending sell.
        CancelSell = 7 => "CANCEL_SELL",
        /// Set money aside for a buy order.
        SetBuyAmount(stock: Stock, amount: Amount) = 8 => "SET_BUY_AMOUNT",
        /// Arm the buy order: it fires at this price or below.
        SetBuyTrigger(stock: Stock, price: Amount) = 9 => "SET_BUY_TRIGGER",
        /// Drop the buy order.
        CancelSetBuy(stock: Stock) = 10 => "CANCEL_SET_BUY",
        /// Note how much a sell order is to bring.
        SetSellAmount(stock: Stock, amount: Amount) = 11 => "SET_SELL_AMOUNT",
        /// Arm the sell order: it fires at this price or above.
        SetSellTrigger(stock: Stock, price: Amount) = 12 => "SET_SELL_TRIGGER",
        /// Drop the sell order.
        CancelSetSell(stock: Stock) = 13 => "CANCEL_SET_SELL",
        /// Show the account.
        DisplaySummary = 14 => "DISPLAY_SUMMARY",
        /// Write the user's audit history to a file.
        DumpLog(file: DumpFile) = 15 => "DUMPLOG",
        /// Open the account with nothing in it. No line asks for it: signing up does.
        Register = 16 => "REGISTER",
    }
}

/// A command whose arguments are no good: what can be said of it in the audit log, and why it is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// Which command it is.
    pub name: CommandName,
    /// Why it is refused.
    pub code: MalformedCode,
    /// The user name as given, where XML can hold it.
    pub user: Option<Box<str>>,
    /// The stock as given, where the log's schema can hold it.
    pub stock: Option<Box<str>>,
    /// The file name as given, where XML can hold it.
    pub file: Option<Box<str>>,
    /// The amount as given, where it is a decimal.
    pub funds: Option<Box<str>>,
    /// What is wrong and what was expected; quotes what the fields above cannot hold.
    pub message: Box<str>,
}

record!(Malformed { name, code, user, stock, file, funds, message });

enumeration! {
    /// Why a command's arguments are no good, in the order of the checks.
    pub enum MalformedCode, ALL, "a code" {
        /// Too few or too many arguments.
        InvalidArguments = 0 => "invalid_arguments",
        /// Not a user name.
        InvalidUser = 1 => "invalid_user",
        /// Not a stock symbol.
        InvalidStock = 2 => "invalid_stock",
        /// Not an amount.
        InvalidAmount = 3 => "invalid_amount",
        /// Not a file name.
        InvalidFilename = 4 => "invalid_filename",
    }
}

enumeration! {
    /// The names of the 16 commands, and of what signing up does: as they stand in workload files
    /// and logs. Each has the number of its [`Verb`].
    #[allow(missing_docs)]
    pub enum CommandName, EVERY, "a command" {
        Add = 0 => "ADD",
        Quote = 1 => "QUOTE",
        Buy = 2 => "BUY",
        CommitBuy = 3 => "COMMIT_BUY",
        CancelBuy = 4 => "CANCEL_BUY",
        Sell = 5 => "SELL",
        CommitSell = 6 => "COMMIT_SELL",
        CancelSell = 7 => "CANCEL_SELL",
        SetBuyAmount = 8 => "SET_BUY_AMOUNT",
        SetBuyTrigger = 9 => "SET_BUY_TRIGGER",
        CancelSetBuy = 10 => "CANCEL_SET_BUY",
        SetSellAmount = 11 => "SET_SELL_AMOUNT",
        SetSellTrigger = 12 => "SET_SELL_TRIGGER",
        CancelSetSell = 13 => "CANCEL_SET_SELL",
        DisplaySummary = 14 => "DISPLAY_SUMMARY",
        DumpLog = 15 => "DUMPLOG",
        Register = 16 => "REGISTER",
    }
}

impl CommandName {
    /// The 16 that lines can ask for, in the order of their numbers: all but REGISTER.
    pub const ALL: [CommandName; 16] = {
        let [asked @ .., CommandName::Register] = CommandName::EVERY else {
            panic!("REGISTER is the last command")
        };
        asked
    };

    /// The command of that name that a line can ask for.
    pub fn parse(text: &[u8]) -> Option<CommandName> {
        CommandName::named(text).filter(|name| *name != CommandName::Register)
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Verb {
    /// The order that it sets, arms or cancels.
    pub const fn order(&self) -> Option<(Side, Stock)> {
        match self {
            Verb::SetBuyAmount(stock, _)
            | Verb::SetBuyTrigger(stock, _)
            | Verb::CancelSetBuy(stock) => Some((Side::Buy, *stock)),
            Verb::SetSellAmount(stock, _)
            | Verb::SetSellTrigger(stock, _)
            | Verb::CancelSetSell(stock) => Some((Side::Sell, *stock)),
            Verb::Add(..)
            | Verb::Quote(..)
            | Verb::Buy(..)
            | Verb::CommitBuy
            | Verb::CancelBuy
            | Verb::Sell(..)
            | Verb::CommitSell
            | Verb::CancelSell
            | Verb::DisplaySummary
            | Verb::DumpLog(..)
            | Verb::Register => None,
        }
    }

    /// The command's name.
    pub const fn name(&self) -> CommandName {
        match self {
            Verb::Add(..) => CommandName::Add,
            Verb::Quote(..) => CommandName::Quote,
            Verb::Buy(..) => CommandName::Buy,
            Verb::CommitBuy => CommandName::CommitBuy,
            Verb::CancelBuy => CommandName::CancelBuy,
            Verb::Sell(..) => CommandName::Sell,
            Verb::CommitSell => CommandName::CommitSell,
            Verb::CancelSell => CommandName::CancelSell,
            Verb::SetBuyAmount(..) => CommandName::SetBuyAmount,
            Verb::SetBuyTrigger(..) => CommandName::SetBuyTrigger,
            Verb::CancelSetBuy(..) => CommandName::CancelSetBuy,
            Verb::SetSellAmount(..) => CommandName::SetSellAmount,
            Verb::SetSellTrigger(..) => CommandName::SetSellTrigger,
            Verb::CancelSetSell(..) => CommandName::CancelSetSell,
            Verb::DisplaySummary => CommandName::DisplaySummary,
            Verb::DumpLog(..) => CommandName::DumpLog,
            Verb::Register => CommandName::Register,
        }
    }

    /// The stock it names.
    pub const fn stock(&self) -> Option<Stock> {
        match self {
            Verb::Quote(stock) | Verb::CancelSetBuy(stock) | Verb::CancelSetSell(stock) => {
                Some(*stock)
            }
            Verb::Buy(stock, _)
            | Verb::Sell(stock, _)
            | Verb::SetBuyAmount(stock, _)
            | Verb::SetBuyTrigger(stock, _)
            | Verb::SetSellAmount(stock, _)
            | Verb::SetSellTrigger(stock, _) => Some(*stock),
            Verb::Add(_)
            | Verb::CommitBuy
            | Verb::CancelBuy
            | Verb::CommitSell
            | Verb::CancelSell
            | Verb::DisplaySummary
            | Verb::DumpLog(_)
            | Verb::Register => None,
        }
    }

    /// The amount (or trigger price) it names.
    pub const fn amount(&self) -> Option<Amount> {
        match self {
            Verb::Add(amount)
            | Verb::Buy(_, amount)
            | Verb::Sell(_, amount)
            | Verb::SetBuyAmount(_, amount)
            | Verb::SetBuyTrigger(_, amount)
            | Verb::SetSellAmount(_, amount)
            | Verb::SetSellTrigger(_, amount) => Some(*amount),
            Verb::Quote(_)
            | Verb::CommitBuy
            | Verb::CancelBuy
            | Verb::CommitSell
            | Verb::CancelSell
            | Verb::CancelSetBuy(_)
            | Verb::CancelSetSell(_)
            | Verb::DisplaySummary
            | Verb::DumpLog(_)
            | Verb::Register => None,
        }
    }
}

impl Action {
    /// The command's name.
    pub fn name(&self) -> CommandName {
        match self {
            Action::User { verb, .. } => verb.name(),
            Action::DumpAll(_) => CommandName::DumpLog,
            Action::Malformed(malformed) => malformed.name,
        }
    }

    /// The user it is about, as text; none for a global DUMPLOG and where no name could be read.
    pub fn user(&self) -> Option<&str> {
        match self {
            Action::User { user, .. } => Some(user.as_str()),
            Action::DumpAll(_) => None,
            Action::Malformed(malformed) => malformed.user.as_deref(),
        }
    }
}
