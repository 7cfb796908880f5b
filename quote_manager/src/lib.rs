//! One fresh price a stock: a cache that all users share, one question in flight a stock however
//! many wait, and the client of the legacy quote server.
//!
//! * [`manager`]: the actor that workers ask.
//! * [`cache`]: where prices are kept, in this process and in a Redis that many share.
//! * [`source`]: where prices come from.
//! * [`simulator`]: a double of the legacy quote server.
//! * [`experiment`]: what measured delays say, and what each strategy makes of them.

pub mod cache;
pub mod experiment;
pub mod manager;
pub mod simulator;
pub mod source;

pub use manager::{QuoteManager, QuoteStats};
