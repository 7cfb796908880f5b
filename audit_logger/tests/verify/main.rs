//! The checker against logs made by hand: good ones pass, and each way of breaking one is found.

// The lint's exception for tests covers test functions only, not what they share.
#![allow(clippy::unwrap_used)]

mod broken;
mod log;
mod properties;
mod rules;
mod schema;
mod scopes;
mod workload;

use audit_logger::verify::{FindingKind, Options, VerifyReport, verify};

fn check(log: &str) -> VerifyReport {
    verify(log.as_bytes(), None, &Options::default()).unwrap()
}

fn check_with(log: &str, workload: &str) -> VerifyReport {
    let mut workload = workload.as_bytes();
    verify(log.as_bytes(), Some(&mut workload), &Options::default()).unwrap()
}

fn kinds(report: &VerifyReport) -> Vec<FindingKind> {
    report.findings_by_kind.iter().map(|&(kind, _)| kind).collect()
}

#[track_caller]
fn assert_good(report: &VerifyReport) {
    assert!(report.is_good(), "{report}");
}

/// The expected kind is among the findings, and no more than `most` kinds are.
#[track_caller]
fn assert_found(name: &str, report: &VerifyReport, expected: FindingKind, most: usize) {
    if let Some(complaint) = complaint(name, report, expected, most) {
        panic!("{complaint}");
    }
}

fn complaint(
    name: &str,
    report: &VerifyReport,
    expected: FindingKind,
    most: usize,
) -> Option<String> {
    let found = kinds(report);
    if !found.contains(&expected) {
        return Some(format!("{name}: {expected} was not found\n{report}"));
    }
    (found.len() > most).then(|| format!("{name}: {} kinds were found\n{report}", found.len()))
}

#[test]
fn the_good_log_is_good() {
    let report = check(&log::good().xml());
    assert_good(&report);
    assert_eq!(report.commands, 46);
    assert_eq!((report.accepted, report.rejected), (30, 16));
    assert_eq!(report.rejected_by_code.len(), 14);
    assert_eq!(report.commands_by_name.len(), 16);
    assert_eq!((report.fired, report.expired), (2, 2));
    assert_eq!((report.accounts, report.stocks), (2, 2));
    let text = report.to_string();
    assert!(text.starts_with("GOOD: 46 commands checked, nothing is wrong\n"), "{text}");
}

#[test]
fn the_good_log_is_good_with_its_workload() {
    let report = check_with(&log::good().xml(), &log::workload());
    assert_good(&report);
    assert_eq!(report.workload, Some((46, 2)));
}

#[test]
fn children_come_in_any_order_and_on_one_line() {
    let shuffled = log::good().xml_with(|children| children.reverse());
    assert_good(&check_with(&shuffled, &log::workload()));
    let dense = log::good().xml().replace('\n', "").replace("  ", "");
    assert_good(&check_with(&dense, &log::workload()));
    let windows = log::good().xml().replace('\n', "\r\n");
    assert_good(&check_with(&windows, &log::workload()));
}
