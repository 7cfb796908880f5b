//! Bytes to entries.

use super::field::Field;
use super::{ActionForm, EntryKind, REQUEST_LEN};
use crate::trading::command::{Action, Command, Malformed, Verb};
use crate::trading::entry::CommandDecided;
use crate::trading::outcome::{Accepted, Outcome, Reject};
use crate::trading::{DumpFile, Entry, RequestId, UserName};
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
    let mut reader = Reader::new(bytes);
    let mut body = reader.body()?;
    let entry = body.entry()?;
    if !body.is_at_end() {
        return Err(body.error("the end of the entry"));
    }
    Ok((entry, &bytes[reader.at..]))
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

    pub(in crate::trading) fn u8(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
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

    /// Reads the length of an entry and steps over the entry; returns a reader of what the length
    /// counts, which counts bytes from where this one does.
    pub(super) fn body(&mut self) -> Result<Reader<'a>, DecodeError> {
        let len = self.u64("an entry's length")? as usize;
        let begins = self.at;
        self.take(len, "as many bytes as the length says")?;
        Ok(Reader { bytes: &self.bytes[..self.at], at: begins })
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
        Field::take(self)
    }

    /// Reads the file name of a DUMPLOG.
    ///
    /// # Errors
    /// None stands here.
    pub fn file(&mut self) -> Result<DumpFile, DecodeError> {
        Field::take(self)
    }

    fn entry(&mut self) -> Result<Entry, DecodeError> {
        Ok(match EntryKind::take(self)? {
            EntryKind::Command => Entry::Command(self.command(None)?),
            EntryKind::Requested => {
                let request = self.request()?;
                Entry::Command(self.command(Some(request))?)
            }
            EntryKind::Quote => Entry::Quote(Field::take(self)?),
            EntryKind::QuoteRefused => Entry::QuoteRefused(Field::take(self)?),
            EntryKind::Expired => Entry::Expired(Field::take(self)?),
            EntryKind::Filled => Entry::Filled(Field::take(self)?),
        })
    }

    fn request(&mut self) -> Result<RequestId, DecodeError> {
        let bytes = self.take(REQUEST_LEN, "a request's UUID")?;
        let bytes = bytes.try_into().map_err(|_| self.error("a request's UUID"))?;
        Ok(RequestId::from_bytes(bytes))
    }

    fn command(&mut self, request: Option<RequestId>) -> Result<CommandDecided, DecodeError> {
        let transaction = Field::take(self)?;
        let received_ms = self.u64("a time")?;
        let waited_ms = self.u64("a waiting time")?;
        let applied_ms = received_ms.checked_add(waited_ms).ok_or(self.error("a waiting time"))?;
        let action = self.action()?;
        let price = Field::take(self)?;
        let outcome = self.outcome()?;
        let command = Command { transaction, received_ms, request, action };
        Ok(CommandDecided { command, applied_ms, price, outcome })
    }

    fn action(&mut self) -> Result<Action, DecodeError> {
        Ok(match ActionForm::take(self)? {
            ActionForm::User => {
                let number = self.u8("a command")?;
                let user = self.user()?;
                Action::User { user, verb: Verb::take_fields(number, self)? }
            }
            ActionForm::DumpAll => Action::DumpAll(self.file()?),
            ActionForm::Malformed => Action::Malformed(Box::new(Malformed::take(self)?)),
        })
    }

    fn outcome(&mut self) -> Result<Outcome, DecodeError> {
        let number = self.u8("an outcome")?;
        // The numbers of refusals have the highest bit set.
        Ok(if number < 0x80 {
            Outcome::Accepted(Accepted::take_fields(number, self)?)
        } else {
            Outcome::Rejected(Reject::take_fields(number, self)?)
        })
    }
}
