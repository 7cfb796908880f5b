//! Which version of the rules of trading decided an entry.

use std::fmt;

/// A version of the rules of trading. It stands in the log with the entries that were decided by
/// it, and they are replayed by it: a rule that changes, changes nothing that has happened.
///
/// A rule that is to change asks the version, and goes on as before under the older ones;
/// `docs/log-format.md` lists the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulesVersion(u16);

impl RulesVersion {
    /// The first. Logs that name no version follow it.
    pub const V1: RulesVersion = RulesVersion(1);

    /// The newest that this program knows: what is decided now is decided by it.
    pub const CURRENT: RulesVersion = RulesVersion::V1;

    /// The version of that number, which may be one that this program does not know.
    pub const fn numbered(number: u16) -> RulesVersion {
        RulesVersion(number)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for RulesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
