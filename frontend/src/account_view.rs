//! Accounts as JSON. Money is dollars with two decimals in a string, because JSON numbers are
//! floats to many a reader.

use domain::trading::account::{BuyOrder, Holding, Pending, SellOrder};
use domain::trading::{Account, Money, UserName};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// All accounts: the contents of `state.json`. Each is rendered only while it is written, so that
/// a million of them take no room.
pub struct StateView<'a> {
    accounts: Vec<(&'a UserName, &'a Account)>,
}

impl<'a> StateView<'a> {
    /// A view of `accounts`, given in any order; they are shown sorted by user.
    pub fn new(accounts: impl IntoIterator<Item = (&'a UserName, &'a Account)>) -> StateView<'a> {
        let mut accounts: Vec<_> = accounts.into_iter().collect();
        accounts.sort_by_key(|(user, _)| *user);
        StateView { accounts }
    }
}

impl Serialize for StateView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Accounts<'v>(&'v [(&'v UserName, &'v Account)]);
        impl Serialize for Accounts<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let views =
                    self.0.iter().map(|(user, account)| AccountView::new(user.as_str(), account));
                serializer.collect_seq(views)
            }
        }
        let mut state = serializer.serialize_struct("StateView", 1)?;
        state.serialize_field("accounts", &Accounts(&self.accounts))?;
        state.end()
    }
}

/// One account.
#[derive(Debug, Serialize)]
pub struct AccountView {
    /// The user.
    pub user: String,
    /// Money that is free to use.
    pub cash: String,
    /// Money held for pending buys and buy orders.
    pub reserved: String,
    /// Shares by stock; a stock without shares is not listed.
    pub holdings: BTreeMap<String, HoldingView>,
    /// Buys that wait for their commit, newest first.
    pub pending_buys: Vec<PendingBuyView>,
    /// Sells that wait for their commit, newest first.
    pub pending_sells: Vec<PendingSellView>,
    /// Buy orders, sorted by stock.
    pub buy_orders: Vec<BuyOrderView>,
    /// Sell orders, sorted by stock.
    pub sell_orders: Vec<SellOrderView>,
}

/// Shares of one stock.
#[derive(Debug, Serialize)]
pub struct HoldingView {
    /// Free to sell.
    pub free: u64,
    /// Held for pending sells and sell orders.
    pub reserved: u64,
}

/// A buy that waits for its commit.
#[derive(Debug, Serialize)]
pub struct PendingBuyView {
    /// The stock.
    pub stock: String,
    /// How many shares.
    pub shares: u64,
    /// What they cost.
    pub cost: String,
}

/// A sell that waits for its commit.
#[derive(Debug, Serialize)]
pub struct PendingSellView {
    /// The stock.
    pub stock: String,
    /// How many shares.
    pub shares: u64,
    /// What they bring.
    pub proceeds: String,
}

/// A buy order.
#[derive(Debug, Serialize)]
pub struct BuyOrderView {
    /// The stock.
    pub stock: String,
    /// The money set aside.
    pub amount: String,
    /// The price at or below which it fires; null where it is not armed.
    pub trigger: Option<String>,
}

/// A sell order.
#[derive(Debug, Serialize)]
pub struct SellOrderView {
    /// The stock.
    pub stock: String,
    /// How much it is to bring.
    pub amount: String,
    /// The price at or above which it fires; null where it is not armed.
    pub trigger: Option<String>,
    /// The shares set aside.
    pub reserved_shares: u64,
}

impl AccountView {
    /// A view of the account of `user`.
    pub fn new(user: &str, account: &Account) -> AccountView {
        let holding = |holding: &Holding| HoldingView {
            free: holding.free.count(),
            reserved: holding.reserved.count(),
        };
        AccountView {
            user: user.to_string(),
            cash: account.cash.to_string(),
            reserved: account.reserved.to_string(),
            holdings: account
                .holdings()
                .iter()
                .map(|(stock, shares)| (stock.to_string(), holding(shares)))
                .collect(),
            pending_buys: account.pending_buys.iter().rev().map(PendingBuyView::new).collect(),
            pending_sells: account.pending_sells.iter().rev().map(PendingSellView::new).collect(),
            buy_orders: account
                .buy_orders
                .iter()
                .map(|(stock, order)| BuyOrderView::new(stock.to_string(), order))
                .collect(),
            sell_orders: account
                .sell_orders
                .iter()
                .map(|(stock, order)| SellOrderView::new(stock.to_string(), order))
                .collect(),
        }
    }
}

impl PendingBuyView {
    fn new(pending: &Pending) -> PendingBuyView {
        PendingBuyView {
            stock: pending.stock.to_string(),
            shares: pending.shares.count(),
            cost: pending.cash.to_string(),
        }
    }
}

impl PendingSellView {
    fn new(pending: &Pending) -> PendingSellView {
        PendingSellView {
            stock: pending.stock.to_string(),
            shares: pending.shares.count(),
            proceeds: pending.cash.to_string(),
        }
    }
}

impl BuyOrderView {
    fn new(stock: String, order: &BuyOrder) -> BuyOrderView {
        let price = |price: Money| price.to_string();
        BuyOrderView {
            stock,
            amount: price(order.amount.money()),
            trigger: order.trigger.map(|(trigger, _)| price(trigger.money())),
        }
    }
}

impl SellOrderView {
    fn new(stock: String, order: &SellOrder) -> SellOrderView {
        let price = |price: Money| price.to_string();
        SellOrderView {
            stock,
            amount: price(order.amount.money()),
            trigger: order.trigger.map(|(trigger, _)| price(trigger.money())),
            reserved_shares: order.reserved.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::command::{Action, CommandName};
    use domain::trading::parse::parse_action;
    use domain::trading::verbs::{self, Stamp};
    use domain::trading::{Price, RulesVersion, TransactionNum};

    #[test]
    fn state_json_has_the_promised_form() {
        let mut account = Account::default();
        for (at, (line, price)) in [
            ("ADD,u,100.00", 300),
            ("BUY,u,ABC,12.00", 300),
            ("COMMIT_BUY,u", 300),
            ("BUY,u,ABC,7.00", 300),
            ("BUY,u,ABC,9.50", 300),
            ("SELL,u,ABC,4.50", 450),
            ("SET_BUY_AMOUNT,u,ABC,50.00", 300),
            ("SET_BUY_TRIGGER,u,ABC,2.00", 300),
            ("SET_SELL_AMOUNT,u,ABC,50.00", 300),
        ]
        .into_iter()
        .enumerate()
        {
            let (name, rest) = line.split_once(',').unwrap();
            let name = CommandName::parse(name.as_bytes()).unwrap();
            let Action::User { verb, .. } = parse_action(name, Some(rest.as_bytes())) else {
                panic!("{line}")
            };
            let stamp = Stamp {
                transaction: TransactionNum(at as u64 + 1),
                now_ms: 0,
                rules: RulesVersion::CURRENT,
            };
            verbs::apply(&mut account, stamp, &verb, Price::from_cents(price)).unwrap();
        }
        let user = UserName::parse(b"u").unwrap();
        let json = serde_json::to_string(&StateView::new([(&user, &account)])).unwrap();
        assert_eq!(
            json,
            r#"{"accounts":[{"user":"u","cash":"23.00","reserved":"65.00","holdings":{"ABC":{"free":3,"reserved":1}},"pending_buys":[{"stock":"ABC","shares":3,"cost":"9.00"},{"stock":"ABC","shares":2,"cost":"6.00"}],"pending_sells":[{"stock":"ABC","shares":1,"proceeds":"4.50"}],"buy_orders":[{"stock":"ABC","amount":"50.00","trigger":"2.00"}],"sell_orders":[{"stock":"ABC","amount":"50.00","trigger":null,"reserved_shares":0}]}]}"#
        );
    }
}
