//! CANCEL_SET_BUY: drops a buy order; its reserve returns to cash.

use super::account::take;
use super::{Accepted, Account, Reject, Stock, set_buy_trigger};

pub(super) fn apply(account: &mut Account, stock: Stock) -> Result<Accepted, Reject> {
    let reserve = set_buy_trigger::check(account, stock)?.amount.money();
    account.release(reserve).ok_or(Reject::BalanceLimit)?;
    take(&mut account.buy_orders, stock);
    Ok(Accepted::BuyOrderDropped { reserve })
}
