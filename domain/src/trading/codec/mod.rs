//! Entries and accounts as bytes: the form in which the log and its snapshots keep them.
//! `docs/log-format.md` describes it; [`VERSION`] changes with it.
//!
//! Numbers are LEB128 varints, texts a varint length and UTF-8, stocks three bytes padded with
//! zeros. Each entry is preceded by its length, so that a reader can step over it.

mod account;
mod decode;
mod encode;
mod peek;

pub use account::{decode_account, encode_account};
pub use decode::{DecodeError, Reader, decode};
pub use encode::{EncodeError, encode, put_text, put_u64};
pub use peek::{Peek, peek};

/// The version of the form.
pub const VERSION: u16 = 1;

const KIND_COMMAND: u8 = 1;
const KIND_QUOTE: u8 = 2;
const KIND_QUOTE_REFUSED: u8 = 3;
const KIND_EXPIRED: u8 = 4;
const KIND_FILLED: u8 = 5;
const KIND_REQUESTED: u8 = 6;

/// Bytes of a UUID, which stands before the rest of a command that has one.
const REQUEST_LEN: usize = 16;

const FORM_USER: u8 = 0;
const FORM_DUMP_ALL: u8 = 1;
const FORM_MALFORMED: u8 = 2;

#[cfg(test)]
mod tests;
