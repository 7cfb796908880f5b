//! One fresh price a stock: a cache that all users share, one question in flight a stock however
//! many wait, and the client of the legacy quote server.
//!
//! * [`manager`]: the actor that workers ask.
//! * [`source`]: where prices come from.
//! * [`simulator`]: a double of the legacy quote server.

pub mod manager;
pub mod simulator;
pub mod source;

pub use manager::{QuoteManager, QuoteStats};
