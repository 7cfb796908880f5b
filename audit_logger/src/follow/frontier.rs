//! Where a log ends, and when its last entry took effect. Only headers are read, and the last
//! batch: what lies between is passed over.

use super::time_of;
use crate::error::LogError;
use crate::log::format::{BATCH_HEADER_LEN, BatchHeader, SEGMENT_HEADER_LEN};
use crate::log::segments;
use crate::log::{SegmentFile, segment_file};
use domain::trading::codec;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The end of a log that may be growing.
pub struct Frontier {
    folder: PathBuf,
    segment: Option<(PathBuf, SegmentFile)>,
    offset: u64,
    next: u64,
    /// Where the entries of the last batch that has any stand, and how long they are.
    last: Option<(PathBuf, u64, u32)>,
}

impl Frontier {
    /// The end of the log in `folder`, as it is now.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn of(folder: &Path) -> Result<Frontier, LogError> {
        let mut frontier = Frontier {
            folder: folder.to_path_buf(),
            segment: None,
            offset: 0,
            next: segments::list(folder)?.last().map_or(1, |(first, _)| *first),
            last: None,
        };
        frontier.advance()?;
        Ok(frontier)
    }

    /// The number of the next entry.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Looks how far the log has come; returns the number of the next entry.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn advance(&mut self) -> Result<u64, LogError> {
        loop {
            if self.segment.is_none() {
                let path = segments::path_of(&self.folder, self.next);
                match SegmentFile::open(&path) {
                    Ok(file) => self.segment = Some((path, file)),
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self.next),
                    Err(error) => return Err(LogError::io(&path, "open")(error)),
                }
                self.offset = SEGMENT_HEADER_LEN as u64;
            }
            while let Some(header) = self.read_header()? {
                if header.count > 0 {
                    let Some((path, _)) = &self.segment else { break };
                    let begins = self.offset + BATCH_HEADER_LEN as u64;
                    self.last = Some((path.clone(), begins, header.payload_len));
                }
                self.offset += header.batch_len();
                self.next += u64::from(header.count);
            }
            let follows = segments::path_of(&self.folder, self.next);
            let moved = self.segment.as_ref().is_some_and(|(path, _)| *path != follows);
            if !moved || !segment_file::exists(&follows) {
                return Ok(self.next);
            }
            self.segment = None;
        }
    }

    /// The header of the next batch, if it is there whole and the batch too.
    fn read_header(&mut self) -> Result<Option<BatchHeader>, LogError> {
        let Some((path, file)) = &mut self.segment else { return Ok(None) };
        let len = file.length().map_err(LogError::io(path, "read"))?;
        if len < self.offset + BATCH_HEADER_LEN as u64 {
            return Ok(None);
        }
        let mut head = [0; BATCH_HEADER_LEN];
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_exact(&mut head))
            .map_err(LogError::io(path, "read"))?;
        let whole = |header: &BatchHeader| {
            header.first == self.next && self.offset + header.batch_len() <= len
        };
        Ok(BatchHeader::decode(&head).ok().filter(whole))
    }

    /// When the last entry took effect, in Unix milliseconds; none where it cannot be told.
    pub fn last_ms(&self) -> Option<u64> {
        let (path, offset, len) = match &self.last {
            Some(last) => last.clone(),
            None => self.last_of_earlier()?,
        };
        let mut file = SegmentFile::open(&path).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut payload = vec![0; len as usize];
        file.read_exact(&mut payload).ok()?;
        let (mut rest, mut last) = (payload.as_slice(), None);
        while !rest.is_empty() {
            let (entry, behind) = codec::decode(rest).ok()?;
            last = Some(time_of(&entry));
            rest = behind;
        }
        last
    }

    /// The last segment may hold nothing yet: then the one before it has the last entry.
    fn last_of_earlier(&self) -> Option<(PathBuf, u64, u32)> {
        let all = segments::list(&self.folder).ok()?;
        let (first, _) = all.iter().rev().find(|(first, _)| *first < self.next)?;
        let mut earlier = Frontier {
            folder: self.folder.clone(),
            segment: None,
            offset: 0,
            next: *first,
            last: None,
        };
        earlier.advance().ok()?;
        earlier.last
    }
}
