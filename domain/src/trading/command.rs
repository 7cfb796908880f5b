//! Commands: what users ask for.

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

/// A user's command without the user. An amount after a trigger verb is a price.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Put money into the account.
    Add(Amount),
    /// Show the price of a stock.
    Quote(Stock),
    /// Reserve money for as many shares as the amount pays for.
    Buy(Stock, Amount),
    /// Carry out the newest pending buy.
    CommitBuy,
    /// Drop the newest pending buy.
    CancelBuy,
    /// Reserve as many shares as the amount is worth.
    Sell(Stock, Amount),
    /// Carry out the newest pending sell.
    CommitSell,
    /// Drop the newest pending sell.
    CancelSell,
    /// Set money aside for a buy order.
    SetBuyAmount(Stock, Amount),
    /// Arm the buy order: it fires at this price or below.
    SetBuyTrigger(Stock, Amount),
    /// Drop the buy order.
    CancelSetBuy(Stock),
    /// Note how much a sell order is to bring.
    SetSellAmount(Stock, Amount),
    /// Arm the sell order: it fires at this price or above.
    SetSellTrigger(Stock, Amount),
    /// Drop the sell order.
    CancelSetSell(Stock),
    /// Show the account.
    DisplaySummary,
    /// Write the user's audit history to a file.
    DumpLog(DumpFile),
    /// Open the account with nothing in it. No line asks for it: signing up does.
    Register,
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

/// Why a command's arguments are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MalformedCode {
    /// Too few or too many arguments.
    InvalidArguments,
    /// Not a user name.
    InvalidUser,
    /// Not a stock symbol.
    InvalidStock,
    /// Not an amount.
    InvalidAmount,
    /// Not a file name.
    InvalidFilename,
}

impl MalformedCode {
    /// Every code, in the order of the checks.
    pub const ALL: [MalformedCode; 5] = [
        MalformedCode::InvalidArguments,
        MalformedCode::InvalidUser,
        MalformedCode::InvalidStock,
        MalformedCode::InvalidAmount,
        MalformedCode::InvalidFilename,
    ];

    /// The stable, machine-readable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            MalformedCode::InvalidArguments => "invalid_arguments",
            MalformedCode::InvalidUser => "invalid_user",
            MalformedCode::InvalidStock => "invalid_stock",
            MalformedCode::InvalidAmount => "invalid_amount",
            MalformedCode::InvalidFilename => "invalid_filename",
        }
    }
}

/// The names of the 16 commands, and of what signing up does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum CommandName {
    Add,
    Quote,
    Buy,
    CommitBuy,
    CancelBuy,
    Sell,
    CommitSell,
    CancelSell,
    SetBuyAmount,
    SetBuyTrigger,
    CancelSetBuy,
    SetSellAmount,
    SetSellTrigger,
    CancelSetSell,
    DisplaySummary,
    DumpLog,
    Register,
}

impl CommandName {
    /// The 16 that lines can ask for, in the order of their numbers.
    pub const ALL: [CommandName; 16] = [
        CommandName::Add,
        CommandName::Quote,
        CommandName::Buy,
        CommandName::CommitBuy,
        CommandName::CancelBuy,
        CommandName::Sell,
        CommandName::CommitSell,
        CommandName::CancelSell,
        CommandName::SetBuyAmount,
        CommandName::SetBuyTrigger,
        CommandName::CancelSetBuy,
        CommandName::SetSellAmount,
        CommandName::SetSellTrigger,
        CommandName::CancelSetSell,
        CommandName::DisplaySummary,
        CommandName::DumpLog,
    ];

    /// The name as it stands in workload files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            CommandName::Add => "ADD",
            CommandName::Quote => "QUOTE",
            CommandName::Buy => "BUY",
            CommandName::CommitBuy => "COMMIT_BUY",
            CommandName::CancelBuy => "CANCEL_BUY",
            CommandName::Sell => "SELL",
            CommandName::CommitSell => "COMMIT_SELL",
            CommandName::CancelSell => "CANCEL_SELL",
            CommandName::SetBuyAmount => "SET_BUY_AMOUNT",
            CommandName::SetBuyTrigger => "SET_BUY_TRIGGER",
            CommandName::CancelSetBuy => "CANCEL_SET_BUY",
            CommandName::SetSellAmount => "SET_SELL_AMOUNT",
            CommandName::SetSellTrigger => "SET_SELL_TRIGGER",
            CommandName::CancelSetSell => "CANCEL_SET_SELL",
            CommandName::DisplaySummary => "DISPLAY_SUMMARY",
            CommandName::DumpLog => "DUMPLOG",
            CommandName::Register => "REGISTER",
        }
    }

    /// The command whose number is `number`.
    pub fn numbered(number: u8) -> Option<CommandName> {
        match Self::ALL.get(usize::from(number)) {
            None if number == CommandName::Register as u8 => Some(CommandName::Register),
            name => name.copied(),
        }
    }

    /// The command of that name, whoever may ask for it.
    pub fn named(text: &[u8]) -> Option<CommandName> {
        let register = CommandName::Register;
        Self::parse(text).or_else(|| (text == register.as_str().as_bytes()).then_some(register))
    }

    /// The command of that name that a line can ask for.
    pub fn parse(text: &[u8]) -> Option<CommandName> {
        Some(match text {
            b"ADD" => CommandName::Add,
            b"QUOTE" => CommandName::Quote,
            b"BUY" => CommandName::Buy,
            b"COMMIT_BUY" => CommandName::CommitBuy,
            b"CANCEL_BUY" => CommandName::CancelBuy,
            b"SELL" => CommandName::Sell,
            b"COMMIT_SELL" => CommandName::CommitSell,
            b"CANCEL_SELL" => CommandName::CancelSell,
            b"SET_BUY_AMOUNT" => CommandName::SetBuyAmount,
            b"SET_BUY_TRIGGER" => CommandName::SetBuyTrigger,
            b"CANCEL_SET_BUY" => CommandName::CancelSetBuy,
            b"SET_SELL_AMOUNT" => CommandName::SetSellAmount,
            b"SET_SELL_TRIGGER" => CommandName::SetSellTrigger,
            b"CANCEL_SET_SELL" => CommandName::CancelSetSell,
            b"DISPLAY_SUMMARY" => CommandName::DisplaySummary,
            b"DUMPLOG" => CommandName::DumpLog,
            _ => return None,
        })
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
            _ => None,
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
            _ => None,
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
            _ => None,
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
