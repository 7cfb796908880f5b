//! What comes of a command later: an armed order fires, a pending buy or sell expires.

use super::account::{Armed, PENDING_MS, shares_for, worth};
use super::audit::{Audit, Group, Item};
use super::findings::FindingKind;
use super::money::Dollars;
use super::rules::Expected;
use super::schema::ElementKind;
use super::words::{Movement, Verb};

/// How late a timer may be before an expiry counts as missing.
const TIMER_LATE_MS: u64 = 5_000;

impl Audit<'_> {
    /// Judges the elements of a group from `used` on, and whether an order that its command left
    /// armed had to fire.
    pub(super) fn later(&mut self, group: &Group, used: usize) {
        let mut items = group.items[used..].iter().peekable();
        let noted = self.transactions.get(group.transaction);
        if noted.is_none() && group.head.is_none() {
            if let Some(item) = items.next() {
                self.findings.add(
                    FindingKind::NoUserCommand,
                    item.line,
                    Some(group.transaction),
                    || format!("{} without a userCommand before it", item.kind.name()),
                );
            }
            return;
        }
        let user = noted.and_then(|noted| noted.user);
        let fired = self.counts.fired;
        while let Some(item) = items.next() {
            let is_movement = |next: &&Item| next.kind == ElementKind::AccountTransaction;
            match (item.kind, item.verb) {
                (ElementKind::SystemEvent, Some(verb)) => {
                    let movement = items.next_if(is_movement);
                    self.event(user, group.transaction, verb, item, movement);
                }
                (ElementKind::AccountTransaction, _) => {
                    self.extra(group.transaction, item);
                    self.move_cash(user, group.transaction, item);
                }
                (ElementKind::ErrorEvent, _) => {
                    self.findings.add(
                        FindingKind::UnknownError,
                        item.line,
                        Some(group.transaction),
                        || "an errorEvent of a command that was carried out".to_string(),
                    );
                }
                _ => {}
            }
        }
        if let Some(user) = user {
            // What leaves an order armed uses a price at once, whether or not the order fires.
            let evaluated = self.counts.fired > fired || self.left_armed(user, group);
            if group.head.is_some() && group.awaited == 0 && evaluated {
                self.counts.cached += 1;
            }
            self.missed(user, group);
        }
    }

    fn event(
        &mut self,
        user: Option<u32>,
        transaction: u64,
        verb: Verb,
        event: &Item,
        movement: Option<&Item>,
    ) {
        let expected = user.and_then(|user| match verb {
            Verb::CancelBuy | Verb::CancelSell => self.expire(user, transaction, verb, event),
            Verb::SetBuyAmount | Verb::SetBuyTrigger => {
                self.fire_buy(user, transaction, verb, event)
            }
            Verb::SetSellAmount | Verb::SetSellTrigger => {
                self.fire_sell(user, transaction, verb, event)
            }
            _ => None,
        });
        if expected.is_none() {
            self.findings.add(FindingKind::EventUnexplained, event.line, Some(transaction), || {
                match verb {
                    Verb::CancelBuy | Verb::CancelSell => {
                        "nothing is pending under this transaction that could expire".to_string()
                    }
                    verb if verb.arms() => {
                        "no order is armed by this transaction that could fire".to_string()
                    }
                    verb => format!("nothing explains a {} here", verb.name()),
                }
            });
        }
        match (user, expected) {
            (Some(user), Some(expected)) => {
                self.expect(user, transaction, expected, movement, event.line);
            }
            (user, _) => {
                if let Some(item) = movement {
                    self.move_cash(user, transaction, item);
                }
            }
        }
        if let (Some(user), Some(at)) = (user, event.at) {
            let account = &mut self.accounts[user as usize];
            account.clock = account.clock.max(at);
        }
    }

    /// A pending buy or sell expires: its cost or its shares return.
    fn expire(
        &mut self,
        user: u32,
        transaction: u64,
        verb: Verb,
        event: &Item,
    ) -> Option<Expected> {
        let account = &mut self.accounts[user as usize];
        let stack = match verb {
            Verb::CancelBuy => &mut account.buys,
            _ => &mut account.sells,
        };
        let at = stack.iter().position(|pending| pending.transaction == transaction)?;
        let pending = stack.remove(at);
        self.counts.expired += 1;
        if let Some(at) = event.at {
            let age = at.saturating_sub(pending.since.low);
            if age < PENDING_MS {
                self.findings.add(FindingKind::ExpiredEarly, event.line, Some(transaction), || {
                    format!("expired after {age} ms")
                });
            } else {
                self.counts.latest_expiry_ms = self.counts.latest_expiry_ms.max(age - PENDING_MS);
            }
        }
        if event.stock != Some(pending.stock) {
            self.findings.add(FindingKind::EventWrong, event.line, Some(transaction), || {
                format!("what expired is of the stock {}", pending.stock)
            });
        }
        if pending.known && event.cents != Some(pending.cents) {
            self.findings.add(FindingKind::EventWrong, event.line, Some(transaction), || {
                format!("what expired is worth {}", Dollars::of(pending.cents))
            });
        }
        if verb == Verb::CancelSell {
            self.accounts[user as usize].gain(pending.stock, pending.shares);
            return Some(Expected::Exactly(None));
        }
        Some(if pending.known {
            Expected::Exactly(Movement::add(pending.cents))
        } else {
            Expected::Unknown
        })
    }

    /// A buy order fires: as many whole shares as the reserve pays for, and the rest returns.
    fn fire_buy(
        &mut self,
        user: u32,
        transaction: u64,
        verb: Verb,
        event: &Item,
    ) -> Option<Expected> {
        let stock = event.stock?;
        let account = &mut self.accounts[user as usize];
        let order = account.holding(stock).buy?;
        let armed = order.armed.filter(|by| by.transaction == transaction && by.verb == verb)?;
        account.holding_mut(stock).buy = None;
        self.counts.fired += 1;
        let Some(price) = event.cents.filter(|&cents| cents > 0) else {
            return Some(Expected::Unknown);
        };
        let shares = shares_for(order.reserve, price);
        let cost = worth(shares, price);
        account.gain(stock, shares);
        account.spent += i128::from(cost);
        let satisfied = price <= armed.trigger && shares > 0;
        self.fired(transaction, event, price, armed.trigger, satisfied);
        Some(Expected::Exactly(Movement::add(order.reserve.saturating_sub(cost))))
    }

    /// A sell order fires: all its shares are sold.
    fn fire_sell(
        &mut self,
        user: u32,
        transaction: u64,
        verb: Verb,
        event: &Item,
    ) -> Option<Expected> {
        let stock = event.stock?;
        let account = &mut self.accounts[user as usize];
        let order = account.holding(stock).sell?;
        let armed = order.armed.filter(|by| by.transaction == transaction && by.verb == verb)?;
        account.holding_mut(stock).sell = None;
        self.counts.fired += 1;
        let Some(price) = event.cents.filter(|&cents| cents > 0) else {
            return Some(Expected::Unknown);
        };
        let proceeds = worth(order.shares, price);
        account.spent -= i128::from(proceeds);
        let satisfied = price >= armed.trigger;
        self.fired(transaction, event, price, armed.trigger, satisfied);
        Some(Expected::Exactly(Movement::add(proceeds)))
    }

    fn fired(&mut self, transaction: u64, event: &Item, price: i64, trigger: i64, satisfied: bool) {
        if !satisfied {
            self.findings.add(FindingKind::FiredUnsatisfied, event.line, Some(transaction), || {
                let (price, trigger) = (Dollars::of(price), Dollars::of(trigger));
                format!("the price {price} does not satisfy the order armed at {trigger}")
            });
        }
        if let Some(at) = event.at {
            self.trace(event, price, at, transaction);
        }
    }

    /// Whether an order stands that the group's command armed.
    fn left_armed(&self, user: u32, group: &Group) -> bool {
        let Some(stock) = group.head.and_then(|head| head.stock) else { return false };
        let holding = self.accounts[user as usize].holding(stock);
        let armed =
            [holding.buy.and_then(|order| order.armed), holding.sell.and_then(|order| order.armed)];
        armed.into_iter().flatten().any(|by| by.transaction == group.transaction)
    }

    /// An order that the group's command left armed had to fire inside it if every price that was
    /// good then satisfies it.
    fn missed(&mut self, user: u32, group: &Group) {
        let Some(head) = group.head else { return };
        let (Some(stock), Some(verb)) = (head.stock, head.verb) else { return };
        if !verb.arms() {
            return;
        }
        let account = &self.accounts[user as usize];
        let holding = account.holding(stock);
        let buy = holding.buy.and_then(|order| Some((order.armed?, order.reserve)));
        let sell = holding.sell.and_then(|order| Some((order.armed?, order.shares)));
        let by = |armed: Armed| armed.transaction == group.transaction && armed.verb == verb;
        let satisfies: &dyn Fn(i64) -> bool = match (buy, sell) {
            (Some((armed, reserve)), _) if by(armed) => {
                &move |price| price <= armed.trigger && price <= reserve
            }
            (_, Some((armed, shares))) if by(armed) => {
                &move |price| price >= armed.trigger && shares > 0
            }
            _ => return,
        };
        let time = account.clock.max(head.at.unwrap_or(0));
        let (mut good, all) = self.quotes.good_at(stock, time);
        let Some(newest) = good.next() else {
            if all {
                self.findings.add_if_complete(
                    FindingKind::PriceUntraced,
                    head.line,
                    head.transaction,
                    || format!("left armed, and no price of {stock} in 60 s to evaluate it"),
                );
            }
            return;
        };
        if all && satisfies(newest.price) && good.all(|quote| satisfies(quote.price)) {
            self.findings.add_if_complete(
                FindingKind::FiringMissed,
                head.line,
                head.transaction,
                || {
                    format!(
                        "every price of {stock} then satisfies it: {}",
                        Dollars::of(newest.price)
                    )
                },
            );
        }
    }

    /// At the end of the log, nothing is pending that had to expire long before.
    pub(super) fn overdue(&mut self, last: u64) {
        for account in &self.accounts {
            for pending in account.buys.iter().chain(&account.sells) {
                let age = self.now.saturating_sub(pending.since.high());
                if age > PENDING_MS + TIMER_LATE_MS {
                    let line = self
                        .transactions
                        .get(pending.transaction)
                        .map_or(last, |transaction| transaction.line);
                    self.findings.add(
                        FindingKind::ExpiryMissing,
                        line,
                        Some(pending.transaction),
                        || format!("still pending {age} ms later, when the log ends"),
                    );
                }
            }
        }
    }
}
