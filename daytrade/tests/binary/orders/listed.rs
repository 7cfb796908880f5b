//! `daytrade orders` lists what is armed.

use crate::common::*;
use serde_json::Value;

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
        // Pays for no share at its trigger, which the price has met.
        "SET_BUY_AMOUNT,b,V,8.00",
        "SET_BUY_TRIGGER,b,V,12.00",
    ];
    let workload = write_workload(folder.path(), "orders", &lines);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", "fixed:10", "--out", text(&out)]).with(0);
    let data = ["--data", text(&out)];
    let answer = run(&[&["orders", "--format", "json"], &data[..]].concat()).with(0);
    let found: Value = serde_json::from_str(&answer.stdout).unwrap();
    let [s, t, v] = &found.as_array().unwrap()[..] else { panic!("{found}") };
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
    let small = &v["orders"][0];
    assert_eq!((&small["trigger"], &small["fires_at"]), (&"12.00".into(), &"8.00".into()));
    assert_eq!(small["distance_percent"], 20.0);

    let table =
        run(&[&["orders", "--limit", "1", "--user", "a"], &data[..]].concat()).with(0).stdout;
    assert!(
        table.contains("and 1 more") && table.ends_with("2 orders armed in 1 stock\n"),
        "{table}"
    );
    let table = run(&[&["orders", "--stock", "V"], &data[..]].concat()).with(0).stdout;
    assert!(
        table.contains("12.00  20.00 %  b  by #15  pays for a share from 8.00 down"),
        "{table}"
    );
    let none = run(&[&["orders", "--stock", "ZZZ"], &data[..]].concat()).with(0);
    assert_eq!(none.stdout, "");
    none.telling(&["no order is armed"]);
    run(&[&["orders", "--stock", "ABCD"], &data[..]].concat()).with(2).telling(&["1 to 3 letters"]);
    run(&[&["orders", "--user", "a,b"], &data[..]].concat()).with(2).telling(&["--user"]);
    run(&["orders", "--data", text(folder.path())]).with(1).telling(&["no log is in it"]);

    // Nobody says where: the newest run, else what `up` keeps, else a word on what is missing.
    let here = |arguments: &[&str]| end(daytrade(arguments).current_dir(folder.path()));
    here(&["orders"]).with(1).telling(&[
        "neither out/latest nor data is here",
        "--data",
        "daytrade replay",
    ]);
    std::fs::rename(&out, folder.path().join("data")).unwrap();
    assert!(here(&["orders"]).with(0).stdout.ends_with("5 orders armed in 3 stocks\n"));
    here(&["replay", text(&write_workload(folder.path(), "none", &["ADD,a,1.00"]))]).with(0);
    here(&["orders"]).with(0).telling(&["no order is armed"]);
}
