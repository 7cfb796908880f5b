//! SET_SELL_TRIGGER: arms a sell order (or arms it anew), reserves its shares, and evaluates it.

use super::account::{SellOrder, find, put};
use super::{Accepted, Account, Amount, CommandName, Price, Reject, Shares, Stamp, Stock, orders};

/// Returns the order that stands, and the shares that it will reserve.
pub(super) fn check(
    account: &Account,
    stock: Stock,
    trigger: Amount,
) -> Result<(SellOrder, Shares), Reject> {
    let order = standing(account, stock)?;
    let available = orders::shares_for_order(account, stock);
    Ok((order, orders::sell_reserve(order.amount, trigger, available)?))
}

pub(super) fn standing(account: &Account, stock: Stock) -> Result<SellOrder, Reject> {
    find(&account.sell_orders, stock).copied().ok_or(Reject::NoSellOrder)
}

pub(super) fn apply(
    account: &mut Account,
    stamp: Stamp,
    stock: Stock,
    trigger: Amount,
    price: Price,
) -> Result<Accepted, Reject> {
    let (order, reserved) = check(account, stock, trigger)?;
    orders::change_sell_reserve(account, stock, reserved).ok_or(Reject::BalanceLimit)?;
    let trigger = Some((trigger, stamp.armed_by(CommandName::SetSellTrigger)));
    put(&mut account.sell_orders, stock, SellOrder { trigger, reserved, ..order });
    Ok(Accepted::SellArmed { reserved, fill: orders::fill_sell(account, stock, price) })
}
