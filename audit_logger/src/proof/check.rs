//! What is wrong with a log: which entries were changed, lost, re-ordered or inserted, and up to
//! where somebody vouches for it. It needs the log's folder, or a copy, and a public key.

use super::checkpoint::{self, Checkpoint};
use super::key::PublicKey;
use super::walk::{Batch, Item, walk};
use crate::error::LogError;
use crate::follow::LogId;
use crate::log::ChainHash;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Findings that are kept; beyond them they are counted.
const KEPT: usize = 1000;

/// What happened to entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// They are not what was written.
    Changed,
    /// They are not there.
    Lost,
    /// They stand elsewhere.
    Reordered,
    /// They stand there and should not, or a second time.
    Inserted,
    /// A checkpoint is not of the log, of the key or of its own text.
    Checkpoint,
    /// Nobody vouches for the log.
    Unproven,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What happened.
    pub kind: Kind,
    /// The segment, checkpoint or export.
    pub file: PathBuf,
    /// Where in the plain segment or in the export, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// The first and the last entry that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<(u64, u64)>,
    /// The lowest and the highest transaction of them, where they can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<(u64, u64)>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Changed => "changed",
            Kind::Lost => "lost",
            Kind::Reordered => "re-ordered",
            Kind::Inserted => "inserted",
            Kind::Checkpoint => "checkpoint",
            Kind::Unproven => "unproven",
        };
        write!(f, "{kind}: ")?;
        let mut range = |name: &str, several: &str, range: Option<(u64, u64)>| match range {
            Some((first, last)) if first == last => write!(f, "{name} {first}, "),
            Some((first, last)) => write!(f, "{several} {first} to {last}, "),
            None => Ok(()),
        };
        range("entry", "entries", self.entries)?;
        range("transaction", "transactions", self.transactions)?;
        let name = self.file.file_name().map_or(self.file.as_os_str(), |name| name);
        write!(f, "{}", name.to_string_lossy())?;
        if let Some(byte) = self.byte {
            write!(f, " byte {byte}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

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

    fn finish(mut self, kept: Vec<checkpoint::Kept>) -> Check {
        self.result.last = self.next - 1;
        let given: Vec<Checkpoint> = kept.into_iter().filter_map(|kept| self.given(kept)).collect();
        if let Some((reason, more)) = self.foreign.take().filter(|(_, more)| *more > 0)
            && let Some(told) = self.result.findings.iter_mut().rfind(|told| told.reason == reason)
        {
            told.reason.push_str(&format!("; and {more} more like it"));
        }
        let wanted = given.iter().map(|checkpoint| checkpoint.entries).max().unwrap_or(0);
        self.end(wanted);
        self.removed(&given);
        self.compare(given);
        if self.result.checkpoints == 0 && self.result.found == 0 && self.result.last > 0 {
            let reason = "the chain is whole, but no checkpoint vouches for it: whoever can write \
                          here could have made it anew (daytrade audit prove makes one)";
            self.find(Finding {
                kind: Kind::Unproven,
                file: self.folder.clone(),
                byte: None,
                entries: Some((self.result.first, self.result.last)),
                transactions: None,
                reason: reason.to_string(),
            });
        }
        self.result.unvouched = self.result.last.saturating_sub(self.result.vouched);
        self.result
    }

    /// The end of a log that is written, or was torn, is no fault; what a checkpoint vouches for is.
    fn end(&mut self, wanted: u64) {
        if let Some(torn) = &self.torn {
            if torn.at_end {
                self.result.tail_bytes = torn.bytes;
                self.tail = Some((torn.offset, torn.reason.clone()));
                self.torn = None;
            } else {
                self.settle_torn(self.next);
            }
        } else if let Some(end) = &self.unsound_end
            && end.finding + 1 == self.result.findings.len()
            && wanted < end.last
        {
            self.tail = Some((end.offset, String::new()));
            self.result.findings.pop();
            self.result.found -= 1;
            self.result.tail_bytes = end.bytes;
            self.result.last = end.first - 1;
        }
    }

    /// The checkpoint that `kept` holds, if it is one of the key.
    fn given(&mut self, kept: checkpoint::Kept) -> Option<Checkpoint> {
        let key = self.result.key;
        let good = kept.checkpoint.map_err(|reason| format!("it cannot be read: {reason}"));
        let good = good.and_then(|checkpoint| {
            if !checkpoint.is_signed() {
                return Err("it is not signed by the key that it names: it was forged".to_string());
            }
            match key {
                Some(key) if key != checkpoint.key => {
                    Err(format!("it is signed by {}, not by {key}", checkpoint.key))
                }
                _ => Ok(checkpoint),
            }
        });
        match good {
            Err(reason) if self.foreign.as_ref().is_some_and(|(told, _)| *told == reason) => {
                // Once is enough: of another key they are all.
                if let Some((_, count)) = &mut self.foreign {
                    *count += 1;
                }
                None
            }
            Ok(checkpoint) => {
                self.result.key = Some(checkpoint.key);
                Some(checkpoint)
            }
            Err(reason) => {
                self.foreign = Some((reason.clone(), 0));
                self.find(Finding {
                    kind: Kind::Checkpoint,
                    file: kept.path,
                    byte: None,
                    entries: None,
                    transactions: None,
                    reason,
                });
                None
            }
        }
    }

    /// What was removed before the first segment must end where a checkpoint says.
    fn removed(&mut self, given: &[Checkpoint]) {
        let before = self.result.first - 1;
        if before == 0 {
            return;
        }
        let here = |checkpoint: &&Checkpoint| {
            checkpoint.entries == before && checkpoint.chain == self.begins
        };
        if let Some(end) = given.iter().find(here) {
            self.result.removed = before;
            self.result.log = Some(end.log);
            return;
        }
        self.result.log = given.first().map(|checkpoint| checkpoint.log);
        self.find(Finding {
            kind: Kind::Lost,
            file: self.folder.clone(),
            byte: None,
            entries: Some((1, before)),
            transactions: None,
            reason: "the segments that held them are not there, and no checkpoint vouches for \
                     their end"
                .to_string(),
        });
    }

    fn compare(&mut self, given: Vec<Checkpoint>) {
        let mut contradicted = None;
        let mut behind = None;
        for checkpoint in given {
            if self.result.log.is_some_and(|log| log != checkpoint.log) {
                self.find(Finding {
                    kind: Kind::Checkpoint,
                    file: checkpoint::path_of(&self.folder, checkpoint.entries),
                    byte: None,
                    entries: None,
                    transactions: None,
                    reason: format!("it is of another log, {}", checkpoint.log),
                });
                continue;
            }
            let chains = self.boundaries.get(&(checkpoint.entries + 1));
            let fits = chains.is_some_and(|chains| chains.contains(&checkpoint.chain));
            if fits {
                self.result.vouched = checkpoint.entries;
                self.result.vouched_ms = Some(checkpoint.time_ms);
                self.result.checkpoints += 1;
            } else if checkpoint.entries < self.result.first - 1 {
                // It is of what was removed: nothing here can contradict it.
            } else if checkpoint.entries > self.result.last {
                behind = Some(checkpoint.entries);
            } else {
                contradicted.get_or_insert((checkpoint.entries, self.result.vouched));
            }
        }
        let last = self.result.last;
        let tail = self.tail.take();
        let byte = tail.as_ref().map(|(offset, _)| *offset);
        let finding = |kind, entries, reason| Finding {
            kind,
            file: self.last_path.clone(),
            byte,
            entries,
            transactions: None,
            reason,
        };
        let mut found = Vec::new();
        match (contradicted, &tail) {
            (Some((entries, _)), Some((_, reason))) if entries == last => {
                let reason = format!("the batch that closed the log is not whole: {reason}");
                found.push(finding(Kind::Changed, None, reason));
            }
            (Some((entries, vouched)), _) => {
                let or = match entries == last {
                    true => ", or the batch that closed the log behind it is gone",
                    false => "",
                };
                let reason = format!(
                    "a checkpoint behind entry {entries} vouches for something else: what stands \
                     here was made anew after it was signed{or}"
                );
                let first = (vouched + 1).max(self.result.first).min(entries);
                found.push(Finding {
                    byte: None,
                    ..finding(Kind::Changed, Some((first, entries)), reason)
                });
            }
            (None, _) => {}
        }
        if let Some(entries) = behind {
            let (kind, why) = match &tail {
                Some((_, reason)) => (Kind::Changed, reason.as_str()),
                None => (Kind::Lost, "the log ends before them"),
            };
            let reason = format!("{why}, and a checkpoint vouches for them");
            found.push(finding(kind, Some((last + 1, entries)), reason));
        }
        found.into_iter().for_each(|finding| self.find(finding));
    }
}
