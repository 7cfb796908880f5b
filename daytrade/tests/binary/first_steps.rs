//! What somebody does first, and looks at right after.

use crate::common::*;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_user_can_be_added_before_the_first_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("not/there/yet");
    let mut add = daytrade(&["user", "add", "ann", "--role", "operator", "--data", text(&data)]);
    let mut child = add.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
    assert!(child.wait().unwrap().success());
    let listed = run(&["user", "list", "--data", text(&data)]).with(0).stdout;
    assert_eq!(listed.trim(), "ann: trader, operator");
    // What only looks makes nothing.
    let other = folder.path().join("other");
    run(&["user", "list", "--data", text(&other)]).with(1).telling(&["no such folder"]);
    assert!(!other.exists());
}

#[test]
fn a_price_is_as_old_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let lines = ["ADD,a,100.00", "SET_BUY_AMOUNT,a,S,50.00", "SET_BUY_TRIGGER,a,S,1.00"];
    let workload = write_workload(folder.path(), "w", &lines);
    let out = folder.path().join("run");
    // The log begins long ago, and its last entry is the price's.
    let virtually = ["--quotes", "fixed:7.00", "--clock", "virtual", "--out", text(&out)];
    run(&[&["replay", text(&workload)], &virtually[..]].concat()).with(0);
    let listed = run(&["orders", "--data", text(&out)]).with(0).stdout;
    assert!(listed.starts_with("S  7.00, of 20"), "{listed}");
    let json = run(&["orders", "--data", text(&out), "--format", "json"]).with(0).stdout;
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(found[0]["price_age_s"].as_f64().unwrap() > 86_400.0, "{json}");
}
