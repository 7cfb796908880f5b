//! CANCEL_BUY: the newest pending buy's cost returns to cash.

use super::{Accepted, Account, Reject, Stamp, taken, valid_newest};

pub(super) fn apply(account: &mut Account, stamp: Stamp) -> Result<Accepted, Reject> {
    let pending = valid_newest(&account.pending_buys, stamp).ok_or(Reject::NoPendingBuy)?;
    account.release(pending.cash).ok_or(Reject::BalanceLimit)?;
    account.pending_buys.pop_back();
    Ok(Accepted::BuyCancelled(taken(pending)))
}
