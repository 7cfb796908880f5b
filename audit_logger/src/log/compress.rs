//! Compresses segments that nothing is written to any more. At any moment one good file is there:
//! the compressed one is written under another name, read back and compared, flushed, renamed, and
//! only when its name is durable the plain one goes. Whoever has that open reads on.

use super::segment_file::{
    FOOTER_LEN, FRAME_BYTES, ROW_LEN, SEEKABLE_MAGIC, SegmentFile, TABLE_HEAD_LEN, TABLE_MAGIC,
    compressed_path, is_plain,
};
use super::segments;
use crate::error::LogError;
use files::AtomicFile;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use zstd::bulk::Compressor;

/// The level of zstd: higher ones take several times as long for a few parts in a hundred.
const LEVEL: i32 = 3;

/// A segment that was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squeezed {
    /// Its length as it was written, in bytes.
    pub plain: u64,
    /// Its length now, in bytes.
    pub compressed: u64,
}

/// The segments in `folder` that can be compressed and are not: all but the last, which may be
/// written to.
///
/// # Errors
/// The folder cannot be read.
pub fn waiting(folder: &Path) -> Result<Vec<std::path::PathBuf>, LogError> {
    let mut all = segments::list(folder)?;
    all.pop();
    Ok(all.into_iter().map(|(_, path)| path).filter(|path| is_plain(path)).collect())
}

/// Compresses the segment at `path`, which nobody may be writing to.
///
/// # Errors
/// A file cannot be read or written, or what was written is not read back the same; the plain one
/// is there then.
pub fn compress(path: &Path) -> Result<Squeezed, LogError> {
    let target = compressed_path(path);
    let mut file = AtomicFile::create(&target).map_err(LogError::io(&target, "create"))?;
    let (squeezed, hash) = write(path, &target, &mut file)?;
    let found = read_back(file.temporary().unwrap_or(&target))?;
    if found != hash {
        let source = io::Error::other("it does not hold what was written");
        return Err(LogError::io(&target, "read back")(source));
    }
    file.commit().map_err(LogError::io(&target, "rename"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::remove_file(path).map_err(LogError::io(path, "remove"))?;
    sync(folder)?;
    Ok(squeezed)
}

fn sync(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder, "flush"))
}

fn write(
    path: &Path,
    to: &Path,
    file: &mut AtomicFile,
) -> Result<(Squeezed, blake3::Hash), LogError> {
    let mut plain = File::open(path).map_err(LogError::io(path, "open"))?;
    let mut out = BufWriter::new(file);
    let mut compressor = Compressor::new(LEVEL)
        .and_then(|mut compressor| compressor.include_checksum(true).map(|()| compressor))
        .map_err(LogError::io(to, "compress"))?;
    let mut hasher = blake3::Hasher::new();
    let mut frame = Vec::with_capacity(FRAME_BYTES);
    let mut rows = Vec::new();
    let (mut length, mut packed_length) = (0, 0);
    loop {
        frame.clear();
        (&mut plain)
            .take(FRAME_BYTES as u64)
            .read_to_end(&mut frame)
            .map_err(LogError::io(path, "read"))?;
        if frame.is_empty() {
            break;
        }
        hasher.update(&frame);
        let packed = compressor.compress(&frame).map_err(LogError::io(to, "compress"))?;
        out.write_all(&packed).map_err(LogError::io(to, "write"))?;
        length += frame.len() as u64;
        packed_length += packed.len() as u64;
        rows.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        rows.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    }
    let table = table_of(&rows);
    packed_length += table.len() as u64;
    out.write_all(&table).and_then(|()| out.flush()).map_err(LogError::io(to, "write"))?;
    Ok((Squeezed { plain: length, compressed: packed_length }, hasher.finalize()))
}

fn table_of(rows: &[u8]) -> Vec<u8> {
    let mut table = Vec::with_capacity(TABLE_HEAD_LEN + rows.len() + FOOTER_LEN);
    table.extend_from_slice(&TABLE_MAGIC.to_le_bytes());
    table.extend_from_slice(&((rows.len() + FOOTER_LEN) as u32).to_le_bytes());
    table.extend_from_slice(rows);
    table.extend_from_slice(&((rows.len() / ROW_LEN) as u32).to_le_bytes());
    table.push(0);
    table.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
    table
}

fn read_back(path: &Path) -> Result<blake3::Hash, LogError> {
    let mut file = SegmentFile::open_compressed(path).map_err(LogError::io(path, "read back"))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; FRAME_BYTES];
    loop {
        match file.read(&mut buffer).map_err(LogError::io(path, "read back"))? {
            0 => return Ok(hasher.finalize()),
            count => hasher.update(&buffer[..count]),
        };
    }
}
