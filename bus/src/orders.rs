//! Armed orders: workers tell the AutoTX manager which orders are armed, and it tells them which
//! of these a price has met.
//!
//! The worker that owns an account alone decides. What the manager knows may be late, so a firing
//! names the command that left the order armed: one that is meant for an order that was cancelled,
//! fired or armed anew in the meantime changes nothing.

use crate::{FreshQuote, Moment, in_order};
use actix::{Message, Recipient};
use domain::trading::account::ArmedBy;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Money, Stock, TransactionNum, UserName};

/// An armed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmedOrder {
    /// Whose it is.
    pub user: UserName,
    /// The stock.
    pub stock: Stock,
    /// Whether it buys or sells.
    pub side: Side,
    /// The price at which it fires: a buy at this one and below, a sell at this one and above.
    /// That of a buy whose reserve pays for no share at its trigger is its reserve.
    pub limit: Money,
    /// The command that last left it armed. No two orders share one.
    pub armed_by: ArmedBy,
    /// When the price that it was last compared with was asked for; `None` if that is not known.
    pub compared: Option<Moment>,
}

impl ArmedOrder {
    /// Where it stands.
    pub fn key(&self) -> OrderKey {
        OrderKey {
            stock: self.stock,
            side: self.side,
            limit: self.limit,
            armed_by: self.armed_by.transaction,
        }
    }
}

/// Where an armed order stands among all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// Its stock.
    pub stock: Stock,
    /// Whether it buys or sells.
    pub side: Side,
    /// The price at which it fires.
    pub limit: Money,
    /// The command that left it armed.
    pub armed_by: TransactionNum,
}

/// What has become of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// It is armed.
    Armed(ArmedOrder),
    /// It is no longer: cancelled, fired by its own command, or armed anew by another one.
    Gone(OrderKey),
}

/// What has become of orders, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OrderNews(pub Vec<OrderChange>);

/// The way to the AutoTX manager.
#[derive(Clone)]
pub struct OrderDesk(Recipient<OrderNews>);

impl OrderDesk {
    /// The desk of the `manager`.
    pub fn new(manager: Recipient<OrderNews>) -> OrderDesk {
        OrderDesk(manager)
    }

    /// Tells. The news is in the manager's mailbox, in the order of the calls, before this
    /// returns; the future ends when it has been taken up.
    pub fn tell(&self, news: Vec<OrderChange>) -> impl Future<Output = ()> + Send + 'static {
        let told = in_order::send(&self.0, OrderNews(news));
        async move {
            // Where the manager is gone the system is being shut down, and nothing fires any more.
            let _ = told.await;
        }
    }
}

/// An order that a price has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Whose it is.
    pub user: UserName,
    /// Whether it buys or sells.
    pub side: Side,
    /// The command that left it armed.
    pub armed_by: TransactionNum,
    /// The price that met it, and of which stock.
    pub quote: FreshQuote,
}

/// Orders to be fired, in price-time order within each stock and side.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FireOrders(pub Vec<Firing>);

/// The way from the AutoTX manager to the workers.
#[derive(Clone, Default)]
pub struct FireQueue {
    workers: Vec<Recipient<FireOrders>>,
}

impl FireQueue {
    /// A queue to `workers`, the owners of the partitions in the order of
    /// [`Partition::worker`](crate::Partition::worker).
    pub fn new(workers: Vec<Recipient<FireOrders>>) -> FireQueue {
        FireQueue { workers }
    }

    /// How many workers share the partitions.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Sends firings to the worker of that number. They are in its mailbox, in the order of the
    /// calls, before this returns; the future ends when the worker has taken them up.
    pub fn send(
        &self,
        worker: usize,
        firings: Vec<Firing>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let sent = in_order::send(&self.workers[worker], FireOrders(firings));
        async move {
            // A worker that is gone has left its orders in the log, armed.
            let _ = sent.await;
        }
    }
}
