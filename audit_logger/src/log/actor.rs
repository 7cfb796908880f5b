//! The log writer as an actor, alone on its thread. While one batch is being flushed the next
//! gathers in the mailbox: the slower the disk, the larger the batches.

use super::LogWriter;
use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use bus::{Append, Clock, Durable, LogHalted};
use std::mem;

/// A batch is flushed when it has this many bytes, even if more is waiting: beyond it a flush
/// costs by the byte and waiting would only add delay.
const GROUP_BYTES: usize = 4 << 20;

/// The log writer.
pub struct LogWriterActor {
    writer: LogWriter,
    clock: Clock,
    waiting: Vec<Append>,
    waiting_bytes: usize,
    commit_due: bool,
    mailbox: usize,
}

/// Flushes what is waiting.
#[derive(Message)]
#[rtype(result = "()")]
struct Commit;

/// Ends the log in order. Nothing may be appended afterwards.
#[derive(Message)]
#[rtype(result = "Result<LogSummary, LogHalted>")]
pub struct CloseLog;

/// What a log holds when it is closed.
#[derive(Clone, Debug)]
pub struct LogSummary {
    /// The number of its last entry.
    pub last: u64,
    /// The hash of the whole of it.
    pub chain: super::ChainHash,
    /// Bytes written since it was opened.
    pub bytes_written: u64,
}

impl LogWriterActor {
    /// An actor that writes through `writer`. `mailbox` is the number of appends that all senders
    /// together may have on their way: then none ever waits to get in, and the order in which
    /// they were sent is kept.
    pub fn new(writer: LogWriter, clock: Clock, mailbox: usize) -> LogWriterActor {
        LogWriterActor {
            writer,
            clock,
            waiting: Vec::new(),
            waiting_bytes: 0,
            commit_due: false,
            mailbox,
        }
    }

    fn commit(&mut self) {
        let group = mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if group.is_empty() {
            return;
        }
        let now_ms = self.clock.unix_ms(self.clock.now());
        let written = self.writer.append(group.iter().map(|append| &append.entries), now_ms);
        let mut next = written.as_ref().copied().unwrap_or_default();
        for append in group {
            let count = append.entries.count();
            let result = match &written {
                Ok(_) => Ok(Durable { first: next, count }),
                Err(halted) => Err(halted.clone()),
            };
            next += u64::from(count);
            // Whoever asked may be gone; the entries are durable all the same.
            let _ = append.done.send(result);
        }
    }
}

impl Actor for LogWriterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox);
    }
}

impl Handler<Append> for LogWriterActor {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Self::Context) {
        self.waiting_bytes += append.entries.bytes().len();
        self.waiting.push(append);
        if self.waiting_bytes >= GROUP_BYTES {
            self.commit();
        } else if !self.commit_due {
            // A notification is handled once the mailbox is empty: whatever is waiting there
            // shares the flush.
            self.commit_due = true;
            ctx.notify(Commit);
        }
    }
}

impl Handler<Commit> for LogWriterActor {
    type Result = ();

    fn handle(&mut self, _: Commit, _: &mut Self::Context) {
        self.commit_due = false;
        self.commit();
    }
}

impl Handler<CloseLog> for LogWriterActor {
    type Result = MessageResult<CloseLog>;

    fn handle(&mut self, _: CloseLog, _: &mut Self::Context) -> Self::Result {
        self.commit();
        let now_ms = self.clock.unix_ms(self.clock.now());
        let closed = self.writer.close(now_ms).map(|()| LogSummary {
            last: self.writer.next_entry() - 1,
            chain: self.writer.chain(),
            bytes_written: self.writer.bytes_written(),
        });
        MessageResult(closed)
    }
}
