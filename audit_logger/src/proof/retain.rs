//! Keeps a log small: removes its oldest segments, whole ones, once nobody needs them. What is left
//! can be checked as before, because a checkpoint vouches for the end of what is gone.

use super::check::{Check, Kind, check};
use super::checkpoint::{self, Checkpoint};
use super::key::InstallationKey;
use super::snapshots::Snapshots;
use crate::error::LogError;
use crate::follow::roll::{self, Enrolled};
use crate::follow::{LogId, TailError};
use crate::log::format::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::log::recovery::find_end;
use crate::log::{ChainHash, LogReader, SegmentFile, index, segment_file, segments};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why nothing was proved or removed.
#[derive(Debug, Error)]
pub enum ProofError {
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What tells the log from others is gone.
    #[error(transparent)]
    Identity(#[from] TailError),
    /// The log holds nothing yet.
    #[error("the log holds no entry yet")]
    Empty,
    /// The log fails its check.
    #[error("the log fails its check, nothing was done: {}", first(.0))]
    Fails(Box<Check>),
    /// Somebody else vouches for the log.
    #[error(
        "the log has checkpoints of {theirs}, the key here is {ours}: --key names the file of a key"
    )]
    OtherKey {
        /// The key of the checkpoints.
        theirs: Box<super::PublicKey>,
        /// The key that was given.
        ours: Box<super::PublicKey>,
    },
    /// Somebody else vouches for the log, and there is no key here at all.
    #[error("the log has checkpoints of {theirs}, and there is no key here: --key names its file")]
    NoKey {
        /// The key of the checkpoints.
        theirs: Box<super::PublicKey>,
    },
    /// A store does not hold what would be removed, or cannot say.
    #[error(
        "nothing was removed: {} at {} must hold entries {first} to {last} before they go: \
         {reason}\nbring the store up (`daytrade audit parity` compares it, `audit rebuild` fills \
         it anew), or, if it follows the log no more, remove {}",
        .store.name, .store.address, .file.display()
    )]
    Store {
        /// The store.
        store: Box<Enrolled>,
        /// The file that says that it follows.
        file: PathBuf,
        /// The first entry that it must hold.
        first: u64,
        /// The last.
        last: u64,
        /// What it has in their place, or why it cannot say.
        reason: String,
    },
}

/// Asks a store whether it holds these entries as the log has them.
///
/// # Errors
/// It does not, or cannot say: which of them, in words.
pub type AskStore<'a> = &'a mut dyn FnMut(&Enrolled, Range<u64>) -> Result<(), String>;

fn first(check: &Check) -> String {
    check.findings.first().map(ToString::to_string).unwrap_or_default()
}

/// Checks the log in `folder` and vouches for it as it is now.
///
/// # Errors
/// The log cannot be read, fails its check, is empty, or has checkpoints of another key.
pub fn prove(folder: &Path, key: &InstallationKey, now_ms: u64) -> Result<Checkpoint, ProofError> {
    let checked = checked(folder, key)?;
    let log = checked.log.ok_or(ProofError::Empty)?;
    make_durable(folder, checked.last)?;
    Ok(Checkpoint::sign(key, log, checked.last, checked.chain, now_ms).renew(folder, key)?)
}

/// Sees to it that what was read, up to entry `last`, is on the disk: a checkpoint that outlives
/// what it vouches for would speak against the log.
fn make_durable(folder: &Path, last: u64) -> Result<(), LogError> {
    match segments::lock(folder) {
        // Nobody writes: the last batch may be one whose flush failed.
        Ok(_lock) => {
            let mut reader = LogReader::open_at(folder, last, None)?;
            while reader.next_batch()?.is_some() {}
            find_end(&reader, Ok(()), folder).map(drop)
        }
        // Whoever writes may not have flushed yet what was read here.
        Err(LogError::Locked { .. }) => match segments::list(folder)?.pop() {
            Some((_, path)) => {
                let flushed = File::open(&path).and_then(|file| file.sync_all());
                flushed.map_err(LogError::io(&path, "flush"))
            }
            None => Ok(()),
        },
        Err(other) => Err(other),
    }
}

/// Whether the log in `folder` could be signed by a key that is yet to be made: so none is made for a
/// log that is refused.
///
/// # Errors
/// As [`prove`]; also where anybody has signed it already.
pub fn signable_by_a_new_key(folder: &Path) -> Result<(), ProofError> {
    match whole(folder)?.key {
        Some(theirs) => Err(ProofError::NoKey { theirs: Box::new(theirs) }),
        None => Ok(()),
    }
}

/// The check of a log that is whole, vouched for by `key` or nobody.
fn checked(folder: &Path, key: &InstallationKey) -> Result<Check, ProofError> {
    let checked = whole(folder)?;
    match checked.key {
        Some(theirs) if theirs != key.public() => {
            Err(ProofError::OtherKey { theirs: Box::new(theirs), ours: Box::new(key.public()) })
        }
        _ => Ok(checked),
    }
}

/// The check of a log that is whole and holds something.
fn whole(folder: &Path) -> Result<Check, ProofError> {
    let checked = check(folder, None)?;
    if checked.findings.iter().any(|finding| finding.kind != Kind::Unproven) {
        return Err(ProofError::Fails(Box::new(checked)));
    }
    if checked.last == 0 { Err(ProofError::Empty) } else { Ok(checked) }
}

/// What was removed, and what kept more from being removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many segments were removed.
    pub segments: u64,
    /// What they took on disk, in bytes.
    pub bytes: u64,
    /// The first entry of what is left.
    pub first: u64,
    /// The last entry of the log.
    pub last: u64,
    /// Who needs what else would have been removed.
    pub held_by: Vec<String>,
}

/// Removes segments of the log in `folder` so that at least the newest `keep` entries are left, and
/// whatever a follower or the newest signed snapshot needs. What the files beside the log say of a
/// store is no proof: before anything goes, `ask` asks every store for all of it. The caller holds
/// the log's lock.
///
/// # Errors
/// The log cannot be read or written, or fails its check, or a store does not hold what would be
/// removed or cannot say; nothing was removed then, unless a file could not be removed.
pub fn retain(
    folder: &Path,
    keep: u64,
    key: &InstallationKey,
    now_ms: u64,
    ask: AskStore<'_>,
) -> Result<Retained, ProofError> {
    let all = segments::list(folder)?;
    let (Some((first, _)), Some((newest, _))) = (all.first(), all.last()) else {
        return Err(ProofError::Empty);
    };
    let mut retained =
        Retained { first: *first, last: newest.saturating_sub(1), ..Retained::default() };
    if all.len() == 1 {
        return Ok(retained);
    }
    // The whole of it is proved before any of it goes.
    let checked = checked(folder, key)?;
    retained.last = checked.last;
    let wanted = (checked.last + 1).saturating_sub(keep);
    let (bound, held_by) = bound(folder, wanted, key)?;
    let count = all.iter().filter(|(first, _)| *first <= bound).count().saturating_sub(1);
    let unheld = all.iter().filter(|(first, _)| *first <= wanted).count().saturating_sub(1);
    if unheld > count {
        retained.held_by = held_by;
    }
    if count == 0 {
        return Ok(retained);
    }
    let (first_left, path) = &all[count];
    ask_all(folder, *first..*first_left, ask)?;
    keep_identity(folder)?;
    vouch_for_the_cut(folder, &checked, *first_left, path, key, now_ms)?;
    // The oldest first: wherever this is interrupted, what is left is one stretch.
    for (_, path) in &all[..count] {
        retained.bytes += remove(path)?;
        retained.segments += 1;
    }
    sync(folder)?;
    retained.first = *first_left;
    Ok(retained)
}

/// The last entry that the first segment that is left may begin with, at most `wanted`; and who
/// needs more than that.
fn bound(
    folder: &Path,
    wanted: u64,
    key: &InstallationKey,
) -> Result<(u64, Vec<String>), ProofError> {
    let mut bound = wanted;
    let mut held_by = Vec::new();
    // The chain behind a snapshot's last entry is looked up in the segment that holds the entry. One
    // that is not signed is no help to a later start.
    let covered = Snapshots::of(folder, &[key.public()])?.newest_signed();
    if covered < wanted {
        bound = bound.min(covered);
        held_by.push(match covered {
            0 => "no snapshot that this key signed: a run that ends in order makes one".to_string(),
            covered => format!("the newest snapshot, which covers entries 1 to {covered}"),
        });
    }
    for (path, enrolled) in roll::list(folder)? {
        if enrolled.next < wanted {
            bound = bound.min(enrolled.next);
            held_by.push(format!(
                "{} at {}, which has entries before {} (if it follows no more: remove {})",
                enrolled.name,
                enrolled.address,
                enrolled.next,
                path.display()
            ));
        }
    }
    Ok((bound, held_by))
}

/// Asks every store that follows the log for `entries`.
fn ask_all(folder: &Path, entries: Range<u64>, ask: AskStore<'_>) -> Result<(), ProofError> {
    for (file, store) in roll::list(folder)? {
        ask(&store, entries.clone()).map_err(|reason| ProofError::Store {
            store: Box::new(store),
            file,
            first: entries.start,
            last: entries.end - 1,
            reason,
        })?;
    }
    Ok(())
}

/// What tells the log from others stands in the first segment, or in a file.
fn keep_identity(folder: &Path) -> Result<(), ProofError> {
    LogId::of(folder)?.ok_or(ProofError::Empty)?;
    let path = folder.join("IDENTITY");
    File::open(&path).and_then(|file| file.sync_all()).map_err(LogError::io(&path, "flush"))?;
    Ok(sync(folder)?)
}

fn vouch_for_the_cut(
    folder: &Path,
    checked: &Check,
    first_left: u64,
    path: &Path,
    key: &InstallationKey,
    now_ms: u64,
) -> Result<(), ProofError> {
    let chain = chain_before(path)?;
    let before = first_left - 1;
    let there = checkpoint::list(folder)?.into_iter().filter_map(|kept| kept.checkpoint.ok()).any(
        |checkpoint| {
            checkpoint.entries == before && checkpoint.chain == chain && checkpoint.is_signed()
        },
    );
    if there {
        return Ok(());
    }
    let log = checked.log.ok_or(ProofError::Empty)?;
    Checkpoint::sign(key, log, before, chain, now_ms).renew(folder, key)?;
    Ok(())
}

fn chain_before(path: &Path) -> Result<ChainHash, LogError> {
    let mut file = SegmentFile::open(path).map_err(LogError::io(path, "open"))?;
    let mut head = [0; SEGMENT_HEADER_LEN];
    file.read_exact(&mut head).map_err(LogError::io(path, "read"))?;
    let header = SegmentHeader::decode(&head).map_err(|_| {
        let damaged = io::Error::new(io::ErrorKind::InvalidData, "its header is not whole");
        LogError::io(path, "read")(damaged)
    })?;
    Ok(header.chain)
}

/// Removes a segment in whatever forms it is there; returns what it took.
fn remove(path: &Path) -> Result<u64, LogError> {
    let bytes = segment_file::disk_len(path).map_err(LogError::io(path, "look at"))?;
    for path in [index::path_of(path), segment_file::compressed_path(path), path.to_path_buf()] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LogError::io(&path, "remove")(error));
            }
            _ => {}
        }
    }
    Ok(bytes)
}

fn sync(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder, "flush"))
}
