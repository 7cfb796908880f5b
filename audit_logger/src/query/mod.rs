//! Looks at the entry log: finds entries, follows one transaction, tells an account as it was.
//!
//! * [`record`]: an entry flattened for people and other programs.
//! * [`filter`]: which entries are asked for.
//! * [`catalogue`]: the segments of a log and the pieces they are read in.
//! * [`mod@scan`]: reads pieces on every core and hands over what was found, in order.
//! * [`follow`]: goes on where the log ended.
//! * [`history`]: one transaction with all that came of it; an account as it was.
//! * [`stats`]: counts of commands, refusals, users and quotes.
//! * [`source`]: the one door to all of it, whether segments or a store are asked.
//! * [`stored`]: a log as a Postgres has it.
//!
//! Everything that is read is checked by its checksum. The chain of hashes is not followed: a
//! search reads a thousandth of the log, and the chain is proved by reading all of it.

pub mod catalogue;
pub mod filter;
pub mod follow;
pub mod history;
pub mod record;
pub mod scan;
pub mod source;
pub mod stats;
pub mod stored;

pub use catalogue::Catalogue;
pub use filter::{Filter, OutcomeIs};
pub use follow::Follower;
pub use record::Record;
pub use scan::{Order, scan};
pub use source::{QueryError, Source};
pub use stats::Stats;
pub use stored::{Stored, Which};
