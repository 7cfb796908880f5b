//! A run ends in the state that a slow reading of the rules comes to.

use super::{entries, order_workload};
use crate::common::*;
use crate::model::Model;
use audit_logger::follow::time_of;
use bus::Clock;
use domain::trading::parse::parse_action;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Action, CommandName, Entry, Stock};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Users of the slow reading, and which of their orders a price has met.
#[derive(Default)]
struct Reference {
    users: BTreeMap<String, Model>,
    /// Orders that the price met, which must fire before time goes on.
    due: BTreeSet<(String, bool, Stock)>,
    fired: u64,
    now_ms: u64,
}

impl Reference {
    /// Time goes on: what had to fire has fired.
    fn reach(&mut self, now_ms: u64) {
        if now_ms > self.now_ms {
            assert_eq!(self.due, BTreeSet::new(), "not fired before {now_ms}");
            self.now_ms = now_ms;
        }
    }

    fn price(&mut self, stock: Stock, price: i128) {
        for (user, model) in &self.users {
            for buys in [true, false] {
                let mut tried = model.clone();
                let fires = match buys {
                    true => tried.buy_order_sees(stock, price),
                    false => tried.sell_order_sees(stock, price),
                };
                if fires {
                    self.due.insert((user.clone(), buys, stock));
                }
            }
        }
    }

    /// A command of the file, at the time and the price that the log has for it.
    fn command(&mut self, line: &str, at_ms: u64, price: Option<i128>) {
        let (name, arguments) = line.split_once(',').unwrap_or((line, ""));
        let name = CommandName::parse(name.as_bytes()).unwrap();
        let Action::User { user, verb } = parse_action(name, Some(arguments.as_bytes())) else {
            return;
        };
        let model = self.users.entry(user.to_string()).or_default();
        model.time_passes(at_ms);
        let _ = model.run(&verb, price, at_ms);
        if let Some((side, stock)) = verb.order() {
            // Whatever it did, the command has compared what it left with the price.
            self.due.remove(&(user.to_string(), side == Side::Buy, stock));
        }
    }

    fn fill(&mut self, user: &str, side: Side, stock: Stock, price: i128) {
        assert!(self.due.remove(&(user.to_string(), side == Side::Buy, stock)), "{user} {stock}");
        let model = self.users.get_mut(user).unwrap();
        let fires = match side {
            Side::Buy => model.buy_order_sees(stock, price),
            Side::Sell => model.sell_order_sees(stock, price),
        };
        assert!(fires);
        self.fired += 1;
    }
}

#[test]
fn a_valid_workload_ends_in_the_state_of_a_slow_reading_of_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("valid");
    generate(&workload, "valid", 30, 8_000, 8);
    ends_as_a_slow_reading_says(&workload, "0.2", 1);
    ends_as_a_slow_reading_says(
        &order_workload(folder.path(), 400, 1_500, Clock::VIRTUAL_START_UNIX_MS),
        "1",
        100,
    );
}

/// Plays `workload` at so many commands a second; at least so many orders must fire later.
fn ends_as_a_slow_reading_says(workload: &Path, rate: &str, firings: u64) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["replay", text(workload), "--clock", "virtual", "--rate", rate];
    run(&[&arguments[..], &["--out", text(&out)]].concat()).with(0);
    let file = fs::read_to_string(workload).unwrap();
    let lines: Vec<&str> =
        file.lines().map(|line| line.split_once("] ").unwrap().1.trim_end()).collect();

    let mut reference = Reference::default();
    let entries = entries(&out);
    for entry in &entries {
        reference.reach(time_of(entry));
        match entry {
            Entry::Command(decided) => {
                let line = lines[decided.command.transaction.0 as usize - 1];
                let price = decided.price.map(|used| used.price.cents().into());
                reference.command(line, decided.applied_ms, price);
            }
            Entry::Quote(quote) => reference.price(quote.stock, quote.price.cents().into()),
            Entry::Filled(filled) => {
                let price = filled.fill.price.cents().into();
                reference.fill(filled.user.as_str(), filled.side, filled.stock, price);
            }
            Entry::Expired(_) | Entry::QuoteRefused(_) => {}
        }
    }
    assert!(reference.fired >= firings, "{} firings prove little", reference.fired);
    let report = json(&out.join("report.json"));
    assert_eq!(report["orders_fired"], reference.fired);

    let state = json(&out.join("state.json"));
    let end_ms = entries.last().map_or(0, time_of);
    let mut armed = 0;
    for account in state["accounts"].as_array().unwrap() {
        let user = account["user"].as_str().unwrap();
        let mut model = reference.users.remove(user).unwrap();
        model.time_passes(end_ms);
        let money = |name: &str| i128::from(cents(account[name].as_str().unwrap()));
        assert_eq!(money("cash"), model.free_cents(), "{user}");
        assert_eq!(money("reserved"), model.promised_cents(), "{user}");
        let held: BTreeMap<String, (i128, i128)> = account["holdings"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, holding)| {
                let count = |kind: &str| i128::from(holding[kind].as_i64().unwrap());
                (name.clone(), (count("free"), count("reserved")))
            })
            .collect();
        let expected = model.shares.iter().filter(|(_, count)| **count != 0).map(|(stock, _)| {
            (stock.to_string(), (model.free_shares(stock), model.promised_shares(stock)))
        });
        assert_eq!(held, expected.collect(), "{user}");
        for (kind, orders) in
            [("buy_orders", &model.buy_orders), ("sell_orders", &model.sell_orders)]
        {
            let found: BTreeMap<String, (i128, Option<i128>)> = account[kind]
                .as_array()
                .unwrap()
                .iter()
                .map(|order| {
                    let amount = |name: &str| order[name].as_str().map(|sum| cents(sum).into());
                    let name = order["stock"].as_str().unwrap().to_string();
                    (name, (amount("amount").unwrap(), amount("trigger")))
                })
                .collect();
            let expected = orders
                .iter()
                .map(|(stock, order)| (stock.to_string(), (order.cents, order.trigger)));
            assert_eq!(found, expected.collect(), "{user}");
            armed += orders.values().filter(|order| order.trigger.is_some()).count();
        }
    }
    assert!(reference.users.values().all(|model| !model.known), "an account is missing");
    assert_eq!(report["orders_armed"], armed);
    assert_good(&out.join("testLOG"), &[workload]);
}
