use super::*;
use crate::trading::account::RecentCommand;
use crate::trading::command::{Action, CommandName};
use crate::trading::entry::*;
use crate::trading::parse::parse_action;
use crate::trading::verbs::expiry::Side;
use crate::trading::verbs::{self, Stamp};
use crate::trading::*;
use proptest::prelude::*;

fn stock(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

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

fn every_kind() -> Vec<Entry> {
    let fill = Fill {
        price: Price::from_cents(4217).unwrap(),
        shares: Shares::new(3),
        cash: Money::from_cents(12),
    };
    let taken = PendingTaken {
        opened_by: TransactionNum(300),
        stock: stock("ABC"),
        shares: Shares::new(u64::MAX),
        cash: Money::from_cents(i64::MAX),
    };
    let shares = Shares::new(200);
    let cost = Money::from_cents(31_415);
    let accepted = [
        ("ADD,u,1.00", Accepted::Added),
        ("QUOTE,u,S", Accepted::Quoted),
        ("BUY,u,S,1.00", Accepted::BuyPending { shares, cost }),
        ("COMMIT_BUY,u", Accepted::BuyCommitted(taken)),
        ("CANCEL_BUY,u", Accepted::BuyCancelled(taken)),
        ("SELL,u,S,1.00", Accepted::SellPending { shares, proceeds: cost }),
        ("COMMIT_SELL,u", Accepted::SellCommitted(taken)),
        ("CANCEL_SELL,u", Accepted::SellCancelled(taken)),
        ("SET_BUY_AMOUNT,u,S,1.00", Accepted::BuyAmountSet { previous: cost, fill: None }),
        ("SET_BUY_TRIGGER,u,S,1.00", Accepted::BuyArmed { fill: Some(fill) }),
        ("CANCEL_SET_BUY,u,S", Accepted::BuyOrderDropped { reserve: cost }),
        ("SET_SELL_AMOUNT,u,S,1.00", Accepted::SellAmountSet { reserved: shares, fill: None }),
        ("SET_SELL_TRIGGER,u,S,1.00", Accepted::SellArmed { reserved: shares, fill: Some(fill) }),
        ("CANCEL_SET_SELL,u,S", Accepted::SellOrderDropped { reserved: shares }),
        ("DISPLAY_SUMMARY,u", Accepted::Summarised),
        ("DUMPLOG,u,./f", Accepted::Dumped),
        ("DUMPLOG,./testLOG", Accepted::Dumped),
        ("REGISTER,u", Accepted::Registered),
    ];
    let rejects = [
        Reject::UnknownAccount,
        Reject::InsufficientFunds { available: cost },
        Reject::InsufficientShares { available: shares },
        Reject::AmountTooSmall,
        Reject::NoPendingBuy,
        Reject::NoPendingSell,
        Reject::NoBuyOrder,
        Reject::NoSellOrder,
        Reject::QuoteUnavailable,
        Reject::BalanceLimit,
    ];
    let used = PriceUsed { price: fill.price, cached: true };
    let mut entries = Vec::new();
    for (line, accepted) in accepted {
        entries.push(command(line, Outcome::Accepted(accepted), Some(used)));
    }
    for reject in rejects {
        entries.push(command("BUY,u,S,1.00", Outcome::Rejected(reject), None));
    }
    for line in ["BUY,u,S,1.00", "BUY,u,S,1e9", "DUMPLOG,./testLOG"] {
        let mut requested = command(line, Outcome::Rejected(Reject::Malformed), None);
        if let Entry::Command(decided) = &mut requested {
            decided.command.request = Some(RequestId::from_bytes([0xa5; 16]));
        }
        entries.push(requested);
    }
    for line in ["BUY,u,S,1e9", "ADD,,5.00,x", "DUMPLOG,u,.."] {
        entries.push(command(line, Outcome::Rejected(Reject::Malformed), None));
    }
    entries.push(Entry::Quote(QuoteReceived {
        transaction: TransactionNum(1),
        user: user(&"u".repeat(64)),
        received_ms: 5,
        stock: stock("S"),
        price: fill.price,
        server_time_ms: 1_330_546_050_315,
        cryptokey: "ZcwK=".into(),
    }));
    entries.push(Entry::QuoteRefused(QuoteRefused {
        transaction: TransactionNum(1),
        name: CommandName::Sell,
        user: user("u"),
        failed_ms: 5,
        stock: stock("AB"),
        message: "x".repeat(300).into(),
    }));
    for side in [Side::Buy, Side::Sell] {
        entries.push(Entry::Expired(PendingExpired {
            transaction: TransactionNum(1),
            user: user("u"),
            expired_ms: 5,
            side,
            stock: stock("AB"),
            shares,
            cash: cost,
        }));
        entries.push(Entry::Filled(OrderFilled {
            transaction: TransactionNum(1),
            name: CommandName::SetSellAmount,
            user: user("u"),
            filled_ms: 5,
            side,
            stock: stock("AB"),
            fill,
        }));
    }
    entries
}

#[test]
fn every_kind_of_entry_is_read_back_as_it_was_written() {
    let entries = every_kind();
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
    for entry in every_kind() {
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
    for entry in every_kind() {
        let mut bytes = Vec::new();
        encode(&entry, &mut bytes).unwrap();
        for len in 0..bytes.len() {
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
        let stamp = Stamp { transaction: TransactionNum(transaction as u64 + 1), now_ms: 1000 };
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

proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = peek(&bytes);
        let _ = decode_account(&mut Reader::new(&bytes));
    }

    #[test]
    fn no_changed_byte_makes_decoding_panic(nth in 0usize..40, at in 0usize..400, byte: u8) {
        let entries = every_kind();
        let mut bytes = Vec::new();
        encode(&entries[nth % entries.len()], &mut bytes).unwrap();
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
