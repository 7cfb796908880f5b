//! Entries and accounts as bytes: the form in which the log and its snapshots keep them.
//! `docs/log-format.md` describes it; [`VERSION`] changes with it.
//!
//! Numbers are LEB128 varints, texts a varint length and UTF-8, stocks three bytes padded with
//! zeros. Each entry is preceded by its length, so that a reader can step over it.
//!
//! Which numbers commands, outcomes and codes have, and which fields stand behind them, says the
//! table of each enumeration where it is defined: encoder, decoder and tests follow from it.

mod account;
mod decode;
mod encode;
mod examples;
pub(super) mod field;
mod peek;

use super::command::Action;
use super::entry::Entry;
use super::tables::enumeration;

pub use account::{decode_account, encode_account};
pub use decode::{DecodeError, Reader, decode};
pub use encode::{EncodeError, encode};
pub use field::{put_text, put_u64};
pub use peek::{Peek, peek};

/// The version of the form.
pub const VERSION: u16 = 1;

/// Bytes of a UUID, which stands before the rest of a command that has one.
const REQUEST_LEN: usize = 16;

enumeration! {
    /// What the first byte of an entry says.
    pub enum EntryKind, ALL, "the kind of the entry" {
        /// A command was decided.
        Command = 1 => "command",
        /// The quote server answered.
        Quote = 2 => "quote",
        /// A request to the quote server failed.
        QuoteRefused = 3 => "quote_refused",
        /// A pending buy or sell expired.
        Expired = 4 => "expired",
        /// An armed order fired on a later price.
        Filled = 5 => "filled",
        /// A command was decided to which the client gave a number of its own.
        Requested = 6 => "requested",
    }
}

enumeration! {
    /// What the first byte of what a command asks for says.
    pub enum ActionForm, ALL, "the form of the command" {
        /// A user's command.
        User = 0 => "user",
        /// An operator's DUMPLOG of everything.
        DumpAll = 1 => "dump_all",
        /// A command with arguments that are no good.
        Malformed = 2 => "malformed",
    }
}

impl EntryKind {
    /// The kind of `entry`.
    pub const fn of(entry: &Entry) -> EntryKind {
        match entry {
            Entry::Command(decided) if decided.command.request.is_some() => EntryKind::Requested,
            Entry::Command(_) => EntryKind::Command,
            Entry::Quote(_) => EntryKind::Quote,
            Entry::QuoteRefused(_) => EntryKind::QuoteRefused,
            Entry::Expired(_) => EntryKind::Expired,
            Entry::Filled(_) => EntryKind::Filled,
        }
    }
}

impl ActionForm {
    /// The form of `action`.
    pub const fn of(action: &Action) -> ActionForm {
        match action {
            Action::User { .. } => ActionForm::User,
            Action::DumpAll(_) => ActionForm::DumpAll,
            Action::Malformed(_) => ActionForm::Malformed,
        }
    }
}

#[cfg(test)]
mod tests;
