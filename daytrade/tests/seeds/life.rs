//! The lives of a system: started from what the log says, and ended as the plan says.

use super::plan::{End, Life, Plan};
use crate::replay::paused_runtime;
use crate::restore::payload::Facts;
use crate::restore::{self, Restored, restore};
use crate::system::{Stopped, System};
use audit_logger::dumplog::DumpRequest;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use audit_logger::proof::InstallationKey;
use bus::{Clock, Reply};
use domain::trading::{Account, Entry, UserName};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::future::poll_fn;
use std::io::{Cursor, Write};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use workload::input::{Input, Line};
use workload::player::{Audience, PlayError, Player};

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// All lives of a plan, and what they left.
pub(super) struct Run {
    pub(super) folder: TempDir,
    /// Signs the snapshots.
    pub(super) key: InstallationKey,
    /// The transactions that were acknowledged in any life.
    pub(super) acknowledged: BTreeSet<u64>,
    /// The accounts at the end of the last life, which ends in order.
    pub(super) accounts: BTreeMap<UserName, Account>,
    pub(super) died: u64,
    pub(super) stopped: u64,
}

/// Hears the replies, and asks the player to stop where the plan does.
struct Hearer<'a> {
    acknowledged: &'a mut BTreeSet<u64>,
    stop_after: usize,
    replies: &'a Cell<usize>,
}

impl Audience for Hearer<'_> {
    fn unreadable(&mut self, file: &str, line: Line<'_>, _: usize, expected: &'static str) {
        panic!("{file}:{}: {expected} expected", line.number);
    }

    fn replies(&mut self, replies: &[Reply]) {
        self.replies.set(self.replies.get() + replies.len());
        for reply in replies {
            let transaction = reply.decided.command.transaction.0;
            assert!(self.acknowledged.insert(transaction), "{transaction} is acknowledged twice");
        }
    }

    fn progress(&mut self, _: u64) {}

    fn wants_to_stop(&mut self) -> bool {
        self.replies.get() >= self.stop_after
    }
}

impl Run {
    /// Lives through `plan`.
    pub(super) fn live(plan: &Plan) -> Run {
        // Nothing is learned from a slow disk here: memory serves where the system offers it.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.unwrap();
        let key = InstallationKey::load_or_make(&folder.path().join("keys/signing.key")).unwrap();
        let mut run = Run {
            folder,
            key,
            acknowledged: BTreeSet::new(),
            accounts: BTreeMap::new(),
            died: 0,
            stopped: 0,
        };
        let mut entries = Vec::new();
        for life in &plan.lives {
            match run.begin(plan, life) {
                Some(stopped) => {
                    run.accounts = stopped.accounts.into_iter().collect();
                    run.stopped += u64::from(life.end != End::Whole);
                }
                None => {
                    assert!(life.dies(), "{:?} ended early", life.end);
                    run.died += 1;
                    tear(run.folder.path(), &life.torn);
                }
            }
            let longer = run.entries();
            assert!(longer.starts_with(&entries), "entries of an earlier life changed");
            entries = longer;
        }
        run
    }

    /// One life. Nothing is returned where the process died: all it had in memory is gone.
    fn begin(&mut self, plan: &Plan, life: &Life) -> Option<Stopped> {
        let folder = self.folder.path();
        let lock = segments::lock(folder).unwrap();
        let (restored, end) = restore(folder, &[self.key.public()]).unwrap();
        let process = actix::System::with_tokio_rt(paused_runtime);
        let log = Log { folder, lock, end, key: &self.key };
        process.block_on(live(plan, life, log, restored, &mut self.acknowledged))
    }

    /// What is in the log, up to its last whole batch.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut reader = LogReader::open(self.folder.path()).unwrap();
        let _ = reader.for_each(u64::MAX, |_, entry| {
            entries.push(entry);
            Ok::<(), audit_logger::LogError>(())
        });
        entries
    }

    /// The files of the log.
    pub(super) fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let segments = segments::list(self.folder.path()).unwrap();
        segments.into_iter().map(|(first, path)| (first, fs::read(path).unwrap())).collect()
    }
}

/// The log that a life goes on with.
struct Log<'a> {
    folder: &'a Path,
    lock: segments::FolderLock,
    end: LogEnd,
    key: &'a InstallationKey,
}

async fn live(
    plan: &Plan,
    life: &Life,
    log: Log<'_>,
    restored: Restored,
    acknowledged: &mut BTreeSet<u64>,
) -> Option<Stopped> {
    let Log { folder, lock, end, key } = log;
    let start = Clock::VIRTUAL_START_UNIX_MS.max(restored.last_ms);
    let clock = Clock::virtual_at(start + life.starts_after.as_millis() as u64);
    let Restored { ledger, mut played, dumps, highest, .. } = restored;
    let options = LogOptions { segment_bytes: plan.segment_bytes };
    let writer = LogWriter::open(folder, lock, &end, options).unwrap();
    let accounts = ledger.into_accounts();
    let system = System::start(plan.system(), &clock, writer, accounts).await.unwrap();
    for (at, by) in life.jumps.clone() {
        actix::spawn(async move {
            tokio::time::sleep(at).await;
            tokio::time::advance(by).await;
        });
    }

    let replies = Cell::new(0);
    let stop_after = if let End::Stopped(after) = life.end { after } else { usize::MAX };
    let before = acknowledged.clone();
    let mut hearer = Hearer { acknowledged: &mut *acknowledged, stop_after, replies: &replies };
    let skip = played.clone();
    let mut player =
        Player::new(system.queue.clone(), clock.clone(), &skip, &mut hearer).at_rate(plan.rate);
    let file = Cursor::new(plan.workload.clone());
    let input = Input::new("the workload".to_string(), Box::new(file)).unwrap();
    let playing = async {
        player.play(input).await?;
        player.settle().await
    };
    let played_out: Option<Result<(), PlayError>> = until(life.end, &replies, playing).await;
    played_out?.unwrap();
    let (scoreboard, _) = player.finish();

    let stopped = system.stop().await.unwrap();
    if life.snapshot {
        acknowledged.difference(&before).for_each(|number| played.insert(*number));
        let mut requests = dumps;
        requests.extend(scoreboard.dumps().iter().map(|dump| DumpRequest {
            file: dump.file.clone(),
            user: dump.user.clone(),
            last: dump.entry,
        }));
        let accounts = stopped.accounts.iter().map(|(user, account)| (user, account));
        let now_ms = clock.unix_ms(clock.now());
        let highest = played.ranges().last().map_or(highest, |(_, last)| highest.max(*last));
        let facts = Facts { played, dumps: requests, last_ms: now_ms, highest };
        restore::save(Some(key), folder, &stopped.log, accounts, &facts, now_ms).unwrap();
    }
    Some(stopped)
}

/// Runs `playing` to its end, or until the process dies: then it is not run any further.
async fn until<T>(end: End, replies: &Cell<usize>, playing: impl Future<Output = T>) -> Option<T> {
    let mut playing = pin!(playing);
    let mut over = pin!(tokio::time::sleep(match end {
        End::After(span) => span,
        _ => NEVER,
    }));
    let mut steps = 0;
    poll_fn(|context| {
        if let Poll::Ready(out) = playing.as_mut().poll(context) {
            return Poll::Ready(Some(out));
        }
        steps += 1;
        let dies = match end {
            End::Replies(most) => replies.get() >= most,
            End::Steps(most) => steps >= most,
            End::After(_) => over.as_mut().poll(context).is_ready(),
            End::Whole | End::Stopped(_) => false,
        };
        if dies { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Appends `bytes` to the log, as a write that was cut off.
fn tear(folder: &Path, bytes: &[u8]) {
    if let Some((_, path)) = segments::list(folder).unwrap().pop() {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }
}
