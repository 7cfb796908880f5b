//! A small market that leaves every kind of entry behind, and the log of it.

use audit_logger::LogError;
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, compress, segments};
use audit_logger::query::filter::codes;
use audit_logger::query::{Catalogue, Filter, Order, QueryError, Source};
use bus::Entries;
use domain::trading::command::{Action, Command, CommandName};
use domain::trading::entry::{
    CommandDecided, OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused, decide,
    fire,
};
use domain::trading::parse::parse_action;
use domain::trading::verbs::Stamp;
use domain::trading::verbs::expiry::{Side, expire_next};
use domain::trading::{
    Account, DumpFile, Entry, Price, RulesVersion, Stock, TransactionNum, UserName,
};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const START_MS: u64 = 1_767_225_600_000;
pub(crate) const STOCKS: [&str; 3] = ["A", "ABC", "abc"];

/// Chance that repeats itself: xorshift64*.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// The entries of `commands` commands by `users` users, and the accounts they lead to.
pub(crate) fn trade(
    chance: &mut Chance,
    users: u64,
    commands: u64,
) -> (Vec<Entry>, BTreeMap<String, Account>) {
    let mut entries = Vec::new();
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut now_ms = START_MS;
    for number in 1..=commands {
        now_ms += chance.below(2_000);
        let user = format!("u{}", chance.below(users));
        let stock = *chance.one_of(&STOCKS);
        pass_time(&user, &mut accounts, now_ms, &mut entries);
        let name = CommandName::numbered(chance.below(17) as u8).unwrap();
        let dollars = format!("{}.{:02}", chance.below(900), chance.below(100));
        let arguments = match (name, chance.below(40)) {
            (_, 0) => format!("{user},{stock},1e9,x"),
            (_, 1) => format!("{user},TOOLONG,5.00"),
            (CommandName::DumpLog, 2..=9) => "./all' OR 1=1".to_string(),
            (CommandName::DumpLog, _) => format!("{user},./mine"),
            (CommandName::Add, _) => format!("{user},{dollars}"),
            (CommandName::Quote | CommandName::CancelSetBuy | CommandName::CancelSetSell, _) => {
                format!("{user},{stock}")
            }
            (
                CommandName::Buy
                | CommandName::Sell
                | CommandName::SetBuyAmount
                | CommandName::SetBuyTrigger
                | CommandName::SetSellAmount
                | CommandName::SetSellTrigger,
                _,
            ) => format!("{user},{stock},{dollars}"),
            _ => user.clone(),
        };
        let action = parse_action(name, Some(arguments.as_bytes()));
        let transaction = TransactionNum(number);
        let price = Price::from_cents(100 + chance.below(9_000) as i64).unwrap();
        let cached = chance.below(2) == 0;
        let command = Command::new(transaction, now_ms, action);
        let Action::User { user: name_of, verb } = command.action.clone() else {
            entries.push(refused_or_dump(command, now_ms));
            continue;
        };
        if let Some(stock) = verb.stock() {
            asked(chance, (transaction, name), &name_of, stock, price, now_ms, &mut entries);
        }
        let account = accounts.entry(user.clone()).or_default();
        let stamp = Stamp { transaction, now_ms, rules: RulesVersion::CURRENT };
        let outcome = decide(account, stamp, &verb, Some(price));
        if !account.open {
            accounts.remove(&user);
        }
        let price = Some(PriceUsed { price, cached });
        entries.push(Entry::Command(CommandDecided {
            command,
            applied_ms: now_ms,
            price,
            outcome,
        }));
        if chance.below(20) == 0 {
            fire_some(&mut accounts, now_ms, chance, &mut entries);
        }
    }
    (entries, accounts)
}

fn refused_or_dump(command: Command, now_ms: u64) -> Entry {
    use domain::trading::{Accepted, Outcome};
    Entry::Command(match command.action {
        Action::DumpAll(_) => CommandDecided {
            command,
            applied_ms: now_ms,
            price: None,
            outcome: Outcome::Accepted(Accepted::Dumped),
        },
        _ => CommandDecided::refused_malformed(command, now_ms),
    })
}

fn asked(
    chance: &mut Chance,
    (transaction, name): (TransactionNum, CommandName),
    user: &UserName,
    stock: Stock,
    price: Price,
    now_ms: u64,
    entries: &mut Vec<Entry>,
) {
    match chance.below(6) {
        0 => entries.push(Entry::QuoteRefused(QuoteRefused {
            transaction,
            name,
            user: user.clone(),
            failed_ms: now_ms,
            stock,
            message: "half a line: \"1.0\", é <x>".into(),
        })),
        1 | 2 => entries.push(Entry::Quote(QuoteReceived {
            transaction,
            user: user.clone(),
            received_ms: now_ms,
            stock,
            price,
            server_time_ms: now_ms,
            cryptokey: "key=".into(),
        })),
        _ => {}
    }
}

fn pass_time(
    user: &str,
    accounts: &mut BTreeMap<String, Account>,
    now_ms: u64,
    entries: &mut Vec<Entry>,
) {
    let Some(account) = accounts.get_mut(user) else { return };
    while let Some((side, pending)) = expire_next(account, RulesVersion::CURRENT, now_ms) {
        entries.push(Entry::Expired(PendingExpired {
            transaction: pending.opened_by,
            user: UserName::parse(user.as_bytes()).unwrap(),
            expired_ms: now_ms,
            side,
            stock: pending.stock,
            shares: pending.shares,
            cash: pending.cash,
        }));
    }
}

fn fire_some(
    accounts: &mut BTreeMap<String, Account>,
    now_ms: u64,
    chance: &mut Chance,
    entries: &mut Vec<Entry>,
) {
    let stock = Stock::parse(chance.one_of(&STOCKS).as_bytes()).unwrap();
    for (user, account) in accounts {
        for (side, cents) in [(Side::Buy, 100), (Side::Sell, 100_000)] {
            let price = Price::from_cents(cents).unwrap();
            if let Some((transaction, name, fill)) =
                fire(account, RulesVersion::CURRENT, side, stock, price)
            {
                entries.push(Entry::Filled(OrderFilled {
                    transaction,
                    name,
                    user: UserName::parse(user.as_bytes()).unwrap(),
                    filled_ms: now_ms,
                    side,
                    stock,
                    fill,
                }));
            }
        }
    }
}

/// Goes on with the log in `folder` by `entries`, in batches of up to `most` entries.
pub(crate) fn write(
    folder: &Path,
    entries: &[Entry],
    chance: &mut Chance,
    most: u64,
    segment_bytes: u64,
) {
    let lock = segments::lock(folder).unwrap();
    let mut reader = LogReader::open(folder).unwrap();
    reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(())).unwrap();
    let end = LogEnd { position: reader.position(), torn: None };
    let mut writer = LogWriter::open(folder, lock, &end, LogOptions { segment_bytes }).unwrap();
    let mut rest = entries;
    while !rest.is_empty() {
        let count = (1 + chance.below(most)).min(rest.len() as u64) as usize;
        let mut batch = Entries::default();
        rest[..count].iter().for_each(|entry| batch.push(entry));
        writer.append([&batch].into_iter(), START_MS).unwrap();
        rest = &rest[count..];
    }
    writer.close(START_MS).unwrap();
    // Whatever is asked of a log is asked of one with segments of both forms.
    for path in compress::waiting(folder).unwrap().into_iter().skip(2).step_by(2) {
        compress::compress(&path).unwrap();
    }
}

/// What a search finds in the log in `folder`, with indexes made for everything or without any.
pub(crate) fn find(
    folder: &Path,
    indexed: bool,
    filter: &Filter,
    order: Order,
    most: usize,
) -> Result<Vec<(u64, Entry)>, LogError> {
    let catalogue = Catalogue::open_above(folder, indexed.then_some(0))?;
    Source::from(catalogue).collect(filter, order, most).map_err(|error| match error {
        QueryError::Log(error) => error,
        store => panic!("no store was asked: {store}"),
    })
}

pub(crate) fn file(text: &str) -> DumpFile {
    DumpFile::parse(text.as_bytes()).unwrap()
}

fn range(chance: &mut Chance, from: u64, length: u64) -> std::ops::RangeInclusive<u64> {
    let (one, two) = (from + chance.below(length), from + chance.below(length));
    one.min(two)..=one.max(two)
}

/// A filter by chance: half of them ask for one thing, the others for several.
pub(crate) fn some_filter(chance: &mut Chance, entries: u64, last_ms: u64) -> Filter {
    let mut filter = Filter::default();
    // Each alone, then several together.
    let fields = if chance.below(2) == 0 { 1 } else { 1 + chance.below(4) };
    for _ in 0..fields {
        match chance.below(8) {
            0 | 1 => filter.users.push(format!("u{}", chance.below(12))),
            2 => {
                let odd = ["TOOLONG", "' OR 1=1 --", ""];
                let stocks: Vec<&str> = STOCKS.into_iter().chain(odd).collect();
                filter.stock = Some(chance.one_of(&stocks).to_string());
            }
            3 => filter.command = Some(*chance.one_of(&CommandName::ALL)),
            4 => {
                let mut all: Vec<&str> = codes().collect();
                all.extend(["accepted", "rejected", "quote", "quote_refused", "expired", "filled"]);
                filter.outcome = Some(chance.one_of(&all).parse().unwrap());
            }
            5 => filter.transactions = Some(range(chance, 0, entries)),
            6 => filter.time_ms = Some(range(chance, START_MS, last_ms - START_MS)),
            _ => match chance.below(3) {
                0 => filter.amount_cents = Some(500..=20_000),
                1 => filter.entries = range(chance, 1, entries),
                _ => {
                    let texts = ["HALF", "1e9", "%", "é", "'; DROP TABLE entries; --", "", "fired"];
                    filter.text = Some(chance.one_of(&texts).to_string());
                }
            },
        }
    }
    filter
}
