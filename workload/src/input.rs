//! Lines of workload files: plain or gzip-compressed (told by their first bytes, not by their
//! name), or of standard input.

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// The longest line that is read as one, in bytes: far longer than any command can be.
pub const MAX_LINE: usize = 64 << 10;

const CHUNK: usize = 256 << 10;

/// A file that cannot be read.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct InputError {
    /// The file, or `standard input`.
    pub name: String,
    /// What went wrong.
    pub problem: String,
}

/// How far a file has been read; can be watched while it is.
#[derive(Clone, Debug, Default)]
pub struct ReadSoFar(Arc<AtomicU64>);

impl ReadSoFar {
    /// Bytes of the file (compressed, if it is) that have been read.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted<R> {
    reader: R,
    so_far: ReadSoFar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.so_far.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A workload file that is being read.
pub struct Input {
    name: String,
    so_far: ReadSoFar,
    size: Option<u64>,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer has not been handed out yet.
    start: usize,
    end: usize,
    line: u64,
    ended: bool,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its bytes without the line feed; of a line that is too long the first [`MAX_LINE`].
    pub text: &'a [u8],
    /// Whether the line is longer than [`MAX_LINE`].
    pub too_long: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A line.
    Line(Line<'a>),
    /// No whole line is at hand: the next call reads on. Where the input is a pipe that may take
    /// a while; a reader that does not want to wait for it says
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    Pause,
    /// The end.
    End,
}

impl Input {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file is not there, is a folder, or cannot be read.
    pub fn open(path: &Path) -> Result<Input, InputError> {
        if path == Path::new("-") {
            return Input::new("standard input".to_string(), Box::new(io::stdin()));
        }
        let name = path.display().to_string();
        let fault = |problem: String| InputError { name: name.clone(), problem };
        let file = File::open(path).map_err(|error| fault(describe(&error)))?;
        let kind = file.metadata().map_err(|error| fault(describe(&error)))?;
        if kind.is_dir() {
            return Err(fault("is a folder; a workload file is expected".to_string()));
        }
        let size = kind.is_file().then_some(kind.len());
        Ok(Input { size, ..Input::new(name, Box::new(file))? })
    }

    /// Reads from `reader`; `name` stands for it in messages.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn new(name: String, reader: Box<dyn Read + Send>) -> Result<Input, InputError> {
        let so_far = ReadSoFar::default();
        let reader = Counted { reader, so_far: so_far.clone() };
        let reader = decompress(reader)
            .map_err(|error| InputError { name: name.clone(), problem: describe(&error) })?;
        Ok(Input {
            name,
            so_far,
            size: None,
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            line: 0,
            ended: false,
        })
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far the file has been read.
    pub fn so_far(&self) -> ReadSoFar {
        self.so_far.clone()
    }

    /// Length of the file in bytes (compressed, if it is); unknown for pipes.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next line, if one is at hand.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_line(&mut self) -> Result<Next<'_>, InputError> {
        match memchr(b'\n', &self.buffer[self.start..self.end]) {
            Some(len) => {
                let (from, to) = (self.start, self.start + len);
                self.start = to + 1;
                self.line += 1;
                Ok(Next::Line(self.line_at(from, to)))
            }
            None if self.end - self.start > MAX_LINE => self.skip_long_line(),
            None if !self.ended => self.fill(),
            None if self.start < self.end => {
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                self.line += 1;
                Ok(Next::Line(self.line_at(from, to)))
            }
            None => Ok(Next::End),
        }
    }

    fn line_at(&self, from: usize, to: usize) -> Line<'_> {
        let too_long = to - from > MAX_LINE;
        let to = to.min(from + MAX_LINE);
        Line { number: self.line, text: &self.buffer[from..to], too_long }
    }

    /// Keeps what is left of the buffer and reads more behind it.
    fn fill(&mut self) -> Result<Next<'_>, InputError> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if let Some(read) = self.read_at(self.end)? {
            self.end += read;
            self.ended = read == 0;
        }
        Ok(Next::Pause)
    }

    /// The buffer holds the beginning of a line that is too long: what follows of it is dropped.
    fn skip_long_line(&mut self) -> Result<Next<'_>, InputError> {
        let mut kept = self.buffer[self.start..self.start + MAX_LINE + 1].to_vec();
        loop {
            let Some(read) = self.read_at(0)? else { continue };
            (self.start, self.end, self.ended) = (0, read, read == 0);
            if let Some(at) = memchr(b'\n', &self.buffer[..read]) {
                self.start = at + 1;
                break;
            }
            if read == 0 {
                break;
            }
        }
        // The line moves to the front of the buffer, what was read behind it follows.
        let rest = self.buffer[self.start..self.end].to_vec();
        kept.extend_from_slice(&rest);
        let line_len = MAX_LINE + 1;
        self.buffer.resize(kept.len().max(CHUNK), 0);
        self.buffer[..kept.len()].copy_from_slice(&kept);
        (self.start, self.end) = (line_len, kept.len());
        self.line += 1;
        Ok(Next::Line(self.line_at(0, line_len)))
    }

    /// Reads what is there; `None` if nothing is there yet.
    fn read_at(&mut self, at: usize) -> Result<Option<usize>, InputError> {
        if at == self.buffer.len() {
            self.buffer.resize(at + CHUNK, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[at..]) {
                Ok(read) => return Ok(Some(read)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let problem = format!("behind line {}: {}", self.line, describe(&error));
                    return Err(InputError { name: self.name.clone(), problem });
                }
            }
        }
    }
}

/// The bytes of a workload file as text, decompressed if need be.
///
/// # Errors
/// The file is not there, is a folder, or cannot be read.
pub fn plain_reader(path: &Path) -> Result<Box<dyn Read + Send>, InputError> {
    Input::open(path).map(|input| input.reader)
}

fn decompress(mut reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    // A pipe may hand out a byte at a time.
    let (mut head, mut filled) = ([0; 2], 0);
    while filled < head.len() {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
    let compressed = head == [0x1f, 0x8b];
    let head = Cursor::new(head).take(filled as u64);
    let reader = head.chain(BufReader::with_capacity(CHUNK, reader));
    Ok(if compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_string(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_string(),
        io::ErrorKind::IsADirectory => "is a folder; a workload file is expected".to_string(),
        io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            format!("the compressed data is damaged ({error})")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// Hands out at most `step` bytes a call.
    struct Drip {
        bytes: Vec<u8>,
        step: usize,
    }

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(buffer.len()).min(self.bytes.len());
            buffer[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes.drain(..count);
            Ok(count)
        }
    }

    /// Has nothing to hand out every other time.
    struct Hesitant(Drip, bool);

    impl Read for Hesitant {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
        }
    }

    fn lines(bytes: &[u8], step: usize) -> Vec<(u64, usize, bool)> {
        let drip = Hesitant(Drip { bytes: bytes.to_vec(), step }, false);
        let mut input = Input::new("test".to_string(), Box::new(drip)).unwrap();
        let mut found = Vec::new();
        loop {
            match input.next_line().unwrap() {
                Next::Line(line) => found.push((line.number, line.text.len(), line.too_long)),
                Next::Pause => {}
                Next::End => return found,
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_arrive() {
        let text = b"first\r\nsecond \n\nlast without newline";
        let expected = [(1, 6, false), (2, 7, false), (3, 0, false), (4, 20, false)];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(text, step), expected, "{step}");
        }
        assert_eq!(lines(b"", 10), []);
    }

    #[test]
    fn a_line_of_ten_megabytes_takes_the_room_of_a_short_one() {
        let mut text = b"before\n".to_vec();
        text.extend_from_slice(&vec![b'x'; 10_000_000]);
        text.extend_from_slice(b"\nafter\nend");
        for step in [1000, 100_000, 20_000_000] {
            let found = lines(&text, step);
            assert_eq!(
                found,
                [(1, 6, false), (2, MAX_LINE, true), (3, 5, false), (4, 3, false)],
                "{step}"
            );
        }
    }

    #[test]
    fn compressed_files_are_told_by_their_bytes() {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(b"one\ntwo\n").unwrap();
        let bytes = gz.finish().unwrap();
        for step in [1, 2, 5, 1000] {
            assert_eq!(lines(&bytes, step), [(1, 3, false), (2, 3, false)], "{step}");
        }
    }

    #[test]
    fn a_damaged_compressed_file_is_named() {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&[b'a'; 1000]).unwrap();
        let mut bytes = gz.finish().unwrap();
        bytes.truncate(bytes.len() - 6);
        let drip = Drip { bytes, step: 1000 };
        let mut input = Input::new("x.gz".to_string(), Box::new(drip)).unwrap();
        let error = loop {
            match input.next_line() {
                Ok(Next::End) => panic!("the end was reached"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(
            error.to_string().starts_with("x.gz: behind line 0: the compressed data"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_and_a_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Input::open(folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("is a folder; a workload file is expected"), "{error}");
        let error = Input::open(&folder.path().join("none")).err().unwrap().to_string();
        assert!(error.ends_with("none: no such file"), "{error}");
    }
}
