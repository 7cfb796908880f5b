//! DUMPLOG: writes the XML log of all users, or of one, as the entry log stood behind the DUMPLOG
//! itself. It reads the entry log and nothing else, so no buffer can be missed.

use crate::error::LogError;
use crate::log::LogReader;
use crate::query::{Catalogue, Filter, Order, scan};
use crate::xml::{FOOT, HEAD, Renderer};
use domain::trading::{DumpFile, Entry};
use rustc_hash::FxHashSet;
use std::fs::File;
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

/// Files that are written in one pass over the log; more requests take more passes.
const FILES_A_PASS: usize = 64;

/// Bytes gathered before they are written.
const WRITE_BUFFER: usize = 1 << 20;

struct Output<'a> {
    request: &'a DumpRequest,
    path: PathBuf,
    file: File,
    renderer: Renderer,
    buffer: Vec<u8>,
    bytes: u64,
}

impl Output<'_> {
    fn offer(&mut self, number: u64, entry: &Entry) -> Result<(), LogError> {
        let wanted = match &self.request.user {
            None => true,
            Some(user) => entry.user() == Some(user.as_str()),
        };
        if wanted && number <= self.request.last {
            self.renderer.render(entry, &mut self.buffer);
            if self.buffer.len() >= WRITE_BUFFER {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.file.write_all(&self.buffer).map_err(LogError::io(&self.path, "write"))?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Writes `requests` into `folder` from the entry log in `log`, naming `server` in the elements.
/// Of requests for the same file the last is written, as if each had replaced the one before. A
/// file whose name is one of `reserved` gets `.xml` behind it.
///
/// # Errors
/// The log cannot be read, or a file cannot be written.
pub fn write(
    log: &Path,
    folder: &Path,
    server: &str,
    reserved: &[&str],
    requests: &[DumpRequest],
) -> Result<Vec<Dump>, LogError> {
    let mut taken = FxHashSet::default();
    let mut newest: Vec<(PathBuf, &DumpRequest)> = Vec::new();
    for request in requests.iter().rev() {
        // Two names can come to one file, where one of them is reserved.
        let path = folder.join(name_in(reserved, &request.file));
        if taken.insert(path.clone()) {
            newest.push((path, request));
        }
    }
    newest.reverse();
    let mut dumps = Vec::new();
    for group in newest.chunks(FILES_A_PASS) {
        dumps.extend(write_pass(log, server, group)?);
    }
    Ok(dumps)
}

/// Dumps of single users read what the index points to, not the whole log.
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
                outputs.iter_mut().try_for_each(|output| output.offer(*number, entry))?;
            }
            Ok(ControlFlow::Continue(()))
        },
    )
}

fn name_in(reserved: &[&str], file: &DumpFile) -> String {
    let mut name = file.name().to_string();
    while reserved.contains(&name.as_str()) {
        name.push_str(".xml");
    }
    name
}

fn write_pass(
    log: &Path,
    server: &str,
    requests: &[(PathBuf, &DumpRequest)],
) -> Result<Vec<Dump>, LogError> {
    let mut outputs = Vec::new();
    for (path, request) in requests {
        let path = path.clone();
        let file = File::create(&path).map_err(LogError::io(&path, "create"))?;
        let mut buffer = Vec::with_capacity(WRITE_BUFFER + 4096);
        buffer.extend_from_slice(HEAD.as_bytes());
        let renderer = Renderer::new(server);
        outputs.push(Output { request, path, file, renderer, buffer, bytes: 0 });
    }
    let last = requests.iter().map(|(_, request)| request.last).max().unwrap_or(0);
    if requests.iter().all(|(_, request)| request.user.is_some()) {
        of_users(log, last, &mut outputs)?;
    } else {
        LogReader::open(log)?.for_each(last, |number, entry| {
            outputs.iter_mut().try_for_each(|output| output.offer(number, &entry))
        })?;
    }
    let mut dumps = Vec::new();
    for mut output in outputs {
        output.buffer.extend_from_slice(FOOT.as_bytes());
        output.flush()?;
        let elements = output.renderer.elements();
        dumps.push(Dump { path: output.path, bytes: output.bytes, elements });
    }
    Ok(dumps)
}
