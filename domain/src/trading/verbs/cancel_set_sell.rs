//! CANCEL_SET_SELL: drops a sell order; its reserved shares return.

use super::account::take;
use super::{Accepted, Account, Reject, Stock, set_sell_trigger};

pub(super) fn apply(account: &mut Account, stock: Stock) -> Result<Accepted, Reject> {
    let reserved = set_sell_trigger::standing(account, stock)?.reserved;
    account.release_shares(stock, reserved).ok_or(Reject::BalanceLimit)?;
    take(&mut account.sell_orders, stock);
    Ok(Accepted::SellOrderDropped { reserved })
}
