//! Reads a log from its first byte to its last, whatever is wrong with it: behind a fault it goes on
//! with the next whole batch. What it says of each batch depends on the hash that stands before it
//! in the log, so that one changed batch is one fault and not a fault of all that follow.

use super::locate::{ChangedByte, put_right};
use crate::error::LogError;
use crate::log::format::{
    BATCH_HEADER_LEN, BadHeader, BatchHeader, CHAIN_LEN, ChainHash, SEGMENT_HEADER_LEN,
    SegmentHeader, find_batch_header,
};
use crate::log::{SegmentFile, segments};
use domain::trading::{RulesVersion, codec};
use std::collections::VecDeque;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that are looked through at once for the next whole batch.
const SEARCHED: usize = 1 << 20;

const READ_BUFFER: usize = 1 << 20;

/// Hashes that are tried where a batch does not follow from the one before it.
const RECENT: usize = 8;

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A segment begins.
    Segment {
        /// The segment.
        path: PathBuf,
        /// Its header; none where that is not whole.
        header: Option<SegmentHeader>,
        /// The first entry as its name has it.
        first: u64,
    },
    /// A batch.
    Batch(Batch),
    /// Bytes that are no batch, up to the next batch or the end of the segment.
    Torn {
        /// Where they begin in the segment.
        offset: u64,
        /// How many there are.
        bytes: u64,
        /// Why they are none.
        reason: String,
        /// Whether the last segment ends with them.
        at_end: bool,
    },
}

/// A batch, whole in its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where it begins in the segment.
    pub offset: u64,
    /// Its header.
    pub header: BatchHeader,
    /// The chain that stands behind it.
    pub chain: ChainHash,
    /// The lowest and the highest transaction in it, as far as it can be read.
    pub transactions: Option<(u64, u64)>,
    /// Where entries do not decode, the first that does not, and why. Of a batch that is sound and
    /// chained only the fronts of the entries are looked at.
    pub unreadable: Option<Unreadable>,
    /// The one byte that was changed, where it is one.
    pub changed: Option<ChangedByte>,
    /// Whether its entries fit their checksum.
    pub sound: bool,
    /// Whether its chain follows from its own bytes and what stands right before it.
    pub chained: bool,
    /// Whether it follows from something that stands a little earlier: then what stands in between
    /// is what is wrong.
    pub linked: bool,
}

/// The first entry of a batch that does not decode, and why.
pub type Unreadable = (u64, String);

/// Calls `each` with every piece of the log in `folder`, in order.
///
/// # Errors
/// The log cannot be read at all, is of another version, or what `each` returns.
pub fn walk(
    folder: &Path,
    mut each: impl FnMut(&Path, Item) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let all = segments::list(folder)?;
    let count = all.len();
    let mut recent = Recent::default();
    for (at, (first, path)) in all.into_iter().enumerate() {
        walk_segment(&path, first, at + 1 == count, &mut recent, &mut each)?;
    }
    Ok(())
}

fn walk_segment(
    path: &Path,
    first: u64,
    last: bool,
    recent: &mut Recent,
    each: &mut impl FnMut(&Path, Item) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let torn = |offset, bytes, reason: String, at_end| Item::Torn { offset, bytes, reason, at_end };
    let begins = |header| Item::Segment { path: path.to_path_buf(), header, first };
    let mut segment = match SegmentFile::open(path) {
        Ok(file) => Segment::new(file, path)?,
        Err(error) if is_damage(&error) => {
            each(path, begins(None))?;
            return each(path, torn(0, 0, error.to_string(), false));
        }
        Err(error) => return Err(LogError::io(path, "open")(error)),
    };
    let mut head = [0; SEGMENT_HEADER_LEN];
    let header = match segment.read(0, &mut head) {
        Ok(true) => SegmentHeader::read(&head, path, RulesVersion::CURRENT)?,
        Ok(false) => Err(BadHeader::Short),
        Err(error) if is_damage(&error) => Err(BadHeader::Checksum),
        Err(error) => return Err(LogError::io(path, "read")(error)),
    };
    let header = header.ok();
    if let Some(header) = &header {
        recent.begin(header.chain);
    }
    each(path, begins(header))?;
    let mut offset = SEGMENT_HEADER_LEN as u64;
    if header.is_none() && segment.length < offset {
        offset = 0;
    }
    while offset < segment.length {
        match segment.batch(offset, recent) {
            Ok(batch) => {
                offset += batch.header.batch_len();
                each(path, Item::Batch(batch))?;
            }
            Err(reason) => {
                let (to, found) = segment.next_batch(offset + 1);
                // What is no batch may end with the chain of one.
                let mut hash = ChainHash::START;
                let before = to.saturating_sub(CHAIN_LEN as u64);
                if found && before >= offset && segment.read(before, &mut hash.0).is_ok() {
                    recent.note(hash);
                }
                each(path, torn(offset, to - offset, reason, last && !found))?;
                offset = to;
            }
        }
    }
    Ok(())
}

fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}

/// The newest hashes of the log: where something stands that should not, what follows it still
/// follows from one of these.
#[derive(Default)]
struct Recent(VecDeque<ChainHash>);

impl Recent {
    /// A segment begins; its header tells what was before. Whether that is so is for others to say.
    fn begin(&mut self, chain: ChainHash) {
        if self.0.front() != Some(&chain) {
            self.note(chain);
        }
    }

    fn note(&mut self, chain: ChainHash) {
        if self.0.len() == RECENT {
            self.0.pop_back();
        }
        self.0.push_front(chain);
    }

    /// Whether `stored` follows from the newest hash, and whether from any.
    fn take(&mut self, stored: ChainHash, next: impl Fn(ChainHash) -> ChainHash) -> (bool, bool) {
        let Some(newest) = self.0.front().copied() else {
            self.note(stored);
            return (false, false);
        };
        let follows = next(newest);
        if follows == stored {
            self.note(stored);
            return (true, true);
        }
        let linked = self.0.iter().skip(1).any(|chain| next(*chain) == stored);
        // If only the hash was changed, the next batch follows from what it was.
        self.note(follows);
        self.note(stored);
        (false, linked)
    }
}

struct Segment {
    file: BufReader<SegmentFile>,
    at: u64,
    length: u64,
    payload: Vec<u8>,
}

impl Segment {
    fn new(file: SegmentFile, path: &Path) -> Result<Segment, LogError> {
        let length = file.length().map_err(LogError::io(path, "read"))?;
        let file = BufReader::with_capacity(READ_BUFFER, file);
        Ok(Segment { file, at: 0, length, payload: Vec::new() })
    }

    /// Fills `buffer` from `offset` on; `false` where the segment ends before.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<bool> {
        if offset + buffer.len() as u64 > self.length {
            return Ok(false);
        }
        if offset != self.at {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        // Where reading fails nothing is known of the place.
        self.at = u64::MAX;
        self.file.read_exact(buffer)?;
        self.at = offset + buffer.len() as u64;
        Ok(true)
    }

    /// The batch at `offset`, or why there is none.
    fn batch(&mut self, offset: u64, recent: &mut Recent) -> Result<Batch, String> {
        let ends = || "the file ends inside a batch".to_string();
        let mut head = [0; BATCH_HEADER_LEN];
        let mut read = |offset, buffer: &mut [u8]| match self.read(offset, buffer) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ends()),
            Err(error) => Err(error.to_string()),
        };
        read(offset, &mut head)?;
        let header = BatchHeader::decode(&head).map_err(|_| "no batch begins here".to_string())?;
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(header.payload_len as usize, 0);
        let begins = offset + BATCH_HEADER_LEN as u64;
        let mut stored = ChainHash::START;
        let read = if offset + header.batch_len() > self.length {
            Err(ends())
        } else {
            let whole = self
                .read(begins, &mut payload)
                .and_then(|_| self.read(begins + u64::from(header.payload_len), &mut stored.0));
            whole.map_err(|error| error.to_string())
        };
        self.payload = payload;
        read?;
        let sound = crc32fast::hash(&self.payload) == header.payload_crc;
        let (chained, linked) = recent.take(stored, |chain| chain.next(&head, &self.payload));
        let (transactions, unreadable) = look(&self.payload, &header, !(sound && chained));
        let changed = match sound {
            true => None,
            false => self.changed_byte(begins, &head, &header, stored, recent),
        };
        Ok(Batch {
            offset,
            header,
            chain: stored,
            transactions,
            unreadable,
            changed,
            sound,
            chained,
            linked,
        })
    }

    /// The one byte of a batch that makes it fail its checksum, if it is one. The entries `begin`
    /// there in the segment, and are put right.
    fn changed_byte(
        &mut self,
        begins: u64,
        head: &[u8],
        header: &BatchHeader,
        stored: ChainHash,
        recent: &Recent,
    ) -> Option<ChangedByte> {
        let follows =
            |payload: &[u8]| recent.0.iter().any(|chain| chain.next(head, payload) == stored);
        let (at, is) = put_right(&mut self.payload, header.payload_crc, follows)?;
        let mut rest = self.payload.as_slice();
        let mut entry = header.first;
        loop {
            let (front, behind) = codec::peek(rest).ok()?;
            if self.payload.len() - behind.len() > at {
                let (byte, was) = (begins + at as u64, self.payload[at]);
                let transaction = front.transaction.0;
                return Some(ChangedByte { byte, is, was, entry, transaction });
            }
            (rest, entry) = (behind, entry + 1);
        }
    }

    /// Where the next header of a batch begins, from `offset` on; or the end of the segment.
    fn next_batch(&mut self, mut offset: u64) -> (u64, bool) {
        let mut buffer = vec![0; SEARCHED];
        while offset < self.length {
            let count = (self.length - offset).min(SEARCHED as u64) as usize;
            // Where a frame of a compressed segment cannot be read, nothing is found in it.
            if matches!(self.read(offset, &mut buffer[..count]), Ok(true))
                && let Some(at) = find_batch_header(&buffer[..count], 0)
            {
                return (offset + at as u64, true);
            }
            if count < SEARCHED {
                break;
            }
            // A header may stand across the end of what was looked through.
            offset += (SEARCHED - BATCH_HEADER_LEN + 1) as u64;
        }
        (self.length, false)
    }
}

/// The transactions of a batch's entries, and the first entry that cannot be read: as far as its
/// front, or `closely`, to its end.
fn look(
    payload: &[u8],
    header: &BatchHeader,
    closely: bool,
) -> (Option<(u64, u64)>, Option<Unreadable>) {
    let mut rest = payload;
    let mut range: Option<(u64, u64)> = None;
    for number in header.first..header.first + u64::from(header.count) {
        let front = codec::peek(rest).and_then(|front| {
            if closely {
                codec::decode(rest)?;
            }
            Ok(front)
        });
        let (front, behind) = match front {
            Ok(front) => front,
            Err(error) => return (range, Some((number, error.to_string()))),
        };
        let transaction = front.transaction.0;
        range = Some(match range {
            Some((low, high)) => (low.min(transaction), high.max(transaction)),
            None => (transaction, transaction),
        });
        rest = behind;
    }
    let over = header.first + u64::from(header.count);
    let more = "the batch holds more than its header says".to_string();
    (range, (!rest.is_empty()).then_some((over, more)))
}
