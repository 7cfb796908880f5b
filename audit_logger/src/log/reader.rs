//! Reads a log batch by batch and checks every one: its header, its checksum, its number and its
//! place in the chain. Memory is that of one batch.

use super::format::{
    BATCH_HEADER_LEN, BadHeader, BatchHeader, CHAIN_LEN, ChainHash, SEGMENT_HEADER_LEN,
    SegmentHeader,
};
use super::segment_file::SegmentFile;
use super::segments;
use crate::error::LogError;
use crate::proof::checkpoint;
use domain::trading::{Entry, RulesVersion, codec};
use std::io::{BufReader, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

const READ_BUFFER: usize = 1 << 20;

/// Reads the entries of a log in order.
pub struct LogReader {
    segments: std::vec::IntoIter<(u64, PathBuf)>,
    segment: Option<Segment>,
    next: u64,
    chain: ChainHash,
    payload: Vec<u8>,
    newest_rules: RulesVersion,
}

struct Segment {
    path: PathBuf,
    rules: RulesVersion,
    file: BufReader<SegmentFile>,
    offset: u64,
    /// Where the last batch that was read begins; the segment itself, if there is none before it.
    last_begins: u64,
}

/// Where a reader stands: behind the last whole batch it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderPosition {
    /// The number of the next entry.
    pub next: u64,
    /// The chain up to it.
    pub chain: ChainHash,
    /// The segment it stands in, and the offset there; none before the first.
    pub segment: Option<(PathBuf, u64)>,
    /// The rules of that segment.
    pub rules: RulesVersion,
}

impl LogReader {
    /// A reader of the log in `folder` from its first entry. A folder that is not there is an
    /// empty log.
    ///
    /// # Errors
    /// The folder cannot be read, or the beginning of the log was removed in order.
    pub fn open(folder: &Path) -> Result<LogReader, LogError> {
        LogReader::open_at(folder, 1, None)
    }

    /// A reader that begins with the segment that holds entry `next`. With `chain`, the first
    /// segment it opens must continue from there.
    ///
    /// # Errors
    /// The folder cannot be read, or that segment was removed in order.
    pub fn open_at(
        folder: &Path,
        next: u64,
        chain: Option<ChainHash>,
    ) -> Result<LogReader, LogError> {
        let mut all = segments::list(folder)?;
        let before = all.iter().rposition(|(first, _)| *first <= next).unwrap_or(0);
        let all = all.split_off(before);
        // An unknown chain is taken from the header of the first segment. Where even that begins
        // behind `next`, a segment is missing, and opening it says so.
        let begins = all.first().map_or(next, |(first, _)| next.min(*first));
        if let Some((first, _)) = all.first()
            && begins < *first
            && checkpoint::path_of(folder, first - 1).exists()
        {
            return Err(LogError::BeginsLate { path: folder.to_path_buf(), first: *first });
        }
        Ok(LogReader {
            segments: all.into_iter(),
            segment: None,
            next: begins,
            chain: chain.unwrap_or(ChainHash::START),
            payload: Vec::new(),
            newest_rules: RulesVersion::CURRENT,
        })
    }

    /// Takes a log of rules up to `newest`, which are otherwise the newest that this program knows.
    pub fn up_to_rules(self, newest: RulesVersion) -> LogReader {
        LogReader { newest_rules: newest, ..self }
    }

    /// The rules that decided the entries of the batch that was read last.
    pub fn rules(&self) -> RulesVersion {
        self.segment.as_ref().map_or(RulesVersion::V1, |segment| segment.rules)
    }

    /// Where the reader stands.
    pub fn position(&self) -> ReaderPosition {
        ReaderPosition {
            next: self.next,
            chain: self.chain,
            segment: self.segment.as_ref().map(|segment| (segment.path.clone(), segment.offset)),
            rules: self.rules(),
        }
    }

    /// Where in its segment the last batch begins that was read; 0, where the segment does, if there
    /// is none before it.
    pub(super) fn last_begins(&self) -> u64 {
        self.segment.as_ref().map_or(0, |segment| segment.last_begins)
    }

    /// Reads the next batch: the number of its first entry and its entries' bytes. `None` at the
    /// end of the log. The batch that closes a log is empty.
    ///
    /// # Errors
    /// The log cannot be read, or is not what was written. The reader then still stands behind
    /// the last whole batch.
    pub fn next_batch(&mut self) -> Result<Option<(u64, &[u8])>, LogError> {
        loop {
            if self.segment.is_none() && !self.open_next_segment()? {
                return Ok(None);
            }
            let first = self.next;
            if self.read_batch()? {
                return Ok(Some((first, &self.payload)));
            }
            if self.segments.len() == 0 {
                return Ok(None);
            }
            self.segment = None;
        }
    }

    /// Calls `each` with every entry and its number, up to and including `last`.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch), and what `each` returns.
    pub fn for_each<E: From<LogError>>(
        &mut self,
        last: u64,
        mut each: impl FnMut(u64, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_with_rules(last, |number, _, entry| each(number, entry))
    }

    /// As [`for_each`](Self::for_each), with the rules that decided each entry.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    pub fn for_each_with_rules<E: From<LogError>>(
        &mut self,
        last: u64,
        mut each: impl FnMut(u64, RulesVersion, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.next <= last {
            let Some((first, _)) = self.next_batch()? else { break };
            let (numbers, rules) = (first..self.next, self.rules());
            let mut each = |number, entry| each(number, rules, entry);
            if let Some((number, reason)) = decode(&self.payload, numbers, last, &mut each)? {
                return Err(self.damaged_before(number, reason).into());
            }
        }
        Ok(())
    }

    fn open_next_segment(&mut self) -> Result<bool, LogError> {
        let Some((first, path)) = self.segments.next() else { return Ok(false) };
        let file = SegmentFile::open(&path).map_err(LogError::io(&path, "open"))?;
        let mut file = BufReader::with_capacity(READ_BUFFER, file);
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        let read = read_up_to(&mut file, &mut bytes).map_err(LogError::io(&path, "read"))?;
        let fault = |reason: &str| LogError::Damaged {
            path: path.clone(),
            offset: 0,
            entry: self.next,
            reason: reason.to_string(),
        };
        let header = SegmentHeader::read(&bytes[..read], &path, self.newest_rules)?
            .map_err(|_| fault("the segment's header is not whole"))?;
        if header.first != first || first != self.next {
            return Err(fault("the segment does not begin with this entry"));
        }
        if self.chain == ChainHash::START && first != 1 {
            self.chain = header.chain;
        } else if header.chain != self.chain {
            return Err(fault("the segment does not continue the one before it"));
        }
        let offset = SEGMENT_HEADER_LEN as u64;
        self.segment = Some(Segment { path, rules: header.rules, file, offset, last_begins: 0 });
        Ok(true)
    }

    /// Reads one batch into the buffer; `false` at the end of the segment.
    fn read_batch(&mut self) -> Result<bool, LogError> {
        let Some(segment) = self.segment.as_mut() else { return Ok(false) };
        let mut head = [0; BATCH_HEADER_LEN];
        let read = read_up_to(&mut segment.file, &mut head)
            .map_err(LogError::io(&segment.path, "read"))?;
        if read == 0 {
            return Ok(false);
        }
        let header = match BatchHeader::decode(&head[..read]) {
            Ok(header) => header,
            Err(BadHeader::Short) => {
                return Err(self.damaged(self.next, "the file ends inside a batch".to_string()));
            }
            Err(_) => {
                return Err(self.damaged(self.next, "no batch begins here".to_string()));
            }
        };
        let mut chain = [0; CHAIN_LEN];
        self.payload.resize(header.payload_len as usize, 0);
        let whole = segment
            .file
            .read_exact(&mut self.payload)
            .and_then(|()| segment.file.read_exact(&mut chain));
        match whole {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(self.damaged(self.next, "the file ends inside a batch".to_string()));
            }
            Err(error) => return Err(LogError::io(&segment.path, "read")(error)),
        }
        if header.first != self.next {
            let reason = format!("the batch begins with entry {}", header.first);
            return Err(self.damaged(self.next, reason));
        }
        if crc32fast::hash(&self.payload) != header.payload_crc {
            return Err(self.damaged(self.next, "the entries fail their checksum".to_string()));
        }
        let expected = self.chain.next(&head, &self.payload);
        if expected.0 != chain {
            return Err(self.damaged(self.next, "the chain of hashes is broken".to_string()));
        }
        if let Some(segment) = self.segment.as_mut() {
            if segment.offset > SEGMENT_HEADER_LEN as u64 {
                segment.last_begins = segment.offset;
            }
            segment.offset += header.batch_len();
        }
        self.chain = expected;
        self.next += u64::from(header.count);
        Ok(true)
    }

    /// Damage inside the batch that was read last.
    fn damaged_before(&self, entry: u64, reason: String) -> LogError {
        let batch = (BATCH_HEADER_LEN + self.payload.len() + CHAIN_LEN) as u64;
        match self.damaged(entry, reason) {
            LogError::Damaged { path, offset, entry, reason } => {
                LogError::Damaged { path, offset: offset.saturating_sub(batch), entry, reason }
            }
            other => other,
        }
    }

    fn damaged(&self, entry: u64, reason: String) -> LogError {
        let (path, offset) = match &self.segment {
            Some(segment) => (segment.path.clone(), segment.offset),
            None => (PathBuf::new(), 0),
        };
        LogError::Damaged { path, offset, entry, reason }
    }
}

/// Calls `each` with the entries of a batch, which have `numbers`, up to and including `last`.
/// Returns the first that cannot be read, and why.
fn decode<E>(
    mut payload: &[u8],
    numbers: Range<u64>,
    last: u64,
    each: &mut impl FnMut(u64, Entry) -> Result<(), E>,
) -> Result<Option<(u64, String)>, E> {
    let end = numbers.end;
    for number in numbers {
        if number > last {
            return Ok(None);
        }
        match codec::decode(payload) {
            Ok((entry, rest)) => {
                each(number, entry)?;
                payload = rest;
            }
            Err(error) => return Ok(Some((number, error.to_string()))),
        }
    }
    let whole = payload.is_empty();
    Ok((!whole).then(|| (end, "the batch holds more than its header says".to_string())))
}

/// Fills `buffer` as far as the file reaches.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
