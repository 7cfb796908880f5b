//! Armed orders in the whole system: they fire when a later price meets them, the state is that of
//! a slow reading of the rules, and a kill at any point makes none fire twice or forgets one.

use crate::common::*;
use crate::model::Model;
use audit_logger::follow::time_of;
use audit_logger::log::LogReader;
use bus::Clock;
use domain::trading::parse::parse_action;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Action, CommandName, Entry, Price, Stock, TransactionNum};
use quote_manager::simulator::price;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The seed of prices, as `replay` takes it by default.
const SEED: u64 = 1;

fn stock(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

/// Every user arms a buy or a sell a little beyond the price of one of ten stocks, and then waits,
/// for as many commands that change nothing.
fn order_workload(folder: &Path, users: i64, wait: usize) -> PathBuf {
    let mut lines = Vec::new();
    for user in 0..users {
        let name = format!("S{}", char::from(b'A' + (user % 10) as u8));
        let now = price(SEED, stock(&name), Clock::VIRTUAL_START_UNIX_MS).cents();
        let dollars = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        // Half a per mille farther for each ten users.
        let apart = now * (1 + user / 20) / 2_000 + 1;
        lines.push(format!("ADD,u{user},{}", dollars(10 * now)));
        if user / 10 % 2 == 0 {
            lines.push(format!("SET_BUY_AMOUNT,u{user},{name},{}", dollars(3 * now)));
            lines.push(format!("SET_BUY_TRIGGER,u{user},{name},{}", dollars(now - apart)));
        } else {
            lines.push(format!("BUY,u{user},{name},{}", dollars(5 * now)));
            lines.push(format!("COMMIT_BUY,u{user}"));
            lines.push(format!("SET_SELL_AMOUNT,u{user},{name},{}", dollars(2 * (now + apart))));
            lines.push(format!("SET_SELL_TRIGGER,u{user},{name},{}", dollars(now + apart)));
        }
    }
    lines.extend((0..wait).map(|at| format!("DISPLAY_SUMMARY,u{}", at as i64 % users)));
    lines.push("DUMPLOG,./testLOG".to_string());
    write_workload(folder, "orders", &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn entries(out: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut reader = LogReader::open(&out.join("log")).unwrap();
    // A torn tail ends the reading as the end does.
    let _ = reader.for_each(u64::MAX, |_, entry| {
        entries.push(entry);
        Ok::<(), audit_logger::LogError>(())
    });
    entries
}

/// The orders that fired on a later price: the commands that had left them armed.
fn fired(entries: &[Entry]) -> Vec<TransactionNum> {
    let filled = |entry: &Entry| match entry {
        Entry::Filled(filled) => Some(filled.transaction),
        _ => None,
    };
    entries.iter().filter_map(filled).collect()
}

/// Orders armed in a state that the last price of their stock in the log meets, if that was known
/// for a second when the log ended.
fn forgotten(state: &Value, entries: &[Entry]) -> Vec<String> {
    let end = entries.last().map_or(0, time_of);
    let mut last: BTreeMap<String, (Price, u64)> = BTreeMap::new();
    for entry in entries {
        if let Entry::Quote(quote) = entry {
            last.insert(quote.stock.to_string(), (quote.price, quote.received_ms));
        }
    }
    let mut forgotten = Vec::new();
    for account in state["accounts"].as_array().unwrap() {
        for (kind, buys) in [("buy_orders", true), ("sell_orders", false)] {
            for order in account[kind].as_array().unwrap() {
                let Some(trigger) = order["trigger"].as_str().map(cents) else { continue };
                let (price, at) = last[order["stock"].as_str().unwrap()];
                let met = if buys { price.cents() <= trigger } else { price.cents() >= trigger };
                if met && at + 1_000 < end {
                    forgotten.push(format!("{order} of {}", account["user"]));
                }
            }
        }
    }
    forgotten
}

#[test]
fn killed_while_orders_fire_each_fires_at_most_once_and_none_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let workload = order_workload(folder.path(), 400, 1_500);
    let out = folder.path().join("run");
    let arguments = ["replay", text(&workload), "--clock", "virtual", "--rate", "2"];
    let arguments = [&arguments[..], &["--resume", "--out", text(&out)]].concat();
    let mut chance = Seeded(0x5eed_0005);
    let (mut kills, mut while_firing) = (0, 0);
    loop {
        let before = log_length(&out);
        // Kills come in bursts where the log is, and the process is let run in between.
        let until_bytes = before + 200 + chance.below(6_000);
        let mut child = Guarded::start(&mut daytrade(&arguments));
        let started = Instant::now();
        while log_length(&out) < until_bytes && child.0.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "the run does not end");
            thread::sleep(Duration::from_micros(200));
        }
        if child.0.try_wait().unwrap().is_some() {
            child.ended().with(0);
            break;
        }
        let _ = child.0.kill();
        child.0.wait().unwrap();
        kills += 1;
        let entries = entries(&out);
        let fired = fired(&entries);
        let once: BTreeSet<_> = fired.iter().collect();
        assert_eq!(once.len(), fired.len(), "fired twice, after {kills} kills");
        let tail = &entries[entries.len().saturating_sub(3)..];
        while_firing += usize::from(tail.iter().any(|entry| matches!(entry, Entry::Filled(_))));
    }
    let entries = entries(&out);
    let all = fired(&entries);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    println!("{kills} kills, {while_firing} of them beside a firing, {} orders fired", all.len());
    assert!(kills > 20 && all.len() > 100, "{kills} kills, {} firings", all.len());
    assert_eq!(forgotten(&json(&out.join("state.json")), &entries), [] as [String; 0]);
    assert_good(&out.join("testLOG"), &[&workload]);
}

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
    ends_as_a_slow_reading_says(&order_workload(folder.path(), 400, 1_500), "1", 100);
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

#[test]
fn armed_orders_are_listed_with_their_distance_to_the_price_the_next_to_fire_first() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "ADD,a,1000.00",
        "BUY,a,S,100.00",
        "COMMIT_BUY,a",
        "SET_SELL_AMOUNT,a,S,30.00",
        "SET_SELL_TRIGGER,a,S,15.00",
        "SET_BUY_AMOUNT,a,S,50.00",
        "SET_BUY_TRIGGER,a,S,9.00",
        "ADD,b,1000.00",
        "SET_BUY_AMOUNT,b,S,40.00",
        "SET_BUY_TRIGGER,b,S,9.50",
        "SET_BUY_AMOUNT,b,T,40.00",
        "SET_BUY_TRIGGER,b,T,1.00",
        "SET_BUY_AMOUNT,b,U,40.00",
    ];
    let workload = write_workload(folder.path(), "orders", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:10", "--out", text(&out)]).with(0);
    let data = ["--data", text(&out)];
    let answer = run(&[&["orders", "--format", "json"], &data[..]].concat()).with(0);
    let found: Value = serde_json::from_str(&answer.stdout).unwrap();
    let [s, t] = &found.as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((&s["stock"], &s["price"], &s["armed"]), (&"S".into(), &"10.00".into(), &3.into()));
    let orders: Vec<_> = s["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| {
            let text = |name: &str| order[name].as_str().unwrap().to_string();
            (text("user"), text("side"), text("trigger"), order["distance_percent"].as_f64())
        })
        .collect();
    let expected =
        [("b", "buy", "9.50", 5.0), ("a", "buy", "9.00", 10.0), ("a", "sell", "15.00", 50.0)];
    let expected = expected
        .map(|(user, side, trigger, far)| (user.into(), side.into(), trigger.into(), Some(far)));
    assert_eq!(orders, expected);
    assert_eq!(s["orders"][2]["reserved_shares"], 2);
    assert_eq!(t["orders"][0]["armed_by"], 12);

    let table =
        run(&[&["orders", "--limit", "1", "--user", "a"], &data[..]].concat()).with(0).stdout;
    assert!(
        table.contains("and 1 more") && table.ends_with("2 orders armed in 1 stock\n"),
        "{table}"
    );
    let none = run(&[&["orders", "--stock", "ZZZ"], &data[..]].concat()).with(0);
    assert_eq!(none.stdout, "");
    none.telling(&["no order is armed"]);
    run(&[&["orders", "--stock", "ABCD"], &data[..]].concat()).with(2).telling(&["1 to 3 letters"]);
    run(&[&["orders", "--user", "a,b"], &data[..]].concat()).with(2).telling(&["--user"]);
    run(&["orders", "--data", text(folder.path())]).with(1).telling(&["no log is in it"]);
}
