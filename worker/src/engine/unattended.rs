//! What accounts do by themselves: orders that fire on later prices, pending buys and sells that
//! expire.

use super::Engine;
use super::output::note_watched;
use crate::accounts::{SlotId, Waiting};
use crate::armed_orders;
use bus::{AccountEvent, Firing, Moment, OrderChange};
use domain::trading::Entry;
use domain::trading::entry::{self, OrderFilled, PendingExpired};
use domain::trading::verbs::{expiry, orders};
use std::cmp::Reverse;

/// What accounts did by themselves so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unattended {
    /// Armed orders that fired on a later price.
    pub fired: u64,
    /// Pending buys and sells that expired.
    pub expired: u64,
}

impl Unattended {
    /// Counts in what accounts of another worker did.
    pub fn add(&mut self, other: Unattended) {
        self.fired += other.fired;
        self.expired += other.expired;
    }
}

impl Engine {
    /// What accounts did by themselves so far.
    pub fn unattended(&self) -> Unattended {
        self.unattended
    }

    /// Fires orders that a price has met, each in its turn among its user's commands.
    pub fn fire(&mut self, firings: Vec<Firing>) {
        let now = self.clock.now();
        for firing in firings {
            let Some(id) = self.accounts.find(&firing.user) else { continue };
            match &mut self.accounts.slot(id).parked {
                Some(parked) => parked.queue.push_back(Waiting::Firing(firing)),
                None => self.fire_one(id, &firing, now),
            }
        }
    }

    /// Releases the pending buys and sells whose time has run out.
    pub fn expire(&mut self) {
        let now_ms = self.clock.unix_ms(self.clock.now());
        while let Some(&Reverse((deadline_ms, id))) = self.timers.peek()
            && deadline_ms < now_ms
        {
            self.timers.pop();
            self.accounts.slot(id).timer_set = false;
            self.expire_account(id, now_ms);
            self.set_timer(id);
        }
    }

    /// The last Unix millisecond before [`expire`](Self::expire) has something to do.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((deadline_ms, _))| *deadline_ms)
    }

    pub(super) fn set_timer(&mut self, id: SlotId) {
        let slot = self.accounts.slot(id);
        if !slot.timer_set
            && let Some(deadline_ms) = slot.account.next_deadline_ms()
        {
            slot.timer_set = true;
            self.timers.push(Reverse((deadline_ms, id)));
        }
    }

    pub(super) fn expire_account(&mut self, id: SlotId, now_ms: u64) {
        let (rules, slot) = (self.rules, self.accounts.slot(id));
        while let Some((side, pending)) = expiry::expire_next(&mut slot.account, rules, now_ms) {
            let expired = PendingExpired {
                transaction: pending.opened_by,
                user: slot.user.clone(),
                expired_ms: now_ms,
                side,
                stock: pending.stock,
                shares: pending.shares,
                cash: pending.cash,
            };
            self.unattended.expired += 1;
            let news = self.tells_news.then(|| AccountEvent::Expired(expired.clone()));
            let entry = Entry::Expired(expired);
            note_watched(&self.watched, &mut self.output, &entry);
            self.output.unattended(&entry, news, None);
        }
    }

    /// Fires an order if it still stands as it was when the price met it. One that stands and did
    /// not fire after all is told of again.
    pub(super) fn fire_one(&mut self, id: SlotId, firing: &Firing, now: Moment) {
        let Firing { side, armed_by, quote, .. } = firing;
        let now_ms = self.clock.unix_ms(now);
        self.expire_account(id, now_ms);
        let slot = self.accounts.slot(id);
        let stock = quote.stock;
        let stands = orders::armed(&slot.account, *side, stock)
            .is_some_and(|(_, by)| by.transaction == *armed_by);
        if !stands {
            return;
        }
        // A price that ran out while the account was parked counts as none.
        let fresh = quote.is_fresh(now);
        let rules = self.rules;
        let fired = fresh.then(|| entry::fire(&mut slot.account, rules, *side, stock, quote.price));
        let Some((transaction, name, fill)) = fired.flatten() else {
            let compared = fresh.then_some(quote.sent);
            let order = armed_orders::one(&slot.user, &slot.account, *side, stock, compared);
            self.output.orders.extend(order.map(OrderChange::Armed));
            return;
        };
        let user = slot.user.clone();
        let filled =
            OrderFilled { transaction, name, user, filled_ms: now_ms, side: *side, stock, fill };
        self.unattended.fired += 1;
        let news = self.tells_news.then(|| AccountEvent::Filled(filled.clone()));
        let entry = Entry::Filled(filled);
        note_watched(&self.watched, &mut self.output, &entry);
        self.output.unattended(&entry, news, Some(quote.sent));
    }
}
