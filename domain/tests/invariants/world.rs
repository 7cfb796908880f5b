//! The users under test beside their models, and the entries that were made of them.

use crate::model::{Model, Order, Promise};
use crate::steps::{Step, USERS};
use domain::trading::account::Pending;
use domain::trading::entry::{
    self, CashChange, CommandDecided, OrderFilled, PendingExpired, PriceUsed,
};
use domain::trading::verbs::Stamp;
use domain::trading::verbs::expiry::{self, Side};
use domain::trading::{
    Accepted, Account, Action, Command, Entry, Fill, Money, Outcome, Price, RulesVersion, Shares,
    Stock, TransactionNum, UserName, Verb,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a user's entries add up to.
#[derive(Clone, Debug, Default)]
struct Books {
    /// Σ ADD − Σ buys + Σ sells.
    owned_cents: i128,
    /// Σ accountTransaction add − Σ remove.
    cash_cents: i128,
    shares: BTreeMap<Stock, i128>,
}

/// All users.
pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    models: Vec<Model>,
    books: Vec<Books>,
    pub(crate) entries: Vec<Entry>,
    /// Every kind of outcome that was seen.
    pub(crate) seen: BTreeSet<String>,
    now_ms: u64,
    commands: u64,
}

pub(crate) fn user_name(user: usize) -> UserName {
    UserName::parse(format!("user{user}").as_bytes()).unwrap()
}

impl World {
    pub(crate) fn new() -> World {
        World {
            accounts: vec![Account::default(); USERS],
            models: vec![Model::default(); USERS],
            books: vec![Books::default(); USERS],
            entries: Vec::new(),
            seen: BTreeSet::new(),
            now_ms: 1_767_225_600_000,
            commands: 0,
        }
    }

    /// Takes one step and checks everything that has to hold behind it.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Command { user, verb, price } => self.command(*user, verb, *price),
            Step::Price { user, side, stock, price } => {
                self.later_price(*user, *side, *stock, *price);
            }
            Step::Wait(ms) => {
                self.now_ms += ms;
                (0..USERS).for_each(|user| self.run_timer(user));
            }
        }
        (0..USERS).for_each(|user| self.check(user));
    }

    fn command(&mut self, user: usize, verb: &Verb, price: Option<Price>) {
        self.commands += 1;
        let transaction = TransactionNum(self.commands);
        let stamp = Stamp { transaction, now_ms: self.now_ms, rules: RulesVersion::CURRENT };
        let cents = price.map(|price| i128::from(price.cents()));
        let expected = self.models[user].run(verb, cents, self.now_ms);
        let outcome = entry::decide(&mut self.accounts[user], stamp, verb, price);

        let action = Action::User { user: user_name(user), verb: verb.clone() };
        let decided = CommandDecided {
            command: Command::new(transaction, self.now_ms, action),
            applied_ms: self.now_ms,
            price: price.map(|price| PriceUsed { price, cached: false }),
            outcome,
        };
        assert_eq!(decided.reject_code(), expected.err(), "{decided:?}");
        self.see(&decided);
        self.books[user].enter_command(&decided);
        self.entries.push(Entry::Command(decided));
    }

    fn later_price(&mut self, user: usize, side: Side, stock: Stock, price: Price) {
        let model = &mut self.models[user];
        let expected = match side {
            Side::Buy => model.buy_order_sees(stock, price.cents().into()),
            Side::Sell => model.sell_order_sees(stock, price.cents().into()),
        };
        let fired =
            entry::fire(&mut self.accounts[user], RulesVersion::CURRENT, side, stock, price);
        assert_eq!(fired.is_some(), expected, "{side:?} of {stock} at {price}");
        let Some((transaction, name, fill)) = fired else { return };
        self.seen.insert(format!("fired {side:?}"));
        self.books[user].enter_fill(side, stock, fill);
        self.entries.push(Entry::Filled(OrderFilled {
            transaction,
            name,
            user: user_name(user),
            filled_ms: self.now_ms,
            side,
            stock,
            fill,
        }));
    }

    fn run_timer(&mut self, user: usize) {
        let expected = self.models[user].time_passes(self.now_ms);
        let mut expired = 0;
        let mut last = None;
        while let Some((side, pending)) =
            expiry::expire_next(&mut self.accounts[user], RulesVersion::CURRENT, self.now_ms)
        {
            assert!(last.replace(pending.opened_by) < Some(pending.opened_by), "oldest first");
            expired += 1;
            self.seen.insert(format!("expired {side:?}"));
            if side == Side::Buy {
                self.books[user].cash_cents += i128::from(pending.cash.cents());
            }
            self.entries.push(Entry::Expired(PendingExpired {
                transaction: pending.opened_by,
                user: user_name(user),
                expired_ms: self.now_ms,
                side,
                stock: pending.stock,
                shares: pending.shares,
                cash: pending.cash,
            }));
        }
        assert_eq!(expired, expected, "expired of user {user}");
    }

    fn see(&mut self, decided: &CommandDecided) {
        let name = decided.command.action.name();
        let fill = if decided.fill().is_some() { ", filled" } else { "" };
        let code = decided.reject_code().unwrap_or("accepted");
        self.seen.insert(format!("{name} {code}{fill}"));
    }

    fn check(&self, user: usize) {
        let account = &self.accounts[user];
        same(account, &self.models[user]);

        let books = &self.books[user];
        let cash = i128::from(account.cash.cents());
        assert!(cash >= 0 && account.reserved >= Money::ZERO);
        assert_eq!(cash + i128::from(account.reserved.cents()), books.owned_cents, "conservation");
        assert_eq!(cash, books.cash_cents, "cash by its movements");
        for (stock, &shares) in &books.shares {
            let holding = account.holding(*stock);
            let held = i128::from(holding.free.count()) + i128::from(holding.reserved.count());
            assert_eq!(held, shares, "shares of {stock}");
        }
        assert!(account.holdings().iter().all(|(stock, _)| books.shares.contains_key(stock)));
    }
}

impl Books {
    fn enter_command(&mut self, decided: &CommandDecided) {
        self.cash_cents += match decided.cash_change() {
            CashChange::None => 0,
            CashChange::Add(sum) => i128::from(sum.cents()),
            CashChange::Remove(sum) => -i128::from(sum.cents()),
        };
        let Action::User { verb, .. } = &decided.command.action else { unreachable!() };
        let Outcome::Accepted(accepted) = &decided.outcome else { return };
        match (verb, accepted) {
            (Verb::Add(amount), _) => self.owned_cents += i128::from(amount.money().cents()),
            (_, Accepted::BuyCommitted(of)) => {
                self.trade(of.stock, of.shares, -i128::from(of.cash.cents()), 1);
            }
            (_, Accepted::SellCommitted(of)) => {
                self.trade(of.stock, of.shares, i128::from(of.cash.cents()), -1);
            }
            (Verb::SetBuyAmount(stock, _) | Verb::SetBuyTrigger(stock, _), _) => {
                decided
                    .fill()
                    .into_iter()
                    .for_each(|fill| self.enter_fill(Side::Buy, *stock, fill));
            }
            (Verb::SetSellAmount(stock, _) | Verb::SetSellTrigger(stock, _), _) => {
                decided
                    .fill()
                    .into_iter()
                    .for_each(|fill| self.enter_fill(Side::Sell, *stock, fill));
            }
            _ => {}
        }
    }

    fn enter_fill(&mut self, side: Side, stock: Stock, fill: Fill) {
        let value = i128::from(fill.shares.count()) * i128::from(fill.price.cents());
        self.cash_cents += i128::from(fill.cash.cents());
        match side {
            Side::Buy => self.trade(stock, fill.shares, -value, 1),
            Side::Sell => {
                assert_eq!(value, i128::from(fill.cash.cents()), "a sale brings its value");
                self.trade(stock, fill.shares, value, -1);
            }
        }
    }

    fn trade(&mut self, stock: Stock, shares: Shares, cents: i128, sign: i128) {
        self.owned_cents += cents;
        *self.shares.entry(stock).or_default() += sign * i128::from(shares.count());
    }
}

/// The account is what the model makes of it, down to the last reserve.
fn same(account: &Account, model: &Model) {
    assert_eq!(account.open, model.known);
    assert_eq!(i128::from(account.cash.cents()), model.free_cents(), "cash");
    assert_eq!(i128::from(account.reserved.cents()), model.promised_cents(), "reserved cash");

    let owned = model.shares.iter().filter(|(_, shares)| **shares > 0);
    let expected: Vec<(Stock, i128, i128)> = owned
        .map(|(stock, _)| (*stock, model.free_shares(stock), model.promised_shares(stock)))
        .collect();
    let holdings = account.holdings().iter().map(|(stock, holding)| {
        (*stock, i128::from(holding.free.count()), i128::from(holding.reserved.count()))
    });
    assert_eq!(holdings.collect::<Vec<_>>(), expected, "holdings");

    assert_eq!(promises(&account.pending_buys), model.buys, "pending buys");
    assert_eq!(promises(&account.pending_sells), model.sells, "pending sells");

    let order = |amount: Money, trigger: Option<Money>| Order {
        cents: amount.cents().into(),
        trigger: trigger.map(|trigger| trigger.cents().into()),
    };
    let buys = account.buy_orders.iter().map(|(stock, of)| {
        (*stock, order(of.amount.money(), of.trigger.map(|(trigger, _)| trigger.money())))
    });
    assert_eq!(buys.collect::<BTreeMap<_, _>>(), model.buy_orders, "buy orders");
    let sells = account.sell_orders.iter().map(|(stock, of)| {
        let order = order(of.amount.money(), of.trigger.map(|(trigger, _)| trigger.money()));
        assert_eq!(i128::from(of.reserved.count()), order.shares(), "reserve of {stock}");
        (*stock, order)
    });
    assert_eq!(sells.collect::<BTreeMap<_, _>>(), model.sell_orders, "sell orders");
}

fn promises(stack: &VecDeque<Pending>) -> Vec<Promise> {
    let promise = |pending: &Pending| Promise {
        stock: pending.stock,
        shares: pending.shares.count().into(),
        cents: pending.cash.cents().into(),
        since_ms: pending.accepted_ms,
    };
    stack.iter().map(promise).collect()
}
