//! SELL: reserves as many whole shares as the amount is worth, until COMMIT_SELL, CANCEL_SELL or
//! 60 s have passed.

use super::{Accepted, Account, Amount, Pending, Price, Reject, Shares, Stamp, Stock};

/// A free share must be there before any quote is asked for.
pub(super) fn check(account: &Account, stock: Stock) -> Result<(), Reject> {
    if account.holding(stock).free == Shares::ZERO {
        return Err(Reject::InsufficientShares { available: Shares::ZERO });
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
    check(account, stock)?;
    let shares = price.shares_for(amount.money());
    if shares == Shares::ZERO {
        return Err(Reject::AmountTooSmall);
    }
    let proceeds = price.cost_of(shares).ok_or(Reject::BalanceLimit)?;
    let available = account.holding(stock).free;
    account.reserve_shares(stock, shares).ok_or(Reject::InsufficientShares { available })?;
    account.pending_sells.push_back(Pending {
        opened_by: stamp.transaction,
        stock,
        shares,
        cash: proceeds,
        accepted_ms: stamp.now_ms,
    });
    Ok(Accepted::SellPending { shares, proceeds })
}
