//! What changes while one looks at it: accounts, prices, the state of the system, and the
//! websockets that are told of it.
//!
//! * [`account`]: an account as JSON.
//! * [`market`]: the last known prices.
//! * [`vitals`]: how the system is doing.
//! * [`hub`]: which connection hears of what.
//! * `frames`: what is looked at before a message is taken in.
//! * [`stream`]: one connection; `on_the_way`: its commands.

pub mod account;
mod frames;
pub mod hub;
pub mod market;
mod on_the_way;
pub mod stream;
pub mod vitals;
