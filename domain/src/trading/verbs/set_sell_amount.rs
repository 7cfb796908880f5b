//! SET_SELL_AMOUNT: notes how much a sell order is to bring. An armed order stays armed: its
//! reserve follows, and it is evaluated.

use super::account::{SellOrder, find, put};
use super::{Accepted, Account, Amount, CommandName, Price, Reject, Shares, Stamp, Stock, orders};

/// Returns the shares that the order will reserve: none while it is not armed.
pub(super) fn check(account: &Account, stock: Stock, amount: Amount) -> Result<Shares, Reject> {
    let order = find(&account.sell_orders, stock);
    let available = orders::shares_for_order(account, stock);
    if available == Shares::ZERO {
        return Err(Reject::InsufficientShares { available });
    }
    match order.and_then(|order| order.trigger) {
        None => Ok(Shares::ZERO),
        Some((trigger, _)) => orders::sell_reserve(amount, trigger, available),
    }
}

/// Only an armed order has to be compared with a price.
pub(super) fn wants_price(account: &Account, stock: Stock) -> bool {
    find(&account.sell_orders, stock).is_some_and(|order| order.trigger.is_some())
}

pub(super) fn apply(
    account: &mut Account,
    stamp: Stamp,
    stock: Stock,
    amount: Amount,
    price: Option<Price>,
) -> Result<Accepted, Reject> {
    let reserved = check(account, stock, amount)?;
    orders::change_sell_reserve(account, stock, reserved).ok_or(Reject::BalanceLimit)?;
    let trigger = find(&account.sell_orders, stock)
        .and_then(|order| order.trigger)
        .map(|(trigger, _)| (trigger, stamp.armed_by(CommandName::SetSellAmount)));
    put(&mut account.sell_orders, stock, SellOrder { amount, trigger, reserved });
    let fill = price.and_then(|price| orders::fill_sell(account, stock, price));
    Ok(Accepted::SellAmountSet { reserved, fill })
}
