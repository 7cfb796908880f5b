//! The segments of a log, and the pieces they are read in: those of the index where there is one,
//! whole batches elsewhere.

use super::Filter;
use crate::error::LogError;
use crate::log::SegmentFile;
use crate::log::format::{
    BATCH_HEADER_LEN, BadHeader, BatchHeader, SEGMENT_HEADER_LEN, SegmentHeader, find_batch_header,
};
use crate::log::index::{Piece, SegmentIndex};
use crate::log::segments;
use domain::trading::RulesVersion;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that may stand in a segment without an index before one is made: they are read in a
/// few hundredths of a second.
const WITHOUT_INDEX: u64 = 16 << 20;

/// The segments of a log as they stood when it was opened.
pub struct Catalogue {
    parts: Vec<Part>,
    end: Place,
    tail: Option<Tail>,
    bytes: u64,
}

/// A segment.
pub(super) struct Part {
    pub(super) path: PathBuf,
    first: u64,
    rules: RulesVersion,
    pub(super) pieces: Vec<Piece>,
    index: Option<SegmentIndex>,
}

/// A place between two batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment; none where the log has none yet.
    pub segment: Option<PathBuf>,
    /// The offset in it.
    pub offset: u64,
    /// The number of the entry that follows.
    pub next: u64,
}

/// Bytes behind the last whole batch: a write that is under way, or was torn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The segment.
    pub path: PathBuf,
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

/// What a walk over the batches of a segment found.
pub(super) struct Walked {
    pub(super) batches: Vec<Piece>,
    pub(super) offset: u64,
    pub(super) next: u64,
    pub(super) tail: Option<Tail>,
}

impl Catalogue {
    /// Opens the log in `folder`. With `indexed`, indexes are read, and made where they are
    /// missing and the log is long enough to need them.
    ///
    /// # Errors
    /// The log cannot be read, or is damaged in its structure.
    pub fn open(folder: &Path, indexed: bool) -> Result<Catalogue, LogError> {
        Catalogue::open_above(folder, indexed.then_some(WITHOUT_INDEX))
    }

    /// As [`open`](Self::open); an index is made for a segment in which more than `without_index`
    /// bytes stand outside of one. With `None`, indexes are not even read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_above(folder: &Path, without_index: Option<u64>) -> Result<Catalogue, LogError> {
        let all = segments::list(folder)?;
        let first = all.first().map_or(1, |(first, _)| *first);
        let mut catalogue = Catalogue {
            parts: Vec::new(),
            end: Place { segment: None, offset: 0, next: first },
            tail: None,
            bytes: 0,
        };
        let count = all.len();
        for (at, (first, path)) in all.into_iter().enumerate() {
            catalogue.add(first, path, at + 1 == count, without_index)?;
        }
        Ok(catalogue)
    }

    fn add(
        &mut self,
        first: u64,
        path: PathBuf,
        last: bool,
        without_index: Option<u64>,
    ) -> Result<(), LogError> {
        let mut file = SegmentFile::open(&path).map_err(LogError::io(&path, "open"))?;
        let length = file.length().map_err(LogError::io(&path, "read"))?;
        self.bytes += length;
        let Some(rules) = check_header(&mut file, &path, first, self.end.next, last)? else {
            self.tail = Some(Tail { path, offset: 0, bytes: length });
            return Ok(());
        };
        let mut index = without_index.and_then(|_| SegmentIndex::load(&path));
        let from = index.as_ref().map_or(SEGMENT_HEADER_LEN as u64, SegmentIndex::covered);
        let next = index.as_ref().map_or(first, SegmentIndex::next);
        let mut walked = walk(&path, from, next, last)?;
        if without_index.is_some_and(|most| walked.offset - from > most) {
            let mut batches = std::mem::take(&mut walked.batches);
            if index.is_some() {
                batches = walk(&path, SEGMENT_HEADER_LEN as u64, first, last)?.batches;
                batches.retain(|batch| batch.first < walked.next);
            }
            let made = SegmentIndex::build(&path, &batches, walked.next)?;
            if let Err(error) = made.save(&path) {
                // A folder that takes no file is searched all the same.
                tracing::debug!(%error, "no index was kept");
            }
            index = Some(made);
        }
        let mut pieces = index.as_ref().map_or(Vec::new(), |index| index.pieces().to_vec());
        pieces.append(&mut walked.batches);
        self.end = Place { segment: Some(path.clone()), offset: walked.offset, next: walked.next };
        self.tail = walked.tail;
        self.parts.push(Part { path, first, rules, pieces, index });
        Ok(())
    }

    /// Where the log ends.
    pub fn end(&self) -> &Place {
        &self.end
    }

    /// What stands behind its end.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// The number of its first entry.
    pub fn first(&self) -> u64 {
        let begins = |part: &Part| part.pieces.first().map(|piece| piece.first);
        self.parts.iter().find_map(begins).unwrap_or(1)
    }

    /// The rules that decided entry `number`.
    pub fn rules_of(&self, number: u64) -> RulesVersion {
        let behind = self.parts.partition_point(|part| part.first <= number);
        let part = behind.checked_sub(1).and_then(|at| self.parts.get(at));
        part.map_or(RulesVersion::V1, |part| part.rules)
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many segments it has.
    pub fn segments(&self) -> usize {
        self.parts.len()
    }

    /// How many of the segments have an index.
    pub fn indexed(&self) -> usize {
        self.parts.iter().filter(|part| part.index.is_some()).count()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Part {
    /// The pieces that can hold what `filter` asks for, in order.
    pub(super) fn candidates(&self, filter: &Filter) -> Vec<usize> {
        let mut wanted = vec![true; self.pieces.len()];
        if let Some(index) = &self.index {
            let covered = index.pieces().len();
            if !filter.users.is_empty() {
                wanted[..covered].fill(false);
                for user in &filter.users {
                    index.of_user(user.as_bytes()).into_iter().for_each(|at| wanted[at] = true);
                }
            }
            if let Some(range) = &filter.transactions {
                let mut late = vec![false; covered];
                index.late(*range.start(), *range.end()).for_each(|at| late[at] = true);
                for (at, late) in late.into_iter().enumerate() {
                    wanted[at] &= late || overlaps(self.pieces[at].transactions, range);
                }
            }
        }
        let inside = |piece: &Piece| {
            let last = piece.first + u64::from(piece.count.max(1)) - 1;
            overlaps((piece.first, last), &filter.entries)
                && filter.time_ms.as_ref().is_none_or(|range| overlaps(piece.times, range))
        };
        let fits = |at: &usize| wanted[*at] && inside(&self.pieces[*at]);
        (0..self.pieces.len()).filter(fits).collect()
    }
}

fn overlaps(found: (u64, u64), asked: &std::ops::RangeInclusive<u64>) -> bool {
    found.0 <= *asked.end() && found.1 >= *asked.start()
}

/// Checks the header of a segment and returns the rules of its entries; `None` where it is the last
/// and its header is not whole yet.
fn check_header(
    file: &mut SegmentFile,
    path: &Path,
    first: u64,
    expected: u64,
    last: bool,
) -> Result<Option<RulesVersion>, LogError> {
    let mut bytes = Vec::new();
    file.take(SEGMENT_HEADER_LEN as u64)
        .read_to_end(&mut bytes)
        .map_err(LogError::io(path, "read"))?;
    let fault = |reason: &str| LogError::Damaged {
        path: path.to_path_buf(),
        offset: 0,
        entry: expected,
        reason: reason.to_string(),
    };
    match SegmentHeader::read(&bytes, path, RulesVersion::CURRENT)? {
        Ok(header) if header.first == first && first == expected => Ok(Some(header.rules)),
        Ok(_) => Err(fault("the segment does not begin with this entry")),
        Err(_) => {
            let mut rest = Vec::new();
            file.read_to_end(&mut rest).map_err(LogError::io(path, "read"))?;
            if last && find_batch_header(&rest, first).is_none() {
                return Ok(None);
            }
            Err(fault("the segment's header is not whole"))
        }
    }
}

/// Steps over the batches of a segment from `offset` on, where entry `next` stands. In the `last`
/// segment the walk may end at a batch that is not whole.
pub(super) fn walk(path: &Path, offset: u64, next: u64, last: bool) -> Result<Walked, LogError> {
    let file = SegmentFile::open(path).map_err(LogError::io(path, "open"))?;
    let length = file.length().map_err(LogError::io(path, "read"))?;
    let mut file = BufReader::with_capacity(4096, file);
    file.seek(SeekFrom::Start(offset)).map_err(LogError::io(path, "read"))?;
    let mut walked = Walked { batches: Vec::new(), offset, next, tail: None };
    while walked.offset < length {
        let mut head = [0; BATCH_HEADER_LEN];
        let header = match file.read_exact(&mut head) {
            Ok(()) => BatchHeader::decode(&head),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(BadHeader::Short),
            Err(error) => return Err(LogError::io(path, "read")(error)),
        };
        let reason = match header {
            Ok(header) if header.first != walked.next => {
                format!("the batch begins with entry {}", header.first)
            }
            Ok(header) if walked.offset + header.batch_len() <= length => {
                let batch = piece_of(&header, walked.offset);
                walked.offset += header.batch_len();
                walked.next += u64::from(header.count);
                walked.batches.push(batch);
                let skipped = header.batch_len() as i64 - BATCH_HEADER_LEN as i64;
                file.seek_relative(skipped).map_err(LogError::io(path, "read"))?;
                continue;
            }
            Ok(_) | Err(BadHeader::Short) => "the file ends inside a batch".to_string(),
            Err(_) => "no batch begins here".to_string(),
        };
        return walked.stopped(path, last, reason);
    }
    if last {
        walked.leave_out_torn(path, length);
    }
    Ok(walked)
}

impl Walked {
    /// Nothing whole stands at the offset: the end, or damage where a whole batch follows.
    fn stopped(mut self, path: &Path, last: bool, reason: String) -> Result<Walked, LogError> {
        let mut rest = Vec::new();
        let mut file = SegmentFile::open(path).map_err(LogError::io(path, "open"))?;
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_to_end(&mut rest))
            .map_err(LogError::io(path, "read"))?;
        let later = BatchHeader::decode(&rest).is_ok_and(|header| header.first > self.next);
        let behind = find_batch_header(rest.get(1..).unwrap_or_default(), self.next).is_some();
        if !last || later || behind {
            let (path, offset) = (path.to_path_buf(), self.offset);
            return Err(LogError::Damaged { path, offset, entry: self.next, reason });
        }
        let bytes = rest.len() as u64;
        self.tail = Some(Tail { path: path.to_path_buf(), offset: self.offset, bytes });
        let length = self.offset + bytes;
        self.leave_out_torn(path, length);
        Ok(self)
    }

    /// Of a torn write the header may be there and the entries not.
    fn leave_out_torn(&mut self, path: &Path, length: u64) {
        let Some(newest) = self.batches.last().copied() else { return };
        let whole = SegmentFile::open(path)
            .map_err(LogError::io(path, "open"))
            .and_then(|mut file| newest.read(&mut file, path, &mut Vec::new()));
        if let Err(LogError::Damaged { .. }) = whole {
            self.batches.pop();
            self.offset = newest.batch_at;
            self.next = newest.first;
            let bytes = length - self.offset;
            self.tail = Some(Tail { path: path.to_path_buf(), offset: self.offset, bytes });
        }
    }
}

fn piece_of(header: &BatchHeader, batch_at: u64) -> Piece {
    Piece {
        batch_at,
        at: batch_at + BATCH_HEADER_LEN as u64,
        len: header.payload_len,
        count: header.count,
        crc: header.payload_crc,
        first: header.first,
        transactions: (0, u64::MAX),
        times: (0, u64::MAX),
    }
}
