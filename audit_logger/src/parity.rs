//! Whether a store holds what the log holds: entries are compared by number and fingerprint, so
//! that whatever is missing, doubled or changed in a store can be named.
//!
//! * [`Mirror`]: what a store must tell of itself.

use crate::follow::{LogId, Record, SinkError};
use std::ops::Range;

/// The fingerprint of one entry as a store holds it: BLAKE3 over everything that the store keeps
/// of it.
pub type Fingerprint = [u8; 32];

/// A store that can be compared with the log that it follows.
#[allow(async_fn_in_trait, reason = "a comparison runs on a thread of its own and needs no Send")]
pub trait Mirror {
    /// What it is called where it is told of (`postgres`).
    fn name(&self) -> &'static str;

    /// How many entries of `log` with numbers in `range` the store holds, doubled ones counted as
    /// often as they are there.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn count(&mut self, log: &LogId, range: Range<u64>) -> Result<u64, SinkError>;

    /// The entries of `log` with numbers in `range` that the store holds, in the order of their
    /// numbers. Callers ask for ranges that fit in memory.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn fingerprints(
        &mut self,
        log: &LogId,
        range: Range<u64>,
    ) -> Result<Vec<(u64, Fingerprint)>, SinkError>;

    /// The fingerprint that the store must have of `record`.
    fn expected(&self, record: &Record<'_>) -> Fingerprint;
}
