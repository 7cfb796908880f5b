//! COMMIT_SELL: the newest pending sell's shares leave and its proceeds join the cash.

use super::{Accepted, Account, Reject, Stamp, taken, valid_newest};

pub(super) fn apply(account: &mut Account, stamp: Stamp) -> Result<Accepted, Reject> {
    let pending = valid_newest(&account.pending_sells, stamp).ok_or(Reject::NoPendingSell)?;
    account.earn(pending.cash).ok_or(Reject::BalanceLimit)?;
    account.spend_reserved_shares(pending.stock, pending.shares).ok_or(Reject::BalanceLimit)?;
    account.pending_sells.pop_back();
    Ok(Accepted::SellCommitted(taken(pending)))
}
