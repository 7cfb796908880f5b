//! Scripts of commands on one account: what each command answers, and what is left of the account.
//!
//! ```text
//! ADD,u,100.00                 -> added
//! BUY,u,S,10.00 @ 3.00         -> buying 3 for 9.00       a command at a fresh price
//! = 91.00 + 9.00; buying 3 S for 9.00                     cash + reserved; what else there is
//! + 60001                                                 milliseconds pass
//! expire                       -> buy #2, 3 S for 9.00    the timer looks once
//! fire buy S @ 2.00            -> nothing                 a later price
//! ```
//!
//! Commands are numbered from 1; `#2` is the second. Behind every command the script also checks
//! what holds for all of them: a refusal changes nothing, the reserves are those of the pending
//! buys and the orders, cash moves by what the audit log will say, and a replay agrees.

use domain::trading::account::{Account, Pending};
use domain::trading::command::{Action, Command, CommandName, Verb};
use domain::trading::entry::{self, CashChange, CommandDecided, PriceUsed};
use domain::trading::parse::parse_action;
use domain::trading::verbs::Stamp;
use domain::trading::verbs::expiry::{self, Side};
use domain::trading::{
    Accepted, Entry, Fill, Money, Outcome, Price, Reject, RulesVersion, Shares, Stock,
    TransactionNum,
};
use std::fmt::Write;

/// Runs a script on an account that nobody has opened.
pub(crate) fn check(script: &str) {
    check_on(Account::default(), script);
}

/// Runs a script on `account`.
pub(crate) fn check_on(account: Account, script: &str) {
    let mut desk = Desk { account, now_ms: 1_767_225_600_000, commands: 0 };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(state) = line.strip_prefix("= ") {
            assert_eq!(show(&desk.account), state, "the account, in\n{script}");
        } else if let Some(ms) = line.strip_prefix("+ ") {
            desk.now_ms += ms.parse::<u64>().unwrap();
        } else {
            let (what, expected) = line.split_once("->").expect(line);
            let (what, price) = match what.split_once('@') {
                Some((what, price)) => (what.trim(), Some(price_of(price.trim()))),
                None => (what.trim(), None),
            };
            let answer = desk.ask(what, price);
            assert_eq!(answer, expected.trim(), "the answer to {line}, in\n{script}");
        }
    }
}

pub(crate) fn price_of(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect(text)
}

pub(crate) fn stock_of(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).expect(text)
}

struct Desk {
    account: Account,
    now_ms: u64,
    commands: u64,
}

impl Desk {
    fn ask(&mut self, what: &str, price: Option<Price>) -> String {
        if what == "expire" {
            return show_expired(expiry::expire_next(
                &mut self.account,
                RulesVersion::CURRENT,
                self.now_ms,
            ));
        }
        if let Some(order) = what.strip_prefix("fire ") {
            let (side, stock) = order.split_once(' ').expect(order);
            let side = if side == "buy" { Side::Buy } else { Side::Sell };
            let fired = entry::fire(
                &mut self.account,
                RulesVersion::CURRENT,
                side,
                stock_of(stock),
                price.unwrap(),
            );
            check_reserves(&self.account);
            return fired.map_or("nothing".to_string(), |(by, name, fill)| {
                format!("#{by} {name}{}", show_fill(Some(fill)))
            });
        }
        show_outcome(&self.command(what, price))
    }

    fn command(&mut self, line: &str, price: Option<Price>) -> Outcome {
        let (name, arguments) = line.split_once(',').expect(line);
        let name = CommandName::named(name.as_bytes()).expect(name);
        let action = parse_action(name, Some(arguments.as_bytes()));
        let Action::User { verb, .. } = &action else { panic!("{line} is malformed") };
        self.commands += 1;
        let transaction = TransactionNum(self.commands);
        let stamp = Stamp { transaction, now_ms: self.now_ms, rules: RulesVersion::CURRENT };

        let before = self.account.clone();
        let outcome = entry::decide(&mut self.account, stamp, verb, price);
        check_memory(&before, &self.account, transaction, verb, &outcome);
        check_reserves(&self.account);

        let command = Command::new(transaction, self.now_ms, action);
        let price = price.map(|price| PriceUsed { price, cached: false });
        let decided =
            CommandDecided { command, applied_ms: self.now_ms, price, outcome: outcome.clone() };
        check_cash(&before, &self.account, &decided);
        let mut replayed = before;
        entry::replay(&mut replayed, RulesVersion::CURRENT, &Entry::Command(decided)).expect(line);
        assert_eq!(replayed, self.account, "{line} replayed");
        outcome
    }
}

/// An open account remembers every command; a refusal leaves no other trace.
fn check_memory(
    before: &Account,
    after: &Account,
    transaction: TransactionNum,
    verb: &Verb,
    outcome: &Outcome,
) {
    let accepted = matches!(outcome, Outcome::Accepted(_));
    if !accepted {
        let mut without_memory = after.clone();
        without_memory.recent = before.recent.clone();
        assert_eq!(&without_memory, before, "{verb:?} was refused");
    }
    if after.open {
        let newest = after.recent.newest_first().next().expect("a remembered command");
        assert_eq!((newest.transaction, newest.accepted), (transaction, accepted));
        assert_eq!((newest.name, newest.stock), (verb.name(), verb.stock()));
        assert_eq!(newest.amount, verb.amount());
    } else {
        assert_eq!(after, &Account::default(), "{verb:?} left a trace without an account");
    }
}

/// Reserved money and shares are those of the pending buys and sells and of the orders.
fn check_reserves(account: &Account) {
    let pending = account.pending_buys.iter().map(|pending| pending.cash.cents());
    let orders = account.buy_orders.iter().map(|(_, order)| order.amount.money().cents());
    assert_eq!(account.reserved.cents(), pending.chain(orders).sum::<i64>());
    assert!(account.cash >= Money::ZERO);
    for (stock, holding) in account.holdings() {
        let of_stock = |pending: &&Pending| pending.stock == *stock;
        let pending = account.pending_sells.iter().filter(of_stock);
        let orders = account.sell_orders.iter().filter(|(of, _)| of == stock);
        let held = pending.map(|pending| pending.shares.count()).sum::<u64>()
            + orders.map(|(_, order)| order.reserved.count()).sum::<u64>();
        assert_eq!(holding.reserved.count(), held, "reserved shares of {stock}");
        assert!(holding.free.count() + holding.reserved.count() > 0, "{stock} without shares");
    }
}

/// Cash moves by what the entry says: its own change, and what a fill brings.
fn check_cash(before: &Account, after: &Account, decided: &CommandDecided) {
    let own = match decided.cash_change() {
        CashChange::None => 0,
        CashChange::Add(sum) => sum.cents(),
        CashChange::Remove(sum) => -sum.cents(),
    };
    let fill = decided.fill().map_or(0, |fill| fill.cash.cents());
    assert_eq!(after.cash.cents() - before.cash.cents(), own + fill, "{decided:?}");
}

fn show(account: &Account) -> String {
    if !account.open {
        return "no account".to_string();
    }
    let mut text = format!("{} + {}", account.cash, account.reserved);
    for (stock, holding) in account.holdings() {
        write!(text, "; {stock} {} + {}", holding.free, holding.reserved).unwrap();
    }
    for (side, stack) in [("buying", &account.pending_buys), ("selling", &account.pending_sells)] {
        for Pending { shares, stock, cash, .. } in stack {
            write!(text, "; {side} {shares} {stock} for {cash}").unwrap();
        }
    }
    for (stock, order) in &account.buy_orders {
        write!(text, "; buy order {stock} {}", order.amount.money()).unwrap();
        if let Some((trigger, by)) = order.trigger {
            write!(text, " at {} by #{}", trigger.money(), by.transaction).unwrap();
        }
    }
    for (stock, order) in &account.sell_orders {
        write!(text, "; sell order {stock} {}", order.amount.money()).unwrap();
        if let Some((trigger, by)) = order.trigger {
            let trigger = trigger.money();
            write!(text, " at {trigger} by #{} holds {}", by.transaction, order.reserved).unwrap();
        } else {
            assert_eq!(order.reserved, Shares::ZERO, "only an armed order holds shares");
        }
    }
    text
}

fn show_outcome(outcome: &Outcome) -> String {
    let accepted = match outcome {
        Outcome::Accepted(accepted) => accepted,
        Outcome::Rejected(reject) => {
            let code = reject.code();
            return match reject {
                Reject::InsufficientFunds { available } => format!("{code} ({available})"),
                Reject::InsufficientShares { available } => format!("{code} ({available})"),
                _ => code.to_string(),
            };
        }
    };
    match accepted {
        Accepted::Added => "added".to_string(),
        Accepted::Quoted => "quoted".to_string(),
        Accepted::BuyPending { shares, cost } => format!("buying {shares} for {cost}"),
        Accepted::SellPending { shares, proceeds } => format!("selling {shares} for {proceeds}"),
        Accepted::BuyCommitted(of) | Accepted::SellCommitted(of) => {
            format!("committed #{}, {} {} for {}", of.opened_by, of.shares, of.stock, of.cash)
        }
        Accepted::BuyCancelled(of) | Accepted::SellCancelled(of) => {
            format!("cancelled #{}, {} {} for {}", of.opened_by, of.shares, of.stock, of.cash)
        }
        Accepted::BuyAmountSet { previous, fill } => format!("was {previous}{}", show_fill(*fill)),
        Accepted::BuyArmed { fill } => format!("armed{}", show_fill(*fill)),
        Accepted::BuyOrderDropped { reserve } => format!("dropped {reserve}"),
        Accepted::SellAmountSet { reserved, fill } => {
            format!("holds {reserved}{}", show_fill(*fill))
        }
        Accepted::SellArmed { reserved, fill } => {
            format!("armed, holds {reserved}{}", show_fill(*fill))
        }
        Accepted::SellOrderDropped { reserved } => format!("dropped {reserved}"),
        Accepted::Summarised => "shown".to_string(),
        Accepted::Dumped => "dumped".to_string(),
        Accepted::Registered => "open".to_string(),
    }
}

fn show_fill(fill: Option<Fill>) -> String {
    fill.map_or(String::new(), |Fill { shares, price, cash }| {
        format!(", filled {shares} at {price}, cash {cash}")
    })
}

fn show_expired(expired: Option<(Side, Pending)>) -> String {
    expired.map_or("nothing".to_string(), |(side, pending)| {
        let Pending { opened_by, shares, stock, cash, .. } = pending;
        let side = if side == Side::Buy { "buy" } else { "sell" };
        format!("{side} #{opened_by}, {shares} {stock} for {cash}")
    })
}
