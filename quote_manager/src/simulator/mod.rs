//! A double of the legacy quote server: its protocol, its delays, its prices and its faults.
//!
//! It runs behind a socket or inside the process, and everything it does by chance follows from
//! a seed: a price from the stock and the time, a delay or a fault from the stock and how often
//! it has been asked for. So under a virtual clock a run repeats to the byte. It deliberately
//! keeps no log; it counts.

mod chance;
mod delay;
mod faults;
mod line;
mod price;
mod server;

pub use chance::Chance;
pub use delay::{BadDelay, DelayModel};
pub use faults::{BadFaults, Fault, Faults};
pub use line::{Cryptokey, cryptokey};
pub use price::price;
pub use server::{Counts, Handle, Quirks, Simulator, SimulatorConfig, listen};
