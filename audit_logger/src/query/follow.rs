//! Goes on where the log ended: tells new entries as they become whole.

use super::Filter;
use super::catalogue::{Place, walk};
use crate::error::LogError;
use crate::log::SegmentFile;
use crate::log::format::{CHAIN_LEN, SEGMENT_HEADER_LEN};
use crate::log::segments;
use domain::trading::{Entry, codec};
use std::path::{Path, PathBuf};

/// Stands at the end of a log that grows.
pub struct Follower {
    folder: PathBuf,
    place: Place,
}

impl Follower {
    /// Follows the log in `folder` from `place` on.
    pub fn new(folder: &Path, place: Place) -> Follower {
        Follower { folder: folder.to_path_buf(), place }
    }

    /// Calls `each` with every entry that fits `filter` and became whole since the last call. A
    /// batch that is not whole is one that is being written: the next call has it.
    ///
    /// # Errors
    /// The log cannot be read or is damaged, and what `each` returns.
    pub fn poll<E: From<LogError>>(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(u64, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            // Segments first: what a segment lacks then, the one behind it has.
            let next = self.next_segment()?;
            if let Some(path) = self.place.segment.clone() {
                self.read(&path, next.is_none(), filter, &mut each)?;
            }
            let Some((first, path)) = next else { return Ok(()) };
            if first != self.place.next {
                let (offset, entry) = (0, self.place.next);
                let reason = "the segment does not begin with this entry".to_string();
                return Err(LogError::Damaged { path, offset, entry, reason }.into());
            }
            let opened = SegmentFile::open(&path).and_then(|file| file.length());
            let length = opened.map_err(LogError::io(&path, "read"))?;
            if length < SEGMENT_HEADER_LEN as u64 {
                return Ok(());
            }
            self.place.segment = Some(path);
            self.place.offset = SEGMENT_HEADER_LEN as u64;
        }
    }

    fn next_segment(&self) -> Result<Option<(u64, PathBuf)>, LogError> {
        let here = self.place.segment.as_deref().and_then(segments::first_of);
        let behind = |first: &u64| here.is_none_or(|here| *first > here);
        Ok(segments::list(&self.folder)?.into_iter().find(|(first, _)| behind(first)))
    }

    fn read<E: From<LogError>>(
        &mut self,
        path: &Path,
        last: bool,
        filter: &Filter,
        each: &mut impl FnMut(u64, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let walked = walk(path, self.place.offset, self.place.next, last)?;
        let mut file = SegmentFile::open(path).map_err(LogError::io(path, "open"))?;
        let mut buffer = Vec::new();
        for batch in &walked.batches {
            batch.read(&mut file, path, &mut buffer)?;
            let mut rest = buffer.as_slice();
            for number in batch.first..batch.first + u64::from(batch.count) {
                let unreadable = |error| batch.damaged(path, number, error);
                let (front, _) = codec::peek(rest).map_err(unreadable)?;
                let (entry, behind) = codec::decode(rest).map_err(unreadable)?;
                if filter.front(number, &front) && filter.rest(&entry) {
                    each(number, entry)?;
                }
                rest = behind;
            }
            self.place.offset = batch.at + u64::from(batch.len) + CHAIN_LEN as u64;
            self.place.next = batch.first + u64::from(batch.count);
        }
        Ok(())
    }
}
