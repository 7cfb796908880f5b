//! What is wrong with a log: which entries were changed, lost, re-ordered or inserted, and up to
//! where somebody vouches for it. It needs the log's folder, or a copy, and a public key.
//!
//! * `finding`: one thing that is wrong.
//! * `against`: what the checkpoints say of it.

mod against;
mod finding;

pub use finding::{Finding, Kind};

use super::checkpoint;
use super::key::PublicKey;
use super::walk::{Batch, Item, walk};
use crate::error::LogError;
use crate::follow::LogId;
use crate::log::ChainHash;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Findings that are kept; beyond them they are counted.
const KEPT: usize = 1000;

/// What a check came to.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Which log; none where it holds nothing that tells.
    pub log: Option<LogId>,
    /// Its first entry.
    pub first: u64,
    /// Its last entry.
    pub last: u64,
    /// The chain behind the last batch.
    pub chain: ChainHash,
    /// How many segments it has.
    pub segments: u64,
    /// Bytes that were read, as they were written.
    pub bytes: u64,
    /// The entries that somebody vouches for: 1 to this one.
    pub vouched: u64,
    /// When that was signed, in Unix milliseconds.
    pub vouched_ms: Option<u64>,
    /// Entries behind the last checkpoint.
    pub unvouched: u64,
    /// Entries that were removed, 1 to this one; a checkpoint vouches for their end.
    pub removed: u64,
    /// How many checkpoints are good.
    pub checkpoints: u64,
    /// The key they were checked with.
    pub key: Option<PublicKey>,
    /// Bytes at the end that are no whole batch: a write under way, or a torn one.
    pub tail_bytes: u64,
    /// What is wrong, in the order of the log; the first thousand.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub found: u64,
}

/// Checks the log in `folder` against the checkpoints beside it. They must be signed by `key`; if
/// none is given, all by the same.
///
/// # Errors
/// The log cannot be read at all, or is of a version that this program does not know.
pub fn check(folder: &Path, key: Option<PublicKey>) -> Result<Check, LogError> {
    // Checkpoints first: what is written from now on needs none.
    let kept = checkpoint::list(folder)?;
    let mut checker = Checker::new(folder, key);
    for checkpoint in kept.iter().filter_map(|kept| kept.checkpoint.as_ref().ok()) {
        checker.boundaries.insert(checkpoint.entries.saturating_add(1), Vec::new());
    }
    walk(folder, |path, item| {
        match item {
            Item::Segment { path, header, first } => {
                checker.segment(path, header.map(|header| header.chain), first);
            }
            Item::Batch(batch) => checker.batch(path, &batch),
            Item::Torn { offset, bytes, reason, at_end } => {
                checker.result.bytes += bytes;
                checker.torn = Some(Torn { path: path.into(), offset, bytes, reason, at_end });
            }
        }
        Ok(())
    })?;
    Ok(checker.finish(kept))
}

/// Which entry of a batch that was changed it was, if that can be known.
fn which(batch: &Batch) -> String {
    let first = batch.header.first;
    if let Some(changed) = &batch.changed {
        return format!("; one byte of it was {:02x} and is {:02x}", changed.was, changed.is);
    }
    match &batch.unreadable {
        Some((entry, why)) if *entry == first => format!("; entry {entry} cannot be read: {why}"),
        Some((entry, why)) => {
            format!("; entry {entry} cannot be read, those before it can: {why}")
        }
        None if batch.header.count == 1 => String::new(),
        None => "; each of its entries can be read, so it cannot be told which was changed".into(),
    }
}

struct Torn {
    path: PathBuf,
    offset: u64,
    bytes: u64,
    reason: String,
    at_end: bool,
}

/// A batch that is unsound, and the last one so far.
struct UnsoundEnd {
    /// Its finding.
    finding: usize,
    offset: u64,
    bytes: u64,
    first: u64,
    last: u64,
}

struct Checker {
    folder: PathBuf,
    result: Check,
    /// The next entry, if all is well.
    next: u64,
    begun: bool,
    /// The chain that the header of the first segment tells.
    begins: ChainHash,
    torn: Option<Torn>,
    /// Whether what was looked at last was at fault.
    disturbed: bool,
    /// Entries that are missing so far, first and behind the last, with their finding.
    missing: Vec<(u64, u64, usize)>,
    /// The chains that stand before each entry behind which a checkpoint says something.
    boundaries: BTreeMap<u64, Vec<ChainHash>>,
    /// Where what is no whole batch ends the log, and why it is none.
    tail: Option<(u64, String)>,
    /// What was said of a checkpoint last, and how many more it is true of.
    foreign: Option<(String, u64)>,
    /// The last batch, where it is unsound.
    unsound_end: Option<UnsoundEnd>,
    last_path: PathBuf,
}

impl Checker {
    fn new(folder: &Path, key: Option<PublicKey>) -> Checker {
        Checker {
            folder: folder.to_path_buf(),
            result: Check {
                log: None,
                first: 1,
                last: 0,
                chain: ChainHash::START,
                segments: 0,
                bytes: 0,
                vouched: 0,
                vouched_ms: None,
                unvouched: 0,
                removed: 0,
                checkpoints: 0,
                key,
                tail_bytes: 0,
                findings: Vec::new(),
                found: 0,
            },
            next: 1,
            begun: false,
            begins: ChainHash::START,
            torn: None,
            disturbed: false,
            missing: Vec::new(),
            boundaries: BTreeMap::new(),
            tail: None,
            foreign: None,
            unsound_end: None,
            last_path: folder.to_path_buf(),
        }
    }

    fn find(&mut self, finding: Finding) {
        self.result.found += 1;
        if self.result.findings.len() < KEPT {
            self.result.findings.push(finding);
        }
        self.disturbed = true;
    }

    fn segment(&mut self, path: PathBuf, chain: Option<ChainHash>, first: u64) {
        self.result.segments += 1;
        self.unsound_end = None;
        self.last_path.clone_from(&path);
        let about = |kind, entries, reason: &str| Finding {
            kind,
            file: path.clone(),
            byte: Some(0),
            entries,
            transactions: None,
            reason: reason.to_string(),
        };
        if !self.begun {
            self.begun = true;
            self.next = first;
            self.result.first = first;
            self.begins = chain.unwrap_or(ChainHash::START);
            if first == 1 && chain.is_some_and(|chain| chain != ChainHash::START) {
                let reason = "the segment's header tells of entries before the first";
                self.find(about(Kind::Changed, None, reason));
            }
        } else {
            self.settle_torn(first);
            if first > self.next {
                self.lose(&path, 0, first, "the segment that held them is not there");
            } else if first < self.next {
                let reason = "the segment's name is not that of the entry that follows";
                self.find(about(Kind::Inserted, None, reason));
            } else if chain.is_some_and(|chain| chain != self.result.chain) && !self.disturbed {
                let reason = "the segment does not continue the one before it";
                self.find(about(Kind::Changed, None, reason));
            }
        }
        match chain {
            None => self.find(about(Kind::Changed, None, "the segment's header is not whole")),
            Some(chain) => self.boundary(first, chain),
        }
    }

    fn boundary(&mut self, next: u64, chain: ChainHash) {
        if let Some(chains) = self.boundaries.get_mut(&next) {
            chains.push(chain);
        }
    }

    /// Entries up to `first` are missing.
    fn lose(&mut self, path: &Path, offset: u64, first: u64, reason: &str) {
        self.missing.push((self.next, first, self.result.findings.len()));
        self.find(Finding {
            kind: Kind::Lost,
            file: path.to_path_buf(),
            byte: Some(offset),
            entries: Some((self.next, first - 1)),
            transactions: None,
            reason: reason.to_string(),
        });
        self.next = first;
    }

    /// What was no batch stood where entries up to `first` should.
    fn settle_torn(&mut self, first: u64) {
        let Some(torn) = self.torn.take() else { return };
        let entries = (first > self.next).then(|| (self.next, first - 1));
        let kind = if entries.is_some() { Kind::Changed } else { Kind::Inserted };
        self.find(Finding {
            kind,
            file: torn.path,
            byte: Some(torn.offset),
            entries,
            transactions: None,
            reason: format!("{} bytes are no batch: {}", torn.bytes, torn.reason),
        });
        self.next = self.next.max(first);
    }

    fn batch(&mut self, path: &Path, batch: &Batch) {
        let (first, count) = (batch.header.first, u64::from(batch.header.count));
        self.settle_torn(first);
        self.result.bytes += batch.header.batch_len();
        self.unsound_end = None;
        if self.result.log.is_none() && first == 1 {
            self.result.log = Some(LogId(batch.chain.0));
        }
        let was_disturbed = std::mem::take(&mut self.disturbed);
        let about = |kind, reason: String| Finding {
            kind,
            file: path.to_path_buf(),
            byte: Some(batch.offset),
            entries: (count > 0).then(|| (first, first + count - 1)),
            transactions: batch.transactions,
            reason,
        };
        if first > self.next {
            self.lose(path, batch.offset, first, "the batches that held them are not there");
        } else if first < self.next {
            self.out_of_order(first, count, about);
            return;
        }
        if !batch.sound {
            self.unsound_end = (count > 0).then(|| UnsoundEnd {
                finding: self.result.findings.len(),
                offset: batch.offset,
                bytes: batch.header.batch_len(),
                first,
                last: first + count - 1,
            });
            let reason = format!("the batch fails its checksum{}", which(batch));
            let mut finding = about(Kind::Changed, reason);
            if let Some(changed) = &batch.changed {
                finding.byte = Some(changed.byte);
                finding.entries = Some((changed.entry, changed.entry));
                finding.transactions = Some((changed.transaction, changed.transaction));
            }
            self.find(finding);
        } else if !(batch.chained || self.disturbed || was_disturbed && batch.linked) {
            let (kind, reason) = match batch.linked {
                true => (Kind::Inserted, "a batch stands there a second time"),
                false => (Kind::Changed, "the batch does not follow from what stands before it"),
            };
            let which = if batch.unreadable.is_some() { which(batch) } else { String::new() };
            self.find(about(kind, format!("{reason}{which}")));
        } else if let Some((entry, why)) = &batch.unreadable {
            self.find(about(Kind::Changed, format!("entry {entry} cannot be read: {why}")));
        }
        self.next = first + count;
        self.result.chain = batch.chain;
        self.boundary(self.next, batch.chain);
    }

    fn out_of_order(&mut self, first: u64, count: u64, about: impl Fn(Kind, String) -> Finding) {
        let end = first + count;
        let inside = |&(from, to, _): &(u64, u64, usize)| from <= first && end <= to;
        let Some(at) = self.missing.iter().position(inside) else {
            let reason = "they stand there a second time, or others in their place";
            self.find(about(Kind::Inserted, reason.to_string()));
            return;
        };
        // They are not lost after all.
        let (from, to, finding) = self.missing.remove(at);
        if let Some(lost) = self.result.findings.get_mut(finding) {
            lost.kind = Kind::Reordered;
            lost.reason = format!("entry {first} and those behind it stand later in the log");
            let rest = [(from, first), (end, to)];
            let mut rest = rest.into_iter().filter(|(from, to)| from < to);
            match rest.next() {
                // What is still missing keeps the finding, and this one gets its own.
                Some((from, to)) => {
                    lost.kind = Kind::Lost;
                    lost.reason = "the batches that held them are not there".to_string();
                    lost.entries = Some((from, to - 1));
                    self.missing.push((from, to, finding));
                    for (from, to) in rest {
                        self.missing.push((from, to, self.result.findings.len()));
                        let reason = "the batches that held them are not there".to_string();
                        let more =
                            Finding { entries: Some((from, to - 1)), ..about(Kind::Lost, reason) };
                        self.find(more);
                    }
                    self.find(about(Kind::Reordered, "they stood earlier in the log".to_string()));
                }
                None => lost.transactions = about(Kind::Reordered, String::new()).transactions,
            }
        }
        self.disturbed = true;
    }
}
