//! Trading: the DayTrading Inc. course system.

pub mod account;
pub mod codec;
pub mod command;
pub mod entry;
pub mod money;
pub mod names;
pub mod outcome;
pub mod parse;
pub mod rules;
mod tables;
pub mod verbs;

pub use account::Account;
pub use command::{Action, Command, CommandName, Malformed, MalformedCode, Verb};
pub use entry::Entry;
pub use money::{Amount, Money, Price, Shares};
pub use names::{DumpFile, RequestId, Stock, TransactionNum, UserName};
pub use outcome::{Accepted, Fill, Outcome, PendingTaken, Reject};
pub use rules::RulesVersion;
