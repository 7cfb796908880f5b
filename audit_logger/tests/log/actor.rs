//! The log writer as an actor: acknowledged is durable, groups share a flush, order is kept, and a
//! halt tells everybody.

use crate::support::*;
use actix::prelude::*;
use audit_logger::log::actor::CloseLog;
use audit_logger::log::{LogOptions, LogWriterActor};
use bus::{Clock, Durable, Entries, EntryLog, LogHalted};
use std::path::Path;
use std::sync::{Arc, Mutex};

const MAILBOX: usize = 256;

/// Starts the actor on a thread of its own, with a writer on `disk`.
fn start(disk: &FaultyDisk, folder: &Path) -> (Arbiter, Addr<LogWriterActor>) {
    let writer = disk.open(folder, LogOptions::default()).unwrap();
    let arbiter = Arbiter::new();
    let address = LogWriterActor::start_in_arbiter(&arbiter.handle(), |_| {
        LogWriterActor::new(writer, Clock::real(), MAILBOX)
    });
    (arbiter, address)
}

fn stop(arbiter: Arbiter) {
    arbiter.stop();
    arbiter.join().unwrap();
}

/// Holds up every flush until it is let go, so that a test decides what gathers meanwhile.
fn hold(disk: &FaultyDisk) -> std::sync::MutexGuard<'_, Plan> {
    disk.0.lock().unwrap()
}

#[test]
fn what_is_acknowledged_is_on_disk_in_the_order_of_every_sender() {
    const SENDERS: u64 = 4;
    const APPENDS: u64 = 60;
    let folder = new_folder();
    let disk = FaultyDisk::default();
    // Which entries stand where, by what the senders were told.
    let told: Arc<Mutex<Vec<(Durable, u64)>>> = Arc::default();
    System::new().block_on(async {
        let (arbiter, address) = start(&disk, folder.path());
        let log = EntryLog::new(address.clone().recipient());
        let senders = (0..SENDERS).map(|sender| {
            let (log, told) = (log.clone(), told.clone());
            async move {
                let mut last = 0;
                for nth in 0..APPENDS {
                    let number = sender * 1000 + nth * 3 + 1;
                    let durable = log.append(entries(number, nth % 3 + 1)).await.unwrap();
                    assert!(durable.first > last, "one sender's entries stay in order");
                    assert_eq!(u64::from(durable.count), nth % 3 + 1);
                    last = durable.first;
                    told.lock().unwrap().push((durable, number));
                }
            }
        });
        let handles: Vec<_> = senders.map(tokio::task::spawn_local).collect();
        for handle in handles {
            handle.await.unwrap();
        }
        // As after kill -9: nobody closes the log.
        drop((log, address));
        stop(arbiter);
    });
    let mut reader = audit_logger::log::LogReader::open(folder.path()).unwrap();
    let mut read = Vec::new();
    reader
        .for_each(u64::MAX, |_, entry| {
            read.push(entry);
            Ok::<(), audit_logger::LogError>(())
        })
        .unwrap();
    let told = told.lock().unwrap();
    let mut covered = 0;
    for (durable, number) in told.iter() {
        for nth in 0..u64::from(durable.count) {
            assert_eq!(read[(durable.first + nth) as usize - 1], entry(number + nth));
            covered += 1;
        }
    }
    assert_eq!(covered, read.len(), "each entry is told once");
}

#[test]
fn appends_that_wait_share_one_flush_and_keep_their_order() {
    let folder = new_folder();
    let disk = FaultyDisk::default();
    System::new().block_on(async {
        let (arbiter, address) = start(&disk, folder.path());
        let log = EntryLog::new(address.clone().recipient());
        let before = disk.0.lock().unwrap().syncs;
        let held = hold(&disk);
        let waiting: Vec<_> = (0..100).map(|nth| log.append(entries(2 * nth + 1, 2))).collect();
        drop(held);
        for (nth, appended) in waiting.into_iter().enumerate() {
            let durable = appended.await.unwrap();
            assert_eq!((durable.first, durable.count), (2 * nth as u64 + 1, 2));
        }
        // One group may have been on its way to the disk when the others came.
        let syncs = disk.0.lock().unwrap().syncs - before;
        assert!((1..=3).contains(&syncs), "{syncs} flushes for 100 appends");
        // Alone, each has its own: nobody waits for company.
        for nth in 100..103 {
            log.append(entries(2 * nth + 1, 2)).await.unwrap();
        }
        assert_eq!(disk.0.lock().unwrap().syncs - before, syncs + 3);
        let summary = address.send(CloseLog).await.unwrap().unwrap();
        assert_eq!(summary.last, 206);
        let (_, end) = read_back(folder.path()).unwrap();
        assert_eq!(end.position.chain, summary.chain);
        assert_eq!(end.position.segment.unwrap().1, summary.bytes_written);
        stop(arbiter);
    });
    assert_holds(folder.path(), 206);
}

#[test]
fn a_group_that_has_grown_large_is_flushed_before_the_mailbox_is_empty() {
    let folder = new_folder();
    let disk = FaultyDisk::default();
    System::new().block_on(async {
        let (arbiter, address) = start(&disk, folder.path());
        let log = EntryLog::new(address.recipient());
        let before = disk.0.lock().unwrap().syncs;
        // 1 MB each; a group is full at 4 MB.
        let large = entries(1, 36_000);
        assert!((1_000_000..1_400_000).contains(&large.bytes().len()), "{}", large.bytes().len());
        let held = hold(&disk);
        let waiting: Vec<_> = (0..12).map(|_| log.append(large.clone())).collect();
        drop(held);
        for appended in waiting {
            appended.await.unwrap();
        }
        let syncs = disk.0.lock().unwrap().syncs - before;
        assert!((3..=5).contains(&syncs), "{syncs} flushes for 12 MB");
        stop(arbiter);
    });
}

#[test]
fn after_a_halt_all_who_wait_and_all_who_come_are_told() {
    let folder = new_folder();
    // The first flush makes three entries durable, the second fails.
    let disk = FaultyDisk::new(Plan { failing_sync: Some(2), ..Plan::default() });
    System::new().block_on(async {
        let (arbiter, address) = start(&disk, folder.path());
        let log = EntryLog::new(address.clone().recipient());
        log.append(entries(1, 3)).await.unwrap();
        let held = hold(&disk);
        let waiting: Vec<_> = (0..50).map(|nth| log.append(entries(4 + nth, 1))).collect();
        drop(held);
        let mut reasons = Vec::new();
        for appended in waiting {
            reasons.push(appended.await.unwrap_err());
        }
        let later: Result<Durable, LogHalted> = log.append(entries(100, 1)).await;
        reasons.push(later.unwrap_err());
        reasons.push(log.append(Entries::default()).await.unwrap_err());
        reasons.push(address.send(CloseLog).await.unwrap().unwrap_err());
        reasons.dedup();
        assert_eq!(reasons.len(), 1, "one halt, one reason: {reasons:?}");
        assert_eq!(disk.0.lock().unwrap().calls_after_failure, 0);
        stop(arbiter);
    });
    let (read, _) = read_back(folder.path()).unwrap();
    assert!(read.len() >= 3, "what was acknowledged is there");
    assert_eq!(read, (1..=read.len() as u64).map(entry).collect::<Vec<_>>());
}

#[test]
fn an_append_whose_sender_is_gone_is_written_all_the_same() {
    let folder = new_folder();
    System::new().block_on(async {
        let (arbiter, address) = start(&FaultyDisk::default(), folder.path());
        let log = EntryLog::new(address.clone().recipient());
        let (done, gone) = tokio::sync::oneshot::channel();
        drop(gone);
        address.send(bus::Append { entries: entries(1, 2), done }).await.unwrap();
        let durable = log.append(entries(3, 1)).await.unwrap();
        assert_eq!(durable.first, 3);
        stop(arbiter);
    });
    assert_holds(folder.path(), 3);
}

#[test]
fn a_log_whose_writer_is_gone_says_so() {
    let folder = new_folder();
    System::new().block_on(async {
        let (arbiter, address) = start(&FaultyDisk::default(), folder.path());
        let log = EntryLog::new(address.recipient());
        stop(arbiter);
        let halted = log.append(entries(1, 1)).await.unwrap_err();
        assert_eq!(halted.reason, "the log writer has stopped");
    });
}
