//! Bytes to entries.

use super::{
    FORM_DUMP_ALL, FORM_MALFORMED, FORM_USER, KIND_COMMAND, KIND_EXPIRED, KIND_FILLED, KIND_QUOTE,
    KIND_QUOTE_REFUSED, KIND_REQUESTED, REQUEST_LEN,
};
use crate::trading::command::{Action, Command, CommandName, Malformed, MalformedCode, Verb};
use crate::trading::entry::{
    CommandDecided, OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused,
};
use crate::trading::outcome::{Accepted, Fill, Outcome, PendingTaken, Reject};
use crate::trading::verbs::expiry::Side;
use crate::trading::{
    Amount, DumpFile, Entry, Money, Price, RequestId, Shares, Stock, TransactionNum, UserName,
};
use thiserror::Error;

/// Bytes that are no entry.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("byte {at} of the entry: {expected} expected")]
pub struct DecodeError {
    /// Offset in the bytes given.
    pub at: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// Reads the entry at the start of `bytes`; returns it and the bytes behind it.
///
/// # Errors
/// The bytes are no entry of this version.
pub fn decode(bytes: &[u8]) -> Result<(Entry, &[u8]), DecodeError> {
    let mut reader = Reader { bytes, at: 0 };
    let len = reader.u64("an entry's length")? as usize;
    let end = reader.at.checked_add(len).filter(|&end| end <= bytes.len());
    let Some(end) = end else { return Err(reader.error("as many bytes as the length says")) };
    let mut body = Reader { bytes: &bytes[..end], at: reader.at };
    let entry = body.entry()?;
    if body.at != end {
        return Err(body.error("the end of the entry"));
    }
    Ok((entry, &bytes[end..]))
}

/// Reads the parts of which entries and accounts are made, one behind the other.
pub struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Whether all bytes have been read.
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// An error at this place.
    pub fn error(&self, expected: &'static str) -> DecodeError {
        DecodeError { at: self.at, expected }
    }

    pub(super) fn u8(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
        let byte = *self.bytes.get(self.at).ok_or(self.error(expected))?;
        self.at += 1;
        Ok(byte)
    }

    /// Reads a number.
    ///
    /// # Errors
    /// None stands here.
    pub fn u64(&mut self, expected: &'static str) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(expected)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.error("a number of 64 bits"))
    }

    pub(super) fn take(
        &mut self,
        len: usize,
        expected: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(self.error(expected))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// None stands here.
    pub fn text(&mut self, expected: &'static str) -> Result<&'a str, DecodeError> {
        let len = self.u64(expected)? as usize;
        let bytes = self.take(len, expected)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("UTF-8 text"))
    }

    /// Reads a user name.
    ///
    /// # Errors
    /// None stands here.
    pub fn user(&mut self) -> Result<UserName, DecodeError> {
        let text = self.text("a user name")?;
        UserName::parse(text.as_bytes()).ok_or(self.error("a user name"))
    }

    /// Reads the file name of a DUMPLOG.
    ///
    /// # Errors
    /// None stands here.
    pub fn file(&mut self) -> Result<DumpFile, DecodeError> {
        let text = self.text("a file name")?;
        DumpFile::parse(text.as_bytes()).ok_or(self.error("a file name"))
    }

    pub(super) fn stock(&mut self) -> Result<Stock, DecodeError> {
        let bytes = self.take(3, "a stock")?;
        let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(3);
        let padded = bytes[len..].iter().all(|&byte| byte == 0);
        Stock::parse(&bytes[..len]).filter(|_| padded).ok_or(self.error("a stock"))
    }

    pub(super) fn money(&mut self) -> Result<Money, DecodeError> {
        let cents = self.u64("a sum of money")?;
        i64::try_from(cents).map(Money::from_cents).map_err(|_| self.error("a sum of money"))
    }

    pub(super) fn amount(&mut self) -> Result<Amount, DecodeError> {
        Amount::new(self.money()?).ok_or(self.error("an amount"))
    }

    pub(super) fn shares(&mut self) -> Result<Shares, DecodeError> {
        self.u64("a number of shares").map(Shares::new)
    }

    fn price(&mut self) -> Result<Price, DecodeError> {
        let cents = self.u64("a price")?;
        price_of(cents).ok_or(self.error("a price"))
    }

    pub(super) fn name(&mut self) -> Result<CommandName, DecodeError> {
        let number = self.u8("a command")?;
        CommandName::numbered(number).ok_or(self.error("a command"))
    }

    fn side(&mut self) -> Result<Side, DecodeError> {
        match self.u8("buy or sell")? {
            0 => Ok(Side::Buy),
            1 => Ok(Side::Sell),
            _ => Err(self.error("buy or sell")),
        }
    }

    pub(super) fn transaction(&mut self) -> Result<TransactionNum, DecodeError> {
        self.u64("a transaction number").map(TransactionNum)
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<Box<str>>, DecodeError> {
        match self.u8("whether a text follows")? {
            0 => Ok(None),
            1 => Ok(Some(self.text("a text")?.into())),
            _ => Err(self.error("whether a text follows")),
        }
    }

    fn taken(&mut self) -> Result<PendingTaken, DecodeError> {
        Ok(PendingTaken {
            opened_by: self.transaction()?,
            stock: self.stock()?,
            shares: self.shares()?,
            cash: self.money()?,
        })
    }

    fn fill(&mut self) -> Result<Option<Fill>, DecodeError> {
        let cents = self.u64("a price")?;
        if cents == 0 {
            return Ok(None);
        }
        let price = price_of(cents).ok_or(self.error("a price"))?;
        Ok(Some(Fill { price, shares: self.shares()?, cash: self.money()? }))
    }

    fn entry(&mut self) -> Result<Entry, DecodeError> {
        Ok(match self.u8("the kind of the entry")? {
            KIND_COMMAND => Entry::Command(self.command(None)?),
            KIND_REQUESTED => {
                let request = self.request()?;
                Entry::Command(self.command(Some(request))?)
            }
            KIND_QUOTE => Entry::Quote(QuoteReceived {
                transaction: self.transaction()?,
                user: self.user()?,
                received_ms: self.u64("a time")?,
                stock: self.stock()?,
                price: self.price()?,
                server_time_ms: self.u64("a time")?,
                cryptokey: self.text("a cryptokey")?.into(),
            }),
            KIND_QUOTE_REFUSED => Entry::QuoteRefused(QuoteRefused {
                transaction: self.transaction()?,
                name: self.name()?,
                user: self.user()?,
                failed_ms: self.u64("a time")?,
                stock: self.stock()?,
                message: self.text("a message")?.into(),
            }),
            KIND_EXPIRED => Entry::Expired(PendingExpired {
                transaction: self.transaction()?,
                user: self.user()?,
                expired_ms: self.u64("a time")?,
                side: self.side()?,
                stock: self.stock()?,
                shares: self.shares()?,
                cash: self.money()?,
            }),
            KIND_FILLED => Entry::Filled(OrderFilled {
                transaction: self.transaction()?,
                name: self.name()?,
                user: self.user()?,
                filled_ms: self.u64("a time")?,
                side: self.side()?,
                stock: self.stock()?,
                fill: self.fill()?.ok_or(self.error("a price"))?,
            }),
            _ => return Err(self.error("the kind of the entry")),
        })
    }

    fn request(&mut self) -> Result<RequestId, DecodeError> {
        let bytes = self.take(REQUEST_LEN, "a request's UUID")?;
        let bytes = bytes.try_into().map_err(|_| self.error("a request's UUID"))?;
        Ok(RequestId::from_bytes(bytes))
    }

    fn command(&mut self, request: Option<RequestId>) -> Result<CommandDecided, DecodeError> {
        let transaction = self.transaction()?;
        let received_ms = self.u64("a time")?;
        let waited_ms = self.u64("a waiting time")?;
        let applied_ms = received_ms.checked_add(waited_ms).ok_or(self.error("a waiting time"))?;
        let action = self.action()?;
        let price = match self.u64("a price")? {
            0 => None,
            code => {
                let price = price_of(code >> 1).ok_or(self.error("a price"))?;
                Some(PriceUsed { price, cached: code & 1 == 1 })
            }
        };
        let outcome = self.outcome()?;
        let command = Command { transaction, received_ms, request, action };
        Ok(CommandDecided { command, applied_ms, price, outcome })
    }

    fn action(&mut self) -> Result<Action, DecodeError> {
        match self.u8("the form of the command")? {
            FORM_USER => {
                let name = self.name()?;
                let user = self.user()?;
                Ok(Action::User { user, verb: self.verb(name)? })
            }
            FORM_DUMP_ALL => Ok(Action::DumpAll(self.file()?)),
            FORM_MALFORMED => {
                let name = self.name()?;
                let code = self.u8("a code")?;
                let code = MalformedCode::ALL.get(code as usize).ok_or(self.error("a code"))?;
                Ok(Action::Malformed(Box::new(Malformed {
                    name,
                    code: *code,
                    user: self.optional_text()?,
                    stock: self.optional_text()?,
                    file: self.optional_text()?,
                    funds: self.optional_text()?,
                    message: self.text("a message")?.into(),
                })))
            }
            _ => Err(self.error("the form of the command")),
        }
    }

    fn verb(&mut self, name: CommandName) -> Result<Verb, DecodeError> {
        Ok(match name {
            CommandName::Add => Verb::Add(self.amount()?),
            CommandName::Quote => Verb::Quote(self.stock()?),
            CommandName::Buy => Verb::Buy(self.stock()?, self.amount()?),
            CommandName::CommitBuy => Verb::CommitBuy,
            CommandName::CancelBuy => Verb::CancelBuy,
            CommandName::Sell => Verb::Sell(self.stock()?, self.amount()?),
            CommandName::CommitSell => Verb::CommitSell,
            CommandName::CancelSell => Verb::CancelSell,
            CommandName::SetBuyAmount => Verb::SetBuyAmount(self.stock()?, self.amount()?),
            CommandName::SetBuyTrigger => Verb::SetBuyTrigger(self.stock()?, self.amount()?),
            CommandName::CancelSetBuy => Verb::CancelSetBuy(self.stock()?),
            CommandName::SetSellAmount => Verb::SetSellAmount(self.stock()?, self.amount()?),
            CommandName::SetSellTrigger => Verb::SetSellTrigger(self.stock()?, self.amount()?),
            CommandName::CancelSetSell => Verb::CancelSetSell(self.stock()?),
            CommandName::DisplaySummary => Verb::DisplaySummary,
            CommandName::DumpLog => Verb::DumpLog(self.file()?),
            CommandName::Register => Verb::Register,
        })
    }

    fn outcome(&mut self) -> Result<Outcome, DecodeError> {
        let tag = self.u8("an outcome")?;
        Ok(Outcome::Accepted(match tag {
            0 => Accepted::Added,
            1 => Accepted::Quoted,
            2 => Accepted::BuyPending { shares: self.shares()?, cost: self.money()? },
            3 => Accepted::BuyCommitted(self.taken()?),
            4 => Accepted::BuyCancelled(self.taken()?),
            5 => Accepted::SellPending { shares: self.shares()?, proceeds: self.money()? },
            6 => Accepted::SellCommitted(self.taken()?),
            7 => Accepted::SellCancelled(self.taken()?),
            8 => Accepted::BuyAmountSet { previous: self.money()?, fill: self.fill()? },
            9 => Accepted::BuyArmed { fill: self.fill()? },
            10 => Accepted::BuyOrderDropped { reserve: self.money()? },
            11 => Accepted::SellAmountSet { reserved: self.shares()?, fill: self.fill()? },
            12 => Accepted::SellArmed { reserved: self.shares()?, fill: self.fill()? },
            13 => Accepted::SellOrderDropped { reserved: self.shares()? },
            14 => Accepted::Summarised,
            15 => Accepted::Dumped,
            16 => Accepted::Registered,
            _ => return self.reject(tag).map(Outcome::Rejected),
        }))
    }

    fn reject(&mut self, tag: u8) -> Result<Reject, DecodeError> {
        Ok(match tag {
            0x80 => Reject::Malformed,
            0x81 => Reject::UnknownAccount,
            0x82 => Reject::InsufficientFunds { available: self.money()? },
            0x83 => Reject::InsufficientShares { available: self.shares()? },
            0x84 => Reject::AmountTooSmall,
            0x85 => Reject::NoPendingBuy,
            0x86 => Reject::NoPendingSell,
            0x87 => Reject::NoBuyOrder,
            0x88 => Reject::NoSellOrder,
            0x89 => Reject::QuoteUnavailable,
            0x8a => Reject::BalanceLimit,
            _ => return Err(self.error("an outcome")),
        })
    }
}

fn price_of(cents: u64) -> Option<Price> {
    Price::from_cents(i64::try_from(cents).ok()?)
}
