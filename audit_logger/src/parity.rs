//! Whether a store holds what the log holds: entries are compared by number and fingerprint, so
//! that whatever is missing, doubled or changed in a store can be named.
//!
//! * [`Mirror`]: what a store must tell of itself.
//! * [`compare`]: goes through both, range by range.

use crate::follow::{Frontier, LogId, Record, SinkError, Tail, TailError};
use domain::trading::codec;
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// The fingerprint of one entry as a store holds it: BLAKE3 over everything that the store keeps
/// of it.
pub type Fingerprint = [u8; 32];

/// A store that can be compared with the log that it follows.
#[allow(async_fn_in_trait, reason = "a comparison runs on a thread of its own and needs no Send")]
pub trait Mirror {
    /// What it is called where it is told of (`postgres`).
    fn name(&self) -> &'static str;

    /// How many entries of `log` with numbers in `range` the store holds, doubled ones counted as
    /// often as they are there.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn count(&mut self, log: &LogId, range: Range<u64>) -> Result<u64, SinkError>;

    /// The entries of `log` with numbers in `range` that the store holds, in the order of their
    /// numbers. Callers ask for ranges that fit in memory.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn fingerprints(
        &mut self,
        log: &LogId,
        range: Range<u64>,
    ) -> Result<Vec<(u64, Fingerprint)>, SinkError>;

    /// The fingerprint that the store must have of `record`.
    fn expected(&self, record: &Record<'_>) -> Fingerprint;

    /// The lowest number in `range` that the store holds of `log`.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn first_in(&mut self, log: &LogId, range: Range<u64>) -> Result<Option<u64>, SinkError> {
        // Callers ask for what should be empty; a store that can ask better does.
        let (mut low, mut high) = (range.start, range.end);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.count(log, low..middle).await? {
                0 => low = middle,
                _ => high = middle,
            }
        }
        Ok((low < range.end).then_some(low))
    }

    /// What the store has in place of `record`, in words, where it can say.
    ///
    /// # Errors
    /// The store cannot be asked now.
    async fn detail(
        &mut self,
        log: &LogId,
        record: &Record<'_>,
    ) -> Result<Option<String>, SinkError> {
        let _ = (log, record);
        Ok(None)
    }
}

/// How a store and its log compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parity {
    /// The store.
    pub store: &'static str,
    /// The first entry that was compared.
    pub first: u64,
    /// The last entry of the log.
    pub last: u64,
    /// Up to here they are the same.
    pub same: u64,
    /// BLAKE3 of the fingerprints up to there, in hexadecimal: two stores of one kind with the same
    /// one hold the same.
    pub hash: String,
    /// The first difference; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// The range in which it stands: how many entries each has there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Counts>,
}

/// Entries in a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The first entry of the range.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How many the log has.
    pub log: u64,
    /// How many the store has.
    pub store: u64,
}

impl Parity {
    fn begun(store: &'static str, first: u64, end: u64) -> Parity {
        Parity {
            store,
            first,
            last: end - 1,
            same: first - 1,
            hash: String::new(),
            difference: None,
            counts: Vec::new(),
        }
    }
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// The store does not have the entry.
    Missing,
    /// The store has the entry more than once.
    Doubled,
    /// The store has something else.
    Changed,
    /// The log has no such entry.
    NotInTheLog,
    /// The store has nothing from this entry on: it follows, and is not there yet, or stopped.
    Behind,
}

/// A difference between a log and a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs.
    pub kind: Differs,
    /// The number of the entry.
    pub entry: u64,
    /// Its transaction, where the log has the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u64>,
    /// What the store says in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.entry)?;
        if let Some(transaction) = self.transaction {
            write!(f, " (transaction {transaction})")?;
        }
        f.write_str(match self.kind {
            Differs::Missing => " is missing",
            Differs::Doubled => " is there more than once",
            Differs::Changed => " was changed",
            Differs::NotInTheLog => " is not in the log",
            Differs::Behind => " and all behind it are not there (yet)",
        })?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// Why two could not be compared.
#[derive(Debug, Error)]
pub enum ParityError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] TailError),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] SinkError),
}

/// Compares the log in `folder`, as it is now, with `mirror`, `every` entries at once, up to the
/// first difference. `progress` is told up to where they are the same.
///
/// # Errors
/// The log cannot be read, or the store cannot be asked.
pub async fn compare<M: Mirror>(
    mirror: &mut M,
    folder: &Path,
    log: &LogId,
    every: u64,
    mut progress: impl FnMut(u64),
) -> Result<Parity, ParityError> {
    let end = Frontier::of(folder).map_err(TailError::from)?.next();
    let (tail, first) = Tail::from_the_first_left(folder)?;
    let mut hasher = blake3::Hasher::new();
    let mut parity = Parity::begun(mirror.name(), first, end);
    let entries = RangeOfLog::new(first, end);
    entries.compare(mirror, tail, log, every, &mut parity, &mut hasher, &mut progress).await?;
    if parity.difference.is_some() {
        return Ok(parity);
    }
    // What the log does not have: numbers before its first entry ever, and behind its last. The log
    // may have grown since, and the store with it.
    let end = Frontier::of(folder).map_err(TailError::from)?.next();
    for (outside, from) in [(0..1, 0), (end..u64::MAX, end)] {
        if mirror.count(log, outside.clone()).await? > 0 {
            let entry = mirror.first_in(log, outside).await?.unwrap_or(from);
            let kind = Differs::NotInTheLog;
            parity.difference = Some(Difference { kind, entry, transaction: None, detail: None });
            break;
        }
    }
    parity.hash = hasher.finalize().to_hex().to_string();
    Ok(parity)
}

/// Compares the entries of the log in `folder` from the first that is left up to `end` with what
/// `mirror` holds in their place, `every` entries at once: how many there are, and what they are.
/// What else the store holds does not matter.
///
/// # Errors
/// The log cannot be read, or the store cannot be asked or does not answer in time.
pub async fn holds<M: Mirror>(
    mirror: &mut M,
    folder: &Path,
    log: &LogId,
    end: u64,
    every: u64,
) -> Result<Parity, ParityError> {
    let (tail, first) = Tail::from_the_first_left(folder)?;
    let mut hasher = blake3::Hasher::new();
    let mut parity = Parity::begun(mirror.name(), first, end);
    let entries = RangeOfLog::new(first, end);
    entries.compare(mirror, tail, log, every, &mut parity, &mut hasher, &mut |_| ()).await?;
    let log_has = end.saturating_sub(first);
    let store = answer(mirror.count(log, first..end)).await?;
    if parity.difference.is_none() && store != log_has {
        let kind = if store > log_has { Differs::Doubled } else { Differs::Missing };
        let detail = Some(format!("the store has {store} entries where the log has {log_has}"));
        parity.difference = Some(Difference { kind, entry: first, transaction: None, detail });
    }
    parity.hash = hasher.finalize().to_hex().to_string();
    Ok(parity)
}

/// How long a store may take for one range. One that hangs must not be waited for without end.
const PATIENCE: Duration = Duration::from_secs(120);

async fn answer<T>(asked: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    let late = || SinkError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}

/// Entries of the log that are compared at once.
struct RangeOfLog {
    first: u64,
    /// Behind the last entry of all that are compared.
    end: u64,
    expected: Vec<Expected>,
}

/// An entry as the store must have it.
struct Expected {
    print: Fingerprint,
    transaction: u64,
    bytes: Box<[u8]>,
}

impl RangeOfLog {
    fn new(first: u64, end: u64) -> RangeOfLog {
        RangeOfLog { first, end, expected: Vec::new() }
    }

    /// Goes through the entries that `tail` reads, up to the first difference.
    #[allow(clippy::too_many_arguments, reason = "the two sides, and what is kept of them")]
    async fn compare<M: Mirror>(
        mut self,
        mirror: &mut M,
        mut tail: Tail,
        log: &LogId,
        every: u64,
        parity: &mut Parity,
        hasher: &mut blake3::Hasher,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), ParityError> {
        let end = self.end;
        loop {
            let batch = tail.next_batch(every as usize)?;
            let over = batch.is_none();
            for record in batch.iter().flat_map(|batch| batch.records()) {
                if record.number >= end {
                    break;
                }
                self.expected.push(Expected {
                    print: mirror.expected(&record),
                    transaction: record.entry.transaction().0,
                    bytes: record.bytes.into(),
                });
                if self.expected.len() as u64 == every {
                    if self.differs(mirror, log, parity, hasher).await? {
                        return Ok(());
                    }
                    progress(parity.same);
                }
            }
            if over || tail.position().next >= end {
                break;
            }
        }
        self.differs(mirror, log, parity, hasher).await.map(drop)
    }

    /// Whether the store has something else there; then `parity` says what. Goes on behind it.
    async fn differs<M: Mirror>(
        &mut self,
        mirror: &mut M,
        log: &LogId,
        parity: &mut Parity,
        hasher: &mut blake3::Hasher,
    ) -> Result<bool, ParityError> {
        let behind = self.first + self.expected.len() as u64;
        let range = self.first..behind;
        let counted = answer(mirror.count(log, range.clone())).await?;
        let found = answer(mirror.fingerprints(log, range.clone())).await?;
        let mut found = found.iter().peekable();
        for (expected, number) in self.expected.iter().zip(range.clone()) {
            let mut kind = match found.next_if(|(found, _)| *found == number) {
                None => Some(Differs::Missing),
                Some((_, print)) if *print != expected.print => Some(Differs::Changed),
                Some(_) => None,
            };
            if found.peek().is_some_and(|(found, _)| *found == number) {
                kind = Some(Differs::Doubled);
            }
            let Some(mut kind) = kind else {
                hasher.update(&expected.print);
                parity.same = number;
                continue;
            };
            if kind == Differs::Missing && answer(mirror.count(log, number..self.end)).await? == 0 {
                kind = Differs::Behind;
            }
            let detail = match kind {
                Differs::Changed => expected.detail(mirror, log, number).await?,
                _ => None,
            };
            let transaction = Some(expected.transaction);
            parity.difference = Some(Difference { kind, entry: number, transaction, detail });
            let log = self.expected.len() as u64;
            parity.counts.push(Counts { first: self.first, last: behind - 1, log, store: counted });
            return Ok(true);
        }
        self.first = behind;
        self.expected.clear();
        Ok(false)
    }
}

impl Expected {
    async fn detail<M: Mirror>(
        &self,
        mirror: &mut M,
        log: &LogId,
        number: u64,
    ) -> Result<Option<String>, SinkError> {
        let Ok((entry, _)) = codec::decode(&self.bytes) else { return Ok(None) };
        let record = Record { number, entry: &entry, bytes: &self.bytes };
        mirror.detail(log, &record).await
    }
}
