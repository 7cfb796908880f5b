//! The door to the workers: commands of many connections, gathered into one batch a worker at a
//! time, and the replies back to whoever waits.
//!
//! Every queue is bounded. Where the one before a worker is full, the door says that it is busy.

use crate::Fault;
use bus::{Clock, CommandBatch, CommandQueue, LogHalted, Moment, Partition, Reply, ReplyTo};
use domain::trading::{Action, Command, RequestId, TransactionNum};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that may wait before a worker: more of them would be answered later than anybody
/// waits.
pub const QUEUE: usize = 4096;

/// Commands in a batch.
const BATCH: usize = 512;

/// Batches that a worker may have before it; fewer than its mailbox holds.
const BATCHES_AHEAD: usize = 16;

/// Commands that may be with a worker at once, those that wait for a slow quote included.
const WINDOW: usize = 16 << 10;

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    workers: Vec<mpsc::Sender<Knock>>,
    closing: watch::Sender<bool>,
    halted: Arc<AtomicBool>,
    next: AtomicU64,
    clock: Clock,
    at_worker: Arc<AtomicUsize>,
}

/// A command that waits to be let in.
struct Knock {
    command: Command,
    reply: oneshot::Sender<Reply>,
}

/// The tasks behind the door; they end when it is closed and the last reply is there.
pub struct DoorTasks(Vec<actix_web::rt::task::JoinHandle<()>>);

impl DoorTasks {
    /// Waits until every command that was let in has its reply.
    pub async fn ended(self) {
        for task in self.0 {
            // A task that panicked has told so itself.
            let _ = task.await;
        }
    }
}

impl Door {
    /// A door to `queue` that numbers commands from `first` on. Its tasks run where this is called.
    pub fn open(queue: &CommandQueue, clock: Clock, first: u64) -> (Door, DoorTasks) {
        let (closing, closed) = watch::channel(false);
        let at_worker = Arc::new(AtomicUsize::new(0));
        let halted = Arc::new(AtomicBool::new(false));
        let (mut workers, mut tasks) = (Vec::new(), Vec::new());
        for worker in 0..queue.workers() {
            let (sender, knocks) = mpsc::channel(QUEUE);
            workers.push(sender);
            let desk = Desk {
                worker,
                queue: queue.clone(),
                clock: clock.clone(),
                knocks,
                waiting: HashMap::new(),
                at_worker: at_worker.clone(),
                halted: halted.clone(),
            };
            tasks.push(actix_web::rt::spawn(desk.run(closed.clone())));
        }
        let next = AtomicU64::new(first);
        (
            Door(Arc::new(Inner { workers, closing, halted, next, clock, at_worker })),
            DoorTasks(tasks),
        )
    }

    /// Lets a command in; its reply comes when its entry is durable. The receiver hears nothing
    /// where the system has stopped.
    ///
    /// # Errors
    /// The queue is full, or the door is closed.
    pub fn enter(&self, action: Action) -> Result<oneshot::Receiver<Reply>, Fault> {
        self.let_in(None, action)
    }

    /// Lets in what a client asked for under a number of its own, which the log keeps.
    ///
    /// # Errors
    /// The queue is full, or the door is closed.
    pub fn enter_as(
        &self,
        request: RequestId,
        action: Action,
    ) -> Result<oneshot::Receiver<Reply>, Fault> {
        self.let_in(Some(request), action)
    }

    fn let_in(
        &self,
        request: Option<RequestId>,
        action: Action,
    ) -> Result<oneshot::Receiver<Reply>, Fault> {
        let door = &*self.0;
        if self.is_halted() {
            return Err(Fault::LogHalted);
        }
        let worker = Partition::of(&action).worker(door.workers.len());
        let place = door.workers[worker].try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => Fault::Busy(1),
            mpsc::error::TrySendError::Closed(()) => Fault::Unavailable,
        })?;
        let transaction = TransactionNum(door.next.fetch_add(1, Ordering::Relaxed));
        let received_ms = door.clock.unix_ms(door.clock.now());
        let (reply, replied) = oneshot::channel();
        place.send(Knock { command: Command { transaction, received_ms, request, action }, reply });
        Ok(replied)
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Lets nobody in any more, because the log has halted.
    pub fn halt(&self) {
        self.0.halted.store(true, Ordering::Relaxed);
    }

    /// Whether the log has halted.
    pub fn is_halted(&self) -> bool {
        self.0.halted.load(Ordering::Relaxed)
    }

    /// Whether commands are accepted.
    ///
    /// # Errors
    /// They are not: the log has halted, or the server stops.
    pub fn ready(&self) -> Result<(), Fault> {
        match (self.is_halted(), *self.0.closing.borrow()) {
            (true, _) => Err(Fault::LogHalted),
            (false, true) => Err(Fault::Unavailable),
            (false, false) => Ok(()),
        }
    }

    /// Commands that wait before the workers, and commands that are with them.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.0.workers.iter().map(|worker| QUEUE - worker.capacity()).sum();
        (waiting, self.0.at_worker.load(Ordering::Relaxed))
    }

    /// The highest number that a command was given.
    pub fn last_transaction(&self) -> u64 {
        self.0.next.load(Ordering::Relaxed) - 1
    }
}

/// What serves one worker.
struct Desk {
    worker: usize,
    queue: CommandQueue,
    clock: Clock,
    knocks: mpsc::Receiver<Knock>,
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
    at_worker: Arc<AtomicUsize>,
    halted: Arc<AtomicBool>,
}

impl Desk {
    async fn run(mut self, mut closed: watch::Receiver<bool>) {
        let (sender, mut replies) = mpsc::channel(WINDOW + BATCH);
        let reply_to = ReplyTo::new(sender);
        let mut ahead: FuturesUnordered<BoxFuture<'static, bool>> = FuturesUnordered::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut open = true;
        while open || !self.waiting.is_empty() {
            let room = ahead.len() < BATCHES_AHEAD && self.waiting.len() < WINDOW;
            select! {
                biased;
                came = replies.recv() => {
                    // A sender is held here, so the channel never closes.
                    let Some(came) = came else { return };
                    if !self.answer(came) {
                        return;
                    }
                }
                _ = closed.wait_for(|closed| *closed), if open && !self.knocks.is_closed() => {
                    self.knocks.close();
                }
                Some(taken) = ahead.next() => {
                    if !taken {
                        return;
                    }
                }
                count = self.knocks.recv_many(&mut batch, BATCH), if open && room => {
                    open = count > 0;
                    if open {
                        let sent = self.send(&mut batch, &reply_to);
                        ahead.push(sent);
                    }
                }
            }
        }
    }

    fn send(&mut self, knocks: &mut Vec<Knock>, reply_to: &ReplyTo) -> BoxFuture<'static, bool> {
        let received: Moment = self.clock.now();
        let mut commands = Vec::with_capacity(knocks.len());
        self.at_worker.fetch_add(knocks.len(), Ordering::Relaxed);
        for Knock { command, reply } in knocks.drain(..) {
            self.waiting.insert(command.transaction.0, reply);
            commands.push(command);
        }
        let batch = CommandBatch { commands, received, reply_to: reply_to.clone() };
        let sent = self.queue.send(self.worker, batch);
        Box::pin(async move { sent.await.is_ok() })
    }

    /// Hands replies out; `false` where none will come any more.
    fn answer(&mut self, came: Result<Vec<Reply>, LogHalted>) -> bool {
        let replies = match came {
            Ok(replies) => replies,
            Err(halted) => {
                tracing::error!(%halted, "no command is taken any more");
                self.halted.store(true, Ordering::Relaxed);
                return false;
            }
        };
        self.at_worker.fetch_sub(replies.len(), Ordering::Relaxed);
        for reply in replies {
            if let Some(waits) = self.waiting.remove(&reply.decided.command.transaction.0) {
                // Whoever asked may be gone: the command was carried out all the same.
                let _ = waits.send(reply);
            }
        }
        true
    }
}
