//! Why a workload file cannot be generated.

use thiserror::Error;

use super::names::MAX_STOCKS;

/// A refused option, or a failed write.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// `--users 0`.
    #[error("--users must be at least 1")]
    NoUsers,
    /// No stock at all, or more than there are symbols of one to three letters.
    #[error(
        "--stocks must be from 1 to {MAX_STOCKS} (symbols have one to three letters), not {given}"
    )]
    Stocks {
        /// What was asked for.
        given: u32,
    },
    /// Fewer lines than it takes to let every user appear.
    #[error(
        "--commands must be at least {least} for {users} users (an ADD each and the closing DUMPLOG), not {given}"
    )]
    TooFewCommands {
        /// What was asked for.
        given: u64,
        /// How many users there are.
        users: u32,
        /// The smallest number that works.
        least: u64,
    },
    /// `--profile` with another name.
    #[error("--profile must be `course` or `valid`, not `{given}`")]
    UnknownProfile {
        /// What was asked for.
        given: String,
    },
    /// The output could not be written.
    #[error("the workload could not be written: {0}")]
    Write(#[from] std::io::Error),
}
