//! The course's own files, from the file to a log that the checker finds nothing in.

use crate::common::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Replays `workload`, lets the checker look at the dump, and checks the accounts against it.
fn replay_and_verify(workload: &Path, quotes: &str, dump: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(&["replay", text(workload), "--quotes", quotes, "--out", text(&out)]).with(0);
    let dump = out.join(dump);
    assert_good(&dump, &[workload]);
    assert_cash_is_what_moved(&out, &dump);
    let (report, commands) = (json(&out.join("report.json")), dumped(&dump));
    assert_eq!(report["commands"], commands.len());
    assert_eq!(report["unreadable"], 0);
    let mut in_order = commands.clone();
    in_order.sort_unstable();
    in_order.dedup();
    assert_eq!(in_order, (1..=commands.len() as u64).collect::<Vec<_>>());
}

/// Every cent of an account came or went by an accountTransaction.
fn assert_cash_is_what_moved(out: &Path, dump: &Path) {
    let log = fs::read_to_string(dump).unwrap();
    let parts = |name| children(&log, "accountTransaction", name);
    let mut moved: BTreeMap<&str, i64> = BTreeMap::new();
    for ((user, action), funds) in parts("username").iter().zip(parts("action")).zip(parts("funds"))
    {
        let sign = if action == "add" { 1 } else { -1 };
        *moved.entry(user).or_default() += sign * cents(funds);
    }
    let state = json(&out.join("state.json"));
    let accounts = state["accounts"].as_array().unwrap();
    assert!(!accounts.is_empty());
    let cash: BTreeMap<&str, i64> = accounts
        .iter()
        .map(|account| {
            (account["user"].as_str().unwrap(), cents(account["cash"].as_str().unwrap()))
        })
        .collect();
    assert_eq!(cash, moved);
    let users: Vec<&str> =
        accounts.iter().map(|account| account["user"].as_str().unwrap()).collect();
    assert!(users.is_sorted(), "{users:?}");
}

fn course(name: &str) {
    if let Some(workload) = course_file(name) {
        replay_and_verify(&workload, "sim", "testLOG");
        replay_and_verify(&workload, "fixed:42.17", "testLOG");
    }
}

#[test]
fn user1_replays_and_verifies() {
    course("user1.txt");
}

#[test]
fn user2_replays_and_verifies() {
    course("user2.txt");
}

#[test]
fn user10_replays_and_verifies() {
    course("user10.txt");
}

#[test]
fn user45_replays_and_verifies() {
    course("user45.txt");
}

#[test]
fn user100_replays_and_verifies() {
    course("user100.txt.gz");
}

#[test]
fn the_samples_replay_and_verify() {
    for name in ["course-10users-1000.txt", "valid-10users-1000.txt"] {
        replay_and_verify(&sample(name), "sim", "testLOG");
        replay_and_verify(&sample(name), "fixed:42.17", "testLOG");
    }
}

/// The figures were worked out apart from this program, with a model of a few lines that knows
/// one user and one price.
#[test]
fn at_one_price_the_first_course_file_comes_to_known_figures() {
    let Some(workload) = course_file("user1.txt") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:42.17", "--out", text(&out)]).with(0);
    let report = json(&out.join("report.json"));
    assert_eq!((&report["accepted"], &report["quote_requests"]), (&69.into(), &1.into()));
    let rejected: u64 =
        report["rejected"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(rejected, 31);
    let state = json(&out.join("state.json"));
    let account = &state["accounts"][0];
    assert_eq!(state["accounts"].as_array().unwrap().len(), 1);
    assert_eq!((&account["cash"], &account["reserved"]), (&"390286.98".into(), &"0.00".into()));
    let holdings = serde_json::json!({ "S": { "free": 106, "reserved": 15 } });
    assert_eq!(account["holdings"], holdings);
    let pending = serde_json::json!([{ "stock": "S", "shares": 15, "proceeds": "632.55" }]);
    assert_eq!(account["pending_sells"], pending);
    for empty in ["pending_buys", "buy_orders", "sell_orders"] {
        assert_eq!(account[empty], serde_json::json!([]), "{empty}");
    }
}

/// A path through every command whose outcome can be worked out by hand at a price of 10.00.
#[test]
fn every_command_does_to_the_account_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "ADD,a,1000.00",
        "BUY,a,ABC,105.00",             // 10 shares for 100.00
        "COMMIT_BUY,a",                 //                       cash 900.00, ABC 10
        "BUY,a,ABC,59.99",              // 5 shares for 50.00
        "CANCEL_BUY,a",                 //                       cash 900.00
        "SELL,a,ABC,35.00",             // 3 shares for 30.00
        "COMMIT_SELL,a",                //                       cash 930.00, ABC 7
        "SELL,a,ABC,20.00",             // 2 shares
        "CANCEL_SELL,a",                //                       ABC 7
        "SET_BUY_AMOUNT,a,XY,100.00",   //                       cash 830.00, reserved 100.00
        "SET_BUY_TRIGGER,a,XY,9.99",    // armed below the price
        "SET_BUY_AMOUNT,a,Q,95.00",     //                       cash 735.00
        "SET_BUY_TRIGGER,a,Q,10.00",    // fires: 9 shares for 90.00, 5.00 back: cash 740.00
        "SET_SELL_AMOUNT,a,ABC,40.00",  //
        "SET_SELL_TRIGGER,a,ABC,20.00", // armed above the price, 2 shares reserved
        "SET_SELL_AMOUNT,a,Q,40.00",    //
        "SET_SELL_TRIGGER,a,Q,8.00",    // fires: 5 shares at 10.00: cash 790.00, Q 4
        "SET_BUY_AMOUNT,a,Z,10.00",     //
        "CANCEL_SET_BUY,a,Z",           //                       cash 790.00
        "SET_SELL_AMOUNT,a,Q,10.00",    //
        "CANCEL_SET_SELL,a,Q",          //
        "BUY,a,ABC,10.00",              // pending, 1 share      cash 780.00
        "BUY,a,Q,20.00",                // pending, 2 shares     cash 760.00
        "SELL,a,Q,10.00",               // pending, 1 share
        "QUOTE,a,ABC",
        "DISPLAY_SUMMARY,a",
        "DUMPLOG,a,mine",
        "DUMPLOG,./all",
    ];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:10.00", "--out", text(&out)]).with(0);
    assert_good(&out.join("all"), &[&workload]);
    assert_good(&out.join("mine"), &[]);
    let expected = serde_json::json!({ "accounts": [{
        "user": "a", "cash": "760.00", "reserved": "130.00",
        "holdings": {
            "ABC": { "free": 5, "reserved": 2 },
            "Q": { "free": 3, "reserved": 1 },
        },
        "pending_buys": [
            { "stock": "Q", "shares": 2, "cost": "20.00" },
            { "stock": "ABC", "shares": 1, "cost": "10.00" },
        ],
        "pending_sells": [{ "stock": "Q", "shares": 1, "proceeds": "10.00" }],
        "buy_orders": [{ "stock": "XY", "amount": "100.00", "trigger": "9.99" }],
        "sell_orders": [
            { "stock": "ABC", "amount": "40.00", "trigger": "20.00", "reserved_shares": 2 },
        ],
    }] });
    assert_eq!(json(&out.join("state.json")), expected);
    let report = json(&out.join("report.json"));
    assert_eq!(report["accepted"], lines.len());
    assert_eq!(report["rejected"], serde_json::json!({}));
    assert_eq!(report["latency"].as_object().unwrap().len(), 16);
}
