//! The command queue: takes commands to the worker that owns their user, and replies back.

use crate::{Moment, in_order};
use actix::{Message, Recipient};
use domain::trading::Account;
use domain::trading::entry::CommandDecided;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;

/// Commands for one worker, in the order in which they take effect for each of their users.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CommandBatch {
    /// The commands.
    pub commands: Vec<domain::trading::Command>,
    /// When they were received.
    pub received: Moment,
    /// Where the replies go.
    pub reply_to: ReplyTo,
}

/// What came of one command; sent when its entry is durable, not before.
#[derive(Debug)]
pub struct Reply {
    /// The command and its outcome.
    pub decided: CommandDecided,
    /// The number of its entry in the log.
    pub entry: u64,
    /// When it was received.
    pub received: Moment,
    /// From being taken up by its worker to being decided, the wait for its quote included.
    pub execution: Duration,
    /// How old the price was that it used.
    pub price_age: Option<Duration>,
    /// The account as it was, for DISPLAY_SUMMARY.
    pub summary: Option<Box<Account>>,
}

/// Where the replies to a client's commands go: those of one durable batch in one message.
///
/// The channel must have room for as many messages as the client has commands on their way: a
/// client whose channel is full is not waited for, and misses replies.
#[derive(Clone, Debug)]
pub struct ReplyTo(mpsc::Sender<Result<Vec<Reply>, crate::LogHalted>>);

impl ReplyTo {
    /// Replies go to `sender`.
    pub fn new(sender: mpsc::Sender<Result<Vec<Reply>, crate::LogHalted>>) -> ReplyTo {
        ReplyTo(sender)
    }

    /// Sends without waiting; a client that is gone or does not keep up misses the message.
    pub fn send(&self, replies: Result<Vec<Reply>, crate::LogHalted>) {
        let _ = self.0.try_send(replies);
    }

    /// Whether both lead to the same client.
    pub fn same_client(&self, other: &ReplyTo) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// The workers are gone.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the workers have stopped")]
pub struct QueueClosed;

/// The way to the workers.
#[derive(Clone)]
pub struct CommandQueue {
    workers: Vec<Recipient<CommandBatch>>,
}

impl CommandQueue {
    /// A queue to `workers`, the owners of the partitions in the order of
    /// [`Partition::worker`](crate::Partition::worker).
    pub fn new(workers: Vec<Recipient<CommandBatch>>) -> CommandQueue {
        CommandQueue { workers }
    }

    /// How many workers share the partitions.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Sends a batch to the worker of that number. It is in the worker's mailbox, in the order of
    /// the calls, before this returns; the future ends when the worker has taken it up, so a sender
    /// that waits for that of an earlier batch is slowed to the worker's pace.
    ///
    /// # Errors
    /// The worker has stopped.
    pub fn send(
        &self,
        worker: usize,
        batch: CommandBatch,
    ) -> impl Future<Output = Result<(), QueueClosed>> + Send + 'static {
        let sent = in_order::send(&self.workers[worker], batch);
        async move { sent.await.map_err(|_| QueueClosed) }
    }
}
