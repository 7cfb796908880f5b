//! A kill at any point makes no order fire twice, and none that a price met is forgotten.

use super::{entries, fired, order_workload};
use crate::common::*;
use audit_logger::follow::time_of;
use bus::Clock;
use domain::trading::{Entry, Price};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// How many orders fired on a later price, none of them twice.
fn each_fired_once(entries: &[Entry]) -> usize {
    let fired = fired(entries);
    assert_eq!(fired.iter().collect::<BTreeSet<_>>().len(), fired.len(), "fired twice");
    fired.len()
}

fn ends_beside_a_firing(entries: &[Entry]) -> bool {
    entries.iter().rev().take(3).any(|entry| matches!(entry, Entry::Filled(_)))
}

#[test]
fn killed_while_orders_fire_each_fires_at_most_once_and_none_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let workload = order_workload(folder.path(), 400, 1_500, Clock::VIRTUAL_START_UNIX_MS);
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
        each_fired_once(&entries);
        while_firing += usize::from(ends_beside_a_firing(&entries));
    }
    let entries = entries(&out);
    let all = each_fired_once(&entries);
    println!("{kills} kills, {while_firing} of them beside a firing, {all} orders fired");
    assert!(kills > 20 && all > 100, "{kills} kills, {all} firings");
    assert_eq!(forgotten(&json(&out.join("state.json")), &entries), [] as [String; 0]);
    assert_good(&out.join("testLOG"), &[&workload]);
}

/// The screen's server, which goes on with the run in `data`.
fn up(data: &Path, clock_speed: &str) -> Guarded {
    let arguments = ["up", "--listen", "127.0.0.1:0", "--clock-speed", clock_speed, "--data"];
    Guarded::start(&mut daytrade(&[&arguments[..], &[text(data)]].concat()))
}

/// What `daytrade orders` lists of the log in `data`, stock by stock.
fn listed(data: &Path) -> Vec<Value> {
    let answer = run(&["orders", "--format", "json", "--limit", "0", "--data", text(data)]).with(0);
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn a_server_that_is_killed_while_orders_fire_fires_each_once_and_forgets_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    // Enough that some are left to fire however long a slow machine takes.
    let workload = order_workload(folder.path(), 1_500, 0, now_ms);
    run(&["replay", text(&workload), "--out", text(&data)]).with(0);
    let armed_first = entries(&data).len();
    let mut chance = Seeded(0x5eed_0006);
    let (mut while_firing, mut fired_last) = (0, 0);
    for _ in 1..=12 {
        let until_bytes = log_length(&data) + 1_500 + chance.below(4_000);
        // A price runs out, and the next is asked for, every tenth of a second.
        let mut server = up(&data, "600");
        until("the log grows", || log_length(&data) >= until_bytes);
        server.0.kill().unwrap();
        server.0.wait().unwrap();
        let entries = entries(&data);
        fired_last = each_fired_once(&entries);
        while_firing += usize::from(ends_beside_a_firing(&entries));
    }
    println!("{while_firing} of 12 kills beside a firing, {fired_last} orders fired");
    assert!(fired_last > 20, "{fired_last} firings prove little");
    // From the next prices on, which come at once, no order that they meet is left.
    let before = entries(&data).len();
    assert!(before > armed_first);
    let mut server = up(&data, "1");
    // It ends in order from when it has said how.
    let mut said = BufReader::new(server.0.stdout.as_mut().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("Ctrl-C ends it")));
    until("every stock that orders wait for has a new price, and no order is met", || {
        let priced: BTreeSet<String> = entries(&data)[before..]
            .iter()
            .filter_map(|entry| match entry {
                Entry::Quote(quote) => Some(quote.stock.to_string()),
                _ => None,
            })
            .collect();
        listed(&data).iter().all(|stock| {
            let orders = stock["orders"].as_array().unwrap();
            priced.contains(stock["stock"].as_str().unwrap())
                && orders.iter().all(|order| order["distance_percent"].as_f64().unwrap() > 0.0)
        })
    });
    let pid = server.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    server.ended().with(0);
    let dump = folder.path().join("all.xml");
    run(&["audit", "export", "--format", "xml", "--data", text(&data), "--out", text(&dump)])
        .with(0);
    assert_good(&dump, &[&workload]);
}
