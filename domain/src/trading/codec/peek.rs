//! The first fields of an entry, read without building it: what a search compares before it pays
//! for the rest.

use super::field::Field;
use super::{ActionForm, DecodeError, EntryKind, REQUEST_LEN, Reader};
use crate::trading::command::MalformedCode;
use crate::trading::{CommandName, TransactionNum};

/// What stands at the front of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The command it belongs to.
    pub transaction: TransactionNum,
    /// When it took effect, in Unix milliseconds.
    pub at_ms: u64,
    /// The user it is about, as bytes that nobody has looked at yet.
    pub user: Option<&'a [u8]>,
    /// The command's name, where the entry has one.
    pub name: Option<CommandName>,
    /// Whether it can stand far behind its command: an expiry, or an order that fired later.
    pub late: bool,
}

/// Looks at the entry at the start of `bytes`; returns its front and the bytes behind the entry.
/// Whether the entry is whole otherwise only [`decode`](super::decode) tells.
///
/// # Errors
/// The bytes do not begin as an entry of this version does.
pub fn peek(bytes: &[u8]) -> Result<(Peek<'_>, &[u8]), DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut body = reader.body()?;
    Ok((front(&mut body)?, &bytes[reader.at..]))
}

fn front<'a>(reader: &mut Reader<'a>) -> Result<Peek<'a>, DecodeError> {
    let kind = EntryKind::take(reader)?;
    if kind == EntryKind::Requested {
        reader.take(REQUEST_LEN, "a request's UUID")?;
    }
    let transaction = Field::take(reader)?;
    let late = matches!(kind, EntryKind::Expired | EntryKind::Filled);
    let (name, user, at_ms) = match kind {
        EntryKind::Command | EntryKind::Requested => {
            let received_ms = reader.u64("a time")?;
            let waited_ms = reader.u64("a waiting time")?;
            let at_ms = received_ms.checked_add(waited_ms);
            let at_ms = at_ms.ok_or(reader.error("a waiting time"))?;
            let (name, user) = asked(reader)?;
            (Some(name), user, at_ms)
        }
        EntryKind::Quote | EntryKind::Expired => (None, Some(bytes(reader)?), u64::take(reader)?),
        EntryKind::QuoteRefused | EntryKind::Filled => {
            (Some(Field::take(reader)?), Some(bytes(reader)?), u64::take(reader)?)
        }
    };
    Ok(Peek { transaction, at_ms, user, name, late })
}

fn asked<'a>(reader: &mut Reader<'a>) -> Result<(CommandName, Option<&'a [u8]>), DecodeError> {
    Ok(match ActionForm::take(reader)? {
        ActionForm::User => (Field::take(reader)?, Some(bytes(reader)?)),
        ActionForm::DumpAll => (CommandName::DumpLog, None),
        ActionForm::Malformed => {
            let name = Field::take(reader)?;
            MalformedCode::take(reader)?;
            let user = match reader.u8("whether a text follows")? {
                0 => None,
                _ => Some(bytes(reader)?),
            };
            (name, user)
        }
    })
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.u64("a text")? as usize;
    reader.take(len, "a text")
}
