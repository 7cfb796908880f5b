//! Expiry: a pending buy or sell that is not committed within 60 s is released.

use super::{Account, Pending, RulesVersion, enumeration};
use std::collections::VecDeque;

enumeration! {
    /// Which stack a pending came from.
    pub enum Side, ALL, "buy or sell" {
        /// A buy.
        Buy = 0 => "buy",
        /// A sell.
        Sell = 1 => "sell",
    }
}

/// Releases the oldest pending buy or sell that is past its 60 s at `now_ms`: the cost returns to
/// cash, or the shares return. Call again until there is none. Every version of the rules so far
/// says the same.
pub fn expire_next(
    account: &mut Account,
    _rules: RulesVersion,
    now_ms: u64,
) -> Option<(Side, Pending)> {
    let due = |stack: &VecDeque<Pending>| {
        stack.front().copied().filter(|oldest| oldest.is_expired(now_ms))
    };
    let (buy, sell) = (due(&account.pending_buys), due(&account.pending_sells));
    match (buy, sell) {
        (Some(buy), sell) if sell.is_none_or(|sell| buy.opened_by < sell.opened_by) => {
            account.release(buy.cash)?;
            account.pending_buys.pop_front();
            Some((Side::Buy, buy))
        }
        (_, Some(sell)) => {
            account.release_shares(sell.stock, sell.shares)?;
            account.pending_sells.pop_front();
            Some((Side::Sell, sell))
        }
        _ => None,
    }
}
