//! What the order verbs share: how many shares a sell order reserves, when an armed order fires,
//! and how.

use super::account::{ArmedBy, find, put, take};
use super::expiry::Side;
use super::{Account, Amount, Fill, Money, Price, Reject, SellOrder, Shares, Stock};

/// An armed order's limit, the worst price at which it fires (a buy at this one and below, a sell
/// at this one and above), and the command that left it armed.
pub fn armed(account: &Account, side: Side, stock: Stock) -> Option<(Money, ArmedBy)> {
    match side {
        Side::Buy => {
            let order = find(&account.buy_orders, stock)?;
            Some((order.fires_at()?, order.trigger?.1))
        }
        Side::Sell => {
            let (trigger, by) = find(&account.sell_orders, stock)?.trigger?;
            Some((trigger.money(), by))
        }
    }
}

/// Shares that a sell order of `stock` may reserve: the free ones and those it holds already.
pub(super) fn shares_for_order(account: &Account, stock: Stock) -> Shares {
    let held = find(&account.sell_orders, stock).map_or(Shares::ZERO, |order| order.reserved);
    let free = account.holding(stock).free;
    // Free and reserved shares of a stock together always fit: see `Account::gain_shares`.
    free.checked_add(held).unwrap_or(free)
}

/// The shares that an order of `amount` armed at `trigger` reserves.
pub(super) fn sell_reserve(
    amount: Amount,
    trigger: Amount,
    available: Shares,
) -> Result<Shares, Reject> {
    let shares = Shares::new((amount.money().cents() / trigger.money().cents()) as u64);
    if shares == Shares::ZERO {
        return Err(Reject::AmountTooSmall);
    }
    if shares > available {
        return Err(Reject::InsufficientShares { available });
    }
    Ok(shares)
}

/// Makes the reserve of the sell order of `stock` (if one stands) `reserved` shares.
pub(super) fn change_sell_reserve(
    account: &mut Account,
    stock: Stock,
    reserved: Shares,
) -> Option<()> {
    let held = find(&account.sell_orders, stock).map_or(Shares::ZERO, |order| order.reserved);
    match reserved.checked_sub(held) {
        Some(more) => account.reserve_shares(stock, more)?,
        None => account.release_shares(stock, held.checked_sub(reserved)?)?,
    }
    if let Some(order) = find(&account.sell_orders, stock).copied() {
        put(&mut account.sell_orders, stock, SellOrder { reserved, ..order });
    }
    Some(())
}

/// Fires the buy order of `stock` if it is armed and `price` satisfies it: as many whole shares as
/// the reserve pays for, the rest of the reserve returns to cash, the order is gone.
pub fn fill_buy(account: &mut Account, stock: Stock, price: Price) -> Option<Fill> {
    let order = find(&account.buy_orders, stock)?;
    let (trigger, _) = order.trigger?;
    let reserve = order.amount.money();
    let shares = price.shares_for(reserve);
    if price.money() > trigger.money() || shares == Shares::ZERO {
        return None;
    }
    let cost = price.cost_of(shares)?;
    let remainder = reserve.checked_sub(cost)?;
    account.gain_shares(stock, shares)?;
    account.spend_reserved(cost)?;
    account.release(remainder)?;
    take(&mut account.buy_orders, stock);
    Some(Fill { price, shares, cash: remainder })
}

/// Fires the sell order of `stock` if it is armed and `price` satisfies it: all its reserved
/// shares are sold, the order is gone. An order whose proceeds the account could not hold stays.
pub fn fill_sell(account: &mut Account, stock: Stock, price: Price) -> Option<Fill> {
    let order = find(&account.sell_orders, stock)?;
    let (trigger, _) = order.trigger?;
    let shares = order.reserved;
    if price.money() < trigger.money() || shares == Shares::ZERO {
        return None;
    }
    let proceeds = price.cost_of(shares)?;
    account.earn(proceeds)?;
    account.spend_reserved_shares(stock, shares)?;
    take(&mut account.sell_orders, stock);
    Some(Fill { price, shares, cash: proceeds })
}
