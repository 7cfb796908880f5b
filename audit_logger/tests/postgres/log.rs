//! Logs with every kind of entry, made from a seed.

use audit_logger::LogError;
use audit_logger::log::recovery::find_end;
use audit_logger::log::{LogOptions, LogReader, LogWriter, segments};
use bus::Entries;
use domain::trading::command::{Action, CommandName, Malformed, MalformedCode, Verb};
use domain::trading::entry::{
    CommandDecided, OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused,
};
use domain::trading::outcome::{Accepted, Fill, PendingTaken};
use domain::trading::verbs::expiry::Side;
use domain::trading::{
    Amount, Command, DumpFile, Entry, Money, Outcome, Price, Reject, Shares, Stock, TransactionNum,
    UserName,
};
use std::path::Path;

/// 2025-12-31, ten seconds before midnight: logs run over the end of a day.
pub(crate) const BEGUN_MS: u64 = 1_767_225_590_000;

/// Texts that would do harm if they were ever part of a statement.
pub(crate) const HOSTILE: [&str; 6] = [
    "'; DROP TABLE daytrade.entries; --",
    "$1$$; DELETE FROM daytrade.logs; $$",
    "\\.\n\\N\tNULL",
    "nul\0here",
    "\"quoted\" 'twice' \\' é 🦀",
    "x' OR '1'='1",
];

/// Chance that repeats itself: xorshift64*.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }
}

fn user(nth: u64) -> UserName {
    UserName::parse(format!("user{nth}").as_bytes()).unwrap()
}

pub(crate) fn stock() -> Stock {
    Stock::parse(b"ABC").unwrap()
}

pub(crate) fn price(cents: u64) -> Price {
    Price::from_cents(cents as i64).unwrap()
}

pub(crate) fn decided(transaction: u64, at_ms: u64, action: Action, outcome: Outcome) -> Entry {
    let transaction = TransactionNum(transaction);
    let command = Command::new(transaction, at_ms - 3, action);
    Entry::Command(CommandDecided { command, applied_ms: at_ms, price: None, outcome })
}

/// The `number`th entry of the log of `seed`.
pub(crate) fn entry(seed: u64, number: u64) -> Entry {
    let mut chance = Seeded(seed.wrapping_mul(1_000_003).wrapping_add(number) | 1);
    chance.below(1);
    let at_ms = BEGUN_MS + number;
    let who = user(chance.below(50));
    let transaction = TransactionNum(number);
    let hostile = HOSTILE[chance.below(HOSTILE.len() as u64) as usize];
    let cents = 1 + chance.below(1_000_000);
    let amount = Amount::new(Money::from_cents(cents as i64)).unwrap();
    let shares = Shares::new(chance.below(1000));
    let cash = Money::from_cents(cents as i64);
    let fill = Fill { price: price(cents), shares, cash };
    match chance.below(9) {
        0 => Entry::Quote(QuoteReceived {
            transaction,
            user: who,
            received_ms: at_ms,
            stock: stock(),
            price: price(cents),
            server_time_ms: if number.is_multiple_of(7) { u64::MAX } else { at_ms },
            cryptokey: hostile.into(),
        }),
        1 => Entry::QuoteRefused(QuoteRefused {
            transaction,
            name: CommandName::Quote,
            user: who,
            failed_ms: at_ms,
            stock: stock(),
            message: hostile.into(),
        }),
        2 => Entry::Expired(PendingExpired {
            transaction,
            user: who,
            expired_ms: at_ms,
            side: if number.is_multiple_of(2) { Side::Buy } else { Side::Sell },
            stock: stock(),
            shares,
            cash,
        }),
        3 => Entry::Filled(OrderFilled {
            transaction,
            name: CommandName::SetBuyTrigger,
            user: who,
            filled_ms: at_ms,
            side: Side::Buy,
            stock: stock(),
            fill,
        }),
        4 => {
            let malformed = Malformed {
                name: CommandName::Add,
                code: MalformedCode::InvalidAmount,
                user: Some(hostile.into()),
                stock: Some(hostile.into()),
                file: Some(hostile.into()),
                funds: Some("1.2.3".into()),
                message: hostile.into(),
            };
            let action = Action::Malformed(Box::new(malformed));
            decided(number, at_ms, action, Outcome::Rejected(Reject::Malformed))
        }
        5 => {
            let file = DumpFile::parse("it's; DROP TABLE x".as_bytes()).unwrap();
            let outcome = Outcome::Accepted(Accepted::Dumped);
            decided(number, at_ms, Action::DumpAll(file), outcome)
        }
        6 => {
            let action = Action::User { user: who, verb: Verb::CommitBuy };
            let taken = PendingTaken { opened_by: TransactionNum(1), stock: stock(), shares, cash };
            decided(number, at_ms, action, Outcome::Accepted(Accepted::BuyCommitted(taken)))
        }
        7 => {
            let action = Action::User { user: who, verb: Verb::Buy(stock(), amount) };
            let outcome = Outcome::Accepted(Accepted::BuyPending { shares, cost: cash });
            match decided(number, at_ms, action, outcome) {
                Entry::Command(decided) => {
                    let used = PriceUsed { price: price(cents), cached: true };
                    Entry::Command(CommandDecided { price: Some(used), ..decided })
                }
                other => other,
            }
        }
        _ => {
            let action = Action::User { user: who, verb: Verb::Add(amount) };
            decided(number, at_ms, action, Outcome::Accepted(Accepted::Added))
        }
    }
}

/// Opens a log for writing where it ends.
pub(crate) fn open(folder: &Path) -> LogWriter {
    let lock = segments::lock(folder).unwrap();
    let mut reader = LogReader::open(folder).unwrap();
    let stopped = reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(()));
    let end = find_end(&reader, stopped, folder).unwrap();
    // Small, so that every test goes across many segments.
    LogWriter::open(folder, lock, &end, LogOptions { segment_bytes: 40_000 }).unwrap()
}

/// Appends `count` entries of `seed` as one batch.
pub(crate) fn append(writer: &mut LogWriter, seed: u64, count: u64) {
    let mut entries = Entries::default();
    let next = writer.next_entry();
    (next..next + count).for_each(|number| entries.push(&entry(seed, number)));
    writer.append([&entries].into_iter(), BEGUN_MS).unwrap();
}

/// Appends batches of many sizes until the log has `count` entries.
pub(crate) fn grow(writer: &mut LogWriter, seed: u64, count: u64) {
    let mut chance = Seeded(seed | 1);
    while writer.next_entry() <= count {
        let left = count + 1 - writer.next_entry();
        let many = 1 + chance.below(300);
        append(writer, seed, many.min(left));
    }
}
