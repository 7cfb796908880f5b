//! SET_BUY_AMOUNT: sets cash aside for a buy order. An armed order stays armed, and is evaluated.

use super::account::{BuyOrder, find, put};
use super::{Accepted, Account, Amount, CommandName, Money, Price, Reject, Stamp, Stock, orders};

/// What the order reserves already counts as there.
pub(super) fn check(account: &Account, stock: Stock, amount: Amount) -> Result<(), Reject> {
    let available =
        account.cash.checked_add(previous_reserve(account, stock)).ok_or(Reject::BalanceLimit)?;
    if available < amount.money() {
        return Err(Reject::InsufficientFunds { available });
    }
    Ok(())
}

/// Only an armed order has to be compared with a price.
pub(super) fn wants_price(account: &Account, stock: Stock) -> bool {
    find(&account.buy_orders, stock).is_some_and(|order| order.trigger.is_some())
}

pub(super) fn apply(
    account: &mut Account,
    stamp: Stamp,
    stock: Stock,
    amount: Amount,
    price: Option<Price>,
) -> Result<Accepted, Reject> {
    check(account, stock, amount)?;
    let previous = previous_reserve(account, stock);
    let moved = if amount.money() >= previous {
        amount.money().checked_sub(previous).and_then(|more| account.reserve(more))
    } else {
        previous.checked_sub(amount.money()).and_then(|less| account.release(less))
    };
    moved.ok_or(Reject::BalanceLimit)?;
    let trigger = find(&account.buy_orders, stock)
        .and_then(|order| order.trigger)
        .map(|(trigger, _)| (trigger, stamp.armed_by(CommandName::SetBuyAmount)));
    put(&mut account.buy_orders, stock, BuyOrder { amount, trigger });
    let fill = price.and_then(|price| orders::fill_buy(account, stock, price));
    Ok(Accepted::BuyAmountSet { previous, fill })
}

fn previous_reserve(account: &Account, stock: Stock) -> Money {
    find(&account.buy_orders, stock).map_or(Money::ZERO, |order| order.amount.money())
}
