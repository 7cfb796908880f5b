//! Entries to bytes.

use super::{
    FORM_DUMP_ALL, FORM_MALFORMED, FORM_USER, KIND_COMMAND, KIND_EXPIRED, KIND_FILLED, KIND_QUOTE,
    KIND_QUOTE_REFUSED, KIND_REQUESTED,
};
use crate::trading::command::{Action, Verb};
use crate::trading::entry::PriceUsed;
use crate::trading::outcome::{Accepted, Fill, Outcome, PendingTaken, Reject};
use crate::trading::verbs::expiry::Side;
use crate::trading::{Entry, Money, Stock, TransactionNum};
use thiserror::Error;

/// An entry that the format cannot hold. Whoever made it has broken an invariant; to write
/// something near it would be a log that says what never happened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an entry of transaction {transaction} cannot be written: {reason}")]
pub struct EncodeError {
    /// The command that the entry belongs to.
    pub transaction: TransactionNum,
    /// What cannot be represented.
    pub reason: &'static str,
}

/// Whether a value could be written, or what of it the format cannot hold.
pub(super) type Put = Result<(), &'static str>;

/// Appends `entry` with its length.
///
/// # Errors
/// The format cannot hold the entry; nothing is appended then.
pub fn encode(entry: &Entry, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    // Nearly every entry is shorter than 128 bytes, so its length takes one byte; where it is
    // not, the bytes move up for the others.
    let start = out.len();
    out.push(0);
    if let Err(reason) = put_body(entry, out) {
        out.truncate(start);
        return Err(EncodeError { transaction: entry.transaction(), reason });
    }
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(10);
        put_u64(len as u64, &mut prefix);
        out.splice(start..=start, prefix);
    }
    Ok(())
}

fn put_body(entry: &Entry, out: &mut Vec<u8>) -> Put {
    match entry {
        Entry::Command(decided) => {
            match &decided.command.request {
                None => out.push(KIND_COMMAND),
                Some(request) => {
                    out.push(KIND_REQUESTED);
                    out.extend_from_slice(request.as_bytes());
                }
            }
            put_u64(decided.command.transaction.0, out);
            put_u64(decided.command.received_ms, out);
            let waited_ms = decided.applied_ms.checked_sub(decided.command.received_ms);
            put_u64(waited_ms.ok_or("it took effect before it was received")?, out);
            put_action(&decided.command.action, out)?;
            put_price_used(decided.price, out);
            put_outcome(&decided.outcome, out)?;
        }
        Entry::Quote(quote) => {
            out.push(KIND_QUOTE);
            put_u64(quote.transaction.0, out);
            put_text(quote.user.as_str(), out);
            put_u64(quote.received_ms, out);
            put_stock(quote.stock, out);
            put_u64(quote.price.cents() as u64, out);
            put_u64(quote.server_time_ms, out);
            put_text(&quote.cryptokey, out);
        }
        Entry::QuoteRefused(refused) => {
            out.push(KIND_QUOTE_REFUSED);
            put_u64(refused.transaction.0, out);
            out.push(refused.name as u8);
            put_text(refused.user.as_str(), out);
            put_u64(refused.failed_ms, out);
            put_stock(refused.stock, out);
            put_text(&refused.message, out);
        }
        Entry::Expired(expired) => {
            out.push(KIND_EXPIRED);
            put_u64(expired.transaction.0, out);
            put_text(expired.user.as_str(), out);
            put_u64(expired.expired_ms, out);
            put_side(expired.side, out);
            put_stock(expired.stock, out);
            put_u64(expired.shares.count(), out);
            put_money(expired.cash, out)?;
        }
        Entry::Filled(filled) => {
            out.push(KIND_FILLED);
            put_u64(filled.transaction.0, out);
            out.push(filled.name as u8);
            put_text(filled.user.as_str(), out);
            put_u64(filled.filled_ms, out);
            put_side(filled.side, out);
            put_stock(filled.stock, out);
            put_fill(Some(filled.fill), out)?;
        }
    }
    Ok(())
}

fn put_action(action: &Action, out: &mut Vec<u8>) -> Put {
    match action {
        Action::User { user, verb } => {
            out.push(FORM_USER);
            out.push(verb.name() as u8);
            put_text(user.as_str(), out);
            if let Some(stock) = verb.stock() {
                put_stock(stock, out);
            }
            if let Some(amount) = verb.amount() {
                put_money(amount.money(), out)?;
            }
            if let Verb::DumpLog(file) = verb {
                put_text(file.as_given(), out);
            }
        }
        Action::DumpAll(file) => {
            out.push(FORM_DUMP_ALL);
            put_text(file.as_given(), out);
        }
        Action::Malformed(malformed) => {
            out.push(FORM_MALFORMED);
            out.push(malformed.name as u8);
            out.push(malformed.code as u8);
            for text in [&malformed.user, &malformed.stock, &malformed.file, &malformed.funds] {
                match text {
                    Some(text) => {
                        out.push(1);
                        put_text(text, out);
                    }
                    None => out.push(0),
                }
            }
            put_text(&malformed.message, out);
        }
    }
    Ok(())
}

/// No price is 0; else twice the cents, and one more where it was cached.
fn put_price_used(price: Option<PriceUsed>, out: &mut Vec<u8>) {
    let code = price.map_or(0, |used| (used.price.cents() as u64) << 1 | u64::from(used.cached));
    put_u64(code, out);
}

fn put_outcome(outcome: &Outcome, out: &mut Vec<u8>) -> Put {
    match outcome {
        Outcome::Rejected(reject) => {
            out.push(0x80 | reject_number(reject));
            match reject {
                Reject::InsufficientFunds { available } => put_money(*available, out)?,
                Reject::InsufficientShares { available } => put_u64(available.count(), out),
                _ => {}
            }
        }
        Outcome::Accepted(accepted) => put_accepted(accepted, out)?,
    }
    Ok(())
}

const fn reject_number(reject: &Reject) -> u8 {
    match reject {
        Reject::Malformed => 0,
        Reject::UnknownAccount => 1,
        Reject::InsufficientFunds { .. } => 2,
        Reject::InsufficientShares { .. } => 3,
        Reject::AmountTooSmall => 4,
        Reject::NoPendingBuy => 5,
        Reject::NoPendingSell => 6,
        Reject::NoBuyOrder => 7,
        Reject::NoSellOrder => 8,
        Reject::QuoteUnavailable => 9,
        Reject::BalanceLimit => 10,
    }
}

fn put_accepted(accepted: &Accepted, out: &mut Vec<u8>) -> Put {
    match accepted {
        Accepted::Added => out.push(0),
        Accepted::Quoted => out.push(1),
        Accepted::BuyPending { shares, cost } => {
            out.push(2);
            put_u64(shares.count(), out);
            put_money(*cost, out)?;
        }
        Accepted::BuyCommitted(taken) => put_taken(3, taken, out)?,
        Accepted::BuyCancelled(taken) => put_taken(4, taken, out)?,
        Accepted::SellPending { shares, proceeds } => {
            out.push(5);
            put_u64(shares.count(), out);
            put_money(*proceeds, out)?;
        }
        Accepted::SellCommitted(taken) => put_taken(6, taken, out)?,
        Accepted::SellCancelled(taken) => put_taken(7, taken, out)?,
        Accepted::BuyAmountSet { previous, fill } => {
            out.push(8);
            put_money(*previous, out)?;
            put_fill(*fill, out)?;
        }
        Accepted::BuyArmed { fill } => {
            out.push(9);
            put_fill(*fill, out)?;
        }
        Accepted::BuyOrderDropped { reserve } => {
            out.push(10);
            put_money(*reserve, out)?;
        }
        Accepted::SellAmountSet { reserved, fill } => {
            out.push(11);
            put_u64(reserved.count(), out);
            put_fill(*fill, out)?;
        }
        Accepted::SellArmed { reserved, fill } => {
            out.push(12);
            put_u64(reserved.count(), out);
            put_fill(*fill, out)?;
        }
        Accepted::SellOrderDropped { reserved } => {
            out.push(13);
            put_u64(reserved.count(), out);
        }
        Accepted::Summarised => out.push(14),
        Accepted::Dumped => out.push(15),
        Accepted::Registered => out.push(16),
    }
    Ok(())
}

fn put_taken(tag: u8, taken: &PendingTaken, out: &mut Vec<u8>) -> Put {
    out.push(tag);
    put_u64(taken.opened_by.0, out);
    put_stock(taken.stock, out);
    put_u64(taken.shares.count(), out);
    put_money(taken.cash, out)?;
    Ok(())
}

fn put_fill(fill: Option<Fill>, out: &mut Vec<u8>) -> Put {
    match fill {
        None => out.push(0),
        Some(fill) => {
            put_u64(fill.price.cents() as u64, out);
            put_u64(fill.shares.count(), out);
            put_money(fill.cash, out)?;
        }
    }
    Ok(())
}

/// Appends a number.
pub fn put_u64(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// No sum in the log is negative: movements name their direction.
pub(super) fn put_money(money: Money, out: &mut Vec<u8>) -> Put {
    put_u64(u64::try_from(money.cents()).map_err(|_| "a sum of money is negative")?, out);
    Ok(())
}

/// Appends a text with its length.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    put_u64(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_stock(stock: Stock, out: &mut Vec<u8>) {
    let letters = stock.letters();
    let mut bytes = [0; 3];
    bytes[..letters.as_bytes().len()].copy_from_slice(letters.as_bytes());
    out.extend_from_slice(&bytes);
}

fn put_side(side: Side, out: &mut Vec<u8>) {
    out.push(match side {
        Side::Buy => 0,
        Side::Sell => 1,
    });
}
