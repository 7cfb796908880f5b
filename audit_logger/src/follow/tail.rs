//! Reads a log that is being written, by this process or another. A batch that is not whole yet is
//! not there yet: the tail stays before it and looks again. Memory is that of one batch that a
//! store takes.

use super::{Batch, Position};
use crate::error::LogError;
use crate::log::ChainHash;
use crate::log::format::{
    BATCH_HEADER_LEN, BatchHeader, CHAIN_LEN, SEGMENT_HEADER_LEN, SegmentHeader,
};
use crate::log::segments;
use crate::log::{SegmentFile, segment_file};
use domain::trading::{RulesVersion, codec};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::sync::watch;

/// Bytes read at once. A batch that is longer takes as many as it has.
const WINDOW: usize = 1 << 20;

/// Why a log cannot be followed.
#[derive(Debug, Error)]
pub enum TailError {
    /// It cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store stands where this log has nothing, or something else.
    #[error(
        "{path}: the store stands before entry {}, but this log {reason}: it followed another log, \
         or the end of this one was lost; rebuild it from zero", position.next
    )]
    Elsewhere {
        /// The folder of the log.
        path: PathBuf,
        /// Where the store stands.
        position: Position,
        /// What the log has there.
        reason: &'static str,
    },
    /// The store has nothing yet, and the beginning of the log was removed.
    #[error(
        "{path}: the log begins with entry {first}: a store that has nothing of it can no longer \
         be brought up to it"
    )]
    BeginsLate {
        /// The folder of the log.
        path: PathBuf,
        /// The first entry that is left.
        first: u64,
    },
    /// The first segment was removed, and with it what tells the log from others.
    #[error("{path}: without its first segment this file must name the log, and it does not")]
    NoIdentity {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the batches of a log, and those to come.
pub struct Tail {
    folder: PathBuf,
    position: Position,
    segment: Option<Segment>,
    /// What was read of the segment and not taken yet: from `taken` on.
    window: Vec<u8>,
    taken: usize,
    /// The batch that was taken last, in the window.
    payload: std::ops::Range<usize>,
    /// The next entry that is not durable yet, where the writer tells.
    durable: Option<watch::Receiver<u64>>,
}

struct Segment {
    path: PathBuf,
    file: SegmentFile,
    /// Behind the last batch that was taken.
    offset: u64,
    /// Whether a later segment was seen: nothing more comes into this one.
    complete: bool,
}

impl Tail {
    /// A tail of the log in `folder` that begins at `position`, which must be one of this log.
    ///
    /// # Errors
    /// The log cannot be read, or the position is none of it.
    pub fn open(folder: &Path, position: Position) -> Result<Tail, TailError> {
        let mut tail = Tail {
            folder: folder.to_path_buf(),
            position: Position::START,
            segment: None,
            window: Vec::new(),
            taken: 0,
            payload: 0..0,
            durable: None,
        };
        if position == Position::START {
            return match segments::list(folder)?.first() {
                Some((first, _)) if *first > 1 => {
                    Err(TailError::BeginsLate { path: folder.to_path_buf(), first: *first })
                }
                _ => Ok(tail),
            };
        }
        let elsewhere =
            |reason| TailError::Elsewhere { path: folder.to_path_buf(), position, reason };
        let all = segments::list(folder)?;
        // The segment with the last entry before the position: the position may stand at its end.
        let holds = |before: u64| all.iter().rposition(|(first, _)| *first <= before);
        let Some(at) = holds(position.next - 1).or_else(|| holds(position.next)) else {
            return Err(elsewhere("does not reach back so far"));
        };
        tail.position.next = all[at].0;
        if let Some(header) = tail.open_segment(None)? {
            tail.position.chain = header.chain;
        }
        while tail.position != position {
            if tail.position.next > position.next {
                return Err(elsewhere("has other entries before it"));
            }
            if !tail.step()? {
                return Err(elsewhere("ends earlier or has other entries before it"));
            }
        }
        Ok(tail)
    }

    /// A tail of the log in `folder` from the first entry that is left of it, and its number.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn from_the_first_left(folder: &Path) -> Result<(Tail, u64), TailError> {
        let first = segments::list(folder)?.first().map_or(1, |(first, _)| *first);
        let mut tail = Tail {
            folder: folder.to_path_buf(),
            position: Position { next: first, chain: ChainHash::START },
            segment: None,
            window: Vec::new(),
            taken: 0,
            payload: 0..0,
            durable: None,
        };
        if first > 1
            && let Some(header) = tail.open_segment(None)?
        {
            tail.position.chain = header.chain;
        }
        Ok((tail, first))
    }

    /// Reads nothing that is not durable yet: `durable` tells the next entry that is not.
    #[must_use]
    pub fn up_to(mut self, durable: Option<watch::Receiver<u64>>) -> Tail {
        self.durable = durable;
        self
    }

    /// Where the tail stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next entries: as many batches of the log as make `wanted` of them, or what is there.
    /// `None` where nothing is there yet.
    ///
    /// # Errors
    /// The log cannot be read, or is not what was written. The tail stays where it was.
    pub fn next_batch(&mut self, wanted: usize) -> Result<Option<Batch>, TailError> {
        let mut batch = Batch::empty_at(self.position);
        while batch.len() < wanted {
            match self.step() {
                Ok(true) => self.decode_into(&mut batch)?,
                Ok(false) => break,
                // What stands before the fault can be told all the same.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        batch.after = self.position;
        Ok((batch.after != batch.before).then_some(batch))
    }

    fn decode_into(&self, batch: &mut Batch) -> Result<(), TailError> {
        let payload = &self.window[self.payload.clone()];
        let base = batch.bytes.len();
        batch.bytes.extend_from_slice(payload);
        let mut rest = payload;
        let expected = self.position.next - batch.before.next;
        while !rest.is_empty() {
            let begins = payload.len() - rest.len();
            let number = batch.before.next + batch.len() as u64;
            let (entry, behind) =
                codec::decode(rest).map_err(|error| self.damaged(number, error.to_string()))?;
            let ends = payload.len() - behind.len();
            batch.entries.push((entry, base + begins..base + ends));
            rest = behind;
        }
        if batch.len() as u64 != expected {
            let reason = "the batch does not hold as many entries as its header says";
            return Err(self.damaged(self.position.next, reason.to_string()).into());
        }
        Ok(())
    }

    /// Takes one batch of the log; whether there was one.
    pub(super) fn step(&mut self) -> Result<bool, TailError> {
        let stepped = self.try_step();
        if !matches!(stepped, Ok(true)) {
            // The bytes behind the last whole batch may be cut off and others written in their
            // place: they are read anew.
            self.window.clear();
            self.taken = 0;
            self.payload = 0..0;
            if let Some(segment) = &mut self.segment {
                let at = SeekFrom::Start(segment.offset);
                segment.file.seek(at).map_err(LogError::io(&segment.path, "read"))?;
            }
        }
        stepped
    }

    fn try_step(&mut self) -> Result<bool, TailError> {
        loop {
            if self.segment.is_none() && self.open_segment(Some(self.position))?.is_none() {
                return Ok(false);
            }
            if self.fill(BATCH_HEADER_LEN)? {
                return self.take_batch();
            }
            let rest = self.window.len() - self.taken;
            let Some(segment) = &mut self.segment else { return Ok(false) };
            if segment.complete {
                if rest > 0 {
                    let reason = "the segment ends inside a batch, and another follows it";
                    return Err(self.damaged(self.position.next, reason.to_string()).into());
                }
                self.segment = None;
            } else if self.position.next > segments::first_of(&segment.path).unwrap_or(0)
                && segment_file::exists(&segments::path_of(&self.folder, self.position.next))
            {
                // Between the last look at this segment and the birth of the next one a batch may
                // have come into this one: one more look.
                segment.complete = true;
            } else {
                return Ok(false);
            }
        }
    }

    fn take_batch(&mut self) -> Result<bool, TailError> {
        let head = &self.window[self.taken..self.taken + BATCH_HEADER_LEN];
        let next = self.position.next;
        let Ok(header) = BatchHeader::decode(head) else {
            return Err(self.damaged(next, "no batch begins here".to_string()).into());
        };
        if header.first != next {
            let reason = format!("the batch begins with entry {}", header.first);
            return Err(self.damaged(next, reason).into());
        }
        let after = next + u64::from(header.count);
        if self.durable.as_ref().is_some_and(|durable| after > *durable.borrow()) {
            return Ok(false);
        }
        let len = header.batch_len() as usize;
        if !self.fill(len)? {
            return Ok(false);
        }
        let batch = self.taken..self.taken + len;
        let payload = batch.start + BATCH_HEADER_LEN..batch.end - CHAIN_LEN;
        if crc32fast::hash(&self.window[payload.clone()]) != header.payload_crc {
            return Err(self.damaged(next, "the entries fail their checksum".to_string()).into());
        }
        let chain = self
            .position
            .chain
            .next(&self.window[batch.start..payload.start], &self.window[payload.clone()]);
        if chain.0 != self.window[payload.end..batch.end] {
            return Err(self.damaged(next, "the chain of hashes is broken".to_string()).into());
        }
        self.position = Position { next: after, chain };
        self.payload = payload;
        self.taken = batch.end;
        if let Some(segment) = &mut self.segment {
            segment.offset += len as u64;
        }
        Ok(true)
    }

    /// Reads until `wanted` bytes lie in the window; whether the segment has so many.
    fn fill(&mut self, wanted: usize) -> Result<bool, LogError> {
        if self.window.len() - self.taken >= wanted {
            return Ok(true);
        }
        self.window.drain(..self.taken);
        self.taken = 0;
        self.payload = 0..0;
        let Some(segment) = &mut self.segment else { return Ok(false) };
        let mut have = self.window.len();
        self.window.resize(wanted.max(WINDOW), 0);
        while have < wanted {
            match segment.file.read(&mut self.window[have..]) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.window.truncate(have);
                    return Err(LogError::io(&segment.path, "read")(error));
                }
            }
        }
        self.window.truncate(have);
        Ok(have >= wanted)
    }

    /// Opens the segment that begins with the next entry, which must continue from `at` if that is
    /// given. `None` where it is not there, or not whole, yet.
    fn open_segment(&mut self, at: Option<Position>) -> Result<Option<SegmentHeader>, LogError> {
        let path = segments::path_of(&self.folder, self.position.next);
        let mut file = match SegmentFile::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io(&path, "open")(error)),
        };
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(LogError::io(&path, "read")(error)),
        }
        let fault = |reason: &str| LogError::Damaged {
            path: path.clone(),
            offset: 0,
            entry: self.position.next,
            reason: reason.to_string(),
        };
        let header = SegmentHeader::read(&bytes, &path, RulesVersion::CURRENT)?
            .map_err(|_| fault("the segment's header is not whole"))?;
        if header.first != self.position.next {
            return Err(fault("the segment does not begin with this entry"));
        }
        if at.is_some_and(|at| at.chain != header.chain) {
            return Err(fault("the segment does not continue the one before it"));
        }
        self.window.clear();
        self.taken = 0;
        self.payload = 0..0;
        let offset = SEGMENT_HEADER_LEN as u64;
        self.segment = Some(Segment { path, file, offset, complete: false });
        Ok(Some(header))
    }

    fn damaged(&self, entry: u64, reason: String) -> LogError {
        let (path, offset) = match &self.segment {
            Some(segment) => (segment.path.clone(), segment.offset),
            None => (self.folder.clone(), 0),
        };
        LogError::Damaged { path, offset, entry, reason }
    }
}
