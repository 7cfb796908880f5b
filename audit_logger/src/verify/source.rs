//! The bytes of a log: counted in lines, and never too many for one event.

use std::io::{self, BufRead, Read};

/// Longest tag or text that is read: far above what a log holds, far below what hurts.
pub(super) const LONGEST_EVENT_BYTES: usize = 1 << 20;

/// A reader that knows its line.
///
/// Newlines are counted when a line is asked for, not with each consumed tag: what is consumed
/// stays in the inner buffer until that is used up.
pub(super) struct Source<R> {
    inner: R,
    /// Length of the inner buffer.
    len: usize,
    /// How much of it is consumed.
    used: usize,
    /// How much of that is searched for newlines.
    counted: usize,
    newlines: u64,
    bytes: u64,
    /// Bytes that the current event may still take.
    allowance: usize,
    oversized: bool,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Source<R> {
        Source {
            inner,
            len: 0,
            used: 0,
            counted: 0,
            newlines: 0,
            bytes: 0,
            allowance: LONGEST_EVENT_BYTES,
            oversized: false,
        }
    }

    /// Begins an event.
    pub(super) fn begin(&mut self) {
        self.allowance = LONGEST_EVENT_BYTES;
    }

    /// Whether the last error means that an event was too long.
    pub(super) const fn oversized(&self) -> bool {
        self.oversized
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&mut self) -> u64 {
        self.count();
        self.newlines + 1
    }

    /// Bytes consumed.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.bytes
    }

    fn count(&mut self) {
        if self.counted == self.used {
            return;
        }
        // The buffer is not used up, so this does not read.
        if let Ok(buffer) = self.inner.fill_buf() {
            let fresh = buffer.get(self.counted..self.used).unwrap_or_default();
            self.newlines += count_newlines(fresh);
        }
        self.counted = self.used;
    }
}

fn count_newlines(bytes: &[u8]) -> u64 {
    // Sums of bytes are added up sixteen at a time by the compiler.
    bytes
        .chunks(255)
        .map(|chunk| u64::from(chunk.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>()))
        .sum()
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.allowance == 0 {
            self.oversized = true;
            return Err(io::Error::other("event too long"));
        }
        if self.used == self.len {
            self.count();
            self.inner.consume(self.used);
            (self.len, self.used, self.counted) = (0, 0, 0);
            self.len = self.inner.fill_buf()?.len();
        }
        let end = self.len.min(self.used.saturating_add(self.allowance));
        Ok(self.inner.fill_buf()?.get(self.used..end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.used = self.len.min(self.used + amount);
        self.bytes += amount as u64;
        self.allowance = self.allowance.saturating_sub(amount);
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_buffers_of_any_size() {
        let text = b"one\ntwo\n\nfour\r\nfive";
        for capacity in 1..text.len() + 2 {
            let mut source = Source::new(io::BufReader::with_capacity(capacity, &text[..]));
            let mut seen = 1;
            for &byte in text {
                assert_eq!(source.line(), seen, "capacity {capacity}");
                let mut one = [0];
                assert_eq!(source.read(&mut one).unwrap(), 1);
                assert_eq!(one[0], byte);
                seen += u64::from(byte == b'\n');
            }
            assert_eq!(source.line(), 5);
            assert!(source.fill_buf().unwrap().is_empty());
            assert_eq!(source.bytes_read(), text.len() as u64);
        }
    }

    #[test]
    fn many_newlines_are_all_counted() {
        let text = vec![b'\n'; 100_000];
        let mut source = Source::new(&text[..]);
        source.consume(0);
        let len = source.fill_buf().unwrap().len();
        source.consume(len);
        assert_eq!(source.line(), 100_001);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let text = vec![b'x'; LONGEST_EVENT_BYTES + 1];
        let mut source = Source::new(&text[..]);
        let mut read = Vec::new();
        assert!(source.read_to_end(&mut read).is_err());
        assert!(source.oversized());
        assert_eq!(read.len(), LONGEST_EVENT_BYTES);
    }
}
