//! Which armed orders a price fires.
//!
//! * [`book`]: the armed orders of all stocks, ordered by trigger.
//!
//! A book deliberately knows nothing of accounts: it says who is crossed by a price, and the
//! worker that owns the account decides whether the order still stands.

pub mod book;

pub use book::{ArmedOrder, TriggerBook};
