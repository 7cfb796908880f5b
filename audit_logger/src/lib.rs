//! Keeps the log and its views: the entry log on disk, the XML log that graders read, and the
//! checker that proves it.
//!
//! The log deliberately knows nothing of workers: it is handed entries and makes them durable.
//! The checker ([`verify`]) deliberately knows nothing of the rules in `domain`: it derives them
//! anew.

pub mod dumplog;
pub mod elasticsearch;
pub mod error;
pub mod follow;
mod hex;
pub mod log;
pub mod parity;
pub mod postgres;
pub mod proof;
pub mod query;
pub mod verify;
pub mod xml;

pub use error::LogError;
