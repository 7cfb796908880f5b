//! Followers tell how far they are to whatever collects metrics. A recorder is one for the whole
//! process, so this test has one of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use audit_logger::follow::{
    Batch, Follower, FollowerOptions, LogId, Position, Sink, SinkError, State,
};
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use bus::Entries;
use domain::trading::entry::QuoteRefused;
use domain::trading::{CommandName, Entry, Stock, TransactionNum, UserName};
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Keeps the last value of each gauge, by its name and labels.
#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

struct Kept(Gauges, String);

impl GaugeFn for Kept {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = key.name().to_string() + &labels.collect::<String>();
        Gauge::from_arc(Arc::new(Kept(self.clone(), name)))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Tells a gauge by its name.
type Values<'a> = &'a dyn Fn(&str) -> f64;

/// A store that takes nothing while it is shut.
struct Door(Arc<AtomicBool>, Position);

impl Sink for Door {
    fn name(&self) -> &'static str {
        "door"
    }
    async fn position(&mut self, _: &LogId) -> Result<Position, SinkError> {
        Ok(self.1)
    }
    async fn write(&mut self, _: &LogId, batch: &Batch, _: f64) -> Result<(), SinkError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(SinkError::Unavailable("shut".to_string()));
        }
        self.1 = batch.after;
        Ok(())
    }
    async fn reset(&mut self, _: &LogId) -> Result<(), SinkError> {
        self.1 = Position::START;
        Ok(())
    }
}

fn append(writer: &mut LogWriter, count: u64) {
    let mut entries = Entries::default();
    for number in writer.next_entry()..writer.next_entry() + count {
        entries.push(&Entry::QuoteRefused(QuoteRefused {
            transaction: TransactionNum(number),
            name: CommandName::Buy,
            user: UserName::parse(b"ann").unwrap(),
            failed_ms: 1_767_225_600_000 + number,
            stock: Stock::parse(b"ABC").unwrap(),
            message: "x".into(),
        }));
    }
    writer.append([&entries].into_iter(), 1_767_225_600_000).unwrap();
}

#[test]
fn how_far_a_store_is_behind_can_be_watched() {
    let gauges = Gauges::default();
    metrics::set_global_recorder(gauges.clone()).ok().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lock = segments::lock(folder.path()).unwrap();
    let end = LogEnd { position: LogReader::open(folder.path()).unwrap().position(), torn: None };
    let mut writer =
        LogWriter::open(folder.path(), lock, &end, LogOptions { segment_bytes: 9_000 }).unwrap();
    append(&mut writer, 300);
    let shut = Arc::new(AtomicBool::new(true));
    let options = FollowerOptions {
        poll: Duration::from_millis(1),
        retry: Duration::from_millis(2),
        ..FollowerOptions::default()
    };
    let store = shut.clone();
    let follower =
        Follower::start("door", folder.path(), options, || Door(store, Position::START)).unwrap();
    let until = |what: &str, done: &dyn Fn(Values<'_>) -> bool| {
        let started = Instant::now();
        let value = |name: &str| {
            let all = gauges.0.lock().unwrap();
            let mut named = format!("daytrade_follower_{name}");
            if !named.contains(' ') {
                named.push_str(" store=door");
            }
            all.get(&named).copied().unwrap_or(f64::NAN)
        };
        while !done(&value) {
            let told = gauges.0.lock().unwrap().clone();
            assert!(started.elapsed() < Duration::from_secs(60), "{what}: {told:#?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let is = |state: &str| format!("state store=door state={state}");
    until("it waits and tells how far it is behind", &|value| {
        value("position") as u64 == 1
            && value("lag_entries") as u64 == 300
            && value("lag_seconds") > 0.0
            && value("attempts") >= 2.0
            && value(&is("waiting")) > 0.5
            && value(&is("following")) < 0.5
    });
    append(&mut writer, 200);
    until("the log grows while the store is gone", &|value| value("lag_entries") as u64 == 500);
    shut.store(false, Ordering::SeqCst);
    until("it is complete", &|value| {
        value("position") as u64 == 501
            && value("lag_entries") as u64 == 0
            && value("lag_seconds") < 1e-9
            && value("attempts") < 0.5
            && value(&is("following")) > 0.5
            && value("entries_per_second") >= 0.0
    });
    assert_eq!(follower.stop().state, State::Stopped);
    until("it has stopped", &|value| value(&is("stopped")) > 0.5);
}
