//! COMMIT_BUY: the newest pending buy's shares join the holdings.

use super::{Accepted, Account, Reject, Stamp, taken, valid_newest};

pub(super) fn apply(account: &mut Account, stamp: Stamp) -> Result<Accepted, Reject> {
    let pending = valid_newest(&account.pending_buys, stamp).ok_or(Reject::NoPendingBuy)?;
    account.gain_shares(pending.stock, pending.shares).ok_or(Reject::BalanceLimit)?;
    account.spend_reserved(pending.cash).ok_or(Reject::BalanceLimit)?;
    account.pending_buys.pop_back();
    Ok(Accepted::BuyCommitted(taken(pending)))
}
