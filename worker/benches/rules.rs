//! What a command costs: the rules alone, and an engine with prices known, its entries encoded.
//!
//! ```sh
//! cargo bench -p worker --bench rules
//! ```
//!
//! The commands are made here, in the proportions measured on the course's 100-user file: 1,000
//! users, 1,000 stocks; 56 % are accepted. The rules are run by one thread on accounts that begin
//! empty.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use bus::{Clock, CommandBatch, FreshQuote, QuoteResult, ReplyTo};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::trading::entry;
use domain::trading::verbs::{Stamp, expiry};
use domain::trading::{
    Account, Action, Amount, Command, Money, Price, RulesVersion, Stock, TransactionNum, UserName,
    Verb,
};
use std::hint::black_box;
use tokio::sync::mpsc;
use worker::Engine;

const USERS: u32 = 1_000;
const STOCKS: u32 = 1_000;
const COMMANDS: usize = 102_400;
/// Commands in a message, as a player sends them.
const BATCH: usize = 512;

/// xorshift64*: the same commands every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }

    fn amount(&mut self, most_cents: u32) -> Amount {
        Amount::new(Money::from_cents(i64::from(self.below(most_cents)) + 1)).unwrap()
    }

    fn stock(&mut self) -> Stock {
        stock(self.below(STOCKS))
    }
}

fn stock(number: u32) -> Stock {
    let letter = |place: u32| b'A' + (number / place % 26) as u8;
    Stock::parse(&[letter(676), letter(26), letter(1)]).unwrap()
}

fn user(number: u32) -> UserName {
    UserName::parse(format!("oY01WVi{number:03}").as_bytes()).unwrap()
}

/// Prices from 1.00 to 500.00 dollars, one a stock.
fn price(number: u32) -> Price {
    Price::from_cents(100 + i64::from(number * 7_919 % 49_900)).unwrap()
}

/// One command of the course: the numbers are tenths of a percent of the 100-user file.
fn verb(chance: &mut Chance, ordered: &mut Stock) -> Verb {
    match chance.below(1_000) {
        0..139 => Verb::Buy(chance.stock(), chance.amount(100_000)),
        139..271 => Verb::Quote(chance.stock()),
        271..381 => Verb::Add(chance.amount(10_000_000)),
        381..472 => Verb::DisplaySummary,
        // A trigger follows the amount of its order as a rule.
        472..558 => Verb::SetBuyTrigger(*ordered, chance.amount(50_000)),
        558..638 => Verb::CommitBuy,
        638..711 => Verb::SetSellTrigger(*ordered, chance.amount(50_000)),
        711..773 => Verb::Sell(chance.stock(), chance.amount(100_000)),
        773..823 => {
            *ordered = chance.stock();
            Verb::SetBuyAmount(*ordered, chance.amount(100_000))
        }
        823..867 => {
            *ordered = chance.stock();
            Verb::SetSellAmount(*ordered, chance.amount(100_000))
        }
        867..909 => Verb::CommitSell,
        909..934 => Verb::CancelSetSell(*ordered),
        934..958 => Verb::CancelBuy,
        958..978 => Verb::CancelSell,
        _ => Verb::CancelSetBuy(*ordered),
    }
}

/// The commands with the numbers of their users.
fn commands() -> Vec<(u32, Verb)> {
    let mut chance = Chance(0x5eed);
    let mut ordered = vec![stock(0); USERS as usize];
    let mut next = || {
        let user = chance.below(USERS);
        let verb = verb(&mut chance, &mut ordered[user as usize]);
        (user, verb)
    };
    (0..COMMANDS).map(|_| next()).collect()
}

fn number_of(of: Stock) -> u32 {
    of.letters().as_bytes().iter().fold(0, |number, byte| number * 26 + u32::from(byte - b'A'))
}

fn rules(bench: &mut Criterion) {
    let commands: Vec<(u32, Verb, Option<Price>)> = commands()
        .into_iter()
        .map(|(user, verb)| {
            let price = verb.stock().map(|stock| price(number_of(stock)));
            (user, verb, price)
        })
        .collect();
    let empty = vec![Account::default(); USERS as usize];
    let mut group = bench.benchmark_group("rules");
    group.throughput(Throughput::Elements(COMMANDS as u64));
    group.bench_function("decide", |bench| {
        let run = |mut accounts: Vec<Account>| {
            for (number, (user, verb, price)) in commands.iter().enumerate() {
                // A million commands a second of the market's time.
                let now_ms = 1_767_225_600_000 + number as u64 / 1_000;
                let stamp = Stamp {
                    transaction: TransactionNum(number as u64 + 1),
                    now_ms,
                    rules: RulesVersion::CURRENT,
                };
                let account = &mut accounts[*user as usize];
                while expiry::expire_next(account, RulesVersion::CURRENT, now_ms).is_some() {}
                black_box(entry::decide(account, stamp, verb, *price));
            }
            accounts
        };
        bench.iter_batched(|| empty.clone(), run, BatchSize::LargeInput);
    });
    group.finish();
}

fn engine(bench: &mut Criterion) {
    let clock = Clock::real();
    let (client, _replies) = mpsc::channel(1);
    let reply_to = ReplyTo::new(client);
    let received = clock.now();
    let commands: Vec<Command> = commands()
        .into_iter()
        .enumerate()
        .map(|(number, (of, verb))| {
            Command::new(
                TransactionNum(number as u64 + 1),
                clock.unix_ms(received),
                Action::User { user: user(of), verb },
            )
        })
        .collect();
    let ready = || {
        let mut engine = Engine::new(clock.clone(), RulesVersion::CURRENT, []);
        let fresh = (0..STOCKS).map(|number| {
            let (stock, price) = (stock(number), price(number));
            let asked_by = TransactionNum(0);
            QuoteResult::Fresh(FreshQuote { stock, price, sent: clock.now(), asked_by })
        });
        engine.hear(&fresh.collect::<Vec<_>>());
        let batch = |commands: &[Command]| CommandBatch {
            commands: commands.to_vec(),
            received,
            reply_to: reply_to.clone(),
        };
        (engine, commands.chunks(BATCH).map(batch).collect::<Vec<_>>())
    };
    let mut group = bench.benchmark_group("engine");
    group.throughput(Throughput::Elements(COMMANDS as u64));
    group.bench_function("run batches of 512", |bench| {
        let run = |(mut engine, batches): (Engine, Vec<CommandBatch>)| {
            for batch in batches {
                engine.run(batch);
                let output = engine.take_output();
                assert!(output.asks.is_empty(), "every price is known");
                black_box(output);
            }
            engine
        };
        bench.iter_batched(ready, run, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, rules, engine);
criterion_main!(benches);
