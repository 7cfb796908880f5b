//! REGISTER: opens an account with nothing in it. An account that is open stays as it is.

use super::{Accepted, Account};

pub(super) fn apply(account: &mut Account) -> Accepted {
    account.open = true;
    Accepted::Registered
}
