//! What waits for the log before it is told to those who look at accounts: answers to reads, and
//! updates of accounts that are watched. All of it leaves in the order of the log.

use bus::{AccountRead, AccountUpdate, Durable, UpdatesTo};
use domain::trading::{Account, Entry, UserName};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// The number of an append, counted from the worker's first.
pub(crate) type AppendNumber = u64;

/// An update whose entries are not durable yet: they are numbered within their batch.
pub(crate) struct Prepared {
    pub(crate) user: UserName,
    pub(crate) account: Option<Box<Account>>,
    pub(crate) events: Vec<(u64, Entry)>,
}

/// What waits.
#[derive(Default)]
pub(crate) struct Telling {
    /// The number of the last entry that is known to be durable, with all of this worker before.
    last: u64,
    begun: AppendNumber,
    /// Appends on their way, the first of which is number `begun - open.len()`.
    open: VecDeque<Open>,
    listener: Option<UpdatesTo>,
    halted: bool,
}

#[derive(Default)]
struct Open {
    durable: Option<Durable>,
    updates: Vec<Prepared>,
    reads: Vec<(oneshot::Sender<AccountRead>, Option<Box<Account>>)>,
}

impl Telling {
    /// Nothing is on its way, and the log ends with entry `last`.
    pub(crate) fn new(last: u64, listener: Option<UpdatesTo>) -> Telling {
        Telling { last, listener, ..Telling::default() }
    }

    /// Whether somebody hears of updates.
    pub(crate) fn has_listener(&self) -> bool {
        self.listener.is_some()
    }

    /// An append is on its way; `updates` are to be told when it is durable.
    pub(crate) fn begin(&mut self, updates: Vec<Prepared>) -> AppendNumber {
        self.open.push_back(Open { updates, ..Open::default() });
        self.begun += 1;
        self.begun - 1
    }

    /// Answers `reader` as soon as all that was begun is durable.
    pub(crate) fn read(
        &mut self,
        reader: oneshot::Sender<AccountRead>,
        account: Option<Box<Account>>,
    ) {
        match self.open.back_mut() {
            _ if self.halted => {}
            Some(newest) => newest.reads.push((reader, account)),
            None => answer(reader, self.last, account),
        }
    }

    /// The log has halted: nothing is told any more, and the readers learn that nobody answers.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
        self.open.clear();
    }

    /// An append is durable. What waited for it is told, once those before it are durable too.
    pub(crate) fn settle(&mut self, append: AppendNumber, durable: Durable) {
        let first = self.begun - self.open.len() as u64;
        let at = append.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(open) = at.and_then(|at| self.open.get_mut(at)) {
            open.durable = Some(durable);
        }
        while let Some(durable) = self.open.front().and_then(|open| open.durable) {
            let Some(Open { updates, reads, .. }) = self.open.pop_front() else { return };
            self.last = durable.first + u64::from(durable.count).saturating_sub(1);
            let seq = self.last;
            if let Some(listener) = self.listener.as_mut().filter(|_| !updates.is_empty()) {
                let numbered = |(number, entry)| (durable.first + number, entry);
                let update = |prepared: Prepared| AccountUpdate {
                    user: prepared.user,
                    read: AccountRead { seq, account: prepared.account },
                    events: prepared.events.into_iter().map(numbered).collect(),
                };
                listener.send(updates.into_iter().map(update).collect());
            }
            reads.into_iter().for_each(|(reader, account)| answer(reader, seq, account));
        }
    }
}

fn answer(reader: oneshot::Sender<AccountRead>, seq: u64, account: Option<Box<Account>>) {
    // Whoever asked may be gone.
    let _ = reader.send(AccountRead { seq, account });
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn durable(first: u64) -> Durable {
        Durable { first, count: 2 }
    }

    #[test]
    fn nothing_is_told_before_all_that_was_begun_before_it_is_durable() {
        let (sender, mut updates) = mpsc::channel(8);
        let mut telling = Telling::new(7, Some(UpdatesTo::new(sender)));
        let prepared = |name: &[u8]| Prepared {
            user: UserName::parse(name).unwrap(),
            account: None,
            events: Vec::new(),
        };
        let (reader, mut at_once) = oneshot::channel();
        telling.read(reader, None);
        assert_eq!(at_once.try_recv().unwrap().seq, 7);

        let first = telling.begin(vec![prepared(b"a")]);
        let (reader, mut waits) = oneshot::channel();
        telling.read(reader, None);
        let second = telling.begin(vec![prepared(b"b")]);
        telling.settle(second, durable(10));
        assert!(updates.try_recv().is_err() && waits.try_recv().is_err());
        telling.settle(first, durable(8));
        assert_eq!(waits.try_recv().unwrap().seq, 9);
        let told: Vec<u64> = std::iter::from_fn(|| updates.try_recv().ok())
            .flat_map(|batch| batch.updates)
            .map(|update| update.read.seq)
            .collect();
        assert_eq!(told, [9, 11]);
    }

    #[test]
    fn a_listener_without_room_learns_that_it_missed_something() {
        let (sender, mut updates) = mpsc::channel(1);
        let mut told = UpdatesTo::new(sender);
        told.send(Vec::new());
        told.send(Vec::new());
        assert!(!updates.try_recv().unwrap().missed);
        told.send(Vec::new());
        assert!(updates.try_recv().unwrap().missed);
        told.send(Vec::new());
        assert!(!updates.try_recv().unwrap().missed);
    }
}
