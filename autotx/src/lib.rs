//! The AutoTX manager: fires armed orders when a price meets them.
//!
//! * [`book`]: the armed orders of all stocks, ordered by the price at which they fire.
//! * [`schedule`]: when the price of which stock is asked for.
//! * [`engine`]: book, prices and schedule together; no runtime, no IO.
//! * [`actor`]: the actor around an engine.
//!
//! It deliberately knows nothing of accounts: it says whose order a price has met, and the worker
//! that owns the account decides whether the order still stands.

pub mod actor;
pub mod book;
pub mod engine;
pub mod schedule;

pub use actor::AutoTxActor;
pub use book::TriggerBook;
pub use engine::{AutoTx, AutoTxStats};
pub use schedule::FarPolicy;
