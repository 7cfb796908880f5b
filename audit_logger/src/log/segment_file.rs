//! The one door to a segment's bytes: `N.seg` as it was written, or `N.seg.zst`, which is the same
//! bytes compressed. Everybody asks for `N.seg`; what is there is opened, and offsets are those of
//! the plain bytes.
//!
//! A segment is compressed in frames that stand for themselves, with a table of them at the end, so
//! that a search reads the frames it needs and no others (`docs/log-format.md`).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zstd::bulk::Decompressor;

/// Bytes of the segment in a frame: a search that wants a hundred bytes reads as many.
pub const FRAME_BYTES: usize = 1 << 20;

/// What a skippable frame begins with that holds a table (zstd format, magic numbers 0x184D2A5?).
pub(super) const TABLE_MAGIC: u32 = 0x184D_2A5E;

/// What the table ends with (zstd seekable format, version 0.1.0).
pub(super) const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;

/// Bytes behind the table's rows: their number, a descriptor, the magic.
pub(super) const FOOTER_LEN: usize = 9;

/// Bytes of a row: the length of the frame, the length of what it holds.
pub(super) const ROW_LEN: usize = 8;

/// Bytes before the rows: the magic of a skippable frame and its length.
pub(super) const TABLE_HEAD_LEN: usize = 8;

const EXTENSION: &str = "zst";

/// A segment that is open for reading.
pub enum SegmentFile {
    /// As it was written.
    Plain(File),
    /// Compressed.
    Compressed(Box<Compressed>),
}

/// The compressed form of the segment at `path`.
pub fn compressed_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(EXTENSION);
    PathBuf::from(name)
}

/// Whether the segment at `path` is there in one of its forms.
pub fn exists(path: &Path) -> bool {
    // In this order: the compressed one is there before the plain one goes.
    path.exists() || compressed_path(path).exists()
}

/// Whether the segment at `path` is there as it was written.
pub fn is_plain(path: &Path) -> bool {
    path.exists()
}

/// What the segment at `path` takes on disk, in bytes.
///
/// # Errors
/// As the operating system says.
pub fn disk_len(path: &Path) -> io::Result<u64> {
    let found = either(path, |path| fs::metadata(path))?;
    Ok(found.0.len())
}

/// What `open` gives for the plain form, or for the compressed one where there is no other; and
/// whether it is the compressed one.
fn either<T>(path: &Path, open: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, bool)> {
    match open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found.map(|found| (found, false)),
    }
    match open(&compressed_path(path)) {
        Ok(found) => Ok((found, true)),
        // Told of by the name that was asked for.
        Err(error) if error.kind() == ErrorKind::NotFound => open(path).map(|found| (found, false)),
        Err(error) => Err(error),
    }
}

impl SegmentFile {
    /// Opens the segment at `path`, which names its plain form.
    ///
    /// # Errors
    /// It is there in neither form, the operating system says no, or the compressed form has no
    /// whole table of frames.
    pub fn open(path: &Path) -> io::Result<SegmentFile> {
        let (file, compressed) = either(path, |path| File::open(path))?;
        if !compressed {
            return Ok(SegmentFile::Plain(file));
        }
        Ok(SegmentFile::Compressed(Box::new(Compressed::open(file)?)))
    }

    /// Opens the compressed form at `path` itself.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_compressed(path: &Path) -> io::Result<SegmentFile> {
        Ok(SegmentFile::Compressed(Box::new(Compressed::open(File::open(path)?)?)))
    }

    /// Length of the segment in bytes, as it was written.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn length(&self) -> io::Result<u64> {
        match self {
            SegmentFile::Plain(file) => Ok(file.metadata()?.len()),
            SegmentFile::Compressed(compressed) => Ok(compressed.length()),
        }
    }
}

impl Read for SegmentFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            SegmentFile::Plain(file) => file.read(buffer),
            SegmentFile::Compressed(compressed) => compressed.read(buffer),
        }
    }
}

impl Seek for SegmentFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            SegmentFile::Plain(file) => file.seek(to),
            SegmentFile::Compressed(compressed) => compressed.seek(to),
        }
    }
}

/// A compressed segment, of which one frame at a time is in memory.
pub struct Compressed {
    file: File,
    /// Where each frame begins in the file and in the segment; the last is the end of all.
    frames: Vec<(u64, u64)>,
    at: u64,
    /// The frame in memory, and its bytes.
    frame: Option<usize>,
    bytes: Vec<u8>,
    packed: Vec<u8>,
    decompressor: Decompressor<'static>,
}

impl Compressed {
    fn open(mut file: File) -> io::Result<Compressed> {
        let frames = read_table(&mut file)?;
        Ok(Compressed {
            file,
            frames,
            at: 0,
            frame: None,
            bytes: Vec::new(),
            packed: Vec::new(),
            decompressor: Decompressor::new()?,
        })
    }

    fn length(&self) -> u64 {
        self.frames.last().map_or(0, |end| end.1)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length() || buffer.is_empty() {
            return Ok(0);
        }
        let nth = self.frames.partition_point(|(_, begins)| *begins <= self.at) - 1;
        self.load(nth)?;
        let inside = (self.at - self.frames[nth].1) as usize;
        let bytes = &self.bytes[inside..];
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.at += count as u64;
        Ok(count)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }

    fn load(&mut self, nth: usize) -> io::Result<()> {
        if self.frame == Some(nth) {
            return Ok(());
        }
        self.frame = None;
        let ((from, begins), (to, ends)) = (self.frames[nth], self.frames[nth + 1]);
        self.packed.resize((to - from) as usize, 0);
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_exact(&mut self.packed)?;
        let length = (ends - begins) as usize;
        self.bytes.resize(length, 0);
        let damaged = |reason: &str| {
            bad(format!(
                "the compressed bytes {from} to {to} (the segment's {begins} to {ends}) are damaged: {reason}"
            ))
        };
        match self.decompressor.decompress_to_buffer(&self.packed, &mut self.bytes[..]) {
            Ok(got) if got == length => {}
            Ok(_) => return Err(damaged("they hold less than the table says")),
            Err(error) => return Err(damaged(&error.to_string())),
        }
        self.frame = Some(nth);
        Ok(())
    }
}

/// Reads the table at the end of a compressed segment.
fn read_table(file: &mut File) -> io::Result<Vec<(u64, u64)>> {
    let length = file.metadata()?.len();
    let mut footer = [0; FOOTER_LEN];
    let no_table = || bad("the compressed segment ends without a whole table of its frames");
    let before = length.checked_sub(FOOTER_LEN as u64).ok_or_else(no_table)?;
    file.seek(SeekFrom::Start(before))?;
    file.read_exact(&mut footer)?;
    let rows = u64::from(word(&footer, 0));
    let table_len = rows * ROW_LEN as u64 + FOOTER_LEN as u64;
    let whole = TABLE_HEAD_LEN as u64 + table_len;
    if word(&footer, 5) != SEEKABLE_MAGIC || footer[4] != 0 || whole > length {
        return Err(no_table());
    }
    file.seek(SeekFrom::Start(length - whole))?;
    let mut table = vec![0; whole as usize];
    file.read_exact(&mut table)?;
    if word(&table, 0) != TABLE_MAGIC || u64::from(word(&table, 4)) != table_len {
        return Err(no_table());
    }
    let mut frames = vec![(0, 0)];
    let (mut at, mut begins) = (0, 0);
    for row in table[TABLE_HEAD_LEN..].chunks_exact(ROW_LEN).take(rows as usize) {
        let held = word(row, 4);
        // A table that was damaged must not make us hold what no frame of ours holds.
        if held == 0 || held as usize > FRAME_BYTES {
            return Err(no_table());
        }
        at += u64::from(word(row, 0));
        begins += u64::from(held);
        frames.push((at, begins));
    }
    if at != length - whole {
        return Err(no_table());
    }
    Ok(frames)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn bad(reason: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason.into())
}
