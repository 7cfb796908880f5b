//! The first fields of an entry, read without building it: what a search compares before it pays
//! for the rest.

use super::{
    DecodeError, FORM_DUMP_ALL, FORM_MALFORMED, FORM_USER, KIND_COMMAND, KIND_EXPIRED, KIND_FILLED,
    KIND_QUOTE, KIND_QUOTE_REFUSED, KIND_REQUESTED, REQUEST_LEN, Reader,
};
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
    let len = reader.u64("an entry's length")? as usize;
    let body = reader.take(len, "as many bytes as the length says")?;
    let rest = &bytes[reader.at..];
    Ok((front(&mut Reader::new(body))?, rest))
}

fn front<'a>(reader: &mut Reader<'a>) -> Result<Peek<'a>, DecodeError> {
    let kind = reader.u8("the kind of the entry")?;
    if kind == KIND_REQUESTED {
        reader.take(REQUEST_LEN, "a request's UUID")?;
    }
    let transaction = reader.transaction()?;
    let late = matches!(kind, KIND_EXPIRED | KIND_FILLED);
    let (name, user, at_ms) = match kind {
        KIND_COMMAND | KIND_REQUESTED => {
            let received_ms = reader.u64("a time")?;
            let waited_ms = reader.u64("a waiting time")?;
            let at_ms = received_ms.checked_add(waited_ms);
            let at_ms = at_ms.ok_or(reader.error("a waiting time"))?;
            let (name, user) = asked(reader)?;
            (Some(name), user, at_ms)
        }
        KIND_QUOTE | KIND_EXPIRED => (None, Some(bytes(reader)?), reader.u64("a time")?),
        KIND_QUOTE_REFUSED | KIND_FILLED => {
            (Some(reader.name()?), Some(bytes(reader)?), reader.u64("a time")?)
        }
        _ => return Err(reader.error("the kind of the entry")),
    };
    Ok(Peek { transaction, at_ms, user, name, late })
}

fn asked<'a>(reader: &mut Reader<'a>) -> Result<(CommandName, Option<&'a [u8]>), DecodeError> {
    Ok(match reader.u8("the form of the command")? {
        FORM_USER => (reader.name()?, Some(bytes(reader)?)),
        FORM_DUMP_ALL => (CommandName::DumpLog, None),
        FORM_MALFORMED => {
            let name = reader.name()?;
            reader.u8("a code")?;
            let user = match reader.u8("whether a text follows")? {
                0 => None,
                _ => Some(bytes(reader)?),
            };
            (name, user)
        }
        _ => return Err(reader.error("the form of the command")),
    })
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.u64("a text")? as usize;
    reader.take(len, "a text")
}
