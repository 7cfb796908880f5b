//! BUY: reserves cash for as many whole shares as the amount pays for, until COMMIT_BUY,
//! CANCEL_BUY or 60 s have passed.

use super::{Accepted, Account, Amount, Pending, Price, Reject, Shares, Stamp, Stock};

/// The cash must be there before any quote is asked for.
pub(super) fn check(account: &Account, amount: Amount) -> Result<(), Reject> {
    if account.cash < amount.money() {
        return Err(Reject::InsufficientFunds { available: account.cash });
    }
    Ok(())
}

pub(super) fn apply(
    account: &mut Account,
    stamp: Stamp,
    stock: Stock,
    amount: Amount,
    price: Price,
) -> Result<Accepted, Reject> {
    check(account, amount)?;
    let shares = price.shares_for(amount.money());
    if shares == Shares::ZERO {
        return Err(Reject::AmountTooSmall);
    }
    let cost = price.cost_of(shares).ok_or(Reject::BalanceLimit)?;
    account.reserve(cost).ok_or(Reject::BalanceLimit)?;
    account.pending_buys.push_back(Pending {
        opened_by: stamp.transaction,
        stock,
        shares,
        cash: cost,
        accepted_ms: stamp.now_ms,
    });
    Ok(Accepted::BuyPending { shares, cost })
}
