//! Keeps a log small: removes its oldest segments, whole ones, once nobody needs them. What is left
//! can be checked as before, because a checkpoint vouches for the end of what is gone.

use super::check::{Check, Kind, check};
use super::checkpoint::{self, Checkpoint};
use super::key::InstallationKey;
use crate::error::LogError;
use crate::follow::{LogId, TailError, roll};
use crate::log::format::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::log::recovery::find_end;
use crate::log::{ChainHash, LogReader, SegmentFile, index, segment_file, segments, snapshot};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
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
}

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
    let checkpoint = Checkpoint::sign(key, log, checked.last, checked.chain, now_ms);
    checkpoint.save(folder)?;
    Ok(checkpoint)
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

/// The check of a log that is whole, vouched for by `key` or nobody.
fn checked(folder: &Path, key: &InstallationKey) -> Result<Check, ProofError> {
    let checked = check(folder, None)?;
    if checked.findings.iter().any(|finding| finding.kind != Kind::Unproven) {
        return Err(ProofError::Fails(Box::new(checked)));
    }
    match checked.key {
        Some(theirs) if theirs != key.public() => {
            Err(ProofError::OtherKey { theirs: Box::new(theirs), ours: Box::new(key.public()) })
        }
        _ if checked.last == 0 => Err(ProofError::Empty),
        _ => Ok(checked),
    }
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
/// whatever a follower or the newest snapshot needs. The caller holds the log's lock.
///
/// # Errors
/// The log cannot be read or written, or fails its check; nothing was removed then, unless a file
/// could not be removed.
pub fn retain(
    folder: &Path,
    keep: u64,
    key: &InstallationKey,
    now_ms: u64,
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
    let (bound, held_by) = bound(folder, wanted)?;
    let count = all.iter().filter(|(first, _)| *first <= bound).count().saturating_sub(1);
    let unheld = all.iter().filter(|(first, _)| *first <= wanted).count().saturating_sub(1);
    if unheld > count {
        retained.held_by = held_by;
    }
    if count == 0 {
        return Ok(retained);
    }
    let (first_left, path) = &all[count];
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
fn bound(folder: &Path, wanted: u64) -> Result<(u64, Vec<String>), ProofError> {
    let mut bound = wanted;
    let mut held_by = Vec::new();
    // The chain behind a snapshot's last entry is looked up in the segment that holds the entry.
    let covered = snapshot::load_newest(folder)?.map_or(0, |snapshot| snapshot.last);
    if covered < wanted {
        bound = bound.min(covered);
        held_by.push(match covered {
            0 => "no snapshot: a run that ends in order makes one".to_string(),
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
    Checkpoint::sign(key, log, before, chain, now_ms).save(folder)?;
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
