//! The version of the rules that stands with the entries: old entries are replayed by the rules of
//! their day, whatever the rules are today.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::log::compress::compress;
use audit_logger::log::format::SegmentHeader;
use audit_logger::log::recovery::find_end;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use audit_logger::query::Catalogue;
use bus::Entries;
use domain::trading::command::Action;
use domain::trading::entry::{self, CommandDecided};
use domain::trading::verbs::Stamp;
use domain::trading::{
    Account, Amount, Command, Entry, Money, Outcome, Price, Reject, RulesVersion, Shares,
    TransactionNum, UserName, Verb, codec,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The version behind the newest one, simulated: it refuses a BUY of less than a dollar.
const NEXT: RulesVersion = RulesVersion::numbered(RulesVersion::CURRENT.number() + 1);

type Accounts = BTreeMap<String, Account>;

fn golden(rules: RulesVersion) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/rules-{rules}"))
}

/// A copy of the golden log, to be gone on with.
fn copy_of_golden(rules: RulesVersion) -> tempfile::TempDir {
    let folder = new_folder();
    for (_, path) in segments::list(&golden(rules)).unwrap() {
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// What the rules of that version make of a command: those of today, and the simulated next ones.
fn decide(account: &mut Account, stamp: Stamp, verb: &Verb, price: Option<Price>) -> Outcome {
    let dollar = Money::from_cents(100);
    match verb {
        Verb::Buy(_, amount) if stamp.rules >= NEXT && amount.money() < dollar => {
            Outcome::Rejected(Reject::AmountTooSmall)
        }
        _ => entry::decide(account, stamp, verb, price),
    }
}

/// Folds the log; the first entry that does not follow from its rules. With `by`, all entries are
/// replayed by that version, whatever the log says.
fn fold(folder: &Path, by: Option<RulesVersion>) -> Result<Accounts, u64> {
    let mut accounts = Accounts::new();
    let mut contradicts = None;
    let mut reader = LogReader::open(folder).unwrap().up_to_rules(NEXT);
    let each = |number, rules, fact: Entry| {
        let rules = by.unwrap_or(rules);
        let Some(user) = fact.account() else { return Ok(()) };
        let account = accounts.entry(user.to_string()).or_default();
        let follows = match &fact {
            Entry::Command(CommandDecided { command, applied_ms, price, outcome }) => {
                let Action::User { verb, .. } = &command.action else { return Ok(()) };
                let transaction = command.transaction;
                let stamp = Stamp { transaction, now_ms: *applied_ms, rules };
                decide(account, stamp, verb, price.map(|used| used.price)) == *outcome
            }
            other => entry::replay(account, rules, other).is_ok(),
        };
        if !follows {
            contradicts.get_or_insert(number);
        }
        Ok::<(), LogError>(())
    };
    reader.for_each_with_rules(u64::MAX, each).unwrap();
    accounts.retain(|_, account| account.open);
    contradicts.map_or(Ok(accounts), Err)
}

/// Accounts in words: cash and reserve, free and reserved shares.
fn in_words(accounts: &Accounts) -> String {
    let line = |(user, account): (&String, &Account)| {
        let shares = account.holdings().iter().map(|(stock, holding)| {
            format!("; {stock} {} + {}", holding.free.count(), holding.reserved.count())
        });
        format!("{user} {} + {}{}\n", account.cash, account.reserved, shares.collect::<String>())
    };
    accounts.iter().map(line).collect()
}

/// Where the log ends, and a writer that goes on there under `rules`.
fn go_on(folder: &Path, rules: RulesVersion) -> (LogEnd, LogWriter) {
    let lock = segments::lock(folder).unwrap();
    let mut reader = LogReader::open(folder).unwrap().up_to_rules(rules);
    let stopped = reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(()));
    let end = find_end(&reader, stopped, folder).unwrap();
    let writer = LogWriter::open(folder, lock, &end, LogOptions::default()).unwrap();
    (end, writer.with_rules(rules))
}

/// Appends what the rules of the writer make of `verb`, at the price that the account got before.
fn append_decided(writer: &mut LogWriter, account: &mut Account, verb: Verb) {
    let (transaction, now_ms) = (TransactionNum(writer.next_entry()), NOW_MS + 3_600_000);
    let stamp = Stamp { transaction, now_ms, rules: writer.rules() };
    let price = matches!(verb, Verb::Buy(..)).then(|| Price::from_cents(10).unwrap());
    let outcome = decide(account, stamp, &verb, price);
    let action = Action::User { user: UserName::parse(b"zoe").unwrap(), verb };
    let mut group = Entries::default();
    group.push(&Entry::Command(CommandDecided {
        command: Command::new(transaction, now_ms, action),
        applied_ms: now_ms,
        price: price.map(|price| entry::PriceUsed { price, cached: true }),
        outcome,
    }));
    writer.append([&group].into_iter(), now_ms).unwrap();
}

fn header_of(path: &Path) -> SegmentHeader {
    SegmentHeader::decode(&fs::read(path).unwrap()).unwrap()
}

fn amount(cents: i64) -> Amount {
    Amount::new(Money::from_cents(cents)).unwrap()
}

fn stock() -> domain::trading::Stock {
    domain::trading::Stock::parse(b"ABC").unwrap()
}

#[test]
fn every_version_has_a_golden_log_that_replays() {
    for number in 1..=RulesVersion::CURRENT.number() {
        let folder = golden(RulesVersion::numbered(number));
        let accounts = fold(&folder, None).expect("every entry follows from its rules");
        let expected = fs::read_to_string(folder.join("accounts.txt")).unwrap();
        assert_eq!(in_words(&accounts), expected, "rules {number}");
        for path in paths(&folder) {
            assert_eq!(header_of(&path).rules.number(), number);
        }
    }
}

/// The numbers and the form of everything in the log are those of the day when it was written.
#[test]
fn golden_entries_are_written_again_to_the_byte() {
    let mut reader = LogReader::open(&golden(RulesVersion::V1)).unwrap();
    let mut count = 0;
    while let Some((_, bytes)) = reader.next_batch().unwrap() {
        let (mut rest, mut again) = (bytes, Vec::new());
        while !rest.is_empty() {
            let (entry, behind) = codec::decode(rest).unwrap();
            codec::encode(&entry, &mut again).unwrap();
            (rest, count) = (behind, count + 1);
        }
        assert_eq!(again, bytes);
    }
    assert_eq!(count, 131);
}

#[test]
fn a_stricter_rule_does_not_lock_the_old_log_out() {
    let folder = copy_of_golden(RulesVersion::CURRENT);
    let mut zoe = Account::default();
    // Accepted by the rules of today, and refused by the next ones.
    let small_buy = || Verb::Buy(stock(), amount(50));
    let (_, mut writer) = go_on(folder.path(), RulesVersion::CURRENT);
    append_decided(&mut writer, &mut zoe, Verb::Add(amount(10_000)));
    append_decided(&mut writer, &mut zoe, small_buy());
    let last_old = writer.next_entry() - 1;
    drop(writer);
    assert_eq!(paths(folder.path()).len(), 1, "the same rules go on in the same segment");

    let (_, mut writer) = go_on(folder.path(), NEXT);
    append_decided(&mut writer, &mut zoe, small_buy());
    append_decided(&mut writer, &mut zoe, Verb::CommitBuy);
    writer.close(NOW_MS).unwrap();
    drop(writer);
    let all = segments::list(folder.path()).unwrap();
    assert_eq!(all[1].0, last_old + 1, "newer rules begin a segment");
    let rules = [header_of(&all[0].1).rules, header_of(&all[1].1).rules];
    assert_eq!(rules, [RulesVersion::CURRENT, NEXT]);

    let check = || {
        let accounts = fold(folder.path(), None).expect("each entry follows from its own rules");
        assert_eq!(accounts["zoe"], zoe);
        assert_eq!(accounts["zoe"].holding(stock()).free, Shares::new(5));
        assert_eq!(fold(folder.path(), Some(NEXT)), Err(last_old), "the old BUY is small");
        assert_eq!(fold(folder.path(), Some(RulesVersion::CURRENT)), Err(last_old + 1));
    };
    check();
    // Compressed, the segment still names its rules.
    compress(&all[0].1).unwrap();
    check();
}

/// A segment without an entry cannot be followed by another: it would have the same name.
#[test]
fn newer_rules_take_over_a_segment_without_entries() {
    let folder = new_folder();
    for _ in 0..2 {
        let (_, mut writer) = go_on(folder.path(), RulesVersion::CURRENT);
        let none = Entries::default();
        writer.append([&none].into_iter(), NOW_MS).unwrap();
    }
    let (before, mut writer) = go_on(folder.path(), NEXT);
    let mut zoe = Account::default();
    append_decided(&mut writer, &mut zoe, Verb::Add(amount(1)));
    drop(writer);
    let path = &paths(folder.path())[0];
    assert_eq!((paths(folder.path()).len(), header_of(path).rules), (1, NEXT));
    let (end, _) = go_on(folder.path(), NEXT);
    assert_eq!((before.position.next, end.position.next), (1, 2));
    assert_eq!(fold(folder.path(), None).unwrap()["zoe"], zoe);
}

#[test]
fn rules_that_are_not_known_are_named_and_left_alone() {
    let folder = copy_of_golden(RulesVersion::CURRENT);
    let (_, mut writer) = go_on(folder.path(), NEXT);
    append_decided(&mut writer, &mut Account::default(), Verb::Add(amount(1)));
    drop(writer);
    let before = files(folder.path());

    let mut reader = LogReader::open(folder.path()).unwrap();
    let stopped = reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(()));
    let refused = find_end(&reader, stopped, folder.path()).unwrap_err();
    let searched = Catalogue::open(folder.path(), false).err().expect("a search refuses it too");
    for error in [refused, searched] {
        let told = error.to_string();
        assert!(matches!(error, LogError::Rules { .. }), "{told}");
        for part in ["under version 2 of the rules", "up to 1", ".seg"] {
            assert!(told.contains(part), "{told}");
        }
    }
    assert_eq!(files(folder.path()), before);
}
