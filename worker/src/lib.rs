//! Owns accounts and runs the commands of their users.
//!
//! * [`engine`]: the accounts of one worker and what happens to them; no runtime, no IO.
//! * [`accounts`]: where accounts are kept.
//! * [`armed_orders`]: what the AutoTX manager is told of an account.
//! * [`prices`]: which prices are known, and who waits for the others.
//! * [`shard`]: the actor around an engine: its mailbox, its timers, the way to the log.
//! * `telling`: what those who look at accounts are told once it is durable.
//! * [`recovery`]: accounts folded from the entries of a log.
//!
//! A worker deliberately knows nothing of files, sockets and workloads: commands, quotes and
//! durability come through `bus`.

pub mod accounts;
pub mod armed_orders;
pub mod engine;
pub mod prices;
pub mod recovery;
pub mod shard;
mod telling;

pub use engine::{Engine, Unattended};
pub use recovery::{Ledger, ParallelFold};
pub use shard::{MAX_APPENDS, ShardActor};
