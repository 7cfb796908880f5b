//! CANCEL_SELL: the newest pending sell's shares return.

use super::{Accepted, Account, Reject, Stamp, taken, valid_newest};

pub(super) fn apply(account: &mut Account, stamp: Stamp) -> Result<Accepted, Reject> {
    let pending = valid_newest(&account.pending_sells, stamp).ok_or(Reject::NoPendingSell)?;
    account.release_shares(pending.stock, pending.shares).ok_or(Reject::BalanceLimit)?;
    account.pending_sells.pop_back();
    Ok(Accepted::SellCancelled(taken(pending)))
}
