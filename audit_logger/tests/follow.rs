//! The tail of a log that grows while it is read, and a follower whose store fails now and then.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use audit_logger::follow::{
    Batch, Follower, FollowerOptions, Frontier, LogId, Position, Sink, SinkError, State, Tail,
    TailError,
};
use audit_logger::log::recovery::find_end;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, compress, segments};
use bus::Entries;
use domain::trading::entry::QuoteRefused;
use domain::trading::{CommandName, Entry, Stock, TransactionNum, UserName};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const NOW_MS: u64 = 1_767_225_600_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn entry(number: u64) -> Entry {
    Entry::QuoteRefused(QuoteRefused {
        transaction: TransactionNum(number),
        name: CommandName::Buy,
        user: UserName::parse(format!("user{}", number % 7).as_bytes()).unwrap(),
        failed_ms: NOW_MS + number,
        stock: Stock::parse(b"ABC").unwrap(),
        message: "x".repeat((number % 90) as usize).into(),
    })
}

fn writer(folder: &Path, segment_bytes: u64) -> LogWriter {
    let lock = segments::lock(folder).unwrap();
    let mut reader = LogReader::open(folder).unwrap();
    let stopped = reader.for_each(u64::MAX, |_, _| Ok::<(), audit_logger::LogError>(()));
    let end: LogEnd = find_end(&reader, stopped, folder).unwrap();
    LogWriter::open(folder, lock, &end, LogOptions { segment_bytes }).unwrap()
}

fn append(writer: &mut LogWriter, count: u64) {
    let mut entries = Entries::default();
    let next = writer.next_entry();
    (next..next + count).for_each(|number| entries.push(&entry(number)));
    writer.append([&entries].into_iter(), NOW_MS).unwrap();
}

/// Compresses what is complete, as it happens beside a follower.
fn compress_all(folder: &Path) {
    for path in compress::waiting(folder).unwrap() {
        compress::compress(&path).unwrap();
    }
}

/// Takes what is there; every entry must be the one of its number.
#[track_caller]
fn take(tail: &mut Tail, wanted: usize) -> u64 {
    let mut taken = 0;
    while let Some(batch) = tail.next_batch(wanted).unwrap() {
        for record in batch.records() {
            assert_eq!(*record.entry, entry(record.number));
        }
        assert_eq!(batch.after.next - batch.before.next, batch.len() as u64);
        taken += batch.len() as u64;
    }
    taken
}

#[test]
fn a_log_that_grows_is_read_to_its_end_again_and_again_across_segments() {
    let folder = tempdir().unwrap();
    let mut tail = Tail::open(folder.path(), Position::START).unwrap();
    assert!(tail.next_batch(10).unwrap().is_none(), "there is no log yet");
    let mut log = writer(folder.path(), 2_000);
    for round in 1..60 {
        append(&mut log, round % 13 + 1);
        if round % 5 == 0 {
            log.close(NOW_MS).unwrap();
        }
        if round % 3 == 0 {
            compress_all(folder.path());
        }
        assert_eq!(take(&mut tail, 7), round % 13 + 1);
        assert_eq!(tail.position(), Position { next: log.next_entry(), chain: log.chain() });
        let frontier = Frontier::of(folder.path()).unwrap();
        assert_eq!(frontier.next(), log.next_entry());
        assert_eq!(frontier.last_ms(), Some(NOW_MS + log.next_entry() - 1));
    }
    assert!(segments::list(folder.path()).unwrap().len() > 5);
}

#[test]
fn a_batch_that_is_not_whole_is_not_there_yet_wherever_it_ends() {
    let folder = tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    append(&mut log, 3);
    append(&mut log, 4);
    log.close(NOW_MS).unwrap();
    drop(log);
    let bytes = fs::read(segments::path_of(folder.path(), 1)).unwrap();
    let grown = tempdir().unwrap();
    let path = segments::path_of(grown.path(), 1);
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let mut tail = Tail::open(grown.path(), Position::START).unwrap();
    let mut taken = Vec::new();
    for byte in &bytes {
        file.write_all(std::slice::from_ref(byte)).unwrap();
        if let Some(batch) = tail.next_batch(100).unwrap() {
            taken.push(batch.len());
        }
    }
    assert_eq!(taken, [3, 4, 0], "each batch once, when it is whole");
}

#[test]
fn a_tail_goes_on_from_every_position_of_its_log_and_from_none_of_another() {
    let folder = tempdir().unwrap();
    let mut log = writer(folder.path(), 1_000);
    let mut positions = Vec::new();
    for round in 1..20 {
        append(&mut log, round);
        positions.push(Position { next: log.next_entry(), chain: log.chain() });
        if round % 4 == 0 {
            log.close(NOW_MS).unwrap();
            positions.push(Position { next: log.next_entry(), chain: log.chain() });
        }
    }
    let total = log.next_entry() - 1;
    for position in positions {
        let mut tail = Tail::open(folder.path(), position).unwrap();
        assert_eq!(tail.position(), position);
        assert_eq!(take(&mut tail, 1), total - (position.next - 1));
        let other = Position { chain: audit_logger::log::ChainHash([7; 32]), ..position };
        assert!(matches!(Tail::open(folder.path(), other), Err(TailError::Elsewhere { .. })));
    }
    let beyond = Position { next: total + 5, chain: log.chain() };
    assert!(matches!(Tail::open(folder.path(), beyond), Err(TailError::Elsewhere { .. })));
}

#[test]
fn bytes_that_are_cut_off_and_replaced_are_read_anew() {
    let folder = tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    append(&mut log, 5);
    drop(log);
    let path = segments::path_of(folder.path(), 1);
    let mut tail = Tail::open(folder.path(), Position::START).unwrap();
    assert_eq!(take(&mut tail, 10), 5);
    // A process died in the middle of a batch; what it left is no batch.
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0x44, 0x54, 0x42, 0x31, 9, 9, 9, 9, 9, 9]).unwrap();
    assert!(tail.next_batch(10).unwrap().is_none());
    let mut log = writer(folder.path(), 1 << 20);
    append(&mut log, 6);
    assert_eq!(take(&mut tail, 10), 6);
}

#[test]
fn nothing_is_read_before_it_is_durable() {
    let folder = tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    let (durable, told) = tokio::sync::watch::channel(1);
    let mut tail = Tail::open(folder.path(), Position::START).unwrap().up_to(Some(told));
    append(&mut log, 5);
    assert_eq!(take(&mut tail, 10), 0);
    durable.send_replace(log.next_entry());
    assert_eq!(take(&mut tail, 10), 5);
    assert_eq!(*log.durable().borrow(), 6, "the writer tells the same");
}

#[test]
fn damage_is_told_and_what_stands_before_it_is_taken() {
    let folder = tempdir().unwrap();
    let mut log = writer(folder.path(), 1 << 20);
    append(&mut log, 5);
    let whole = fs::metadata(segments::path_of(folder.path(), 1)).unwrap().len() as usize;
    append(&mut log, 5);
    let path = segments::path_of(folder.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[whole + 40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut tail = Tail::open(folder.path(), Position::START).unwrap();
    assert_eq!(tail.next_batch(100).unwrap().unwrap().len(), 5);
    assert!(matches!(tail.next_batch(100), Err(TailError::Log(_))));
}

/// A store in memory that fails as it is told by chance: before it took a batch, or after.
struct Flaky {
    kept: Arc<Mutex<(Position, Vec<u64>)>>,
    chance: u64,
    reached: bool,
}

impl Flaky {
    fn one_in(&mut self, many: u64) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance.is_multiple_of(many)
    }
}

impl Sink for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    async fn position(&mut self, _: &LogId) -> Result<Position, SinkError> {
        if self.one_in(3) {
            return Err(SinkError::Unavailable("not now".to_string()));
        }
        self.reached = true;
        Ok(self.kept.lock().unwrap().0)
    }

    async fn write(&mut self, _: &LogId, batch: &Batch, _: f64) -> Result<(), SinkError> {
        assert!(self.reached, "after a failure it is asked first where it stands");
        let failure = |text: &str| Err(SinkError::Unavailable(text.to_string()));
        if self.one_in(4) {
            self.reached = false;
            return failure("before it took anything");
        }
        {
            let mut kept = self.kept.lock().unwrap();
            assert_eq!(kept.0, batch.before);
            kept.0 = batch.after;
            kept.1.extend(batch.records().map(|record| record.number));
        }
        if self.one_in(4) {
            self.reached = false;
            return failure("after it took everything");
        }
        Ok(())
    }

    async fn reset(&mut self, _: &LogId) -> Result<(), SinkError> {
        *self.kept.lock().unwrap() = (Position::START, Vec::new());
        Ok(())
    }
}

#[test]
fn a_store_that_fails_before_or_after_it_took_a_batch_has_each_entry_once() {
    for seed in 1..9_u64 {
        let folder = tempdir().unwrap();
        let mut log = writer(folder.path(), 5_000);
        let kept = Arc::new(Mutex::new((Position::START, Vec::new())));
        let chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sink = Flaky { kept: kept.clone(), chance, reached: false };
        let options = FollowerOptions {
            batch_entries: 200,
            poll: Duration::from_millis(1),
            retry: Duration::from_millis(1),
            durable: Some(log.durable()),
        };
        let follower = Follower::start("flaky", folder.path(), options, || sink).unwrap();
        for round in 0..40 {
            append(&mut log, round % 9 + 20);
        }
        let started = Instant::now();
        while follower.status().next < log.next_entry() {
            assert!(started.elapsed() < PATIENCE, "{:?}", follower.status());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(follower.stop().state, State::Stopped);
        let kept = kept.lock().unwrap();
        assert_eq!(kept.1, (1..log.next_entry()).collect::<Vec<_>>());
    }
}

#[test]
fn logs_are_told_apart_and_one_keeps_its_name_when_its_first_segment_is_gone() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    assert_eq!(LogId::of(one.path()).unwrap(), None);
    let mut log = writer(one.path(), 200);
    append(&mut log, 3);
    append(&mut writer(two.path(), 200), 4);
    let id = LogId::of(one.path()).unwrap().unwrap();
    assert_ne!(LogId::of(two.path()).unwrap(), Some(id));
    for _ in 0..5 {
        append(&mut log, 3);
    }
    assert_eq!(LogId::of(one.path()).unwrap(), Some(id));
    fs::remove_file(segments::path_of(one.path(), 1)).unwrap();
    assert_eq!(LogId::of(one.path()).unwrap(), Some(id));
    let end = Position { next: log.next_entry(), chain: log.chain() };
    assert_eq!(Tail::open(one.path(), end).unwrap().position(), end);
}
