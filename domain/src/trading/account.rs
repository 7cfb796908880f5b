//! An account: what a user owns, has pending and has ordered.

use super::command::CommandName;
use super::tables::record;
use super::{Amount, Money, Shares, Stock, TransactionNum};
use std::collections::VecDeque;

/// How long a pending buy or sell can be committed, in milliseconds from the moment its BUY or
/// SELL was accepted (60 s inclusive).
pub const PENDING_MS: u64 = 60_000;

/// One user's account. Rules are in [`verbs`](super::verbs); this is the data they work on and
/// the few moves that several of them share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether an ADD was ever accepted.
    pub open: bool,
    /// Money that is free to use.
    pub cash: Money,
    /// Money held for pending buys and buy orders.
    pub reserved: Money,
    /// Shares by stock, sorted; a stock without shares is not listed.
    holdings: Vec<(Stock, Holding)>,
    /// Pending buys, oldest first: commands take the newest, expiry takes the oldest.
    pub pending_buys: VecDeque<Pending>,
    /// Pending sells, oldest first.
    pub pending_sells: VecDeque<Pending>,
    /// Buy orders by stock, sorted.
    pub buy_orders: Vec<(Stock, BuyOrder)>,
    /// Sell orders by stock, sorted.
    pub sell_orders: Vec<(Stock, SellOrder)>,
    /// The newest commands.
    pub recent: Recent,
}

/// Shares of one stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Free to sell.
    pub free: Shares,
    /// Held for pending sells and sell orders.
    pub reserved: Shares,
}

/// A buy or sell that waits for its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The BUY or SELL.
    pub opened_by: TransactionNum,
    /// Its stock.
    pub stock: Stock,
    /// Its shares.
    pub shares: Shares,
    /// Its cost (buy) or proceeds (sell).
    pub cash: Money,
    /// When it was accepted, in Unix milliseconds.
    pub accepted_ms: u64,
}

record!(Pending { opened_by, stock, shares, cash, accepted_ms });

impl Pending {
    /// Whether it can no longer be committed at `now_ms`.
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        now_ms > self.accepted_ms.saturating_add(PENDING_MS)
    }
}

/// The command that last left an order armed: a firing is logged under it, and a firing meant for
/// an older one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArmedBy {
    /// Its number.
    pub transaction: TransactionNum,
    /// Its name.
    pub name: CommandName,
}

record!(ArmedBy { transaction, name });

/// A buy order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuyOrder {
    /// The money set aside.
    pub amount: Amount,
    /// The price at or below which it is to fire, once armed.
    pub trigger: Option<(Amount, ArmedBy)>,
}

impl BuyOrder {
    /// The highest price at which it fires, once armed: the trigger, or the amount where that pays
    /// for no share at the trigger.
    pub fn fires_at(&self) -> Option<Money> {
        self.trigger.map(|(trigger, _)| trigger.money().min(self.amount.money()))
    }
}

/// A sell order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SellOrder {
    /// How much it is to bring.
    pub amount: Amount,
    /// The price at or above which it fires, once armed.
    pub trigger: Option<(Amount, ArmedBy)>,
    /// The shares set aside; none before it is armed.
    pub reserved: Shares,
}

/// How many commands an account remembers for its summary.
pub const RECENT_COMMANDS: usize = 10;

/// The newest commands of an account.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    ring: [Option<RecentCommand>; RECENT_COMMANDS],
    next: u8,
}

/// One remembered command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentCommand {
    /// Its number.
    pub transaction: TransactionNum,
    /// Its name.
    pub name: CommandName,
    /// Its stock.
    pub stock: Option<Stock>,
    /// Its amount.
    pub amount: Option<Amount>,
    /// Whether it was carried out.
    pub accepted: bool,
}

impl Recent {
    /// Remembers a command in the place of the oldest.
    pub fn push(&mut self, command: RecentCommand) {
        self.ring[self.next as usize] = Some(command);
        self.next = (self.next + 1) % RECENT_COMMANDS as u8;
    }

    /// The remembered commands, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &RecentCommand> {
        let (newer, older) = self.ring.split_at(self.next as usize);
        newer.iter().rev().chain(older.iter().rev()).flatten()
    }
}

/// Where in the ring a command stands makes no difference.
impl PartialEq for Recent {
    fn eq(&self, other: &Recent) -> bool {
        self.newest_first().eq(other.newest_first())
    }
}

impl Eq for Recent {}

impl Account {
    /// The shares of `stock`.
    pub fn holding(&self, stock: Stock) -> Holding {
        match self.holdings.binary_search_by_key(&stock, |entry| entry.0) {
            Ok(at) => self.holdings[at].1,
            Err(_) => Holding::default(),
        }
    }

    /// All shares by stock.
    pub fn holdings(&self) -> &[(Stock, Holding)] {
        &self.holdings
    }

    /// Changes the shares of `stock` by `change`, which says no by `None`; then nothing changes.
    pub fn change_holding(
        &mut self,
        stock: Stock,
        change: impl FnOnce(Holding) -> Option<Holding>,
    ) -> Option<()> {
        match self.holdings.binary_search_by_key(&stock, |entry| entry.0) {
            Ok(at) => {
                let holding = change(self.holdings[at].1)?;
                if holding == Holding::default() {
                    self.holdings.remove(at);
                } else {
                    self.holdings[at].1 = holding;
                }
            }
            Err(at) => {
                let holding = change(Holding::default())?;
                if holding != Holding::default() {
                    self.holdings.insert(at, (stock, holding));
                }
            }
        }
        Some(())
    }

    /// The newest pending buys and sells expire last, so the oldest tells the next deadline: the
    /// last millisecond at which it can be committed.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let oldest = |stack: &VecDeque<Pending>| stack.front().map(|pending| pending.accepted_ms);
        let first = match (oldest(&self.pending_buys), oldest(&self.pending_sells)) {
            (Some(buy), Some(sell)) => buy.min(sell),
            (buy, sell) => buy.or(sell)?,
        };
        Some(first.saturating_add(PENDING_MS))
    }

    /// Adds to the cash, or `None` where all money of the account would no longer fit 64 bits.
    pub fn earn(&mut self, sum: Money) -> Option<()> {
        let cash = self.cash.checked_add(sum)?;
        cash.checked_add(self.reserved)?;
        self.cash = cash;
        Some(())
    }

    /// Moves `sum` from cash to the reserve, or `None` where there is less.
    pub fn reserve(&mut self, sum: Money) -> Option<()> {
        let cash = self.cash.checked_sub(sum)?;
        self.reserved = self.reserved.checked_add(sum)?;
        self.cash = cash;
        Some(())
    }

    /// Moves `sum` from the reserve back to cash.
    pub fn release(&mut self, sum: Money) -> Option<()> {
        let reserved = self.reserved.checked_sub(sum)?;
        self.cash = self.cash.checked_add(sum)?;
        self.reserved = reserved;
        Some(())
    }

    /// Takes `sum` out of the reserve for good.
    pub fn spend_reserved(&mut self, sum: Money) -> Option<()> {
        self.reserved = self.reserved.checked_sub(sum)?;
        Some(())
    }

    /// Adds free shares, or `None` where they would no longer fit 64 bits.
    pub fn gain_shares(&mut self, stock: Stock, shares: Shares) -> Option<()> {
        self.change_holding(stock, |holding| {
            let free = holding.free.checked_add(shares)?;
            free.checked_add(holding.reserved)?;
            Some(Holding { free, ..holding })
        })
    }

    /// Moves free shares to the reserve, or `None` where there are fewer.
    pub fn reserve_shares(&mut self, stock: Stock, shares: Shares) -> Option<()> {
        self.change_holding(stock, |holding| {
            Some(Holding {
                free: holding.free.checked_sub(shares)?,
                reserved: holding.reserved.checked_add(shares)?,
            })
        })
    }

    /// Moves reserved shares back to the free ones.
    pub fn release_shares(&mut self, stock: Stock, shares: Shares) -> Option<()> {
        self.change_holding(stock, |holding| {
            Some(Holding {
                free: holding.free.checked_add(shares)?,
                reserved: holding.reserved.checked_sub(shares)?,
            })
        })
    }

    /// Takes reserved shares away for good.
    pub fn spend_reserved_shares(&mut self, stock: Stock, shares: Shares) -> Option<()> {
        self.change_holding(stock, |holding| {
            Some(Holding { reserved: holding.reserved.checked_sub(shares)?, ..holding })
        })
    }
}

/// The entry of `stock` in a list sorted by stock.
pub fn find<T>(orders: &[(Stock, T)], stock: Stock) -> Option<&T> {
    let at = orders.binary_search_by_key(&stock, |entry| entry.0).ok()?;
    Some(&orders[at].1)
}

/// Puts `order` into a list sorted by stock, in the place of the one that stands there.
pub fn put<T>(orders: &mut Vec<(Stock, T)>, stock: Stock, order: T) {
    match orders.binary_search_by_key(&stock, |entry| entry.0) {
        Ok(at) => orders[at].1 = order,
        Err(at) => orders.insert(at, (stock, order)),
    }
}

/// Takes the entry of `stock` out of a list sorted by stock.
pub fn take<T>(orders: &mut Vec<(Stock, T)>, stock: Stock) -> Option<T> {
    let at = orders.binary_search_by_key(&stock, |entry| entry.0).ok()?;
    Some(orders.remove(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    #[test]
    fn an_account_with_a_few_holdings_takes_less_than_a_kilobyte() {
        assert!(size_of::<Option<RecentCommand>>() <= 24);
        assert!(size_of::<Account>() <= 416, "{}", size_of::<Account>());
    }
}
