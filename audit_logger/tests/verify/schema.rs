//! What the schema forbids, and the mistakes that course teams are known for.

use super::{assert_found, assert_good, check, check_with, complaint, log};
use audit_logger::verify::FindingKind::{self, *};
use audit_logger::verify::{Options, verify};

/// Name, what is replaced in the XML of the good log (its first occurrence), the finding, and how
/// many kinds of findings there may be.
const TABLE: &[(&str, &str, &str, FindingKind, usize)] = &[
    (
        "a seventh element",
        "  <userCommand>",
        "  <note>x</note>\n  <userCommand>",
        UnknownElement,
        1,
    ),
    (
        "elements in an unknown one",
        "  <userCommand>",
        "<a><b/><c>x</c></a>\n  <userCommand>",
        UnknownElement,
        1,
    ),
    ("the wrong case", "<username>alice</username>", "<userName>alice</userName>", UnknownChild, 9),
    (
        "a child of another element",
        "<action>add</action>",
        "<action>add</action><command>ADD</command>",
        UnknownChild,
        1,
    ),
    (
        "a child twice",
        "<server>daytrade</server>",
        "<server>a</server><server>b</server>",
        DuplicateChild,
        1,
    ),
    ("no timestamp", "<timestamp>1767225600010</timestamp>", "", MissingChild, 1),
    ("no server", "<server>daytrade</server>", "", MissingChild, 1),
    ("no command", "<command>COMMIT_BUY</command>", "", MissingChild, 9),
    ("no action", "<action>add</action>", "", MissingChild, 9),
    (
        "no cryptokey",
        "<cryptokey>ZcwKUqtHPq/PaprbZRKrFSw+zuIQiYA=</cryptokey>",
        "",
        MissingChild,
        1,
    ),
    (
        "no quote server time",
        "<quoteServerTime>1767225600120</quoteServerTime>",
        "",
        MissingChild,
        1,
    ),
    ("an empty server", "<server>daytrade</server>", "<server></server>", BadText, 1),
    ("an empty server, short", "<server>daytrade</server>", "<server/>", BadText, 1),
    ("a control character", "<server>daytrade</server>", "<server>a\u{1}</server>", BadText, 1),
    (
        "a referred control character",
        "<server>daytrade</server>",
        "<server>a&#2;</server>",
        BadText,
        1,
    ),
    ("text between elements", "  <userCommand>", "  oops\n  <userCommand>", StrayMarkup, 1),
    ("text in an element", "<server>", "oops<server>", StrayMarkup, 1),
    ("an entity between elements", "  <userCommand>", "&amp;<userCommand>", StrayMarkup, 1),
    ("CDATA between elements", "  <userCommand>", "<![CDATA[x]]><userCommand>", StrayMarkup, 1),
    (
        "an element in a child",
        "<server>daytrade</server>",
        "<server>a<b/>c</server>",
        StrayMarkup,
        1,
    ),
    ("an attribute", "<userCommand>", "<userCommand id=\"1\">", StrayMarkup, 1),
    ("a document type", "<log>", "<!DOCTYPE log><log>", StrayMarkup, 1),
    ("an unknown entity", "<server>daytrade</server>", "<server>&nbsp;</server>", XmlMalformed, 2),
    ("a wrong end tag", "</server>", "</servr>", XmlMalformed, 1),
    ("a lone ampersand", "<server>", "<server>a & b", XmlMalformed, 1),
    ("no element at all", "<log>", "<log><", XmlMalformed, 3),
    ("another root", "<log>", "<logs>", XmlMalformed, 9),
    ("text before the root", "<log>", "x<log>", StrayMarkup, 1),
    (
        "a fraction of a millisecond",
        "<timestamp>1767225600010</timestamp>",
        "<timestamp>1767225600010.5</timestamp>",
        BadTimestamp,
        1,
    ),
    (
        "a date",
        "<timestamp>1767225600010</timestamp>",
        "<timestamp>2026-01-01</timestamp>",
        BadTimestamp,
        1,
    ),
    (
        "seconds instead of milliseconds",
        "<timestamp>1767225600010</timestamp>",
        "<timestamp>1767225600</timestamp>",
        BadTimestamp,
        1,
    ),
    (
        "microseconds",
        "<timestamp>1767225600010</timestamp>",
        "<timestamp>1767225600010000</timestamp>",
        BadTimestamp,
        1,
    ),
    (
        "seconds of the quote server",
        "<quoteServerTime>1767225600120</quoteServerTime>",
        "<quoteServerTime>1767225600</quoteServerTime>",
        BadTimestamp,
        1,
    ),
    ("transaction 0", "<transactionNum>24<", "<transactionNum>0<", BadTransactionNum, 2),
    ("transaction -1", "<transactionNum>24<", "<transactionNum>-1<", BadTransactionNum, 2),
    (
        "a huge transaction",
        "<transactionNum>24<",
        "<transactionNum>99999999999999999999<",
        BadTransactionNum,
        2,
    ),
    (
        "a command of another name",
        "<command>DISPLAY_SUMMARY</command>",
        "<command>DISPLAY</command>",
        BadCommand,
        1,
    ),
    (
        "a command in lower case",
        "<command>COMMIT_BUY</command>",
        "<command>commit_buy</command>",
        BadCommand,
        9,
    ),
    (
        "a stock of four letters",
        "<stockSymbol>ABC</stockSymbol>",
        "<stockSymbol>ABCD</stockSymbol>",
        BadStock,
        9,
    ),
    ("funds with a dollar sign", "<funds>1000.00</funds>", "<funds>$1000.00</funds>", BadAmount, 9),
    ("funds with commas", "<funds>1000.00</funds>", "<funds>1,000.00</funds>", BadAmount, 9),
    (
        "a movement of nothing",
        "<funds>30.00</funds>\n  </accountTransaction>",
        "<funds>0.00</funds>\n  </accountTransaction>",
        BadAmount,
        9,
    ),
    (
        "more digits than a validator takes",
        "<funds>-73280.58</funds>",
        "<funds>-7328000000000000000000000.58</funds>",
        BadAmount,
        9,
    ),
    ("a price of nothing", "<price>7.00</price>", "<price>0.00</price>", BadAmount, 2),
    ("a negative price", "<price>7.00</price>", "<price>-7.00</price>", BadAmount, 2),
    ("an exponent", "<price>7.00</price>", "<price>7e0</price>", BadAmount, 2),
    (
        "funds of a command in cents",
        "<funds>1000.00</funds>",
        "<funds>100000</funds>",
        AmountNotInDollars,
        9,
    ),
    (
        "funds of a movement in cents",
        "<funds>10.00</funds>\n  </systemEvent>",
        "<funds>1000</funds>\n  </systemEvent>",
        AmountNotInDollars,
        9,
    ),
    ("one decimal", "<funds>1000.00</funds>", "<funds>1000.0</funds>", AmountNotInDollars, 1),
    ("a price without decimals", "<price>7.00</price>", "<price>7</price>", AmountNotInDollars, 1),
    ("another action", "<action>add</action>", "<action>deposit</action>", BadAction, 9),
    ("an action in upper case", "<action>remove</action>", "<action>REMOVE</action>", BadAction, 9),
    ("a newline in a cryptokey", "QiYA=</cryptokey>", "QiYA=\n</cryptokey>", BadCryptokey, 1),
    ("a space in a cryptokey", "Zcw", "Z cw", BadCryptokey, 1),
    ("a cryptokey that is not base64", "Zcw", "Z\u{fffd}w", BadCryptokey, 1),
    ("an empty cryptokey", "ZcwKUqtHPq/PaprbZRKrFSw+zuIQiYA=", "", BadText, 1),
];

#[test]
fn each_mistake_is_found() {
    let good = log::good().xml();
    let complaints: Vec<String> = TABLE
        .iter()
        .filter_map(|(name, from, to, expected, most)| {
            assert!(good.contains(from), "{name}: the good log has no {from:?}");
            complaint(name, &check(&good.replacen(from, to, 1)), *expected, *most)
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn cents_all_over_are_found() {
    let log = log::good().xml_with(|children| {
        for (name, text) in children {
            if matches!(*name, "funds" | "price") {
                *text = text.replace('.', "");
            }
        }
    });
    let report = check(&log);
    assert_found("cents", &report, AmountNotInDollars, 99);
}

#[test]
fn the_line_is_that_of_the_element() {
    let log = log::good().xml().replacen("<price>7.00</price>", "<price>7</price>", 1);
    let report = check(&log);
    let lines: Vec<&str> = log.lines().collect();
    let finding = &report.findings[0];
    assert_eq!(lines[finding.line as usize - 1], "  <quoteServer>");
    assert_eq!(lines[finding.line as usize + 5], "    <price>7</price>");
    assert_eq!(finding.transaction, Some(14));
    assert_eq!(finding.code(), "amount_not_in_dollars");
}

#[test]
fn what_xml_allows_is_no_mistake() {
    let good = log::good().xml();
    for (from, to) in [
        ("<log>", "<log xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
        ("  <userCommand>", "  <!-- a comment -->\n  <userCommand >"),
        ("<server>daytrade</server>", "<server>&#100;ay&lt;<![CDATA[trade]]></server>"),
        ("<timestamp>1767225600010<", "<timestamp> 1767225600010\n<"),
        ("</log>\n", "</log>\n<!-- the end -->\n\n"),
        ("<?xml", "\u{feff}<?xml"),
    ] {
        assert!(good.contains(from), "{from}");
        assert_good(&check_with(&good.replacen(from, to, 1), &log::workload()));
    }
}

#[test]
fn timestamps_are_held_to_the_range_asked_for() {
    let good = log::good().xml();
    let range = |from: u64, to: u64| Options {
        timestamps: Some(log::START_MS + from..=log::START_MS + to),
        ..Options::default()
    };
    let report = verify(good.as_bytes(), None, &range(0, 133_020)).unwrap();
    assert_good(&report);
    let early = verify(good.as_bytes(), None, &range(1, 133_020)).unwrap();
    assert_found("early", &early, TimestampOutOfRange, 1);
    let late = verify(good.as_bytes(), None, &range(0, 133_019)).unwrap();
    assert_found("late", &late, TimestampOutOfRange, 1);
}

#[test]
fn a_log_that_is_cut_off_is_found_wherever_it_is_cut() {
    let good = log::good().xml();
    for at in (0..good.len() - "/log>\n".len()).step_by(7) {
        let report = check(&good[..at]);
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        let cut = [WrongRoot, UnclosedRoot, XmlMalformed];
        assert!(codes.iter().any(|kind| cut.contains(kind)), "cut at {at}: {report}");
        // What was cut off is not blamed on the transaction that stood there.
        let blamed = [MovementMissing, PriceUntraced, FiringMissed, NotConserved];
        assert!(!codes.iter().any(|kind| blamed.contains(kind)), "cut at {at}: {report}");
    }
}

#[test]
fn what_follows_the_root_is_found() {
    let good = log::good().xml();
    for (tail, stopped) in [("oops", false), ("<log></log>", true), ("&amp;", false)] {
        let report = check(&format!("{good}{tail}"));
        assert!(!report.is_good(), "{tail}");
        assert_eq!(report.stopped, stopped, "{tail}");
    }
    assert_found("twice", &check(&format!("{good}<log/>")), AfterRoot, 1);
    assert_found("text", &check(&format!("{good}oops")), AfterRoot, 1);
}

#[test]
fn what_is_no_log_is_found() {
    for (text, expected) in [
        ("", WrongRoot),
        ("   \n", WrongRoot),
        ("hello", WrongRoot),
        ("<log", XmlMalformed),
        ("<html><body>no</body></html>", WrongRoot),
        ("\u{0}\u{1}\u{2}", WrongRoot),
    ] {
        assert_found(text, &check(text), expected, 3);
    }
    assert_good(&check("<log/>"));
    let binary: Vec<u8> = (0..=255).collect();
    let report = verify(&binary[..], None, &Options::default()).unwrap();
    assert!(!report.is_good());
}

#[test]
fn what_is_endless_is_found() {
    let endless = format!("<log><userCommand><server>{}", "x".repeat(3 << 20));
    assert_found("text", &check(&endless), XmlOversized, 1);
    let tag = format!("<log><{}", "x".repeat(3 << 20));
    assert_found("tag", &check(&tag), XmlOversized, 1);
    let references = format!("<log><userCommand><server>{}", "&amp;".repeat(2 << 20));
    assert_found("references", &check(&references), XmlOversized, 1);
    let nested = "<a>".repeat(1 << 20);
    assert_found("nested", &check(&format!("<log>{nested}")), XmlMalformed, 2);
}
