//! Where a worker keeps its accounts: a slot for each user, found by name.

use bus::{Firing, Moment, ReplyTo};
use domain::trading::{Account, Command, UserName};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// The number of a slot.
pub type SlotId = u32;

/// One user's account and what waits for it.
#[derive(Debug)]
pub struct Slot {
    /// The user.
    pub user: UserName,
    /// The account; not open if the user only asks for quotes.
    pub account: Account,
    /// Set while a command waits for a quote.
    pub parked: Option<Box<Parked>>,
    /// Whether a timer is set for its pending buys and sells.
    pub timer_set: bool,
}

/// What waits: a command for a quote, and everything behind it for that command.
#[derive(Debug)]
pub struct Parked {
    /// When the first was taken up.
    pub since: Moment,
    /// What waits, in order.
    pub queue: VecDeque<Waiting>,
}

/// What was received and not yet decided.
#[derive(Debug)]
pub enum Waiting {
    /// A command.
    Command {
        /// The command.
        command: Command,
        /// When it was received.
        received: Moment,
        /// Where its reply goes.
        reply_to: ReplyTo,
    },
    /// An order that a price has met.
    Firing(Firing),
}

/// The slots of one worker.
#[derive(Debug, Default)]
pub struct Accounts {
    by_name: FxHashMap<UserName, SlotId>,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
}

impl Accounts {
    /// The slot of a user.
    pub fn find(&self, user: &UserName) -> Option<SlotId> {
        self.by_name.get(user).copied()
    }

    /// The slot of a user, made if there is none.
    pub fn find_or_make(&mut self, user: &UserName) -> SlotId {
        match self.find(user) {
            Some(id) => id,
            None => self.insert(user.clone(), Account::default()),
        }
    }

    /// Puts an account into a slot of its own. The user must have none.
    pub fn insert(&mut self, user: UserName, account: Account) -> SlotId {
        let slot = Slot { user: user.clone(), account, parked: None, timer_set: false };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as SlotId
            }
        };
        self.by_name.insert(user, id);
        id
    }

    /// Gives a slot up if nothing has come of it: no account was opened and nothing waits.
    pub fn drop_if_empty(&mut self, id: SlotId) {
        let slot = &self.slots[id as usize];
        if !slot.account.open && slot.parked.is_none() && self.by_name.remove(&slot.user).is_some()
        {
            self.free.push(id);
        }
    }

    /// The slot of that number, which must be one that was handed out.
    pub fn slot(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[id as usize]
    }

    /// How many slots there are, in use or given up and kept for the next user: what memory
    /// grows with.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Gives all open accounts away, in no order.
    pub fn take_open(&mut self) -> Vec<(UserName, Account)> {
        self.by_name.clear();
        self.free.clear();
        let slots = std::mem::take(&mut self.slots);
        let open = slots.into_iter().filter(|slot| slot.account.open);
        open.map(|slot| (slot.user, slot.account)).collect()
    }

    /// All open accounts, in no order.
    pub fn open(&self) -> impl Iterator<Item = (&UserName, &Account)> {
        self.by_name
            .values()
            .map(|&id| &self.slots[id as usize])
            .filter(|slot| slot.account.open)
            .map(|slot| (&slot.user, &slot.account))
    }
}
