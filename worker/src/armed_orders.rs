//! The armed orders of an account as the AutoTX manager is told of them.

use bus::{ArmedOrder, Moment, OrderChange, OrderKey};
use domain::trading::verbs::expiry::Side;
use domain::trading::verbs::orders;
use domain::trading::{Account, Stock, UserName};

/// The order of `stock`, if it is armed. `compared` is when the price was asked for that it was
/// last compared with.
pub fn one(
    user: &UserName,
    account: &Account,
    side: Side,
    stock: Stock,
    compared: Option<Moment>,
) -> Option<ArmedOrder> {
    let (limit, armed_by) = orders::armed(account, side, stock)?;
    Some(ArmedOrder { user: user.clone(), stock, side, limit, armed_by, compared })
}

/// Where the order of `stock` stands, if it is armed.
pub fn key(account: &Account, side: Side, stock: Stock) -> Option<OrderKey> {
    let (limit, armed_by) = orders::armed(account, side, stock)?;
    Some(OrderKey { stock, side, limit, armed_by: armed_by.transaction })
}

/// Tells what a command made of an order: `before` it and `after` it.
pub fn change(before: Option<OrderKey>, after: Option<ArmedOrder>, changes: &mut Vec<OrderChange>) {
    if before == after.as_ref().map(ArmedOrder::key) {
        return;
    }
    changes.extend(before.map(OrderChange::Gone));
    changes.extend(after.map(OrderChange::Armed));
}

/// Tells of all armed orders of an account; with which prices they were compared is not known.
pub fn all(user: &UserName, account: &Account, changes: &mut Vec<OrderChange>) {
    let buys = account.buy_orders.iter().map(|(stock, _)| (Side::Buy, *stock));
    let sells = account.sell_orders.iter().map(|(stock, _)| (Side::Sell, *stock));
    for (side, stock) in buys.chain(sells) {
        changes.extend(one(user, account, side, stock, None).map(OrderChange::Armed));
    }
}
