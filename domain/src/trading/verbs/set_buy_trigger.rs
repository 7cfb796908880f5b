//! SET_BUY_TRIGGER: arms a buy order (or arms it anew), and evaluates it.

use super::account::{BuyOrder, find, put};
use super::{Accepted, Account, Amount, CommandName, Price, Reject, Stamp, Stock, orders};

pub(super) fn check(account: &Account, stock: Stock) -> Result<BuyOrder, Reject> {
    find(&account.buy_orders, stock).copied().ok_or(Reject::NoBuyOrder)
}

pub(super) fn apply(
    account: &mut Account,
    stamp: Stamp,
    stock: Stock,
    trigger: Amount,
    price: Price,
) -> Result<Accepted, Reject> {
    let order = check(account, stock)?;
    let trigger = Some((trigger, stamp.armed_by(CommandName::SetBuyTrigger)));
    put(&mut account.buy_orders, stock, BuyOrder { trigger, ..order });
    Ok(Accepted::BuyArmed { fill: orders::fill_buy(account, stock, price) })
}
