//! Reads the pieces of a log that can hold what is asked for, on every core, and hands over what
//! was found in order. Memory is that of a few chunks, however long the log is.

use super::catalogue::{Catalogue, Part};
use super::filter::Filter;
use crate::error::LogError;
use crate::log::SegmentFile;
use domain::trading::{Entry, codec};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes of the log that a thread reads before it hands over what it found.
const CHUNK_BYTES: usize = 512 << 10;

/// The same where what was found is only counted.
const GATHERED_BYTES: usize = 16 << 20;

/// Chunks that a thread may be ahead of whoever takes them.
const CHUNKS_AHEAD: usize = 2;

/// The most threads that are of use: beyond it memory is what takes time.
const MOST_THREADS: usize = 8;

/// In which order entries are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the log.
    OldestFirst,
    /// From the end of the log to its beginning.
    NewestFirst,
}

/// Pieces of one segment, in the order of the scan.
struct Chunk {
    part: usize,
    pieces: Vec<usize>,
}

/// Calls `each` with every entry that fits `filter` and its number, in `order` within a chunk, on
/// several threads at once; `take` gets what `each` gathered in the chunks, in order, and may end
/// the scan. Of one chunk at most `most` entries are handed to `each`.
///
/// # Errors
/// The log cannot be read or is damaged where it is read, and what `take` returns.
pub fn scan<T, E>(
    catalogue: &Catalogue,
    filter: &Filter,
    order: Order,
    most: usize,
    each: impl Fn(&mut T, u64, Entry) + Sync,
    take: impl FnMut(T) -> Result<ControlFlow<()>, E>,
) -> Result<(), E>
where
    T: Default + Send,
    E: From<LogError>,
{
    let chunks = chunks(catalogue, filter, order, CHUNK_BYTES);
    run(catalogue, filter, order, most, &chunks, each, take)
}

/// Gathers all entries that fit `filter` into a `T` for each large part of the log: for what stays
/// small however much goes into it, such as counts.
///
/// # Errors
/// The log cannot be read or is damaged where it is read.
pub fn gather<T: Default + Send>(
    catalogue: &Catalogue,
    filter: &Filter,
    each: impl Fn(&mut T, u64, Entry) + Sync,
    mut take: impl FnMut(T),
) -> Result<(), LogError> {
    let order = Order::OldestFirst;
    let chunks = chunks(catalogue, filter, order, GATHERED_BYTES);
    run(catalogue, filter, order, usize::MAX, &chunks, each, |part| {
        take(part);
        Ok(ControlFlow::Continue(()))
    })
}

fn run<T, E>(
    catalogue: &Catalogue,
    filter: &Filter,
    order: Order,
    most: usize,
    chunks: &[Chunk],
    each: impl Fn(&mut T, u64, Entry) + Sync,
    mut take: impl FnMut(T) -> Result<ControlFlow<()>, E>,
) -> Result<(), E>
where
    T: Default + Send,
    E: From<LogError>,
{
    let task = Task { catalogue, filter, order, most, each: &each };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS));
    let threads = cores.min(chunks.len());
    if threads < 2 {
        let mut desk = Desk::default();
        for chunk in chunks {
            if take(task.run(chunk, &mut desk)?)?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    thread::scope(|scope| {
        let mut found: Vec<Receiver<Result<T, LogError>>> = Vec::with_capacity(threads);
        for first in 0..threads {
            let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
            let own = chunks.iter().skip(first).step_by(threads);
            let task = &task;
            scope.spawn(move || task.run_all(own, &sender));
            found.push(receiver);
        }
        // The chunks were dealt out one by one, so they are gathered one by one.
        for at in 0..chunks.len() {
            let Ok(gathered) = found[at % threads].recv() else { break };
            if take(gathered?)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn chunks(catalogue: &Catalogue, filter: &Filter, order: Order, most: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (at, part) in catalogue.parts().iter().enumerate() {
        let mut pieces = Vec::new();
        let mut bytes = 0;
        for piece in part.candidates(filter) {
            pieces.push(piece);
            bytes += part.pieces[piece].len as usize;
            if bytes >= most {
                chunks.push(Chunk { part: at, pieces: std::mem::take(&mut pieces) });
                bytes = 0;
            }
        }
        if !pieces.is_empty() {
            chunks.push(Chunk { part: at, pieces });
        }
    }
    if order == Order::NewestFirst {
        chunks.reverse();
        chunks.iter_mut().for_each(|chunk| chunk.pieces.reverse());
    }
    chunks
}

/// What a thread keeps from chunk to chunk.
#[derive(Default)]
struct Desk {
    open: Option<(usize, SegmentFile)>,
    buffer: Vec<u8>,
    found: Vec<(u64, Entry)>,
}

struct Task<'a, Each> {
    catalogue: &'a Catalogue,
    filter: &'a Filter,
    order: Order,
    most: usize,
    each: &'a Each,
}

impl<Each> Task<'_, Each> {
    fn run_all<'c, T>(
        &self,
        chunks: impl Iterator<Item = &'c Chunk>,
        sender: &SyncSender<Result<T, LogError>>,
    ) where
        T: Default,
        Each: Fn(&mut T, u64, Entry),
    {
        let mut desk = Desk::default();
        for chunk in chunks {
            // Whoever asked has enough.
            if sender.send(self.run(chunk, &mut desk)).is_err() {
                return;
            }
        }
    }

    fn run<T>(&self, chunk: &Chunk, desk: &mut Desk) -> Result<T, LogError>
    where
        T: Default,
        Each: Fn(&mut T, u64, Entry),
    {
        let part = &self.catalogue.parts()[chunk.part];
        let mut gathered = T::default();
        let mut left = self.most;
        for &piece in &chunk.pieces {
            if left == 0 {
                break;
            }
            self.read(chunk.part, part, piece, desk)?;
            if self.order == Order::NewestFirst {
                desk.found.reverse();
            }
            desk.found.truncate(left);
            left -= desk.found.len();
            for (number, entry) in desk.found.drain(..) {
                (self.each)(&mut gathered, number, entry);
            }
        }
        Ok(gathered)
    }

    /// Puts the entries of a piece that fit on the desk.
    fn read(&self, at: usize, part: &Part, piece: usize, desk: &mut Desk) -> Result<(), LogError> {
        if desk.open.as_ref().is_none_or(|(open, _)| *open != at) {
            let file = SegmentFile::open(&part.path).map_err(LogError::io(&part.path, "open"))?;
            desk.open = Some((at, file));
        }
        let Some((_, file)) = &mut desk.open else { return Ok(()) };
        let piece = &part.pieces[piece];
        piece.read(file, &part.path, &mut desk.buffer)?;
        let mut rest = desk.buffer.as_slice();
        for number in piece.first..piece.first + u64::from(piece.count) {
            let unreadable = |error| piece.damaged(&part.path, number, error);
            let (front, behind) = codec::peek(rest).map_err(unreadable)?;
            if self.filter.front(number, &front) {
                let (entry, _) = codec::decode(rest).map_err(unreadable)?;
                if self.filter.rest(&entry) {
                    desk.found.push((number, entry));
                }
            }
            rest = behind;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let end = piece.first + u64::from(piece.count);
        Err(piece.damaged(&part.path, end, "the batch holds more than its header says"))
    }
}
