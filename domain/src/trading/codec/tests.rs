use super::*;
use crate::trading::account::RecentCommand;
use crate::trading::command::{Action, CommandName};
use crate::trading::entry::*;
use crate::trading::parse::parse_action;
use crate::trading::verbs::expiry::Side;
use crate::trading::verbs::{self, Stamp};
use crate::trading::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

fn user(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

fn command(line: &str, outcome: Outcome, price: Option<PriceUsed>) -> Entry {
    let (name, rest) = line.split_once(',').unwrap();
    let action = parse_action(CommandName::named(name.as_bytes()).unwrap(), Some(rest.as_bytes()));
    Entry::Command(CommandDecided {
        command: Command::new(TransactionNum(7), 1_767_225_600_000, action),
        applied_ms: 1_767_225_604_000,
        price,
        outcome,
    })
}

/// A member without an example would be tested nowhere.
#[test]
fn examples_leave_nothing_out() {
    let (mut kinds, mut forms, mut sides) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut names, mut codes, mut outcomes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in Entry::examples() {
        kinds.insert(EntryKind::of(&entry));
        match &entry {
            Entry::Command(decided) => {
                let action = &decided.command.action;
                forms.insert(ActionForm::of(action));
                match action {
                    Action::User { verb, .. } => drop(names.insert(verb.name())),
                    Action::Malformed(malformed) => drop(codes.insert(malformed.code)),
                    Action::DumpAll(_) => {}
                }
                outcomes.insert(match &decided.outcome {
                    Outcome::Accepted(accepted) => (accepted.number(), accepted.code()),
                    Outcome::Rejected(reject) => (reject.number(), reject.code()),
                });
            }
            Entry::Expired(expired) => drop(sides.insert(expired.side)),
            _ => {}
        }
    }
    assert!(kinds.into_iter().eq(EntryKind::ALL));
    assert!(forms.into_iter().eq(ActionForm::ALL));
    assert!(sides.into_iter().eq(Side::ALL));
    assert!(names.into_iter().eq(CommandName::EVERY));
    assert!(codes.into_iter().eq(MalformedCode::ALL));
    assert!(outcomes.into_iter().eq(Accepted::CODES.into_iter().chain(Reject::CODES)));
}

/// The command, the verb and what an accepted one comes to are three tables.
#[test]
fn tables_of_commands_agree() {
    let names = CommandName::EVERY.map(|name| (name as u8, name.as_str()));
    assert_eq!(Verb::CODES, names);
    assert_eq!(Accepted::CODES, names);
    for verb in Verb::examples() {
        assert_eq!((verb.number(), verb.code()), (verb.name() as u8, verb.name().as_str()));
    }
    for name in CommandName::EVERY {
        assert_eq!(CommandName::numbered(name as u8), Some(name));
        assert_eq!(CommandName::named(name.as_str().as_bytes()), Some(name));
    }
    assert!(Reject::CODES.iter().all(|(number, _)| *number >= 0x80));
    assert!(
        CommandName::ALL
            .into_iter()
            .all(|name| { CommandName::parse(name.as_str().as_bytes()) == Some(name) })
    );
    assert_eq!(CommandName::parse(b"REGISTER"), None);
}

#[test]
fn every_kind_of_entry_is_read_back_as_it_was_written() {
    let entries = Entry::examples();
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| encode(entry, &mut bytes).unwrap());
    let mut rest = bytes.as_slice();
    for entry in &entries {
        let (read, behind) = decode(rest).unwrap();
        assert_eq!(&read, entry);
        rest = behind;
    }
    assert!(rest.is_empty());
}

/// A search that looks at the front alone must never pass over what it should find.
#[test]
fn the_front_of_every_kind_of_entry_is_what_the_whole_of_it_says() {
    for entry in Entry::examples() {
        let mut bytes = Vec::new();
        encode(&entry, &mut bytes).unwrap();
        bytes.extend_from_slice(b"behind");
        let (front, rest) = peek(&bytes).unwrap();
        assert_eq!(rest, b"behind");
        let (at_ms, name, late) = match &entry {
            Entry::Command(decided) => {
                (decided.applied_ms, Some(decided.command.action.name()), false)
            }
            Entry::Quote(quote) => (quote.received_ms, None, false),
            Entry::QuoteRefused(refused) => (refused.failed_ms, Some(refused.name), false),
            Entry::Expired(expired) => (expired.expired_ms, None, true),
            Entry::Filled(filled) => (filled.filled_ms, Some(filled.name), true),
        };
        let transaction = entry.transaction();
        let user = entry.user().map(str::as_bytes);
        assert_eq!(front, Peek { transaction, at_ms, user, name, late });
    }
}

#[test]
fn a_cut_entry_is_refused_wherever_it_is_cut() {
    for entry in Entry::examples() {
        let mut bytes = Vec::new();
        encode(&entry, &mut bytes).unwrap();
        // Where texts are long, what matters stands before and behind them.
        for len in (0..bytes.len()).filter(|len| *len < 1_000 || bytes.len() - len < 1_000) {
            assert!(decode(&bytes[..len]).is_err(), "{entry:?} cut to {len}");
        }
    }
}

/// Whatever stands near it would be a log that says what never happened.
#[test]
fn what_the_format_cannot_hold_is_refused() {
    let mut early = command("ADD,u,1.00", Outcome::Accepted(Accepted::Added), None);
    if let Entry::Command(decided) = &mut early {
        decided.applied_ms = decided.command.received_ms - 1;
    }
    let available = Money::from_cents(-1);
    let negative = Outcome::Rejected(Reject::InsufficientFunds { available });
    for entry in [early, command("BUY,u,S,1.00", negative, None)] {
        let mut bytes = b"before".to_vec();
        let refused = encode(&entry, &mut bytes).unwrap_err();
        assert_eq!((refused.transaction, bytes.as_slice()), (TransactionNum(7), &b"before"[..]));
    }
    let mut account = Account::default();
    account.cash = Money::from_cents(-1);
    assert!(encode_account(&user("u"), &account, &mut Vec::new()).is_err());
}

#[test]
fn an_account_is_read_back_with_all_it_holds() {
    let mut account = Account::default();
    let price = Price::from_cents(100);
    for (transaction, line) in [
        "ADD,u,1000.00",
        "BUY,u,S,100.00",
        "COMMIT_BUY,u",
        "BUY,u,T,50.00",
        "SELL,u,S,10.00",
        "SET_BUY_AMOUNT,u,A,20.00",
        "SET_BUY_TRIGGER,u,A,0.10",
        "SET_SELL_AMOUNT,u,S,20.00",
        "SET_SELL_TRIGGER,u,S,10.00",
        "SET_BUY_AMOUNT,u,B,20.00",
    ]
    .iter()
    .enumerate()
    {
        let (name, rest) = line.split_once(',').unwrap();
        let name = CommandName::parse(name.as_bytes()).unwrap();
        let Action::User { verb, .. } = parse_action(name, Some(rest.as_bytes())) else { panic!() };
        let stamp = Stamp {
            transaction: TransactionNum(transaction as u64 + 1),
            now_ms: 1000,
            rules: RulesVersion::CURRENT,
        };
        verbs::apply(&mut account, stamp, &verb, price).unwrap();
        account.recent.push(RecentCommand {
            transaction: stamp.transaction,
            name,
            stock: verb.stock(),
            amount: verb.amount(),
            accepted: true,
        });
    }
    assert!(!account.pending_buys.is_empty() && !account.pending_sells.is_empty());
    assert!(account.sell_orders[0].1.reserved == Shares::new(2));
    let mut bytes = Vec::new();
    encode_account(&user("u"), &account, &mut bytes).unwrap();
    let (name, read) = decode_account(&mut Reader::new(&bytes)).unwrap();
    assert_eq!((name, &read), (user("u"), &account));
    for len in 0..bytes.len() {
        assert!(decode_account(&mut Reader::new(&bytes[..len])).is_err(), "cut to {len}");
    }
}

static EXAMPLES: LazyLock<Vec<Entry>> = LazyLock::new(Entry::examples);

proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = peek(&bytes);
        let _ = decode_account(&mut Reader::new(&bytes));
    }

    #[test]
    fn no_changed_byte_makes_decoding_panic(nth: usize, at in 0usize..400, byte: u8) {
        let mut bytes = Vec::new();
        encode(&EXAMPLES[nth % EXAMPLES.len()], &mut bytes).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok((entry, _)) = decode(&bytes) {
            // Whatever is read can be written, and is the same again.
            let mut again = Vec::new();
            encode(&entry, &mut again).unwrap();
            prop_assert_eq!(decode(&again).unwrap().0, entry);
        }
    }
}
