//! The grammar of workload lines, by the cases that `daytrade verify` is tested with too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use domain::trading::command::CommandName;
use domain::trading::parse::parse_action;
use workload::line::parse_line;

const CASES: &str = include_str!("corpus/lines.txt");

/// The bytes that `text` of the corpus stands for.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match &escape[..1] {
            "t" => (b'\t', 1),
            "r" => (b'\r', 1),
            "x" => (u8::from_str_radix(&escape[1..3], 16).unwrap(), 3),
            other => panic!("{other} is no escape"),
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn every_case_of_the_grammar_is_read() {
    let cases: Vec<&str> = CASES.lines().filter(|line| line.starts_with('"')).collect();
    assert!(cases.len() > 40, "{} cases", cases.len());
    for case in cases {
        let (line, reading) = case[1..].rsplit_once("\" = ").unwrap();
        let read = parse_line(&unescape(line));
        if reading == "blank" {
            assert_eq!(read, Ok(None), "{case}");
        } else if let Some(column) = reading.strip_prefix("unreadable ") {
            let column: usize = column.parse().unwrap();
            assert_eq!(read.unwrap_err().column, column, "{case}");
        } else {
            let (name, arguments) = match reading.split_once('|') {
                Some((name, rest)) => (name, Some(unescape(&rest.replace('|', ",")))),
                None => (reading, None),
            };
            let name = CommandName::parse(name.as_bytes()).unwrap();
            assert_eq!(read, Ok(Some(parse_action(name, arguments.as_deref()))), "{case}");
        }
    }
}
