//! What a log is taken to hold: everything, one user's commands, or what there was until then.

use super::log::{good, script};
use super::{assert_found, assert_good, check, check_with, kinds, log};
use audit_logger::verify::FindingKind::*;
use audit_logger::verify::{LogScope, Options, verify};

#[test]
fn a_command_left_out_of_a_complete_log_is_a_gap() {
    for number in [24, 29, 30, 31, 35, 36] {
        let log = good().without(number);
        let report = check(&log.xml());
        assert_eq!(report.scope, LogScope::Complete);
        assert_found("left out", &report, TransactionGap, 1);
        let finding = &report.findings[0];
        assert_eq!(finding.message, format!("transaction {number} is not in the log"));
    }
    // All that was refused.
    let mut log = good();
    for number in 26..=39 {
        log = log.without(number);
    }
    let report = check(&log.xml());
    assert_found("all refused", &report, TransactionGap, 1);
    assert!(report.findings[0].message.contains("26 to 39 (14 in all)"), "{report}");
}

#[test]
fn what_was_still_in_a_buffer_is_missed() {
    // The DUMPLOG overtook the commands just before it.
    let log = good().without(44).without(45);
    assert_found("buffer", &check(&log.xml()), TransactionGap, 1);
}

#[test]
fn commands_after_a_complete_log_are_no_gap() {
    let log = good().with(
        "cmd 133020 46 DUMPLOG n=./testLOG",
        &[
            "quote 133020 49 u=alice s=QQQ p=1.00",
            "cmd 133015 47 DISPLAY_SUMMARY u=bob",
            "cmd 133020 46 DUMPLOG n=./testLOG",
        ],
    );
    assert_good(&check(&log.xml()));
}

#[test]
fn gaps_are_not_looked_for_in_an_open_log() {
    let log = good().without(46).without(24);
    let report = check(&log.xml());
    assert_eq!(report.scope, LogScope::Open);
    assert_good(&report);
    assert_found("with a workload", &check_with(&log.xml(), &log::workload()), WorkloadMissing, 1);
}

/// The DUMPLOG of alice: her transactions, numbered as they were among all.
fn of_alice() -> log::Script {
    let mut log = good().without(46);
    let of_others = |line: &String| line.contains("u=bob") || line.contains("u=carol");
    log.0.retain(|line| !of_others(line) && !line.contains("al!ce"));
    log.0.push("cmd 134000 48 DUMPLOG u=alice n=x".to_string());
    log
}

#[test]
fn the_log_of_one_user_has_gaps_and_prices_from_elsewhere() {
    let report = check(&of_alice().xml());
    assert_eq!(report.scope, LogScope::User("alice".to_string()));
    assert_good(&report);
    // A price that bob had asked for.
    let log = of_alice().with_all(8, "10.00", "12.00");
    let report = check(&log.xml());
    assert!(!kinds(&report).contains(&PriceInvented), "{report}");
    // The order was armed under a price that bob had asked for.
    let log = of_alice().with("quote 240 14 u=alice s=XYZ p=7.00", &[]);
    assert_good(&check(&log.xml()));
}

#[test]
fn the_log_of_one_user_is_held_to_that_users_lines() {
    let workload =
        log::workload() + "\n[47] ADD,bob,1.00\n[48] DUMPLOG,alice,x\n[49] QUOTE,alice,ABC\n";
    assert_good(&check_with(&of_alice().xml(), &workload));
    let log = of_alice().without(24);
    assert_found("left out", &check_with(&log.xml(), &workload), WorkloadMissing, 1);
    let cut = workload.replace("[48] DUMPLOG,alice,x\n", "");
    assert_found("not asked for", &check_with(&of_alice().xml(), &cut), WorkloadExtra, 2);
}

#[test]
fn an_invented_username_is_found() {
    let log = good()
        .with("cmd 133020 46 DUMPLOG n=./testLOG", &["cmd 133020 46 DUMPLOG u=admin n=./testLOG"]);
    assert_found("alone", &check(&log.xml()), UsernameInvented, 1);
    assert_found("with a workload", &check_with(&log.xml(), &log::workload()), UsernameInvented, 1);
    // A user who is there can be told with the workload only.
    let log = good()
        .with("cmd 133020 46 DUMPLOG n=./testLOG", &["cmd 133020 46 DUMPLOG u=bob n=./testLOG"]);
    assert_good(&check(&log.xml()));
    assert_found("with a workload", &check_with(&log.xml(), &log::workload()), UsernameInvented, 1);
}

#[test]
fn a_registration_is_believed_where_it_is_allowed() {
    let log = "\
cmd 0 1 DISPLAY_SUMMARY u=web
cmd 1 2 BUY u=web s=ABC f=1.00
error 1 2 BUY u=web s=ABC f=1.00 m=insufficient_funds
cmd 2 3 DUMPLOG n=x
";
    let log = script(log).xml();
    assert_found("not allowed", &check(&log), NotRefused, 2);
    let options = Options { registrations: true, ..Options::default() };
    let report = verify(log.as_bytes(), None, &options).unwrap();
    assert_good(&report);
    assert_eq!(report.registered, 1);
}

#[test]
fn many_users_at_once_are_good() {
    let report = check(&log::crowd(50, 3).xml());
    assert_good(&report);
    assert_eq!((report.commands, report.users, report.expired), (6_900, 600, 300));
}

/// `cargo test --release -- --ignored --nocapture how_fast`
#[test]
#[ignore = "takes a gigabyte of memory, and means something in a release build only"]
fn how_fast_a_million_commands_are_checked() {
    let log = log::crowd(1_000, 22).xml();
    let started = std::time::Instant::now();
    let report = check(&log);
    let seconds = started.elapsed().as_secs_f64();
    assert_good(&report);
    println!("{} commands, {} MB in {seconds:.2} s", report.commands, log.len() >> 20);
}

#[test]
fn findings_are_counted_beyond_those_kept() {
    let mut log = good();
    for _ in 0..1_000 {
        log.0.insert(5, "event 100 1 ADD u=alice f=1.00".to_string());
    }
    let log = log.xml().replacen("<price>7.00<", "<price>7<", 1);
    let options = Options { max_findings: 10, ..Options::default() };
    let report = verify(log.as_bytes(), None, &options).unwrap();
    assert_eq!(report.findings.len(), 10);
    assert_eq!(report.findings_total, 1_001);
    // A flood does not hide the one of another kind.
    assert!(report.findings.iter().any(|finding| finding.kind == AmountNotInDollars), "{report}");
    let text = report.to_string();
    assert!(text.contains("… and 991 more"), "{text}");
    let options = Options { max_findings: 0, ..Options::default() };
    let report = verify(log.as_bytes(), None, &options).unwrap();
    assert_eq!((report.findings.len(), report.findings_total), (0, 1_001));
}

#[test]
fn the_report_says_the_verdict_first() {
    let log = good().without(24).xml();
    let text = check(&log).to_string();
    let expected = "BAD: 1 finding in 45 commands\n\n  line 367  transaction_gap        transaction 24 is not in the log\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("complete: ends in a global DUMPLOG"), "{text}");
    assert!(!text.contains('\u{1b}'));
}
