//! The requests of clients that a log remembers, so that one that is made again behind a restart
//! is known.

use audit_logger::LogError;
use audit_logger::log::{LogReader, segments};
use domain::trading::Entry;
use domain::trading::entry::CommandDecided;
use std::path::Path;

/// How many entries before the end of the log are looked at. A client asks again within minutes.
pub const REMEMBERED: u64 = 200_000;

/// The commands among the newest entries of the log in `folder`, which ends before entry `next`,
/// to which clients gave numbers of their own; the oldest first.
pub fn newest(folder: &Path, next: u64) -> Result<Vec<(u64, CommandDecided)>, LogError> {
    let mut requested = Vec::new();
    // What was removed in order is not looked for.
    let Some((begins, _)) = segments::list(folder)?.into_iter().next() else {
        return Ok(requested);
    };
    let first = next.saturating_sub(REMEMBERED).max(begins);
    let mut reader = LogReader::open_at(folder, first, None)?;
    reader.for_each(next - 1, |number, entry| {
        match entry {
            Entry::Command(decided) if number >= first && decided.command.request.is_some() => {
                requested.push((number, decided));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(requested)
}
