//! Proof that a log is what was written: checkpoints signed with a key, and the check against them.
//!
//! * [`key`]: the key of an installation.
//! * [`checkpoint`]: its word for a log up to an entry.
//! * [`keeper`]: signs and compresses segments while a log is written.
//! * [`locate`]: where a batch was changed, if that is one byte.
//! * [`walk`]: reads a log to its end whatever is wrong with it.
//! * [`snapshots`]: which snapshots may be used.
//! * [`vouched`]: whether it is what was signed, where that is cheap to see.
//! * [`mod@check`]: what is wrong with a log, entry by entry.
//! * [`export`]: what proves an exported file.
//! * [`mod@retain`]: removes what is proved, followed and no longer wanted.

pub mod check;
pub mod checkpoint;
pub mod export;
pub mod keeper;
pub mod key;
pub mod locate;
pub mod retain;
pub mod snapshots;
pub mod vouched;
pub mod walk;

pub use check::{Check, Finding, check};
pub use checkpoint::Checkpoint;
pub use export::{ExportCheck, Prover, check_export};
pub use keeper::Keeper;
pub use key::{InstallationKey, KeyError, PublicKey};
pub use retain::{AskStore, ProofError, Retained, prove, retain, signable_by_a_new_key};
