//! A log against the workload that it is the log of.

use super::log::{good, script, workload};
use super::{assert_found, assert_good, check_with, kinds};
use audit_logger::verify::FindingKind::*;
use audit_logger::verify::{Options, VerifyFault, verify};
use std::io::{self, BufRead, Read};

#[test]
fn a_command_left_out_is_found_with_both_places() {
    let log = good().without(36).without(46);
    let log = script(&(log.0.join("\n") + "\ncmd 133020 46 DUMPLOG n=./testLOG"));
    let report = check_with(&log.xml(), &workload());
    assert_found("left out", &report, WorkloadMissing, 2);
    let finding = report.findings.iter().find(|finding| finding.kind == WorkloadMissing).unwrap();
    assert_eq!(
        finding.message,
        "workload line 37 'CANCEL_SELL,alice' is not in the log up to here"
    );
    // The line in the log is that of alice's next command.
    assert!(log.xml().lines().nth(finding.line as usize - 1).unwrap().contains("userCommand"));
}

#[test]
fn a_tail_left_out_is_found() {
    let log = good().without(43).without(44).without(45);
    assert_found("tail", &check_with(&log.xml(), &workload()), WorkloadMissing, 3);
}

#[test]
fn a_command_too_many_is_found() {
    let log = good().with(
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &[
            "cmd 340 24 DISPLAY_SUMMARY u=alice",
            "cmd 341 60 COMMIT_SELL u=carol",
            "error 341 60 COMMIT_SELL u=carol m=unknown_account",
        ],
    );
    let report = check_with(&log.xml(), &workload());
    // Its number is out of order, too.
    assert_found("extra", &report, WorkloadExtra, 2);
    assert_eq!(report.findings_total, 2);
}

#[test]
fn altered_fields_are_found() {
    for (number, from, to) in [
        (1, "f=1000.00", "f=1000.01"),
        (3, "s=ABC", "s=ABD"),
        (24, "DISPLAY_SUMMARY", "DUMPLOG"),
        (25, "n=alice.xml", "n=alice"),
        (31, "u=carol", "u=caro"),
        (46, "n=./testLOG", "n=testLOG"),
        (26, "f=-73280.58", "f=73280.58"),
    ] {
        let log = good().with_all(number, from, to);
        let report = check_with(&log.xml(), &workload());
        let found = kinds(&report);
        assert!(
            found.contains(&WorkloadAltered) || found.contains(&WorkloadExtra),
            "{number}: {report}"
        );
        assert!(!found.contains(&WorkloadMissing) || number == 24, "{number}: {report}");
    }
}

#[test]
fn another_order_of_a_users_commands_is_found() {
    // Both are as good the other way round: only the workload tells.
    let log = good()
        .with(
            "cmd 280 18 SET_SELL_AMOUNT u=alice s=ABC f=20.00",
            &["cmd 280 18 DISPLAY_SUMMARY u=alice"],
        )
        .with(
            "cmd 340 24 DISPLAY_SUMMARY u=alice",
            &["cmd 340 24 SET_SELL_AMOUNT u=alice s=ABC f=20.00"],
        );
    let report = check_with(&log.xml(), &workload());
    let found = kinds(&report);
    assert!(found.contains(&WorkloadOrder) || found.contains(&WorkloadAltered), "{report}");
}

#[test]
fn another_numbering_is_no_mistake() {
    let mut log = good();
    for line in &mut log.0 {
        let mut words: Vec<String> = line.split(' ').map(str::to_string).collect();
        words[2] = (words[2].parse::<u64>().unwrap() * 7 + 1_000).to_string();
        *line = words.join(" ");
    }
    let report = check_with(&log.xml(), &workload());
    let found = kinds(&report);
    // In a complete log numbers begin at 1, and none is left out; the workload fits all the same.
    assert_eq!(found, [TransactionGap], "{report}");
}

#[test]
fn the_line_says_which_refusal_is_right() {
    // `BUY,alice`: too few arguments, not a bad user or stock.
    for wrong in ["invalid_stock", "invalid_amount", "unknown_account"] {
        let log = good().with_all(27, "invalid_arguments", wrong);
        let report = check_with(&log.xml(), &workload());
        let found = kinds(&report);
        assert!(found.contains(&WrongCode) || found.contains(&FieldMissing), "{report}");
    }
    // `QUOTE,alice,GOOGL`.
    let log = good().with_all(29, "invalid_stock", "invalid_arguments");
    assert_found("stock", &check_with(&log.xml(), &workload()), WrongCode, 1);
    // A good command is not refused for its arguments.
    let log = good().with_all(
        24,
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
    );
    let log = log.with(
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &[
            "cmd 340 24 DISPLAY_SUMMARY u=alice",
            "error 340 24 DISPLAY_SUMMARY u=alice m=invalid_arguments",
        ],
    );
    assert_found("good", &check_with(&log.xml(), &workload()), WronglyRefused, 1);
}

#[test]
fn several_files_are_one_workload() {
    let all = workload();
    let (first, second) = all.split_at(all.find("[20]").unwrap());
    let mut reader = first.as_bytes().chain(second.as_bytes());
    let log = good().xml();
    let report = verify(log.as_bytes(), Some(&mut reader), &Options::default()).unwrap();
    assert_good(&report);
}

#[test]
fn blanks_change_nothing_in_a_line() {
    let log = "\
cmd 0 1 ADD u=alice f=5.00
cash 0 1 add u=alice f=5.00
cmd 1 2 DUMPLOG n=x
";
    for odd in [
        "[2]DISPLAY_SUMMARY,alice",
        " [2] DISPLAY_SUMMARY,alice",
        "\t[2]  DISPLAY_SUMMARY , alice \r",
    ] {
        let workload = format!("\n \t\r\n[1] ADD, alice ,5\n\n{odd}\n\r\n[3] DUMPLOG,x\n \n");
        let report = check_with(&script(log).xml(), &workload);
        assert_found(odd, &report, WorkloadMissing, 1);
        let with =
            log.replace("cmd 1 2 DUMPLOG", "cmd 1 2 DISPLAY_SUMMARY u=alice\ncmd 1 3 DUMPLOG");
        let report = check_with(&script(&with).xml(), &workload);
        assert_good(&report);
        assert_eq!(report.workload, Some((3, 0)), "{odd}");
    }
}

#[test]
fn lines_without_a_command_are_counted_apart() {
    let log = "\
cmd 0 1 ADD u=alice f=5.00
cash 0 1 add u=alice f=5.00
cmd 1 2 DUMPLOG n=x
";
    for unreadable in [
        "[0] ADD,alice,5",
        "[x] ADD,alice,5",
        "ADD,alice,5",
        "[2] add,alice,5",
        "[2] ADDS",
        "[2]",
        "2] ADD",
    ] {
        let workload = format!("[1] ADD,alice,5\n{unreadable}\n[3] DUMPLOG,x");
        let report = check_with(&script(log).xml(), &workload);
        assert_good(&report);
        assert_eq!(report.workload, Some((2, 1)), "{unreadable}");
    }
}

#[test]
fn names_that_xml_escapes_are_the_same() {
    let log = "\
cmd 0 1 QUOTE u=a&lt;b&amp;c s=ABC
error 0 1 QUOTE u=a&lt;b&amp;c s=ABC m=invalid_user
cmd 1 2 DUMPLOG n=x
";
    assert_good(&check_with(&script(log).xml(), "[1] QUOTE,a<b&c,ABC\n[2] DUMPLOG,x\n"));
    let none = log.replace("u=a&lt;b&amp;c ", "");
    assert_good(&check_with(&script(&none).xml(), "[1] QUOTE,a\u{1}b,ABC\n[2] DUMPLOG,x\n"));
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

impl BufRead for Broken {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Err(io::Error::other("the disk is gone"))
    }

    fn consume(&mut self, _: usize) {}
}

#[test]
fn a_fault_of_the_reader_is_no_finding() {
    let log = verify(Broken, None, &Options::default());
    assert!(matches!(log, Err(VerifyFault::Log(_))), "{log:?}");
    let half = verify(b"<log><userCommand>".chain(Broken), None, &Options::default());
    assert_eq!(half.unwrap_err().to_string(), "cannot read the log: the disk is gone");
    let workload = verify(&b"<log/>"[..], Some(&mut Broken), &Options::default());
    assert!(matches!(workload, Err(VerifyFault::Workload(_))), "{workload:?}");
}
