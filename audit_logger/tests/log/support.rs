//! A log to be damaged, read back as a restart does, and a disk that fails on demand.

use audit_logger::LogError;
use audit_logger::log::disk::{Disk, FileSystem, LogFile};
use audit_logger::log::recovery::find_end_on;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use bus::Entries;
use domain::trading::command::{Action, Verb};
use domain::trading::entry::{CommandDecided, QuoteReceived};
use domain::trading::{
    Accepted, Amount, Command, Entry, Money, Outcome, Price, Stock, TransactionNum, UserName,
};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(crate) const NOW_MS: u64 = 1_767_225_600_000;

/// A folder for a log, in memory where there is such a place: thousands of flushes to a disk that
/// others use as well would take minutes, and show nothing that a [`FaultyDisk`] does not.
pub(crate) fn new_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// The `number`th entry: an ADD of as many cents, or a quote at that price.
pub(crate) fn entry(number: u64) -> Entry {
    let transaction = TransactionNum(number);
    let user = UserName::parse(format!("user{number}").as_bytes()).unwrap();
    if number.is_multiple_of(3) {
        return Entry::Quote(QuoteReceived {
            transaction,
            user,
            received_ms: NOW_MS + number,
            stock: Stock::parse(b"ABC").unwrap(),
            price: Price::from_cents(number as i64).unwrap(),
            server_time_ms: NOW_MS,
            cryptokey: format!("{number}key=").into(),
        });
    }
    let amount = Amount::new(Money::from_cents(number as i64)).unwrap();
    Entry::Command(CommandDecided {
        command: Command::new(
            transaction,
            NOW_MS + number,
            Action::User { user, verb: Verb::Add(amount) },
        ),
        applied_ms: NOW_MS + number,
        price: None,
        outcome: Outcome::Accepted(Accepted::Added),
    })
}

/// `count` entries from number `first` on.
pub(crate) fn entries(first: u64, count: u64) -> Entries {
    let mut entries = Entries::default();
    (first..first + count).for_each(|number| entries.push(&entry(number)));
    entries
}

/// Reads a log back as a restart does: every entry, then its end.
pub(crate) fn read_back(folder: &Path) -> Result<(Vec<Entry>, LogEnd), LogError> {
    read_back_on(&mut FileSystem, folder)
}

/// As [`read_back`], on `disk`.
pub(crate) fn read_back_on(
    disk: &mut dyn Disk,
    folder: &Path,
) -> Result<(Vec<Entry>, LogEnd), LogError> {
    let mut reader = LogReader::open(folder)?;
    let mut read = Vec::new();
    let stopped = reader.for_each(u64::MAX, |number, entry| {
        assert_eq!(number, read.len() as u64 + 1, "entries are numbered without a gap");
        read.push(entry);
        Ok::<(), LogError>(())
    });
    let end = find_end_on(disk, &reader, stopped, folder)?;
    assert_eq!(end.position.next, read.len() as u64 + 1);
    Ok((read, end))
}

/// The log holds the entries from 1 to `count`, and nothing is wrong with it.
#[track_caller]
pub(crate) fn assert_holds(folder: &Path, count: u64) {
    let (read, end) = read_back(folder).unwrap();
    assert_eq!(end.torn, None);
    assert_eq!(read, (1..=count).map(entry).collect::<Vec<_>>());
}

/// Opens the log for writing where it ends.
pub(crate) fn reopen(folder: &Path, options: LogOptions) -> LogWriter {
    let lock = segments::lock(folder).unwrap();
    let (_, end) = read_back(folder).unwrap();
    LogWriter::open(folder, lock, &end, options).unwrap()
}

/// Appends `count` entries that go on with the numbers of the log.
pub(crate) fn append(writer: &mut LogWriter, count: u64) {
    let group = entries(writer.next_entry(), count);
    writer.append([&group].into_iter(), NOW_MS).unwrap();
}

/// A log of one segment, its bytes, and where its batches begin.
pub(crate) struct OneSegment {
    pub(crate) bytes: Vec<u8>,
    /// Offset of every batch and the number of its first entry; the last is the end of the log.
    pub(crate) batches: Vec<(usize, u64)>,
}

impl OneSegment {
    /// A log whose batches have `counts` entries, `closed` in order or not.
    pub(crate) fn of(counts: &[u64], closed: bool) -> OneSegment {
        let folder = new_folder();
        let mut writer = reopen(folder.path(), LogOptions::default());
        let path = segments::path_of(folder.path(), 1);
        let mut batches = Vec::new();
        let mut at = 96;
        for &count in counts {
            batches.push((at, writer.next_entry()));
            append(&mut writer, count);
            at = fs::metadata(&path).unwrap().len() as usize;
        }
        if closed {
            batches.push((at, writer.next_entry()));
            writer.close(NOW_MS).unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        batches.push((bytes.len(), writer.next_entry()));
        OneSegment { bytes, batches }
    }

    /// The last batch that ends at or before byte `at`: where the next begins, and its entry.
    pub(crate) fn whole_before(&self, at: usize) -> (usize, u64) {
        *self.batches.iter().rev().find(|(offset, _)| *offset <= at).unwrap()
    }
}

/// A folder with a log whose first segment is `bytes`.
pub(crate) fn log_of(bytes: &[u8]) -> tempfile::TempDir {
    let folder = new_folder();
    fs::write(segments::path_of(folder.path(), 1), bytes).unwrap();
    folder
}

/// What a [`FaultyDisk`] is to do, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Bytes that still fit.
    pub(crate) room: Option<usize>,
    /// Which flush of a file fails, from 1.
    pub(crate) failing_sync: Option<u32>,
    /// Whether folders cannot be flushed.
    pub(crate) folder_fails: bool,
    /// Flushes asked for so far.
    pub(crate) syncs: u32,
    /// Writes asked for so far.
    pub(crate) writes: u32,
    /// Calls after the first that failed.
    pub(crate) calls_after_failure: u32,
    /// Whether a call has failed.
    pub(crate) failed: bool,
    /// What each file would hold after the power had failed. What the files hold meanwhile is the
    /// cache of the operating system, which takes what it could not flush for written.
    pub(crate) platter: BTreeMap<PathBuf, Vec<u8>>,
}

impl Plan {
    fn asked(&mut self) {
        self.calls_after_failure += u32::from(self.failed);
    }

    fn fail<T>(&mut self, kind: io::ErrorKind) -> io::Result<T> {
        self.failed = true;
        Err(kind.into())
    }

    /// The power fails: of the files in the cache what is on the platter is left.
    pub(crate) fn cut_power(&mut self) {
        for (path, bytes) in &self.platter {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// The file system, with faults.
#[derive(Clone, Default)]
pub(crate) struct FaultyDisk(pub(crate) Arc<Mutex<Plan>>);

struct FaultyFile {
    file: Box<dyn LogFile>,
    path: PathBuf,
    /// Where the next byte goes.
    at: usize,
    /// What was written since the last flush, and where it begins.
    dirty: (usize, Vec<u8>),
    plan: Arc<Mutex<Plan>>,
}

impl FaultyDisk {
    pub(crate) fn new(plan: Plan) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(plan)))
    }

    fn file(&self, path: &Path, at: usize, file: Box<dyn LogFile>) -> Box<dyn LogFile> {
        let dirty = (at, Vec::new());
        Box::new(FaultyFile { file, path: path.to_path_buf(), at, dirty, plan: self.0.clone() })
    }

    /// A writer on this disk that goes on where the log in `folder` ends.
    pub(crate) fn open(&self, folder: &Path, options: LogOptions) -> Result<LogWriter, LogError> {
        let lock = segments::lock(folder)?;
        let (_, end) = read_back_on(&mut self.clone(), folder)?;
        LogWriter::open_on(Box::new(self.clone()), folder, lock, &end, options)
    }
}

impl Disk for FaultyDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut plan = self.0.lock().unwrap();
        plan.asked();
        plan.platter.insert(path.to_path_buf(), Vec::new());
        Ok(self.file(path, 0, FileSystem.create(path)?))
    }

    fn open(&mut self, path: &Path, at: u64) -> io::Result<Box<dyn LogFile>> {
        let mut plan = self.0.lock().unwrap();
        plan.asked();
        // What was cut off is flushed at once.
        let len = fs::metadata(path)?.len() as usize;
        plan.platter.entry(path.to_path_buf()).or_insert_with(|| fs::read(path).unwrap());
        plan.platter.get_mut(path).unwrap().truncate(len);
        Ok(self.file(path, at as usize, FileSystem.open(path, at)?))
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let mut plan = self.0.lock().unwrap();
        plan.asked();
        if plan.folder_fails {
            return plan.fail(io::ErrorKind::Other);
        }
        FileSystem.sync_folder(path)
    }
}

impl LogFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut plan = self.plan.lock().unwrap();
        plan.asked();
        plan.writes += 1;
        let fits = plan.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        // A disk that is full takes what still fits before it says so.
        self.file.write_all(&bytes[..fits])?;
        self.at += fits;
        self.dirty.1.extend_from_slice(&bytes[..fits]);
        if let Some(room) = plan.room.as_mut() {
            *room -= fits;
        }
        if fits < bytes.len() { plan.fail(io::ErrorKind::StorageFull) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut plan = self.plan.lock().unwrap();
        plan.asked();
        plan.syncs += 1;
        // Whatever comes of it, none of this is ever flushed again.
        let (at, bytes) = std::mem::replace(&mut self.dirty, (self.at, Vec::new()));
        if plan.failing_sync == Some(plan.syncs) {
            return plan.fail(io::ErrorKind::Other);
        }
        let platter = plan.platter.entry(self.path.clone()).or_default();
        let len = platter.len().max(at + bytes.len());
        platter.resize(len, 0);
        platter[at..at + bytes.len()].copy_from_slice(&bytes);
        self.file.sync()
    }
}

/// The segments of a log.
pub(crate) fn paths(folder: &Path) -> Vec<PathBuf> {
    segments::list(folder).unwrap().into_iter().map(|(_, path)| path).collect()
}

/// Every file in the folder with its bytes, sorted by name.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}
