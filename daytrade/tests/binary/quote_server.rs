//! A replay with its prices from a quote server that is another process.

use crate::common::*;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::Instant;

/// A quote server and its address.
fn serve(more: &[&str]) -> (Guarded, String) {
    let arguments =
        [&["quote-server", "--listen", "127.0.0.1:0", "--delay", "none"], more].concat();
    let mut server = Guarded::start(&mut daytrade(&arguments));
    let mut line = String::new();
    let mut stdout = BufReader::new(server.0.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line.split("quote server on ").nth(1).unwrap().split(',').next().unwrap();
    let address = format!("tcp://{}", address.trim());
    (server, address)
}

#[test]
fn a_replay_gets_its_prices_from_a_server_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 20, 5_000, 30);
    let (_server, address) = serve(&["--seed", "3"]);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", &address, "--out", text(&out)]).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    let report = json(&out.join("report.json"));
    assert!(report["quote_requests"].as_u64().unwrap() >= 30);
    assert!(report["quotes"].as_str().unwrap().contains(&address["tcp://".len()..]));
}

#[test]
fn a_server_with_every_fault_is_outlasted_and_its_faults_are_logged() {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("workload");
    generate(&workload, "valid", 20, 5_000, 30);
    let faults = "na=0.05,garbage=0.05,silence=0.05,wrong_stock=0.05,wrong_user=0.05,\
                  bad_price=0.05,bad_key=0.05,truncated=0.05,oversized=0.05,reset=0.05";
    let (_server, address) = serve(&["--faults", faults]);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", &address, "--out", text(&out)]).with(0);
    assert_good(&out.join("testLOG"), &[&workload]);
    let log = fs::read_to_string(out.join("testLOG")).unwrap();
    assert!(log.contains("<quoteServer>"));
    let rejected = &json(&out.join("report.json"))["rejected"];
    assert_eq!(rejected["quote_unavailable"], serde_json::Value::Null, "{rejected}");
    // Of some thirty quotes, half of the requests for them failed.
    let errors = children(&log, "errorEvent", "errorMessage");
    assert!(errors.iter().any(|message| message.contains("quote")), "{errors:?}");
}

/// Some stocks have a price when the server goes, and the others get none.
#[test]
fn a_server_that_dies_costs_the_quotes_and_not_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = serve(&[]);
    let out = folder.path().join("run");
    let acknowledgements = folder.path().join("acknowledged");
    let mut command = daytrade(&["replay", "-", "--quotes", &address, "--out", text(&out)]);
    command.args(["--acknowledgements", text(&acknowledgements)]);
    let mut replay = Guarded::start(command.stdin(std::process::Stdio::piped()));
    let mut pipe = replay.0.stdin.take().unwrap();
    let first = ["ADD,a,1000.00", "QUOTE,a,ABC"];
    // One stock only: its patience is all that is waited for.
    let second = ["QUOTE,a,XYZ", "BUY,b,XYZ,10.00", "ADD,b,1.00", "QUOTE,c,XYZ", "DUMPLOG,./all"];
    let workload = write_workload(folder.path(), "w", &[&first[..], &second].concat());
    let lines = fs::read_to_string(&workload).unwrap();
    let cut = lines.find("[3]").unwrap();
    std::io::Write::write_all(&mut pipe, &lines.as_bytes()[..cut]).unwrap();
    until("the first quote is there", || acknowledged(&acknowledgements).len() == 2);
    drop(server);
    let begun = Instant::now();
    std::io::Write::write_all(&mut pipe, &lines.as_bytes()[cut..]).unwrap();
    drop(pipe);
    replay.ended().with(0);
    assert!(begun.elapsed().as_secs() < 50, "{:?}", begun.elapsed());
    assert_good(&out.join("all"), &[&workload]);
    let expected = serde_json::json!({ "quote_unavailable": 2, "unknown_account": 1 });
    assert_eq!(json(&out.join("report.json"))["rejected"], expected);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    run(&["quote-server", "--listen", &address]).with(1).telling(&[&address, "in use"]);
}

#[test]
fn ctrl_c_ends_a_server_with_its_figures() {
    let (server, address) = serve(&[]);
    let folder = tempfile::tempdir().unwrap();
    let workload = write_workload(folder.path(), "w", &["QUOTE,a,ABC", "QUOTE,a,XYZ"]);
    let out = folder.path().join("run");
    run(&["replay", text(&workload), "--quotes", &address, "--out", text(&out)]).with(0);
    let pid = server.0.id().to_string();
    let kill = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(kill.unwrap().success());
    server.ended().with(0);
}
