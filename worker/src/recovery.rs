//! Accounts folded from the entries of a log.

use bus::Partition;
use domain::trading::entry::{self, Divergence};
use domain::trading::{Account, Entry, RulesVersion, UserName};
use rustc_hash::FxHashMap;
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// All accounts as the entries so far leave them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    accounts: FxHashMap<UserName, Account>,
}

impl Ledger {
    /// A ledger that begins with `accounts`.
    pub fn new(accounts: impl IntoIterator<Item = (UserName, Account)>) -> Ledger {
        Ledger { accounts: accounts.into_iter().collect() }
    }

    /// Replays one entry, which was decided by `rules`.
    ///
    /// # Errors
    /// The entry does not follow from the accounts and the rules.
    pub fn replay(&mut self, rules: RulesVersion, entry: &Entry) -> Result<(), Divergence> {
        let Some(user) = entry.account() else { return Ok(()) };
        if let Some(account) = self.accounts.get_mut(user) {
            return entry::replay(account, rules, entry);
        }
        let mut account = Account::default();
        entry::replay(&mut account, rules, entry)?;
        if account.open {
            self.accounts.insert(user.clone(), account);
        }
        Ok(())
    }

    /// The accounts.
    pub fn accounts(&self) -> &FxHashMap<UserName, Account> {
        &self.accounts
    }

    /// Gives the accounts away.
    pub fn into_accounts(self) -> impl Iterator<Item = (UserName, Account)> {
        self.accounts.into_iter()
    }
}

/// Entries that go to a thread together.
const BATCH: usize = 512;

/// Batches that a thread may have before it: whoever reads the log waits for the slowest.
const BATCHES_AHEAD: usize = 8;

type Numbered = (u64, RulesVersion, Entry);
type Folded = Result<Ledger, (u64, Divergence)>;

/// A fold on several threads: each has the accounts of its partitions, as workers have.
pub struct ParallelFold {
    threads: Vec<JoinHandle<Folded>>,
    senders: Vec<SyncSender<Vec<Numbered>>>,
    batches: Vec<Vec<Numbered>>,
}

impl ParallelFold {
    /// A fold that begins with the accounts of `ledger`, on so many threads, and at least one.
    pub fn new(ledger: Ledger, threads: usize) -> ParallelFold {
        let threads = threads.max(1);
        let mut shares: Vec<Ledger> = (0..threads).map(|_| Ledger::default()).collect();
        for (user, account) in ledger.into_accounts() {
            let share = Partition::of_user(user.as_str()).worker(threads);
            shares[share].accounts.insert(user, account);
        }
        let mut fold =
            ParallelFold { threads: Vec::new(), senders: Vec::new(), batches: Vec::new() };
        for share in shares {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            fold.threads.push(std::thread::spawn(move || fold_batches(share, &batches)));
            fold.senders.push(sender);
            fold.batches.push(Vec::new());
        }
        fold
    }

    /// Takes in the entry of that number, which was decided by `rules`.
    pub fn push(&mut self, number: u64, rules: RulesVersion, entry: Entry) {
        let Some(user) = entry.account() else { return };
        let to = Partition::of_user(user.as_str()).worker(self.batches.len());
        self.batches[to].push((number, rules, entry));
        if self.batches[to].len() >= BATCH {
            self.send(to);
        }
    }

    fn send(&mut self, to: usize) {
        let batch = mem::replace(&mut self.batches[to], Vec::with_capacity(BATCH));
        // A thread that has found a divergence takes no more; it tells at the end.
        let _ = self.senders[to].send(batch);
    }

    /// Ends the fold.
    ///
    /// # Errors
    /// The first entry that does not follow from those before it, with its number.
    pub fn finish(mut self) -> Folded {
        (0..self.batches.len()).for_each(|to| self.send(to));
        drop(self.senders);
        let mut whole = Ledger::default();
        let mut first: Option<(u64, Divergence)> = None;
        for thread in self.threads {
            match thread.join() {
                Ok(Ok(share)) => whole.accounts.extend(share.accounts),
                Ok(Err(found)) => {
                    if first.as_ref().is_none_or(|(number, _)| found.0 < *number) {
                        first = Some(found);
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        first.map_or(Ok(whole), Err)
    }
}

fn fold_batches(mut ledger: Ledger, batches: &Receiver<Vec<Numbered>>) -> Folded {
    for batch in batches {
        for (number, rules, entry) in batch {
            ledger.replay(rules, &entry).map_err(|divergence| (number, divergence))?;
        }
    }
    Ok(ledger)
}
