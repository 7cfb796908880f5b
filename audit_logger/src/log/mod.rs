//! The entry log on disk: segments of batches, each batch checked by a checksum and chained to
//! the one before it by a hash. `docs/log-format.md` describes every byte.
//!
//! * [`mod@format`]: the bytes of segments and batches.
//! * [`segments`]: the files of a log.
//! * [`segment_file`]: the one door to a segment's bytes, plain or compressed.
//! * [`compress`]: compresses segments that are complete.
//! * [`reader`]: reads batches and checks them.
//! * [`recovery`]: reads a log back after a stop of any kind, cutting a torn tail.
//! * `settle`: makes sure that what was read back is on the disk.
//! * [`writer`]: appends batches and makes them durable.
//! * [`snapshot`]: what a log comes to, kept beside it.
//! * [`index`]: where in a segment a user's entries stand, for searches.
//! * [`actor`]: the log writer as an actor, with group commit.
//! * [`disk`]: the calls to the operating system, so that tests can make them fail.

pub mod actor;
pub mod compress;
pub mod disk;
pub mod format;
pub mod index;
pub mod reader;
pub mod recovery;
pub mod segment_file;
pub mod segments;
mod settle;
pub mod snapshot;
pub mod writer;

pub use actor::LogWriterActor;
pub use format::ChainHash;
pub use reader::LogReader;
pub use recovery::{LogEnd, TornTail};
pub use segment_file::SegmentFile;
pub use writer::{Closed, LogOptions, LogWriter};
