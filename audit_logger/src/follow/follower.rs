//! The thread that brings a store up to the log and keeps it there.
//!
//! Whatever goes wrong, it asks the store where it stands and goes on from there. It never assumes
//! that a write that failed was not done, nor that it was.

use super::meter::Meter;
use super::pace::Pace;
use super::rate::Rate;
use super::{Batch, Frontier, LogId, Sink, SinkError, Tail, TailError, roll};
use crate::error::LogError;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;

/// The longest wait between two attempts, in first ones: how late at most a server that is back is
/// noticed.
const LONGEST_WAIT: u32 = 100;

/// How often it is looked whether a follower has reached its store.
const STARTED_POLL: Duration = Duration::from_millis(2);

/// How often at most it is noted beside the log how far a store is, while it is busy.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// How a store is followed up.
#[derive(Clone, Debug)]
pub struct FollowerOptions {
    /// How many entries a store takes at once. More make fewer commits; fewer take less memory,
    /// and less is sent again when a connection is lost.
    pub batch_entries: usize,
    /// How long to wait before it is looked again whether the log has grown.
    pub poll: Duration,
    /// How long to wait after the first failure; each further one doubles it, up to a hundredfold.
    pub retry: Duration,
    /// The next entry that is not durable yet, where the log is written by this process: nothing
    /// beyond it is read, and the follower need not look for itself.
    pub durable: Option<watch::Receiver<u64>>,
}

impl Default for FollowerOptions {
    fn default() -> FollowerOptions {
        FollowerOptions {
            batch_entries: 20_000,
            poll: Duration::from_millis(20),
            retry: Duration::from_millis(50),
            durable: None,
        }
    }
}

/// What a follower is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not reached the store yet.
    Starting,
    /// It writes, or waits for entries.
    Following,
    /// It tries again: what went wrong last, and how often since something went right.
    Waiting {
        /// What went wrong.
        reason: String,
        /// How many attempts failed since the last that did not.
        attempts: u32,
    },
    /// It gave up: the store will never take this log.
    Refused(String),
    /// It was told to stop.
    Stopped,
}

impl State {
    /// Its name: `starting`, `following`, `waiting`, `refused` or `stopped`.
    pub fn name(&self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Following => "following",
            State::Waiting { .. } => "waiting",
            State::Refused(_) => "refused",
            State::Stopped => "stopped",
        }
    }
}

/// What a follower tells of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// The next entry that the store does not have.
    pub next: u64,
    /// The next entry that the log did not have when it was looked last.
    pub log_next: u64,
    /// When the last entry that the store has took effect, in Unix milliseconds; 0 for none or an
    /// unknown one.
    pub last_ms: u64,
    /// Entries a second that the store took lately.
    pub rate: f64,
    /// What the follower is doing.
    pub state: State,
    /// When any of this last changed.
    pub changed: Instant,
}

impl Status {
    /// Entries that the store does not have.
    pub fn lag(&self) -> u64 {
        self.log_next.saturating_sub(self.next)
    }
}

/// A store that follows a log on a thread of its own. Dropping it stops the thread.
pub struct Follower {
    name: &'static str,
    status: watch::Receiver<Status>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts to follow the log in `folder`. `make` makes the sink on the follower's own thread.
    ///
    /// # Errors
    /// The thread or its runtime cannot be made.
    pub fn start<S: Sink>(
        name: &'static str,
        folder: &Path,
        options: FollowerOptions,
        make: impl FnOnce() -> S + Send + 'static,
    ) -> io::Result<Follower> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let begun = Status {
            next: 1,
            log_next: 1,
            last_ms: 0,
            rate: 0.0,
            state: State::Starting,
            changed: Instant::now(),
        };
        let (tell, status) = watch::channel(begun);
        let (stop, mut stopped) = watch::channel(false);
        let folder = folder.to_path_buf();
        let thread = thread::Builder::new().name(format!("follow-{name}")).spawn(move || {
            let mut work = Work {
                sink: make(),
                folder,
                options,
                status: tell,
                rate: Rate::default(),
                attempts: 0,
                prepared: false,
                warned: false,
                enrolled: None,
                meter: Meter::new(name),
            };
            runtime.block_on(async {
                select! {
                    biased;
                    _ = stopped.wait_for(|stop| *stop) => {
                        work.enter(State::Stopped);
                    }
                    () = work.run() => {}
                }
            });
            let next = work.status.borrow().next;
            if work.enrolled.is_some() {
                work.enrol(next, true);
            }
        })?;
        Ok(Follower { name, status, stop, thread: Some(thread) })
    }

    /// What the store is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Blocks until the store has been reached or its first failure is known, for `patience` at
    /// most; returns what the follower is doing then.
    pub fn wait_started(&self, patience: Duration) -> Status {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if status.state != State::Starting || begun.elapsed() >= patience {
                return status;
            }
            thread::sleep(STARTED_POLL);
        }
    }

    /// What it is doing now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// What it is doing, and how that changes.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits until the store has every entry before `next`; returns whether it ever will: not if
    /// it refuses the log.
    pub async fn complete(&self, next: u64) -> bool {
        let mut status = self.status.clone();
        let over = |status: &Status| {
            status.next >= next || matches!(status.state, State::Refused(_) | State::Stopped)
        };
        match status.wait_for(over).await {
            Ok(status) => status.next >= next,
            Err(_) => false,
        }
    }

    /// Stops it where it is and waits for its thread.
    pub fn stop(mut self) -> Status {
        self.end();
        self.status()
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end();
    }
}

struct Work<S> {
    sink: S,
    folder: PathBuf,
    options: FollowerOptions,
    status: watch::Sender<Status>,
    rate: Rate,
    attempts: u32,
    /// Whether the store has what it needs.
    prepared: bool,
    /// Whether a failure was warned of since something went right.
    warned: bool,
    /// What was noted of the store beside the log last, and when.
    enrolled: Option<(u64, Instant)>,
    meter: Meter,
}

/// Why following has stopped for now.
enum Trouble {
    Later(String),
    Never(String),
}

impl<S: Sink> Work<S> {
    async fn run(&mut self) {
        loop {
            let Err(trouble) = self.follow().await;
            let (store, address) = (self.sink.name(), self.sink.address());
            let reason = match trouble {
                Trouble::Never(reason) => {
                    tracing::error!(
                        store,
                        address,
                        reason,
                        "audit store failed, no more is stored"
                    );
                    self.enter(State::Refused(reason));
                    return;
                }
                Trouble::Later(reason) => reason,
            };
            self.attempts += 1;
            let attempts = self.attempts;
            // Said once, not at every attempt.
            if std::mem::replace(&mut self.warned, true) {
                tracing::debug!(store, address, reason, attempts, "audit store still unavailable");
            } else {
                let retry_every_s = (self.options.retry * LONGEST_WAIT).as_secs_f64();
                tracing::warn!(
                    store,
                    address,
                    reason,
                    retry_every_s,
                    "audit store unavailable, retrying"
                );
            }
            let doubled = (1 << (attempts - 1).min(16)).min(LONGEST_WAIT);
            self.enter(State::Waiting { reason, attempts });
            sleep(self.options.retry * doubled).await;
        }
    }

    /// Something went right.
    fn recovered(&mut self) {
        self.attempts = 0;
        if std::mem::take(&mut self.warned) {
            let (store, address) = (self.sink.name(), self.sink.address());
            tracing::warn!(store, address, "audit store available again");
        }
    }

    /// Tells that it does something else now. The log grows on whatever becomes of the store.
    fn enter(&mut self, state: State) {
        let log_next = match &self.options.durable {
            Some(durable) => *durable.borrow(),
            None => Frontier::of(&self.folder).map_or(1, |frontier| frontier.next()),
        };
        self.status.send_modify(|status| {
            status.state = state;
            status.log_next = log_next.max(status.log_next);
        });
        self.meter.tell(&self.status.borrow());
    }

    /// Follows from where the store stands until something goes wrong.
    async fn follow(&mut self) -> Result<std::convert::Infallible, Trouble> {
        if !self.prepared {
            self.sink.prepare().await?;
            self.prepared = true;
            self.recovered();
            self.enter(State::Following);
        }
        let log = loop {
            if let Some(log) = LogId::of(&self.folder)? {
                break log;
            }
            sleep(self.options.poll).await;
        };
        let position = self.sink.position(&log).await?;
        self.enrol(position.next, true);
        let mut tail = Tail::open(&self.folder, position)?.up_to(self.options.durable.clone());
        let mut frontier = Frontier::of(&self.folder)?;
        let mut pace = Pace::new();
        self.tell(position.next, &mut frontier, None)?;
        loop {
            let Some(batch) = tail.next_batch(self.options.batch_entries)? else {
                self.recovered();
                self.rate.pause();
                self.enrol(tail.position().next, true);
                pace.saw(Instant::now(), self.tell(tail.position().next, &mut frontier, None)?);
                sleep(self.options.poll).await;
                continue;
            };
            let begun = Instant::now();
            // Batches that only close a log move nothing that a store shows; but the position must
            // be one of the log's, so it moves with them.
            self.sink.write(&log, &batch, self.rate.per_second).await?;
            self.recovered();
            self.rate.took(batch.len() as u64);
            self.enrol(batch.after.next, false);
            let log_next = self.tell(batch.after.next, &mut frontier, Some(&batch))?;
            pace.saw(Instant::now(), log_next);
            let rest = pace.rest(begun.elapsed());
            if !rest.is_zero() {
                sleep(rest).await;
            }
        }
    }

    /// Notes beside the log where the store is: from time to time, or `now` if that has changed.
    fn enrol(&mut self, next: u64, now: bool) {
        let first = self.enrolled.is_none();
        if let Some((noted, at)) = self.enrolled
            && (noted == next || !now && at.elapsed() < NOTED_EVERY)
        {
            return;
        }
        let (name, address) = (self.sink.name().to_string(), self.sink.address());
        let parameters = Some(self.sink.parameters());
        let enrolled = roll::Enrolled { name, address, parameters, next };
        match enrolled.note(&self.folder, first) {
            Ok(()) => self.enrolled = Some((next, Instant::now())),
            // A log that can only be read is not made smaller here either.
            Err(error) => tracing::debug!(%error, "the follower is not noted beside the log"),
        }
    }

    /// Tells how far the store and the log are; returns the latter.
    fn tell(
        &mut self,
        next: u64,
        frontier: &mut Frontier,
        batch: Option<&Batch>,
    ) -> Result<u64, LogError> {
        let log_next = match &self.options.durable {
            Some(durable) => *durable.borrow(),
            None => frontier.advance()?,
        };
        let rate = self.rate.per_second;
        let last_ms = batch.and_then(Batch::last_ms);
        self.status.send_if_modified(|status| {
            let same = status.next == next
                && status.log_next == log_next
                && status.state == State::Following;
            status.next = next;
            status.log_next = log_next;
            status.rate = rate;
            status.state = State::Following;
            if !same {
                status.changed = Instant::now();
            }
            if let Some(last_ms) = last_ms {
                status.last_ms = last_ms;
            }
            !same
        });
        self.meter.tell(&self.status.borrow());
        Ok(log_next)
    }
}

impl From<SinkError> for Trouble {
    fn from(error: SinkError) -> Trouble {
        match error {
            SinkError::Unavailable(reason) => Trouble::Later(reason),
            SinkError::Refused(reason) => Trouble::Never(reason),
        }
    }
}

impl From<TailError> for Trouble {
    fn from(error: TailError) -> Trouble {
        match error {
            // What another process is cutting off looks like damage for a moment.
            TailError::Log(error) => error.into(),
            other => Trouble::Never(other.to_string()),
        }
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Trouble {
        match error {
            LogError::Version { .. } => Trouble::Never(error.to_string()),
            other => Trouble::Later(other.to_string()),
        }
    }
}
