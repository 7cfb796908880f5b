//! What the log costs: appending with a flush in groups of several sizes, reading back a million
//! entries, and writing them as XML.
//!
//! `cargo bench -p audit_logger`. Figures depend on the disk under the temporary folder (`TMPDIR`).

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench that cannot go on has no figure")]

use audit_logger::LogError;
use audit_logger::dumplog::{self, DumpRequest};
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use audit_logger::xml::Renderer;
use bus::Entries;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::trading::command::{Action, Command, Verb};
use domain::trading::entry::{self, CommandDecided, PriceUsed, QuoteReceived};
use domain::trading::verbs::Stamp;
use domain::trading::{
    Account, Amount, DumpFile, Entry, Money, Price, RulesVersion, Stock, TransactionNum, UserName,
};
use rustc_hash::FxHashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

const NOW_MS: u64 = 1_767_225_600_000;
const USERS: usize = 1000;
const STOCKS: u64 = 1000;

/// Makes entries as a run of 1,000 users leaves them: decided by the rules, a quote for every
/// stock now and then.
struct Maker {
    accounts: Vec<(UserName, Account)>,
    transaction: u64,
    seed: u64,
}

impl Maker {
    fn new() -> Maker {
        let user = |nth: usize| UserName::parse(format!("oY01W{nth:05}").as_bytes());
        let accounts = (0..USERS).map(|nth| (user(nth).expect("a name"), Account::default()));
        Maker { accounts: accounts.collect(), transaction: 0, seed: 7 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % bound
    }

    fn next(&mut self) -> Entry {
        let nth = self.below(USERS as u64) as usize;
        let letters = self.below(STOCKS);
        let letter = |nth: u64| b'A' + (nth % 26) as u8;
        let symbol = [letter(letters), letter(letters / 26), letter(letters / 676)];
        let stock = Stock::parse(&symbol).expect("a stock");
        let cents = 100 + self.below(499_900) as i64;
        let price = Price::from_cents(cents).expect("a price");
        let amount = Amount::new(Money::from_cents(cents * 3)).expect("an amount");
        let kind = self.below(100);
        let now_ms = NOW_MS + self.transaction / 1000;
        self.transaction += 1;
        let transaction = TransactionNum(self.transaction);
        let (user, account) = &mut self.accounts[nth];
        if kind < 1 {
            return Entry::Quote(QuoteReceived {
                transaction,
                user: user.clone(),
                received_ms: now_ms,
                stock,
                price,
                server_time_ms: now_ms,
                cryptokey: "ZcwKUqtHPq/PaprbZRKrFSw+zuIQiYA5XlEfLUkxkUIsWaN0xSiiWw==".into(),
            });
        }
        let (verb, priced) = match kind {
            _ if !account.open => (Verb::Add(amount), false),
            1..12 => (Verb::Add(amount), false),
            12..25 => (Verb::Quote(stock), true),
            25..40 => (Verb::Buy(stock, amount), true),
            40..48 => (Verb::CommitBuy, false),
            48..51 => (Verb::CancelBuy, false),
            51..60 => (Verb::Sell(stock, amount), true),
            60..67 => (Verb::CommitSell, false),
            67..73 => (Verb::SetBuyAmount(stock, amount), true),
            73..83 => (Verb::SetBuyTrigger(stock, amount), true),
            83..90 => (Verb::SetSellTrigger(stock, amount), true),
            _ => (Verb::DisplaySummary, false),
        };
        let used = priced.then_some(PriceUsed { price, cached: !kind.is_multiple_of(10) });
        let stamp = Stamp { transaction, now_ms, rules: RulesVersion::CURRENT };
        let outcome = entry::decide(account, stamp, &verb, used.map(|used| used.price));
        let action = Action::User { user: user.clone(), verb };
        let command = Command::new(transaction, now_ms, action);
        Entry::Command(CommandDecided { command, applied_ms: now_ms, price: used, outcome })
    }

    fn entries(&mut self, count: usize) -> Entries {
        let mut entries = Entries::default();
        (0..count).for_each(|_| entries.push(&self.next()));
        entries
    }
}

fn open(folder: &Path) -> LogWriter {
    let lock = segments::lock(folder).expect("a lock");
    let position = LogReader::open(folder).expect("a folder").position();
    let end = LogEnd { position, torn: None };
    LogWriter::open(folder, lock, &end, LogOptions::default()).expect("a log")
}

/// A log of `count` entries in batches of 10,000.
fn log_of(folder: &Path, count: u64) {
    let mut maker = Maker::new();
    let mut writer = open(folder);
    for _ in 0..count / 10_000 {
        let group = maker.entries(10_000);
        writer.append([&group].into_iter(), NOW_MS).expect("appended");
    }
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append_and_flush");
    for size in [1, 100, 10_000] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("{size}_entries"), |bencher| {
            let folder = tempfile::tempdir().expect("a folder");
            let mut writer = open(folder.path());
            let entries = Maker::new().entries(size as usize);
            bencher.iter(|| writer.append([&entries].into_iter(), NOW_MS).expect("appended"));
        });
    }
    group.finish();
}

/// Reads the log and calls `each` with every entry.
fn read(folder: &Path, mut each: impl FnMut(Entry)) {
    let mut reader = LogReader::open(folder).expect("a log");
    reader
        .for_each(u64::MAX, |_, entry| {
            each(entry);
            Ok::<(), LogError>(())
        })
        .expect("a whole log");
}

/// Accounts folded from the entries, as a restart does.
fn fold(folder: &Path) -> usize {
    let mut accounts: FxHashMap<UserName, Account> = FxHashMap::default();
    read(folder, |entry| {
        let Some(user) = entry.account() else { return };
        if let Some(account) = accounts.get_mut(user) {
            return entry::replay(account, RulesVersion::CURRENT, &entry).expect("the rules");
        }
        let mut account = Account::default();
        entry::replay(&mut account, RulesVersion::CURRENT, &entry).expect("the rules");
        if account.open {
            accounts.insert(user.clone(), account);
        }
    });
    accounts.len()
}

fn recovery(criterion: &mut Criterion) {
    const COUNT: u64 = 1_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    log_of(folder.path(), COUNT);
    let mut group = criterion.benchmark_group("recovery_of_a_million");
    group.sample_size(10).throughput(Throughput::Elements(COUNT));
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            let mut reader = LogReader::open(folder.path()).expect("a log");
            while reader.next_batch().expect("a whole log").is_some() {}
            reader.position().next
        });
    });
    group.bench_function("check_and_decode", |bencher| {
        bencher.iter(|| read(folder.path(), |entry| drop(black_box(entry))));
    });
    group.bench_function("check_decode_and_fold", |bencher| {
        bencher.iter(|| fold(folder.path()));
    });
    group.finish();
}

fn xml(criterion: &mut Criterion) {
    const COUNT: u64 = 1_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    log_of(folder.path(), COUNT);
    let out = tempfile::tempdir().expect("a folder");
    let file = DumpFile::parse(b"./testLOG").expect("a name");
    let request = [DumpRequest { file, user: None, last: COUNT }];
    let dump = || {
        let dumps = dumplog::write(folder.path(), out.path(), "daytrade", &[], &request);
        dumps.expect("written").dumps[0].bytes
    };
    let mut group = criterion.benchmark_group("xml_of_a_million");
    group.sample_size(10).throughput(Throughput::Bytes(dump()));
    group.bench_function("dump", |bencher| bencher.iter(dump));

    // Without reading and writing: what the text itself costs.
    let mut maker = Maker::new();
    let entries: Vec<Entry> = (0..10_000).map(|_| maker.next()).collect();
    let mut text = Vec::new();
    let render = |out: &mut Vec<u8>| {
        out.clear();
        let mut renderer = Renderer::new("daytrade");
        entries.iter().for_each(|entry| renderer.render(entry, out));
        out.len() as u64
    };
    group.throughput(Throughput::Bytes(render(&mut text)));
    group.bench_function("render_only", |bencher| {
        bencher.iter(|| render(&mut text));
    });
    group.finish();
}

fn configured() -> Criterion {
    Criterion::default()
        .measurement_time(Duration::from_secs(5))
        .warm_up_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = configured();
    targets = append, recovery, xml
}
criterion_main!(benches);
