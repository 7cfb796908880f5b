//! Plays workload files: reads commands and sends them to the workers as fast as they take them or
//! at a [rate](Player::at_rate), never more than a window ahead of the replies.

use crate::input::{Input, InputError, Line, Next};
use crate::line::parse_line;
use crate::played::Played;
use crate::scoreboard::Scoreboard;
use bus::{
    Clock, CommandBatch, CommandQueue, LogHalted, Moment, Partition, QueueClosed, Reply, ReplyTo,
};
use domain::trading::{Action, Command, TransactionNum};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Commands in a batch: one message costs a worker about as much as ten commands.
const BATCH: usize = 512;

/// Commands on their way at once: enough that users who wait for slow quotes do not keep the
/// others waiting.
pub const WINDOW: usize = 64 << 10;

/// Batches that a worker may have before it; fewer than its mailbox holds, so that none waits to
/// get in and is overtaken.
const BATCHES_AHEAD: usize = 32;

/// How long a player that waits for the next command's time waits before it asks whether it is to
/// stop.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Why a run ended before its end.
#[derive(Debug, Error)]
pub enum PlayError {
    /// A workload file cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The log has halted.
    #[error(transparent)]
    Halted(#[from] LogHalted),
    /// The workers are gone.
    #[error(transparent)]
    Closed(#[from] QueueClosed),
}

/// What a player tells while it plays.
pub trait Audience {
    /// A line holds no command.
    fn unreadable(&mut self, file: &str, line: Line<'_>, column: usize, expected: &'static str);

    /// Replies came: what they tell of is durable.
    fn replies(&mut self, replies: &[Reply]);

    /// Called now and then.
    fn progress(&mut self, commands: u64);

    /// Asked before every line, and while a command waits to be due: whether no more is to be
    /// played. No command is sent after that; what was sent is settled all the same.
    fn wants_to_stop(&mut self) -> bool {
        false
    }
}

/// Hears a player out and says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Audience for Silence {
    fn unreadable(&mut self, _: &str, _: Line<'_>, _: usize, _: &'static str) {}

    fn replies(&mut self, _: &[Reply]) {}

    fn progress(&mut self, _: u64) {}
}

/// What a player counts besides the replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines without a command.
    pub unreadable: u64,
    /// Commands that the log held already.
    pub skipped: u64,
}

/// Plays workload files.
pub struct Player<'a, A> {
    queue: CommandQueue,
    clock: Clock,
    skip: &'a Played,
    audience: &'a mut A,
    scoreboard: Scoreboard,
    tally: Tally,
    next: u64,
    pace: Option<Pace>,
    /// Set once the audience wanted to stop: no command is sent any more.
    stopped: bool,
    batches: Vec<CommandBatch>,
    ahead: Vec<VecDeque<Sent>>,
    in_flight: usize,
    reply_to: ReplyTo,
    replies: mpsc::Receiver<Result<Vec<Reply>, LogHalted>>,
}

/// How many commands a second there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    millionths: NonZeroU64,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Rate, &'static str> {
        let expected = "a number from 0.000001 to 1000000000, with at most six decimals";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 10 || fraction.len() > 6 {
            return Err(expected);
        }
        let whole: u64 = whole.parse().map_err(|_| expected)?;
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| expected)?;
        let millionths = NonZeroU64::new(whole * 1_000_000 + millionths).ok_or(expected)?;
        (millionths.get() <= 1_000_000_000_000_000).then_some(Rate { millionths }).ok_or(expected)
    }
}

/// When a command counts as received.
enum Due {
    /// When it is sent.
    Now,
    /// At this moment, which has come.
    At(Moment),
    /// Never: the audience wants to stop first, and the command is not sent.
    Never,
}

/// When which command is due.
struct Pace {
    begun: Moment,
    commands: u64,
    rate: Rate,
}

impl Pace {
    /// When the next command is due.
    fn due(&self) -> Moment {
        let millionths = u128::from(self.rate.millionths.get());
        let nanos = u128::from(self.commands) * 1_000_000_000_000_000 / millionths;
        self.begun.plus(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

type Sent = Pin<Box<dyn Future<Output = Result<(), QueueClosed>>>>;

impl<'a, A: Audience> Player<'a, A> {
    /// A player that sends to `queue` and leaves out the transactions in `skip`. The run begins
    /// now.
    pub fn new(
        queue: CommandQueue,
        clock: Clock,
        skip: &'a Played,
        audience: &'a mut A,
    ) -> Player<'a, A> {
        let (sender, replies) = mpsc::channel(WINDOW);
        let reply_to = ReplyTo::new(sender);
        let now = clock.now();
        let batch =
            || CommandBatch { commands: Vec::new(), received: now, reply_to: reply_to.clone() };
        Player {
            batches: (0..queue.workers()).map(|_| batch()).collect(),
            ahead: (0..queue.workers()).map(|_| VecDeque::new()).collect(),
            queue,
            skip,
            audience,
            scoreboard: Scoreboard::new(now),
            tally: Tally::default(),
            next: 1,
            pace: None,
            stopped: false,
            in_flight: 0,
            reply_to,
            replies,
            clock,
        }
    }

    /// Commands count as received at this rate from now on. One that cannot be sent in time counts
    /// as received when it was due all the same: that it was late is part of how long it took.
    pub fn at_rate(mut self, rate: Option<Rate>) -> Player<'a, A> {
        let begun = self.clock.now();
        self.pace = rate.map(|rate| Pace { begun, commands: 0, rate });
        self
    }

    /// Plays one file, or as much of it as the audience wants. Commands are numbered on from the
    /// file before.
    ///
    /// # Errors
    /// The file cannot be read, or the system has stopped.
    pub async fn play(&mut self, mut input: Input) -> Result<(), PlayError> {
        let name = input.name().to_string();
        while !self.stopped && !self.audience.wants_to_stop() {
            match input.next_line()? {
                Next::Line(line) => {
                    let read = if line.too_long {
                        Err(crate::line::Unreadable { column: 1, expected: "a shorter line" })
                    } else {
                        parse_line(line.text)
                    };
                    match read {
                        Ok(Some(action)) => self.command(action).await?,
                        // A blank line.
                        Ok(None) => {}
                        Err(fault) => {
                            self.tally.unreadable += 1;
                            self.audience.unreadable(&name, line, fault.column, fault.expected);
                        }
                    }
                }
                Next::Pause => {
                    // What was read is on its way before more is waited for.
                    self.send_all().await?;
                    self.take_replies()?;
                }
                Next::End => break,
            }
        }
        Ok(())
    }

    /// Waits for all replies.
    ///
    /// # Errors
    /// The system has stopped.
    pub async fn settle(&mut self) -> Result<(), PlayError> {
        self.send_all().await?;
        while self.in_flight > 0 {
            self.await_replies().await?;
        }
        Ok(())
    }

    /// What came of the run.
    pub fn finish(self) -> (Scoreboard, Tally) {
        (self.scoreboard, self.tally)
    }

    async fn command(&mut self, action: Action) -> Result<(), PlayError> {
        let transaction = self.next;
        self.next += 1;
        if self.skip.contains(transaction) {
            self.tally.skipped += 1;
            return Ok(());
        }
        let alone = matches!(action, Action::DumpAll(_));
        if alone {
            // Everything before a global DUMPLOG belongs into it, nothing behind it does.
            self.settle().await?;
        }
        let received = match self.await_turn().await? {
            Due::Now => None,
            Due::At(due) => Some(due),
            Due::Never => {
                self.stopped = true;
                return Ok(());
            }
        };
        let worker = Partition::of(&action).worker(self.batches.len());
        let batch = &mut self.batches[worker];
        if batch.commands.is_empty() {
            // Never later than now: nothing is logged before its time has come.
            batch.received = received.unwrap_or_else(|| self.clock.now());
        }
        batch.commands.push(Command::new(
            TransactionNum(transaction),
            self.clock.unix_ms(batch.received),
            action,
        ));
        self.in_flight += 1;
        if batch.commands.len() >= BATCH {
            self.send(worker).await?;
            self.take_replies()?;
        }
        if alone {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits until the next command can be sent: until there is room in the window and, at a rate,
    /// until it is due.
    async fn await_turn(&mut self) -> Result<Due, PlayError> {
        while self.in_flight >= WINDOW {
            self.send_all().await?;
            self.await_replies().await?;
            if self.audience.wants_to_stop() {
                return Ok(Due::Never);
            }
        }
        let Some(pace) = &mut self.pace else { return Ok(Due::Now) };
        let due = pace.due();
        pace.commands += 1;
        if due > self.clock.now() {
            // What was due before is on its way while this waits.
            self.send_all().await?;
        }
        loop {
            if self.audience.wants_to_stop() {
                return Ok(Due::Never);
            }
            let wait = due.since(self.clock.now());
            if wait.is_zero() {
                return Ok(Due::At(due));
            }
            select! {
                replies = self.replies.recv() => {
                    // The player holds a sender itself, so the channel never closes.
                    let Some(replies) = replies else { return Err(QueueClosed.into()) };
                    self.count(&replies?);
                }
                () = sleep(self.clock.to_wait(wait).min(LONGEST_WAIT)) => {}
            }
        }
    }

    async fn send_all(&mut self) -> Result<(), PlayError> {
        for worker in 0..self.batches.len() {
            self.send(worker).await?;
        }
        Ok(())
    }

    async fn send(&mut self, worker: usize) -> Result<(), PlayError> {
        if self.batches[worker].commands.is_empty() {
            return Ok(());
        }
        if self.ahead[worker].len() >= BATCHES_AHEAD
            && let Some(oldest) = self.ahead[worker].pop_front()
        {
            oldest.await?;
        }
        let batch = CommandBatch {
            commands: Vec::with_capacity(BATCH),
            received: self.batches[worker].received,
            reply_to: self.reply_to.clone(),
        };
        let batch = std::mem::replace(&mut self.batches[worker], batch);
        let sent = self.queue.send(worker, batch);
        self.ahead[worker].push_back(Box::pin(sent));
        Ok(())
    }

    /// Takes the replies that are there.
    fn take_replies(&mut self) -> Result<(), PlayError> {
        while let Ok(replies) = self.replies.try_recv() {
            self.count(&replies?);
        }
        Ok(())
    }

    /// Waits for a reply, then takes those that are there.
    async fn await_replies(&mut self) -> Result<(), PlayError> {
        // The player holds a sender itself, so the channel never closes.
        let Some(replies) = self.replies.recv().await else { return Err(QueueClosed.into()) };
        self.count(&replies?);
        self.take_replies()
    }

    fn count(&mut self, replies: &[Reply]) {
        self.in_flight -= replies.len();
        self.scoreboard.record(replies, self.clock.now());
        self.audience.replies(replies);
        self.audience.progress(self.tally.skipped + self.scoreboard.commands());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_plain_decimal() {
        let due = |rate: &str, commands| {
            let rate = rate.parse().unwrap();
            Pace { begun: Moment::from_nanos(0), commands, rate }.due().nanos()
        };
        assert_eq!(due("1", 3), 3_000_000_000);
        assert_eq!(due("0.05", 1), 20_000_000_000);
        assert_eq!(due("3", 1), 333_333_333);
        assert_eq!(due("1000000000", u64::MAX / 2), u64::MAX / 2);
        for text in
            ["", "0", "0.0", "-1", "1e3", "1.", ".5", "1.0000001", "1000000001", "9999999999"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }
}
