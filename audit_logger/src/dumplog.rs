//! DUMPLOG: writes the XML log of all users, or of one, as the entry log stood behind the DUMPLOG
//! itself. It reads the entry log and nothing else, so no buffer can be missed.

use crate::error::LogError;
use crate::log::{LogReader, segments};
use crate::query::{Catalogue, Filter, Order, scan};
use crate::xml::{FOOT, HEAD, Renderer};
use domain::trading::{DumpFile, Entry};
use files::{AtomicFile, is_temporary};
use rustc_hash::FxHashSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A dump to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpRequest {
    /// Where it goes, inside the dump folder.
    pub file: DumpFile,
    /// Whose history it is; all users' if none.
    pub user: Option<String>,
    /// The number of the DUMPLOG's own entry: the last that the dump holds.
    pub last: u64,
}

/// A dump that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many elements it has.
    pub elements: u64,
}

/// What became of the dumps that were asked for.
#[derive(Debug, Default)]
pub struct Written {
    /// Those that are there.
    pub dumps: Vec<Dump>,
    /// Those that could not be written: the file and why. What was there before is unchanged.
    pub failed: Vec<LogError>,
}

/// Files that are written in one pass over the log; more requests take more passes.
const FILES_A_PASS: usize = 64;

/// Bytes gathered before they are written.
const WRITE_BUFFER: usize = 1 << 20;

struct Output<'a> {
    request: &'a DumpRequest,
    path: PathBuf,
    file: AtomicFile,
    renderer: Renderer,
    buffer: Vec<u8>,
    bytes: u64,
    /// Why it takes no more.
    failed: Option<LogError>,
}

impl Output<'_> {
    fn offer(&mut self, number: u64, entry: &Entry) {
        let wanted = match &self.request.user {
            None => true,
            Some(user) => entry.user() == Some(user.as_str()),
        };
        if wanted && number <= self.request.last && self.failed.is_none() {
            self.renderer.render(entry, &mut self.buffer);
            if self.buffer.len() >= WRITE_BUFFER {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        self.bytes += self.buffer.len() as u64;
        let done = self.file.write_all(&self.buffer).map_err(LogError::io(&self.path, "write"));
        self.failed = done.err();
        self.buffer.clear();
    }

    fn finish(mut self) -> Result<Dump, LogError> {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(FOOT.as_bytes());
            self.flush();
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        // It can be written again from the log; flushing it would double the time of a replay's end.
        self.file.commit_unsynced().map_err(LogError::io(&self.path, "write"))?;
        Ok(Dump { path: self.path, bytes: self.bytes, elements: self.renderer.elements() })
    }
}

/// Writes `requests` into `folder` from the entry log in `log`, naming `server` in the elements, to
/// where [`path_in`] says. Of requests for the same file the last is written, as if each had
/// replaced the one before. A file that cannot be written takes nothing from the others, and none
/// appears under its name before it is complete.
///
/// # Errors
/// The log cannot be read.
pub fn write(
    log: &Path,
    folder: &Path,
    server: &str,
    reserved: &[&str],
    requests: &[DumpRequest],
) -> Result<Written, LogError> {
    let mut taken = FxHashSet::default();
    let mut newest: Vec<(PathBuf, &DumpRequest)> = Vec::new();
    for request in requests.iter().rev() {
        let path = path_in(folder, reserved, &request.file);
        if taken.insert(path.clone()) {
            newest.push((path, request));
        }
    }
    newest.reverse();
    let mut written = Written::default();
    for group in newest.chunks(FILES_A_PASS) {
        write_pass(log, server, group, &mut written)?;
    }
    Ok(written)
}

/// Dumps of single users read what the index points to, not the whole log. Each batch is checked by
/// its checksum, which finds what went wrong by accident. The chain is not looked at: it takes every
/// batch before, and whoever changes a batch on purpose can make the chain anew, too. Only a
/// [checkpoint](crate::proof) shows that, and it is for [`check`](crate::proof::check()) to compare.
fn of_users(log: &Path, last: u64, outputs: &mut [Output<'_>]) -> Result<(), LogError> {
    let users = outputs.iter().filter_map(|output| output.request.user.clone()).collect();
    let filter = Filter { users, entries: 0..=last, ..Filter::default() };
    let catalogue = Catalogue::open(log, true)?;
    if catalogue.first() > 1 {
        let (path, first) = (log.to_path_buf(), catalogue.first());
        return Err(LogError::BeginsLate { path, first });
    }
    scan(
        &catalogue,
        &filter,
        Order::OldestFirst,
        usize::MAX,
        |found: &mut Vec<(u64, Entry)>, number, entry| found.push((number, entry)),
        |found| {
            for (number, entry) in &found {
                outputs.iter_mut().for_each(|output| output.offer(*number, entry));
            }
            Ok::<_, LogError>(ControlFlow::Continue(()))
        },
    )
}

/// What is put behind a name that is reserved.
const MORE: &str = ".xml";

/// Where the dump of `file` goes in `folder`: under its name, or, if that is one of `reserved` or the
/// name of a [temporary file](is_temporary) or of a [file of a log](segments::is_file_of_log) with any
/// number of `.xml` behind it, under that name with `.xml` behind it. So two names never come to one file, nor to a reserved one.
pub fn path_in(folder: &Path, reserved: &[&str], file: &DumpFile) -> PathBuf {
    let name = file.name();
    let stem = |name: &str| name.trim_end_matches(MORE).len();
    let alike = reserved.iter().filter(|other| other[..stem(other)] == name[..stem(name)]);
    // Behind a reserved name that ends so itself it takes one more.
    let more = alike.map(|other| (other.len() - stem(other)) / MORE.len() + 1).max();
    let stem = &name[..stem(name)];
    let more = more.or((is_temporary(stem) || segments::is_file_of_log(stem)).then_some(1));
    folder.join(format!("{name}{}", MORE.repeat(more.unwrap_or(0))))
}

fn write_pass(
    log: &Path,
    server: &str,
    requests: &[(PathBuf, &DumpRequest)],
    written: &mut Written,
) -> Result<(), LogError> {
    let mut outputs = Vec::new();
    for (path, request) in requests {
        let path = path.clone();
        let file = match AtomicFile::create(&path).map_err(LogError::io(&path, "create")) {
            Ok(file) => file,
            Err(error) => {
                written.failed.push(error);
                continue;
            }
        };
        let mut buffer = Vec::with_capacity(WRITE_BUFFER + 4096);
        buffer.extend_from_slice(HEAD.as_bytes());
        let renderer = Renderer::new(server);
        outputs.push(Output { request, path, file, renderer, buffer, bytes: 0, failed: None });
    }
    if outputs.is_empty() {
        return Ok(());
    }
    let last = outputs.iter().map(|output| output.request.last).max().unwrap_or(0);
    if outputs.iter().all(|output| output.request.user.is_some()) {
        of_users(log, last, &mut outputs)?;
    } else {
        LogReader::open(log)?.for_each(last, |number, entry| {
            outputs.iter_mut().for_each(|output| output.offer(number, &entry));
            Ok::<_, LogError>(())
        })?;
    }
    for output in outputs {
        match output.finish() {
            Ok(dump) => written.dumps.push(dump),
            Err(error) => written.failed.push(error),
        }
    }
    Ok(())
}
