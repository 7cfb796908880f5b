//! ADD: puts money into an account, and opens it if it is the user's first.

use super::{Accepted, Account, Amount, Reject};

pub(super) fn apply(account: &mut Account, amount: Amount) -> Result<Accepted, Reject> {
    account.earn(amount.money()).ok_or(Reject::BalanceLimit)?;
    account.open = true;
    Ok(Accepted::Added)
}
