//! Accounts for those who look at them: one is read as the log has it, and one that is watched is
//! told anew whenever entries about it have become durable. Neither leaves a trace in the log.

use crate::{Partition, in_order};
use actix::{Message, Recipient};
use domain::trading::{Account, Entry, UserName};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// An account as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRead {
    /// A number in the log: whatever its entries up to this one did to the account is in it, and
    /// nothing of those behind it. 0 where the log was empty.
    pub seq: u64,
    /// The account; none where the user has none.
    pub account: Option<Box<Account>>,
}

/// Asks a worker.
#[derive(Message)]
#[rtype(result = "()")]
pub enum AskAccount {
    /// For the account of a user, once all that it holds is durable.
    Read(UserName, oneshot::Sender<AccountRead>),
    /// To tell of the account of a user from now on.
    Watch(UserName),
    /// To tell of it no more.
    Unwatch(UserName),
}

/// An account that is watched, after durable entries about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The user.
    pub user: UserName,
    /// The account behind the entries.
    pub read: AccountRead,
    /// The entries with their numbers, in the order of the log.
    pub events: Vec<(u64, Entry)>,
}

/// The updates of one durable batch of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUpdates {
    /// Whether updates before these are missing, because the listener did not keep up: it reads
    /// the accounts that it watches anew.
    pub missed: bool,
    /// The updates.
    pub updates: Vec<AccountUpdate>,
}

/// A listener to the accounts that are watched at one worker. It is never waited for.
#[derive(Debug)]
pub struct UpdatesTo {
    listener: mpsc::Sender<AccountUpdates>,
    missed: bool,
}

impl UpdatesTo {
    /// Updates go to `listener`.
    pub fn new(listener: mpsc::Sender<AccountUpdates>) -> UpdatesTo {
        UpdatesTo { listener, missed: false }
    }

    /// Sends without waiting; a listener that has no room learns later that it missed something.
    pub fn send(&mut self, updates: Vec<AccountUpdate>) {
        let sent = self.listener.try_send(AccountUpdates { missed: self.missed, updates });
        self.missed = sent.is_err();
    }
}

/// The workers are gone, or the log has halted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("accounts cannot be read: the system has stopped")]
pub struct AccountsGone;

/// The way to the accounts.
#[derive(Clone)]
pub struct AccountDesk {
    workers: Vec<Recipient<AskAccount>>,
}

impl AccountDesk {
    /// A desk of `workers`, the owners of the partitions in the order of [`Partition::worker`].
    pub fn new(workers: Vec<Recipient<AskAccount>>) -> AccountDesk {
        AccountDesk { workers }
    }

    /// Reads the account of `user`. The question is in the worker's mailbox, behind what was sent
    /// before, when this returns.
    ///
    /// # Errors
    /// The system has stopped.
    pub fn read(
        &self,
        user: &UserName,
    ) -> impl Future<Output = Result<AccountRead, AccountsGone>> + Send + 'static {
        let (tell, told) = oneshot::channel();
        let sent = self.send(user, AskAccount::Read(user.clone(), tell));
        async move {
            sent.await?;
            told.await.map_err(|_| AccountsGone)
        }
    }

    /// From now on (or, with `on` unset, no more) updates of the account of `user` are told.
    ///
    /// # Errors
    /// The system has stopped.
    pub fn watch(
        &self,
        user: &UserName,
        on: bool,
    ) -> impl Future<Output = Result<(), AccountsGone>> + Send + 'static {
        let asked = if on { AskAccount::Watch } else { AskAccount::Unwatch };
        self.send(user, asked(user.clone()))
    }

    fn send(
        &self,
        user: &UserName,
        ask: AskAccount,
    ) -> impl Future<Output = Result<(), AccountsGone>> + Send + 'static {
        let worker = Partition::of_user(user.as_str()).worker(self.workers.len());
        let sent = in_order::send(&self.workers[worker], ask);
        async move { sent.await.map_err(|_| AccountsGone) }
    }
}
