//! Output files.
//!
//! * [`write_atomically`] and [`AtomicFile`] write a file so that its name only ever stands for
//!   complete contents.
//! * [`OutputFile`] decides whether a command may write to the path that its user gave.

mod atomic;
mod output;

pub use atomic::{AtomicFile, is_temporary, write_atomically};
pub use output::{OutputError, OutputFile, same_file};
