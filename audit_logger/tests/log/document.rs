//! `docs/log-format.md` says what the program does: its example is read and written as the
//! document has it, and its tables are those of the source.

use crate::support::*;
use audit_logger::log::{ChainHash, LogOptions, snapshot};
use bus::Entries;
use domain::trading::codec::{ActionForm, EntryKind};
use domain::trading::command::{CommandName, MalformedCode};
use domain::trading::entry::{CommandDecided, PriceUsed, QuoteReceived};
use domain::trading::parse::parse_action;
use domain::trading::{
    Accepted, Command, Entry, Money, Outcome, Price, Reject, Shares, Stock, TransactionNum,
    UserName,
};
use std::fs;

const DOCUMENT: &str = include_str!("../../../docs/log-format.md");

/// The bytes of the document's example, whose lines are `offset | bytes | meaning`.
fn example() -> Vec<u8> {
    let block = DOCUMENT.split("```hex\n").nth(1).expect("an example");
    let mut bytes = Vec::new();
    for line in block.lines().take_while(|line| *line != "```") {
        let mut columns = line.split('|');
        let offset = usize::from_str_radix(columns.next().unwrap().trim(), 16).unwrap();
        assert_eq!(offset, bytes.len(), "the offset of: {line}");
        let column = columns.next().expect("bytes");
        bytes.extend(column.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

/// The entries that the document says the example holds.
fn entries_of_the_example() -> [Entry; 3] {
    let user = UserName::parse(b"ann").unwrap();
    let stock = Stock::parse(b"ABC").unwrap();
    let price = Price::from_cents(4217).unwrap();
    let command = |transaction, name, arguments: &str, waited_ms, price, accepted| {
        let received_ms = 1_767_225_600_000;
        let action = parse_action(name, Some(arguments.as_bytes()));
        Entry::Command(CommandDecided {
            command: Command::new(TransactionNum(transaction), received_ms, action),
            applied_ms: received_ms + waited_ms,
            price,
            outcome: Outcome::Accepted(accepted),
        })
    };
    let used = Some(PriceUsed { price, cached: false });
    let pending = Accepted::BuyPending { shares: Shares::new(2), cost: Money::from_cents(8434) };
    [
        command(1, CommandName::Add, "ann,100.00", 0, None, Accepted::Added),
        Entry::Quote(QuoteReceived {
            transaction: TransactionNum(2),
            user,
            received_ms: 1_767_225_600_009,
            stock,
            price,
            server_time_ms: 1_330_546_050_315,
            cryptokey: "a2V5".into(),
        }),
        command(2, CommandName::Buy, "ann,ABC,90.00", 9, used, pending),
    ]
}

#[test]
fn the_example_is_read_as_the_document_says() {
    let folder = log_of(&example());
    let (read, end) = read_back(folder.path()).unwrap();
    assert_eq!(end.torn, None);
    assert_eq!(read, entries_of_the_example());
}

#[test]
fn the_example_is_what_the_program_writes() {
    let folder = new_folder();
    let mut writer = reopen(folder.path(), LogOptions::default());
    let mut group = Entries::default();
    entries_of_the_example().iter().for_each(|entry| group.push(entry));
    writer.append([&group].into_iter(), 1_767_225_600_000).unwrap();
    writer.close(1_767_225_600_000).unwrap();
    let written = fs::read(&paths(folder.path())[0]).unwrap();
    assert_eq!(written, example());
}

#[test]
fn the_snapshot_is_laid_out_as_the_document_says() {
    let folder = new_folder();
    let made = snapshot::Snapshot { last: 3, chain: ChainHash([0xab; 32]), payload: vec![1, 2] };
    let hash = snapshot::save(folder.path(), &made).unwrap();
    let bytes = fs::read(folder.path().join("00000000000000000003.snap")).unwrap();
    assert_eq!(bytes[..8], *b"DTSNAP\x02\0");
    assert_eq!(bytes[8..16], 3u64.to_le_bytes());
    assert_eq!(bytes[16..48], [0xab; 32]);
    assert_eq!(bytes[48..50], [1, 2]);
    assert_eq!(bytes[50..], *blake3::hash(&bytes[..50]).as_bytes());
    assert_eq!(bytes[50..], hash.0);
}

/// The rows of the table under `heading` whose first cell is a number.
fn rows(heading: &str) -> Vec<(u64, Vec<&'static str>)> {
    let section = DOCUMENT.split(heading).nth(1).expect(heading);
    let section = section.split("\n#").next().unwrap();
    section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let first = cells.next()?;
            let number = match first.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok()?,
                None => first.parse().ok()?,
            };
            Some((number, cells.collect()))
        })
        .collect()
}

/// The numbers and names in the first two cells of the table under `heading`.
fn names(heading: &str) -> Vec<(u64, &'static str)> {
    rows(heading).into_iter().map(|(number, cells)| (number, cells[0])).collect()
}

#[test]
fn the_document_lists_every_number_of_the_format() {
    let numbered = |number: u8, name: &'static str| (u64::from(number), name);
    let commands = CommandName::EVERY.map(|name| numbered(name as u8, name.as_str()));
    assert_eq!(names("### Commands by number"), commands);
    let codes = MalformedCode::ALL.map(|code| numbered(code as u8, code.as_str()));
    assert_eq!(names("### Codes by number"), codes);

    let accepted = Accepted::CODES.into_iter().map(|(number, name)| numbered(number, name));
    // Arguments that are no good have codes of their own.
    let rejected = Reject::CODES.into_iter().map(|(number, name)| match name {
        "malformed" => numbered(number, "arguments that are no good (form 2)"),
        name => numbered(number, name),
    });
    assert_eq!(names("### Outcomes"), accepted.chain(rejected).collect::<Vec<_>>());

    let numbers = |heading| rows(heading).into_iter().map(|(number, _)| number);
    assert!(numbers("## Entries").eq(EntryKind::ALL.map(|kind| kind as u64)));
    assert!(numbers("### What was asked").eq(ActionForm::ALL.map(|form| form as u64)));
}
