//! Whether a log is what was vouched for, as far as that is cheap to see: the chain where a
//! checkpoint ends is compared with the checkpoint. Who goes on with a log asks before it builds on
//! it and signs it again; the rest is for [`check`](super::check()).

use super::checkpoint::{self, Checkpoint};
use crate::error::LogError;
use crate::log::format::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::log::{LogReader, SegmentFile, segments};
use crate::query::record::time_text;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Compares the log in `folder` with the newest checkpoint of every key that signed one. It reads
/// the segment that such a checkpoint ends in, or only the header of the next one where it ends
/// with its segment.
///
/// # Errors
/// The log is not what a checkpoint says ([`LogError::Contradicted`]), a checkpoint is damaged or
/// forged, or something cannot be read.
pub fn compare(folder: &Path) -> Result<(), LogError> {
    // Who forges a checkpoint behind the true ones must not hide them.
    let mut newest = BTreeMap::new();
    for kept in checkpoint::list(folder)? {
        let path = kept.path;
        let contradicted = |reason| LogError::Contradicted { checkpoint: path.clone(), reason };
        let checkpoint = kept.checkpoint.map_err(|reason| {
            contradicted(format!("it is damaged or was changed: it cannot be read: {reason}"))
        })?;
        if !checkpoint.is_signed() {
            let reason = "it is damaged or was forged: the key that it names has not signed it";
            return Err(contradicted(reason.to_string()));
        }
        newest.insert(checkpoint.key.to_string(), checkpoint);
    }
    newest.values().try_for_each(|checkpoint| compare_with(folder, checkpoint))
}

fn compare_with(folder: &Path, checkpoint: &Checkpoint) -> Result<(), LogError> {
    let entries = checkpoint.entries;
    if begins_with(folder, checkpoint) {
        return Ok(());
    }
    let signed =
        format!("it was signed at {} with {}", time_text(checkpoint.time_ms), checkpoint.key);
    let contradicted = |reason: String| LogError::Contradicted {
        checkpoint: checkpoint::path_of(folder, entries),
        reason: format!("{signed} for entries 1 to {entries}, {reason}"),
    };
    if segments::list(folder)?.is_empty() {
        return Err(contradicted("and no segment of it is here".to_string()));
    }
    // The chain behind the last entry, and behind the batch that closed the log there.
    let mut reader = LogReader::open_at(folder, entries.max(1), None)?;
    let mut found = None;
    let ends = loop {
        let position = match reader.next_batch() {
            Ok(Some(_)) => reader.position(),
            Ok(None) => {
                break format!("and the log ends with entry {}", reader.position().next - 1);
            }
            Err(LogError::Damaged { entry, reason, .. }) => {
                break format!("and it cannot be read up to there: entry {entry}: {reason}");
            }
            Err(other) => return Err(other),
        };
        if position.next == entries + 1 {
            if position.chain == checkpoint.chain {
                return Ok(());
            }
            found = Some(position.chain);
        } else if position.next > entries + 1 {
            break format!("and a batch stands there that ends with entry {}", position.next - 1);
        }
    };
    let expected = checkpoint.chain;
    Err(contradicted(match found {
        Some(found) => format!(
            "whose chain ended in {expected}; here it ends in {found}: what stands here was changed \
             after it was signed, or the batch that closed the log was cut off"
        ),
        None => ends,
    }))
}

/// Whether a segment begins where the checkpoint ends, with the chain that it vouches for.
fn begins_with(folder: &Path, checkpoint: &Checkpoint) -> bool {
    let path = segments::path_of(folder, checkpoint.entries.saturating_add(1));
    let mut header = [0; SEGMENT_HEADER_LEN];
    let read = SegmentFile::open(&path).and_then(|mut file| file.read_exact(&mut header));
    // What is wrong with a segment is told by whoever reads the log.
    read.is_ok()
        && SegmentHeader::decode(&header).is_ok_and(|header| header.chain == checkpoint.chain)
}
