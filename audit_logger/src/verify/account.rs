//! The checker's own picture of an account.
//!
//! Cash is what the log's movements make it, so that one wrong movement is reported once and not
//! with every command after it. All else (reserves, holdings, pending buys and sells, orders) is
//! derived from the commands.

use super::words::{Movement, Stock, Verb, Way};
use rustc_hash::FxHashMap;

/// A pending buy or sell is valid while it is not older than this.
pub(super) const PENDING_MS: u64 = 60_000;

/// How long after the last sign of it in the log a SELL may have taken effect: unlike a BUY, one
/// that asked for its own price leaves no element with the time of its effect.
pub(super) const UNSEEN_MS: u64 = 1_000;

/// When a command took effect: not before `low`, and then at once where the log is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Unix milliseconds.
    pub(super) low: u64,
    /// Whether the log tells the very time.
    pub(super) exact: bool,
}

impl Moment {
    /// The latest time that the log allows for.
    pub(super) const fn high(self) -> u64 {
        if self.exact { self.low } else { self.low.saturating_add(UNSEEN_MS) }
    }
}

/// A pending buy or sell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// The BUY or SELL that made it.
    pub(super) transaction: u64,
    pub(super) stock: Stock,
    pub(super) shares: i64,
    /// Cost or proceeds.
    pub(super) cents: i64,
    pub(super) since: Moment,
    /// False where the log does not tell the price: then shares and cents are a guess.
    pub(super) known: bool,
}

/// What left an order armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    pub(super) trigger: i64,
    pub(super) transaction: u64,
    pub(super) verb: Verb,
}

/// A standing SET_BUY_AMOUNT.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuyOrder {
    pub(super) reserve: i64,
    pub(super) armed: Option<Armed>,
}

/// A standing SET_SELL_AMOUNT.
#[derive(Clone, Copy, Debug)]
pub(super) struct SellOrder {
    pub(super) amount: i64,
    pub(super) shares: i64,
    pub(super) armed: Option<Armed>,
}

/// What an account has of one stock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holding {
    /// Unreserved shares.
    pub(super) free: i64,
    pub(super) buy: Option<BuyOrder>,
    pub(super) sell: Option<SellOrder>,
}

/// An account, as the log shows it so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Whether there was an accepted ADD (or, where that is allowed for, a registration).
    pub(super) open: bool,
    /// Commands of the user in the log.
    pub(super) commands: u64,
    /// Σ add − Σ remove of the log's movements.
    pub(super) cash: i64,
    pub(super) holdings: FxHashMap<Stock, Holding>,
    pub(super) buys: Vec<Pending>,
    pub(super) sells: Vec<Pending>,
    /// The user's last transaction, and its line.
    pub(super) last: (u64, u64),
    /// The latest time at which one of the user's commands is known to have taken effect.
    pub(super) clock: u64,
    /// Σ ADD.
    pub(super) added: i128,
    /// Σ committed and fired buys − Σ committed and fired sells.
    pub(super) spent: i128,
}

impl Account {
    pub(super) fn holding(&self, stock: Stock) -> Holding {
        self.holdings.get(&stock).copied().unwrap_or_default()
    }

    pub(super) fn holding_mut(&mut self, stock: Stock) -> &mut Holding {
        self.holdings.entry(stock).or_default()
    }

    /// Adds shares (or, with a negative count, takes them). Returns what is free then.
    pub(super) fn gain(&mut self, stock: Stock, shares: i64) -> i64 {
        let holding = self.holding_mut(stock);
        holding.free = holding.free.saturating_add(shares);
        holding.free
    }

    /// Carries out a movement of the log. Returns the cash before and after.
    pub(super) fn move_cash(&mut self, movement: Movement) -> (i64, i64) {
        let before = self.cash;
        self.cash = match movement.way {
            Way::Add => before.saturating_add(movement.cents),
            Way::Remove => before.saturating_sub(movement.cents),
        };
        (before, self.cash)
    }

    /// Cash set aside for pending buys and buy orders.
    pub(super) fn reserved(&self) -> i128 {
        let orders = self.holdings.values().filter_map(|holding| holding.buy);
        let orders: i128 = orders.map(|order| i128::from(order.reserve)).sum();
        orders + self.buys.iter().map(|pending| i128::from(pending.cents)).sum::<i128>()
    }

    /// The most cash the account could come to hold without another ADD: the measure of its
    /// limit.
    pub(super) fn exposure(&self) -> i128 {
        let sells = self.sells.iter().map(|pending| i128::from(pending.cents));
        i128::from(self.cash) + self.reserved() + sells.sum::<i128>()
    }

    /// Shares of a stock: free, reserved, or bought and not yet committed.
    pub(super) fn shares_within_reach(&self, stock: Stock) -> i128 {
        let holding = self.holding(stock);
        let pending = self.buys.iter().chain(&self.sells).filter(|pending| pending.stock == stock);
        i128::from(holding.free)
            + holding.sell.map_or(0, |order| i128::from(order.shares))
            + pending.map(|pending| i128::from(pending.shares)).sum::<i128>()
    }
}

/// Whole shares that `cents` pay for.
pub(super) const fn shares_for(cents: i64, price: i64) -> i64 {
    if price <= 0 { 0 } else { cents / price }
}

/// What `shares` are worth.
pub(super) const fn worth(shares: i64, price: i64) -> i64 {
    shares.saturating_mul(price)
}
