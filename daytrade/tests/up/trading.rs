//! What a person does: sign up, add, buy, commit, order, look back.

use crate::server::{Client, PASSWORD, Server, request_id};
use serde_json::json;

#[test]
fn a_newcomer_trades_and_finds_all_of_it_in_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let account = ann.get("/api/v1/account").ok();
    assert_eq!((&account["open"], &account["cash"]), (&json!(true), &json!("0.00")));

    let added = ann.accepted("ADD,1000.00");
    assert_eq!(added["cash_change"], "1000.00");
    let bought = ann.accepted("[2] BUY,ABC,105.00 ");
    assert_eq!((&bought["shares"], &bought["cost"]), (&json!(10), &json!("100.00")));
    let account = ann.get("/api/v1/account").ok();
    let pending = &account["pending_buys"][0];
    assert_eq!(pending["transaction"], bought["transaction"]);
    let applied = bought["applied_ms"].as_u64().unwrap();
    assert_eq!(pending["deadline_ms"].as_u64().unwrap(), applied + 60_000);
    let committed = ann.accepted("COMMIT_BUY");
    assert_eq!(committed["opened_by"], bought["transaction"]);

    // An order that the price has met already fires inside the command that arms it.
    ann.accepted("SET_BUY_AMOUNT,ABC,50.00");
    let armed = ann.accepted("SET_BUY_TRIGGER,ABC,11.00");
    assert_eq!(armed["fill"], json!({ "price": "10.00", "shares": 5, "cash": "0.00" }));
    ann.accepted("SET_SELL_AMOUNT,ABC,40.00");
    let waits = ann.accepted("SET_SELL_TRIGGER,ABC,20.00");
    assert_eq!(waits["fill"], json!(null));

    let account = ann.get("/api/v1/account").ok();
    assert_eq!(account["cash"], "850.00");
    assert_eq!(account["holdings"]["ABC"], json!({ "free": 13, "reserved": 2 }));
    assert_eq!(account["sell_orders"][0]["armed_by"], waits["transaction"]);
    assert_eq!(account["seq"], waits["entry"]);

    // One that pays for no share at its trigger, which is met, waits for less.
    ann.accepted("SET_BUY_AMOUNT,XYZ,8.00");
    ann.accepted("SET_BUY_TRIGGER,XYZ,12.00");
    let order = &ann.get("/api/v1/account").ok()["buy_orders"][0];
    assert_eq!((&order["trigger"], &order["fires_at"]), (&json!("12.00"), &json!("8.00")));
    ann.accepted("CANCEL_SET_BUY,XYZ");

    let history = ann.get("/api/v1/history?limit=7").ok();
    assert_eq!(history["records"][4]["transaction"], waits["transaction"]);
    let next = history["next"].as_u64().unwrap();
    let rest = ann.get(&format!("/api/v1/history?before={next}&limit=100")).ok();
    let both =
        history["records"].as_array().unwrap().len() + rest["records"].as_array().unwrap().len();
    // The account that was opened, ten commands, and the two quotes they needed.
    assert_eq!((both, rest["next"].is_null()), (13, true));
    let story = ann.get(&format!("/api/v1/history/{}", bought["transaction"])).ok();
    assert_eq!(story["steps"].as_array().unwrap().last().unwrap()["command"], "COMMIT_BUY");

    let quotes = ann.get("/api/v1/quotes").ok();
    assert_eq!(quotes["quotes"][0]["price"], "10.00");
    let prices = ann.get("/api/v1/quotes/ABC/history").ok();
    assert_eq!(prices["prices"][0][1], "10.00");

    let dump = ann.get("/api/v1/history/export?format=xml");
    assert!(dump.text.starts_with("<?xml") && dump.text.trim_end().ends_with("</log>"));
    let path = folder.path().join("dump.xml");
    std::fs::write(&path, &dump.text).unwrap();
    let verdict = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .arg("verify")
        .arg(&path)
        .output()
        .unwrap();
    assert!(verdict.stdout.starts_with(b"GOOD"), "{}", String::from_utf8_lossy(&verdict.stdout));
}

#[test]
fn a_request_that_is_repeated_is_carried_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let asked = json!({ "request_id": request_id(), "name": "ADD", "amount": "5.00" });
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = || ann.post("/api/v1/commands", &asked).ok();
        let all: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(ann.get("/api/v1/account").ok()["cash"], "5.00");
    // Another's request of the same name is another request.
    let bob = Client::signed_up(&server, "bob");
    assert_ne!(bob.post("/api/v1/commands", &asked).ok()["transaction"], answers[0]["transaction"]);
}

#[test]
fn a_refusal_is_an_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    for (line, code) in [
        ("BUY,ABC,1.00", "insufficient_funds"),
        ("COMMIT_BUY", "no_pending_buy"),
        ("ADD,-1.00", "invalid_amount"),
        ("QUOTE,ABCD", "invalid_stock"),
        ("DUMPLOG", "invalid_filename"),
        ("COMMIT_BUY,x", "invalid_arguments"),
    ] {
        let outcome = ann.line(line);
        assert_eq!((&outcome["accepted"], &outcome["code"]), (&json!(false), &json!(code)));
    }
}

#[test]
fn the_demo_has_money_and_a_market() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--seed-demo"]);
    let password = server.said.split("with password ").nth(1).unwrap();
    let password = password.split(',').next().unwrap();
    let mut demo = Client::of(&server);
    let session = demo.enter("/api/v1/session", "demo", password).ok();
    assert_eq!(session["roles"], json!(["trader", "analyst", "operator"]));
    assert_eq!(demo.get("/api/v1/account").ok()["cash"], "10000.00");
    demo.accepted("BUY,ABC,100.00");
    assert_ne!(password, PASSWORD);
    drop(server);
    let again = Server::start(folder.path(), &["--seed-demo"]);
    assert!(again.said.contains("password it was given before"), "{}", again.said);
}

#[test]
fn the_system_behind_the_screen_takes_the_options_of_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--quotes", "sim", "--quote-faults", "na=0.3", "--quote-managers", "3"];
    let more = [&more[..], &["--quote-in-flight", "4", "--far-orders", "20:300"]].concat();
    let server = Server::start(folder.path(), &more);
    let ann = Client::signed_up(&server, "ann");
    // One answer of three is none: it is asked again, and nobody notices.
    for stock in ["A", "B", "C", "D", "E", "F", "G", "H"] {
        ann.accepted(&format!("QUOTE,{stock}"));
    }
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["up", "--clock-speed", "2", "--quote-cache", "redis://127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("leave out --quote-cache, or --clock-speed"), "{said}");
}
