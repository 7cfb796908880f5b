//! What every store must do that follows a log. A store is run through it by a few lines: a
//! [`Store`] that makes sinks and tells what it holds, and a call of [`every_rule`].

use crate::log;
use audit_logger::follow::{Batch, LogId, Position, Sink, Tail};
use audit_logger::log::ChainHash;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A store under test.
pub(crate) trait Store {
    /// How it takes entries.
    type Sink: Sink;

    /// A sink of its own, as a process that was just started has it.
    fn sink(&self) -> Self::Sink;

    /// The numbers of the entries of `log` that it holds, in order; one that is there twice is told
    /// twice.
    fn held(&self, log: &LogId) -> Vec<u64>;
}

/// Runs `store` through every rule; each has a log of its own.
pub(crate) fn every_rule(store: &impl Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        a_new_log_begins_at_the_start(store).await;
        a_write_moves_the_position_and_a_new_sink_finds_it(store).await;
        a_batch_that_is_sent_again_changes_nothing(store).await;
        a_batch_that_is_not_at_the_position_is_refused(store).await;
        logs_side_by_side_do_not_touch_each_other(store).await;
        what_is_reset_begins_anew_and_nothing_else_does(store).await;
        a_position_of_another_log_is_refused(store).await;
        a_sink_that_dies_in_between_leaves_all_of_a_batch_or_nothing(store).await;
        a_batch_that_only_closes_the_log_moves_the_position(store).await;
    });
}

/// A log of its own: batches of 40 entries.
struct Logged {
    _folder: TempDir,
    id: LogId,
    batches: Vec<Batch>,
}

fn batches_of(folder: &Path) -> Vec<Batch> {
    let mut tail = Tail::open(folder, Position::START).unwrap();
    std::iter::from_fn(|| tail.next_batch(1).unwrap()).collect()
}

fn logged(seed: u64, count: u64) -> Logged {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    (0..count).for_each(|_| log::append(&mut writer, seed, 40));
    let id = LogId::of(folder.path()).unwrap().unwrap();
    let batches = batches_of(folder.path());
    assert_eq!(batches.len() as u64, count);
    Logged { _folder: folder, id, batches }
}

#[track_caller]
fn assert_held(store: &impl Store, log: &LogId, entries: u64) {
    let expected: Vec<u64> = (1..=entries).collect();
    assert_eq!(store.held(log), expected);
}

async fn a_new_log_begins_at_the_start(store: &impl Store) {
    let log = logged(101, 1);
    assert_eq!(store.sink().position(&log.id).await.unwrap(), Position::START);
    assert_held(store, &log.id, 0);
}

async fn a_write_moves_the_position_and_a_new_sink_finds_it(store: &impl Store) {
    let log = logged(102, 3);
    let mut sink = store.sink();
    assert_eq!(sink.position(&log.id).await.unwrap(), Position::START);
    for (nth, batch) in (1..).zip(&log.batches) {
        sink.write(&log.id, batch, 1.5).await.unwrap();
        assert_held(store, &log.id, nth * 40);
        assert_eq!(sink.position(&log.id).await.unwrap(), batch.after);
        assert_eq!(store.sink().position(&log.id).await.unwrap(), batch.after);
    }
}

async fn a_batch_that_is_sent_again_changes_nothing(store: &impl Store) {
    let log = logged(103, 2);
    let mut sink = store.sink();
    sink.position(&log.id).await.unwrap();
    for batch in &log.batches {
        sink.write(&log.id, batch, 0.0).await.unwrap();
    }
    for batch in &log.batches {
        let mut again = store.sink();
        again.position(&log.id).await.unwrap();
        // It may say so or not; it must not take it twice, nor go back.
        let _ = again.write(&log.id, batch, 0.0).await;
        assert_held(store, &log.id, 80);
        assert_eq!(store.sink().position(&log.id).await.unwrap(), log.batches[1].after);
    }
}

async fn a_batch_that_is_not_at_the_position_is_refused(store: &impl Store) {
    let log = logged(104, 3);
    let mut sink = store.sink();
    sink.position(&log.id).await.unwrap();
    sink.write(&log.id, &log.batches[0], 0.0).await.unwrap();
    let skipped = sink.write(&log.id, &log.batches[2], 0.0).await;
    assert!(skipped.is_err(), "a gap was taken");
    assert_held(store, &log.id, 40);
    let mut sink = store.sink();
    assert_eq!(sink.position(&log.id).await.unwrap(), log.batches[0].after);
    sink.write(&log.id, &log.batches[1], 0.0).await.unwrap();
    sink.write(&log.id, &log.batches[2], 0.0).await.unwrap();
    assert_held(store, &log.id, 120);
}

async fn logs_side_by_side_do_not_touch_each_other(store: &impl Store) {
    let (one, two) = (logged(105, 3), logged(106, 3));
    let (mut first, mut second) = (store.sink(), store.sink());
    first.position(&one.id).await.unwrap();
    second.position(&two.id).await.unwrap();
    for (nth, (of_one, of_two)) in (1..).zip(one.batches.iter().zip(&two.batches)) {
        first.write(&one.id, of_one, 0.0).await.unwrap();
        assert_held(store, &two.id, (nth - 1) * 40);
        second.write(&two.id, of_two, 0.0).await.unwrap();
        assert_held(store, &one.id, nth * 40);
    }
    assert_eq!(store.sink().position(&one.id).await.unwrap(), one.batches[2].after);
    assert_eq!(store.sink().position(&two.id).await.unwrap(), two.batches[2].after);
}

async fn what_is_reset_begins_anew_and_nothing_else_does(store: &impl Store) {
    let (gone, stays) = (logged(107, 2), logged(108, 2));
    for log in [&gone, &stays] {
        let mut sink = store.sink();
        sink.position(&log.id).await.unwrap();
        for batch in &log.batches {
            sink.write(&log.id, batch, 0.0).await.unwrap();
        }
    }
    let mut sink = store.sink();
    sink.reset(&gone.id).await.unwrap();
    assert_held(store, &gone.id, 0);
    assert_held(store, &stays.id, 80);
    assert_eq!(sink.position(&gone.id).await.unwrap(), Position::START);
    for batch in &gone.batches {
        sink.write(&gone.id, batch, 0.0).await.unwrap();
    }
    assert_held(store, &gone.id, 80);
    // What is not there can be forgotten too.
    store.sink().reset(&logged(109, 1).id).await.unwrap();
}

async fn a_position_of_another_log_is_refused(store: &impl Store) {
    let log = logged(110, 2);
    let mut sink = store.sink();
    sink.position(&log.id).await.unwrap();
    sink.write(&log.id, &log.batches[0], 0.0).await.unwrap();
    // The same entries behind another past: as of a log whose end was lost and written anew.
    let mut other = log.batches[1].clone();
    other.before.chain = ChainHash([7; 32]);
    assert!(sink.write(&log.id, &other, 0.0).await.is_err(), "another chain was gone on with");
    assert_held(store, &log.id, 40);
    assert_eq!(store.sink().position(&log.id).await.unwrap(), log.batches[0].after);
}

async fn a_sink_that_dies_in_between_leaves_all_of_a_batch_or_nothing(store: &impl Store) {
    let log = logged(111, 25);
    let ends: Vec<Position> = log.batches.iter().map(|batch| batch.after).collect();
    let mut done = 0;
    let mut cut = 0;
    let mut wait = Duration::from_micros(50);
    loop {
        let mut sink = store.sink();
        let position = sink.position(&log.id).await.unwrap();
        // What was cut short may be under way in the store, and be done between two questions.
        let before = done;
        done = match position {
            Position::START => 0,
            position => 1 + ends.iter().position(|end| *end == position).expect("a whole batch"),
        };
        assert!(done >= before, "from behind batch {before} back to {done}");
        wait = wait.mul_f64(if done > before { 0.7 } else { 1.4 });
        let Some(batch) = log.batches.get(done) else { break };
        let ended = tokio::time::timeout(wait, sink.write(&log.id, batch, 0.0)).await;
        cut += u32::from(ended.is_err());
    }
    assert!(cut > 5, "only {cut} writes were cut short");
    assert_held(store, &log.id, 25 * 40);
}

async fn a_batch_that_only_closes_the_log_moves_the_position(store: &impl Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    log::append(&mut writer, 112, 5);
    writer.close(log::BEGUN_MS).unwrap();
    let batches = batches_of(folder.path());
    assert!(batches.iter().any(Batch::is_empty));
    let id = LogId::of(folder.path()).unwrap().unwrap();
    let mut sink = store.sink();
    sink.position(&id).await.unwrap();
    for batch in &batches {
        sink.write(&id, batch, 0.0).await.unwrap();
        assert_eq!(store.sink().position(&id).await.unwrap(), batch.after);
    }
    assert_held(store, &id, 5);
}
