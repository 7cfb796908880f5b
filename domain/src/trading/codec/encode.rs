//! Entries to bytes.

use super::field::{Field, Put, put_u64};
use super::{ActionForm, EntryKind};
use crate::trading::command::{Action, Command};
use crate::trading::entry::CommandDecided;
use crate::trading::outcome::Outcome;
use crate::trading::{Entry, TransactionNum};
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
    EntryKind::of(entry).put(out)?;
    match entry {
        Entry::Command(decided) => put_command(decided, out),
        Entry::Quote(quote) => quote.put(out),
        Entry::QuoteRefused(refused) => refused.put(out),
        Entry::Expired(expired) => expired.put(out),
        Entry::Filled(filled) => filled.put(out),
    }
}

fn put_command(decided: &CommandDecided, out: &mut Vec<u8>) -> Put {
    let CommandDecided { command, applied_ms, price, outcome } = decided;
    let Command { transaction, received_ms, request, action } = command;
    if let Some(request) = request {
        out.extend_from_slice(request.as_bytes());
    }
    transaction.put(out)?;
    received_ms.put(out)?;
    let waited_ms = applied_ms.checked_sub(*received_ms);
    put_u64(waited_ms.ok_or("it took effect before it was received")?, out);
    put_action(action, out)?;
    price.put(out)?;
    match outcome {
        Outcome::Accepted(accepted) => {
            out.push(accepted.number());
            accepted.put_fields(out)
        }
        Outcome::Rejected(reject) => {
            out.push(reject.number());
            reject.put_fields(out)
        }
    }
}

fn put_action(action: &Action, out: &mut Vec<u8>) -> Put {
    ActionForm::of(action).put(out)?;
    match action {
        Action::User { user, verb } => {
            out.push(verb.number());
            user.put(out)?;
            verb.put_fields(out)
        }
        Action::DumpAll(file) => file.put(out),
        Action::Malformed(malformed) => malformed.put(out),
    }
}
