//! An index beside a segment: where each user's entries stand, and which transactions and times
//! each piece of the segment holds. It is made when a search first wants it, covers the segment's
//! first bytes (all of them, once the segment grows no more) and is made again when it is missing,
//! damaged or of another log.
//!
//! It only points: what it points at is checked by its checksum and compared like anything else.
//! Its form is nobody else's business, so `docs/log-format.md` only names the file.

use super::format::{CHAIN_LEN, SEGMENT_HEADER_LEN};
use super::segment_file::SegmentFile;
use crate::error::LogError;
use domain::trading::codec::{self, Reader, put_u64};
use files::AtomicFile;
use rustc_hash::FxHashMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"DTINDEX1";
const EXTENSION: &str = "idx";

/// Entries in a piece: few enough that reading one entry costs little, many enough that the index
/// stays a twentieth of the log.
const PIECE_ENTRIES: u32 = 128;

/// Entries of a segment that are read and checked in one go: a whole batch, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where its batch begins in the segment.
    pub batch_at: u64,
    /// Where its entries begin.
    pub at: u64,
    /// Their length in bytes.
    pub len: u32,
    /// How many there are.
    pub count: u32,
    /// Their CRC-32.
    pub crc: u32,
    /// The number of the first.
    pub first: u64,
    /// The lowest and the highest transaction of commands and quotes. Expiries and orders that
    /// fired later can stand far behind their command and are listed by themselves.
    pub transactions: (u64, u64),
    /// The earliest and the latest time, in Unix milliseconds.
    pub times: (u64, u64),
}

/// The index of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentIndex {
    /// The segment's header.
    header: Vec<u8>,
    /// How many of the segment's bytes it covers.
    covered: u64,
    /// The hash at the end of them: the chain up to there.
    chain: [u8; CHAIN_LEN],
    /// The number of the entry that follows.
    next: u64,
    pieces: Vec<Piece>,
    /// By hash of the user's name: where its list begins in `lists`, and the list's length.
    users: Vec<(u64, u64, u64)>,
    /// Transactions of expiries and later fills, with the pieces they stand in, sorted.
    late: Vec<(u64, u64)>,
    lists: Vec<u8>,
}

/// Where the index of the segment at `segment` is kept.
pub fn path_of(segment: &Path) -> PathBuf {
    segment.with_extension(EXTENSION)
}

impl SegmentIndex {
    /// Makes the index of a segment from its `batches`, which end where entry `next` follows.
    ///
    /// # Errors
    /// The segment cannot be read, or is not what was written.
    pub fn build(path: &Path, batches: &[Piece], next: u64) -> Result<SegmentIndex, LogError> {
        let mut file = SegmentFile::open(path).map_err(LogError::io(path, "open"))?;
        let mut maker = Maker::default();
        let mut buffer = Vec::new();
        for batch in batches {
            batch.read(&mut file, path, &mut buffer)?;
            maker.batch(path, batch, &buffer)?;
        }
        let covered = batches.last().map_or(SEGMENT_HEADER_LEN as u64, |last| {
            last.at + u64::from(last.len) + CHAIN_LEN as u64
        });
        let (header, chain) = ends(&mut file, covered).map_err(LogError::io(path, "read"))?;
        Ok(maker.finish(header, covered, chain, next))
    }

    /// The index beside the segment at `path`, where it is whole and of this segment.
    pub fn load(path: &Path) -> Option<SegmentIndex> {
        let bytes = fs::read(path_of(path)).ok()?;
        let index = SegmentIndex::parse(&bytes)?;
        let mut file = SegmentFile::open(path).ok()?;
        let (header, chain) = ends(&mut file, index.covered).ok()?;
        (header == index.header && chain == index.chain).then_some(index)
    }

    /// Puts the index beside the segment at `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LogError> {
        let path = path_of(path);
        // It can be made again, so nobody waits for the disk.
        let write = || {
            let mut file = AtomicFile::create(&path)?;
            file.write_all(&self.encode())?;
            file.commit_unsynced()
        };
        write().map_err(LogError::io(&path, "write"))
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How many of the segment's bytes it covers.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// The number of the entry behind them.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The pieces that hold entries about `user`, and perhaps others, in order.
    pub fn of_user(&self, user: &[u8]) -> Vec<usize> {
        let hash = hash(user);
        let Ok(at) = self.users.binary_search_by_key(&hash, |found| found.0) else {
            return Vec::new();
        };
        let (_, from, len) = self.users[at];
        let list = &self.lists[from as usize..(from + len) as usize];
        let mut reader = Reader::new(list);
        let mut pieces = Vec::new();
        let mut piece = 0;
        while !reader.is_at_end() {
            let Ok(step) = reader.u64("a step") else { break };
            piece += step as usize;
            pieces.push(piece);
        }
        pieces
    }

    /// The pieces in which expiries and later fills of transactions `from` to `to` stand.
    pub fn late(&self, from: u64, to: u64) -> impl Iterator<Item = usize> {
        let begin = self.late.partition_point(|(transaction, _)| *transaction < from);
        let in_range = move |found: &&(u64, u64)| found.0 <= to;
        self.late[begin..].iter().take_while(in_range).map(|found| found.1 as usize)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.header);
        out.extend_from_slice(&self.chain);
        put_u64(self.covered, &mut out);
        put_u64(self.next, &mut out);
        put_u64(self.pieces.len() as u64, &mut out);
        for piece in &self.pieces {
            let (transactions, times) = (piece.transactions, piece.times);
            put_u64(piece.batch_at, &mut out);
            put_u64(piece.at - piece.batch_at, &mut out);
            for field in [piece.len, piece.count, piece.crc] {
                put_u64(u64::from(field), &mut out);
            }
            put_u64(piece.first, &mut out);
            for (low, high) in [transactions, times] {
                put_u64(low, &mut out);
                put_u64(high.wrapping_sub(low), &mut out);
            }
        }
        put_u64(self.users.len() as u64, &mut out);
        for (hash, from, len) in &self.users {
            out.extend_from_slice(&hash.to_le_bytes());
            put_u64(*from, &mut out);
            put_u64(*len, &mut out);
        }
        put_u64(self.late.len() as u64, &mut out);
        for (transaction, piece) in &self.late {
            put_u64(*transaction, &mut out);
            put_u64(*piece, &mut out);
        }
        out.extend_from_slice(&self.lists);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn parse(bytes: &[u8]) -> Option<SegmentIndex> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let (header, rest) = rest.split_at_checked(SEGMENT_HEADER_LEN)?;
        let (chain, rest) = rest.split_first_chunk::<CHAIN_LEN>()?;
        let mut numbers = Numbers(rest);
        let (covered, next) = (numbers.take()?, numbers.take()?);
        let mut pieces = Vec::new();
        for _ in 0..numbers.take()? {
            pieces.push(numbers.piece()?);
        }
        let mut users = Vec::new();
        for _ in 0..numbers.take()? {
            let (hash, behind) = numbers.0.split_first_chunk::<8>()?;
            numbers.0 = behind;
            users.push((u64::from_le_bytes(*hash), numbers.take()?, numbers.take()?));
        }
        let mut late = Vec::new();
        for _ in 0..numbers.take()? {
            late.push((numbers.take()?, numbers.take()?));
        }
        let lists = numbers.0.to_vec();
        let inside = |&(_, from, len): &(u64, u64, u64)| {
            from.checked_add(len).is_some_and(|end| end <= lists.len() as u64)
        };
        users.iter().all(inside).then(|| SegmentIndex {
            header: header.to_vec(),
            covered,
            chain: *chain,
            next,
            pieces,
            users,
            late,
            lists,
        })
    }
}

impl Piece {
    /// Reads the entries into `buffer` and checks their sum.
    ///
    /// # Errors
    /// The segment cannot be read, or is not what was written.
    pub fn read(
        &self,
        file: &mut SegmentFile,
        path: &Path,
        buffer: &mut Vec<u8>,
    ) -> Result<(), LogError> {
        buffer.resize(self.len as usize, 0);
        let read = file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_exact(buffer));
        match read {
            Ok(()) if crc32fast::hash(buffer) == self.crc => Ok(()),
            Ok(()) => Err(self.damaged(path, self.first, "the entries fail their checksum")),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(self.damaged(path, self.first, "the file ends inside a batch"))
            }
            Err(error) => Err(LogError::io(path, "read")(error)),
        }
    }

    /// Damage at entry `entry` of the piece.
    pub fn damaged(&self, path: &Path, entry: u64, reason: impl ToString) -> LogError {
        let reason = reason.to_string();
        LogError::Damaged { path: path.to_path_buf(), offset: self.batch_at, entry, reason }
    }
}

/// The header of a segment, and the hash at the end of its first `covered` bytes.
fn ends(file: &mut SegmentFile, covered: u64) -> std::io::Result<(Vec<u8>, [u8; CHAIN_LEN])> {
    let mut header = vec![0; SEGMENT_HEADER_LEN];
    let mut chain = [0; CHAIN_LEN];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    let at = covered.checked_sub(CHAIN_LEN as u64).ok_or(std::io::ErrorKind::InvalidData)?;
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut chain)?;
    Ok((header, chain))
}

/// FNV-1a: the same for ever, on every machine.
fn hash(user: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    user.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn take(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, &byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Some(number);
            }
        }
        None
    }

    fn piece(&mut self) -> Option<Piece> {
        let batch_at = self.take()?;
        let at = batch_at.checked_add(self.take()?)?;
        let mut short = || u32::try_from(self.take()?).ok();
        let (len, count, crc) = (short()?, short()?, short()?);
        let first = self.take()?;
        let mut range = || {
            let low = self.take()?;
            Some((low, low.wrapping_add(self.take()?)))
        };
        let (transactions, times) = (range()?, range()?);
        Some(Piece { batch_at, at, len, count, crc, first, transactions, times })
    }
}

/// What gathers while an index is made.
#[derive(Default)]
struct Maker {
    pieces: Vec<Piece>,
    users: FxHashMap<Box<[u8]>, (u64, Vec<u8>)>,
    late: Vec<(u64, u64)>,
}

impl Maker {
    fn batch(&mut self, path: &Path, batch: &Piece, payload: &[u8]) -> Result<(), LogError> {
        let mut rest = payload;
        let mut number = batch.first;
        let end = batch.first + u64::from(batch.count);
        while number < end {
            let count = u32::try_from(end - number).unwrap_or(u32::MAX).min(PIECE_ENTRIES);
            let from = rest;
            let mut piece = Piece {
                at: batch.at + (payload.len() - rest.len()) as u64,
                count,
                first: number,
                transactions: (u64::MAX, 0),
                times: (u64::MAX, 0),
                ..*batch
            };
            for _ in 0..count {
                let (front, behind) =
                    codec::peek(rest).map_err(|error| batch.damaged(path, number, error))?;
                self.entry(&mut piece, &front);
                rest = behind;
                number += 1;
            }
            let bytes = &from[..from.len() - rest.len()];
            piece.len = bytes.len() as u32;
            piece.crc = crc32fast::hash(bytes);
            self.pieces.push(piece);
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(batch.damaged(path, end, "the batch holds more than its header says"))
    }

    fn entry(&mut self, piece: &mut Piece, front: &codec::Peek<'_>) {
        let widen = |range: &mut (u64, u64), value: u64| {
            *range = (range.0.min(value), range.1.max(value));
        };
        let here = self.pieces.len() as u64;
        widen(&mut piece.times, front.at_ms);
        if front.late {
            self.late.push((front.transaction.0, here));
        } else {
            widen(&mut piece.transactions, front.transaction.0);
        }
        let Some(user) = front.user else { return };
        match self.users.get_mut(user) {
            Some((last, list)) => {
                if *last != here {
                    put_u64(here - *last, list);
                    *last = here;
                }
            }
            None => {
                let mut list = Vec::new();
                put_u64(here, &mut list);
                self.users.insert(user.into(), (here, list));
            }
        }
    }

    fn finish(
        mut self,
        header: Vec<u8>,
        covered: u64,
        chain: [u8; CHAIN_LEN],
        next: u64,
    ) -> SegmentIndex {
        self.late.sort_unstable();
        self.late.dedup();
        let mut found: Vec<(u64, Vec<u8>)> =
            self.users.into_iter().map(|(user, (_, list))| (hash(&user), list)).collect();
        found.sort_unstable();
        let mut users: Vec<(u64, u64, u64)> = Vec::with_capacity(found.len());
        let mut lists = Vec::new();
        let mut found = found.into_iter().peekable();
        while let Some((hash, mut list)) = found.next() {
            // Two names with one hash share a list that holds the pieces of both.
            while let Some((_, other)) = found.next_if(|next| next.0 == hash) {
                list = merged(&list, &other);
            }
            users.push((hash, lists.len() as u64, list.len() as u64));
            lists.extend_from_slice(&list);
        }
        SegmentIndex {
            header,
            covered,
            chain,
            next,
            pieces: self.pieces,
            users,
            late: self.late,
            lists,
        }
    }
}

fn merged(one: &[u8], other: &[u8]) -> Vec<u8> {
    let read = |list: &[u8]| {
        let mut numbers = Numbers(list);
        let mut at = 0;
        std::iter::from_fn(|| {
            at += numbers.take()?;
            Some(at)
        })
        .collect::<Vec<u64>>()
    };
    let mut all = read(one);
    all.extend(read(other));
    all.sort_unstable();
    all.dedup();
    let mut list = Vec::new();
    let mut last = 0;
    for piece in all {
        put_u64(piece - last, &mut list);
        last = piece;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_hash_share_a_list() {
        let list = |steps: &[u64]| {
            let mut list = Vec::new();
            steps.iter().for_each(|&step| put_u64(step, &mut list));
            list
        };
        assert_eq!(merged(&list(&[0, 5, 300]), &list(&[5, 1])), list(&[0, 5, 1, 299]));
    }
}
