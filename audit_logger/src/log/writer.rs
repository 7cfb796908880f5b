//! Appends batches to a log and makes them durable.

use super::disk::{Disk, FileSystem, LogFile};
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, CHAIN_LEN, MAX_PAYLOAD, SEGMENT_HEADER_LEN, SegmentHeader,
};
use super::reader::ReaderPosition;
use super::segment_file;
use super::segments::{self, FolderLock};
use super::{ChainHash, LogEnd};
use crate::error::LogError;
use bus::{Entries, LogHalted};
use domain::trading::{RulesVersion, codec};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// How a log is written.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// A segment that has grown to this many bytes is followed by a new one.
    pub segment_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        // Large enough that a million commands need one, small enough to copy and to compress.
        LogOptions { segment_bytes: 256 << 20 }
    }
}

/// The writer of a log. After a failed write or flush it has halted for good.
pub struct LogWriter {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    options: LogOptions,
    segment: Option<Segment>,
    next: u64,
    chain: ChainHash,
    rules: RulesVersion,
    buffer: Vec<u8>,
    halted: watch::Sender<Option<LogHalted>>,
    bytes_written: u64,
    durable: watch::Sender<u64>,
    closed: Option<Box<dyn FnMut(Closed) + Send>>,
    _lock: FolderLock,
}

/// A segment that is complete: the next one has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The number of its last entry.
    pub last: u64,
    /// The chain behind it.
    pub chain: ChainHash,
    /// When the next one was begun, in Unix milliseconds.
    pub at_ms: u64,
}

/// The segment that is being written.
struct Segment {
    file: Box<dyn LogFile>,
    path: PathBuf,
    len: u64,
    /// The number of its first entry.
    first: u64,
    /// The rules that its header names.
    rules: RulesVersion,
}

impl LogWriter {
    /// A writer that goes on at `end`, in `folder` on the file system.
    ///
    /// # Errors
    /// The segment at the end cannot be opened.
    pub fn open(
        folder: &Path,
        lock: FolderLock,
        end: &LogEnd,
        options: LogOptions,
    ) -> Result<LogWriter, LogError> {
        LogWriter::open_on(Box::new(FileSystem), folder, lock, end, options)
    }

    /// As [`open`](Self::open), on a disk of the caller's.
    ///
    /// # Errors
    /// The segment at the end cannot be opened.
    pub fn open_on(
        mut disk: Box<dyn Disk>,
        folder: &Path,
        lock: FolderLock,
        end: &LogEnd,
        options: LogOptions,
    ) -> Result<LogWriter, LogError> {
        let ReaderPosition { next, chain, segment, rules } = &end.position;
        let segment = match segment {
            // A compressed segment takes no more: the next batch begins a new one.
            Some((path, offset)) if segment_file::is_plain(path) => {
                let file = disk.open(path, *offset).map_err(LogError::io(path, "open"))?;
                let first = segments::first_of(path).unwrap_or(*next);
                Some(Segment { file, path: path.clone(), len: *offset, first, rules: *rules })
            }
            _ => None,
        };
        Ok(LogWriter {
            folder: folder.to_path_buf(),
            disk,
            options,
            segment,
            next: *next,
            chain: *chain,
            rules: RulesVersion::CURRENT,
            buffer: Vec::new(),
            halted: watch::Sender::new(None),
            bytes_written: 0,
            durable: watch::Sender::new(*next),
            closed: None,
            _lock: lock,
        })
    }

    /// From now on entries stand under `rules`, which are otherwise the newest that this program
    /// knows. No older ones than those of the log's end.
    pub fn with_rules(self, rules: RulesVersion) -> LogWriter {
        LogWriter { rules, ..self }
    }

    /// The rules that the log says decided what is appended: whoever decides must decide by them.
    pub fn rules(&self) -> RulesVersion {
        self.rules
    }

    /// Tells `listener` of every segment that is complete from now on. It runs between two writes,
    /// so it must not wait for anything.
    pub fn tell_closed(&mut self, listener: impl FnMut(Closed) + Send + 'static) {
        self.closed = Some(Box::new(listener));
    }

    /// Appends groups of entries and makes them durable; returns the number of the first. They are
    /// one batch, or several where they are longer than one may be: what is cut in two can be torn
    /// between two entries, but nothing is acknowledged before all of it is durable. `now_ms` is the
    /// Unix time in milliseconds.
    ///
    /// # Errors
    /// The log has halted, now or before. It halts too on a group that is
    /// [unwritable](Entries::unwritable).
    pub fn append<'a>(
        &mut self,
        groups: impl Iterator<Item = &'a Entries>,
        now_ms: u64,
    ) -> Result<u64, LogHalted> {
        if let Some(halted) = &*self.halted.borrow() {
            return Err(halted.clone());
        }
        let first = self.next;
        self.write(groups, now_ms).map_err(|error| self.halt(&error))?;
        Ok(first)
    }

    fn write<'a>(
        &mut self,
        groups: impl Iterator<Item = &'a Entries>,
        now_ms: u64,
    ) -> io::Result<()> {
        let mut count = 0;
        self.begin_batch();
        for group in groups {
            if let Some(error) = group.unwritable() {
                return Err(io::Error::other(error));
            }
            let mut bytes = group.bytes();
            let mut left = group.count();
            while self.buffer.len() - BATCH_HEADER_LEN + bytes.len() > MAX_PAYLOAD {
                if count == 0 {
                    let (part, entries) = as_many_as_fit(bytes)?;
                    self.buffer.extend_from_slice(&bytes[..part]);
                    (bytes, left, count) = (&bytes[part..], left - entries, entries);
                }
                self.write_batch(count, now_ms)?;
                self.begin_batch();
                count = 0;
            }
            self.buffer.extend_from_slice(bytes);
            count += left;
        }
        self.write_batch(count, now_ms)
    }

    fn begin_batch(&mut self) {
        self.buffer.clear();
        self.buffer.resize(BATCH_HEADER_LEN, 0);
    }

    /// Ends the log in order with an empty batch, so that damage to what stands before it is
    /// never taken for a torn tail.
    ///
    /// # Errors
    /// The log has halted, now or before.
    pub fn close(&mut self, now_ms: u64) -> Result<(), LogHalted> {
        if self.segment.is_none() && self.next == 1 && self.halted.borrow().is_none() {
            return Ok(());
        }
        self.append(std::iter::empty(), now_ms).map(|_| ())
    }

    /// The number of the next entry.
    pub fn next_entry(&self) -> u64 {
        self.next
    }

    /// The number of the next entry, now and whenever entries have become durable.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    /// Why the log has halted, as soon as it has.
    pub fn halted(&self) -> watch::Receiver<Option<LogHalted>> {
        self.halted.subscribe()
    }

    /// The chain up to the next entry.
    pub fn chain(&self) -> ChainHash {
        self.chain
    }

    /// Bytes written since the writer was opened.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    fn halt(&mut self, error: &io::Error) -> LogHalted {
        let halted =
            LogHalted { reason: format!("writing the log in {}: {error}", self.folder.display()) };
        tracing::error!(%error, folder = %self.folder.display(), "log halted");
        self.halted.send_replace(Some(halted.clone()));
        halted
    }

    fn write_batch(&mut self, count: u32, now_ms: u64) -> io::Result<()> {
        let payload = &self.buffer[BATCH_HEADER_LEN..];
        debug_assert!(payload.len() <= MAX_PAYLOAD);
        let header = BatchHeader {
            payload_len: payload.len() as u32,
            count,
            payload_crc: crc32fast::hash(payload),
            first: self.next,
        }
        .encode();
        let chain = self.chain.next(&header, payload);
        self.buffer[..BATCH_HEADER_LEN].copy_from_slice(&header);
        self.buffer.extend_from_slice(&chain.0);

        // A segment without an entry is never full: the next would have its name.
        let full = |segment: &Segment| {
            (segment.len >= self.options.segment_bytes || segment.rules < self.rules)
                && segment.first < self.next
        };
        if self.segment.as_ref().is_none_or(full) {
            self.begin_segment(now_ms)?;
        }
        if self.segment.as_ref().is_some_and(|segment| segment.rules < self.rules) {
            self.rewrite_header()?;
        }
        let Some(segment) = self.segment.as_mut() else {
            return Err(io::Error::other("no segment is open"));
        };
        segment.file.write_all(&self.buffer)?;
        segment.file.sync()?;
        segment.len += self.buffer.len() as u64;
        self.bytes_written += self.buffer.len() as u64;
        self.chain = chain;
        self.next += u64::from(count);
        self.durable.send_replace(self.next);
        Ok(())
    }

    /// Puts the newer rules into the header of a segment that holds no entry yet: another segment
    /// would have its name. No hash covers the header, so nothing else changes.
    fn rewrite_header(&mut self) -> io::Result<()> {
        let Some(segment) = self.segment.as_mut() else { return Ok(()) };
        let header = SegmentHeader { rules: self.rules, ..read_header(&segment.path)? };
        let mut file = self.disk.open(&segment.path, 0)?;
        file.write_all(&header.encode())?;
        file.sync()?;
        segment.rules = self.rules;
        Ok(())
    }

    fn begin_segment(&mut self, now_ms: u64) -> io::Result<()> {
        let header = SegmentHeader {
            first: self.next,
            created_ms: now_ms,
            chain: self.chain,
            rules: self.rules,
        }
        .encode();
        let path = segments::path_of(&self.folder, self.next);
        let mut file = self.disk.create(&path)?;
        file.write_all(&header)?;
        // The name must outlast a crash before anything in the file is acknowledged.
        self.disk.sync_folder(&self.folder)?;
        let (len, first) = (header.len() as u64, self.next);
        self.segment = Some(Segment { file, path, len, first, rules: self.rules });
        if let Some(listener) = &mut self.closed
            && self.next > 1
        {
            let closed = Closed { last: self.next - 1, chain: self.chain, at_ms: now_ms };
            listener(closed);
        }
        self.bytes_written += header.len() as u64;
        debug_assert!(header.len() + BATCH_HEADER_LEN + CHAIN_LEN < MAX_PAYLOAD);
        Ok(())
    }
}

/// The header of the segment at `path`.
fn read_header(path: &Path) -> io::Result<SegmentHeader> {
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    File::open(path)?.read_exact(&mut bytes)?;
    SegmentHeader::decode(&bytes).map_err(|_| io::Error::other("the segment's header has changed"))
}

/// How many bytes of the entries at the front of `bytes` fit into a batch, and how many entries
/// they are.
fn as_many_as_fit(bytes: &[u8]) -> io::Result<(usize, u32)> {
    let (mut fit, mut entries) = (0, 0);
    while let Ok((_, rest)) = codec::peek(&bytes[fit..])
        && bytes.len() - rest.len() <= MAX_PAYLOAD
    {
        (fit, entries) = (bytes.len() - rest.len(), entries + 1);
    }
    if entries == 0 {
        let limit = format!("an entry is longer than a batch may be, {MAX_PAYLOAD} bytes");
        return Err(io::Error::other(limit));
    }
    Ok((fit, entries))
}
