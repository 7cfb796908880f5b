//! An account as its user sees it while trading. Sums are dollars with two decimals, as text.

use bus::AccountRead;
use domain::trading::account::{ArmedBy, PENDING_MS, Pending};
use domain::trading::{Account, Amount, UserName};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An account.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LiveAccount {
    /// A number in the log: the account is as it stood right behind that entry.
    pub seq: u64,
    /// The server's time, in Unix milliseconds.
    pub now_ms: u64,
    /// The user.
    pub user: String,
    /// Whether there is an account: the first ADD opens it.
    pub open: bool,
    /// Money that is free to use.
    pub cash: String,
    /// Money held for pending buys and buy orders.
    pub reserved: String,
    /// Shares by stock.
    pub holdings: BTreeMap<String, LiveHolding>,
    /// Buys that wait for their commit, newest first.
    pub pending_buys: Vec<LivePendingBuy>,
    /// Sells that wait for their commit, newest first.
    pub pending_sells: Vec<LivePendingSell>,
    /// Buy orders by stock.
    pub buy_orders: Vec<LiveBuyOrder>,
    /// Sell orders by stock.
    pub sell_orders: Vec<LiveSellOrder>,
}

/// Shares of one stock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveHolding {
    /// Free to sell.
    pub free: u64,
    /// Held for pending sells and sell orders.
    pub reserved: u64,
}

/// A buy that waits for its commit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LivePendingBuy {
    /// The BUY.
    pub transaction: u64,
    /// The stock.
    pub stock: String,
    /// How many shares.
    pub shares: u64,
    /// What they cost.
    pub cost: String,
    /// The last millisecond (Unix) in which it can be committed.
    pub deadline_ms: u64,
}

/// A sell that waits for its commit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LivePendingSell {
    /// The SELL.
    pub transaction: u64,
    /// The stock.
    pub stock: String,
    /// How many shares.
    pub shares: u64,
    /// What they bring.
    pub proceeds: String,
    /// The last millisecond (Unix) in which it can be committed.
    pub deadline_ms: u64,
}

/// A buy order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveBuyOrder {
    /// The stock.
    pub stock: String,
    /// The money set aside.
    pub amount: String,
    /// The price at or below which it is to fire; none where it is not armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The highest price at which it fires: the trigger, or the amount where that pays for no share
    /// at the trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fires_at: Option<String>,
    /// The command that left it armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub armed_by: Option<u64>,
}

/// A sell order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveSellOrder {
    /// The stock.
    pub stock: String,
    /// How much it is to bring.
    pub amount: String,
    /// The price at or above which it fires; none where it is not armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The shares set aside.
    pub reserved_shares: u64,
    /// The command that left it armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub armed_by: Option<u64>,
}

impl LiveAccount {
    /// The account of `user` as it was read, at `now_ms`.
    pub fn of(user: &UserName, read: &AccountRead, now_ms: u64) -> LiveAccount {
        let none = Account::default();
        let account = read.account.as_deref().unwrap_or(&none);
        let armed = |trigger: Option<(Amount, ArmedBy)>| {
            let price = trigger.map(|(price, _)| price.money().to_string());
            (price, trigger.map(|(_, by)| by.transaction.0))
        };
        LiveAccount {
            seq: read.seq,
            now_ms,
            user: user.to_string(),
            open: account.open,
            cash: account.cash.to_string(),
            reserved: account.reserved.to_string(),
            holdings: account
                .holdings()
                .iter()
                .map(|(stock, held)| {
                    let (free, reserved) = (held.free.count(), held.reserved.count());
                    (stock.to_string(), LiveHolding { free, reserved })
                })
                .collect(),
            pending_buys: account.pending_buys.iter().rev().map(LivePendingBuy::of).collect(),
            pending_sells: account.pending_sells.iter().rev().map(LivePendingSell::of).collect(),
            buy_orders: account
                .buy_orders
                .iter()
                .map(|(stock, order)| {
                    let (trigger, armed_by) = armed(order.trigger);
                    LiveBuyOrder {
                        stock: stock.to_string(),
                        amount: order.amount.money().to_string(),
                        trigger,
                        fires_at: order.fires_at().map(|price| price.to_string()),
                        armed_by,
                    }
                })
                .collect(),
            sell_orders: account
                .sell_orders
                .iter()
                .map(|(stock, order)| {
                    let (trigger, armed_by) = armed(order.trigger);
                    LiveSellOrder {
                        stock: stock.to_string(),
                        amount: order.amount.money().to_string(),
                        trigger,
                        reserved_shares: order.reserved.count(),
                        armed_by,
                    }
                })
                .collect(),
        }
    }
}

impl LivePendingBuy {
    fn of(pending: &Pending) -> LivePendingBuy {
        LivePendingBuy {
            transaction: pending.opened_by.0,
            stock: pending.stock.to_string(),
            shares: pending.shares.count(),
            cost: pending.cash.to_string(),
            deadline_ms: pending.accepted_ms + PENDING_MS,
        }
    }
}

impl LivePendingSell {
    fn of(pending: &Pending) -> LivePendingSell {
        LivePendingSell {
            transaction: pending.opened_by.0,
            stock: pending.stock.to_string(),
            shares: pending.shares.count(),
            proceeds: pending.cash.to_string(),
            deadline_ms: pending.accepted_ms + PENDING_MS,
        }
    }
}
