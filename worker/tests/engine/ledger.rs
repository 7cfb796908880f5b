//! Random commands, late, stale and missing quotes, and time: whatever the order in which they
//! meet, the entries alone lead to the accounts of the engine, and every command is answered.

use crate::desk::{Desk, Happened, stock_of};
use bus::clock::Moment;
use bus::quotes::QUOTE_TTL;
use bus::{FreshQuote, QuoteAsk, QuoteResult};
use domain::trading::{
    Account, Action, Entry, Price, RulesVersion, Stock, TransactionNum, UserName,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::HashMap;
use std::time::Duration;
use worker::Ledger;

/// One step.
#[derive(Clone, Debug)]
enum Step {
    /// A batch of commands.
    Run(Vec<String>),
    /// One of the open questions is answered; its request was sent `age_ms` ago, if the question
    /// is as old as that.
    Answer { which: prop::sample::Index, cents: i64, age_ms: u64 },
    /// One of the open questions stays without an answer.
    NoAnswer(prop::sample::Index),
    /// A price that nobody here asked for.
    Unasked { stock: &'static str, cents: i64 },
    /// Milliseconds pass.
    Wait(u64),
    /// The timer looks.
    Expire,
}

fn stock() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("S"), 2 => Just("T"), 1 => Just("abc")]
}

fn line() -> impl Strategy<Value = String> {
    let user = prop_oneof![Just("a"), Just("b"), Just("c")];
    let command = prop_oneof![
        3 => (100i64..90_000).prop_map(|cents| ("ADD", None, Some(cents))),
        1 => stock().prop_map(|stock| ("QUOTE", Some(stock), None)),
        5 => (stock(), 1i64..9_000).prop_map(|(stock, cents)| ("BUY", Some(stock), Some(cents))),
        4 => Just(("COMMIT_BUY", None, None)),
        1 => Just(("CANCEL_BUY", None, None)),
        3 => (stock(), 1i64..2_000).prop_map(|(stock, cents)| ("SELL", Some(stock), Some(cents))),
        1 => Just(("COMMIT_SELL", None, None)),
        1 => Just(("CANCEL_SELL", None, None)),
        2 => order("SET_BUY_AMOUNT", 5_000),
        2 => order("SET_BUY_TRIGGER", 500),
        1 => stock().prop_map(|stock| ("CANCEL_SET_BUY", Some(stock), None)),
        2 => order("SET_SELL_AMOUNT", 2_000),
        2 => order("SET_SELL_TRIGGER", 500),
        1 => stock().prop_map(|stock| ("CANCEL_SET_SELL", Some(stock), None)),
        1 => Just(("DISPLAY_SUMMARY", None, None)),
        // Zero and negative amounts are malformed.
        1 => (-50i64..=0).prop_map(|cents| ("ADD", None, Some(cents))),
    ];
    let own = (user, command).prop_map(|(user, (name, stock, cents))| {
        let mut line = format!("{name},{user}");
        stock.iter().for_each(|stock| line += &format!(",{stock}"));
        cents.iter().for_each(|cents| line += &format!(",{:.2}", *cents as f64 / 100.0));
        line
    });
    prop_oneof![40 => own, 1 => Just("DUMPLOG,./all".to_string()), 1 => Just("DUMPLOG,a,./a".into())]
}

fn order(
    name: &'static str,
    most: i64,
) -> impl Strategy<Value = (&'static str, Option<&'static str>, Option<i64>)> {
    (stock(), 1..most).prop_map(move |(stock, cents)| (name, Some(stock), Some(cents)))
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let age = prop_oneof![6 => Just(0), 2 => 0u64..59_999, 1 => 60_000u64..90_000];
    prop_oneof![
        8 => prop::collection::vec(line(), 1..6).prop_map(Step::Run),
        8 => (index(), 1i64..600, age)
            .prop_map(|(which, cents, age_ms)| Step::Answer { which, cents, age_ms }),
        1 => index().prop_map(Step::NoAnswer),
        1 => (stock(), 1i64..600).prop_map(|(stock, cents)| Step::Unasked { stock, cents }),
        3 => prop_oneof![4 => 0u64..5_000, 1 => 0u64..62_000, 1 => 60_001u64..62_000]
            .prop_map(Step::Wait),
        2 => Just(Step::Expire),
    ]
}

/// The engine, the questions that are open, and the prices it has heard.
struct Play {
    desk: Desk,
    sent: u64,
    decided: u64,
    open: Vec<(QuoteAsk, Moment)>,
    heard: HashMap<Stock, FreshQuote>,
    checked: usize,
}

impl Play {
    async fn take(&mut self, step: &Step) {
        let now = self.desk.now();
        let happened = match step {
            Step::Run(lines) => {
                self.sent += lines.len() as u64;
                self.desk.run(&lines.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Step::Answer { which, cents, age_ms } if !self.open.is_empty() => {
                let (ask, since) = self.open.remove(which.index(self.open.len()));
                let aged = now.nanos().saturating_sub(age_ms * 1_000_000);
                let sent = Moment::from_nanos(aged).max(since);
                self.fresh(ask.stock, *cents, sent, ask.transaction)
            }
            Step::NoAnswer(which) if !self.open.is_empty() => {
                let (ask, _) = self.open.remove(which.index(self.open.len()));
                self.desk.hear(QuoteResult::Unavailable(ask.stock))
            }
            Step::Unasked { stock, cents } => {
                // An answer to all workers also answers the question of this one.
                let stock = stock_of(stock);
                self.open.retain(|(ask, _)| ask.stock != stock);
                self.fresh(stock, *cents, now, TransactionNum::default())
            }
            Step::Wait(ms) => {
                tokio::time::advance(Duration::from_millis(*ms)).await;
                return;
            }
            Step::Expire => {
                let happened = self.desk.expire();
                self.nothing_is_overdue();
                happened
            }
            Step::Answer { .. } | Step::NoAnswer(_) => return,
        };
        self.check(happened);
    }

    fn fresh(
        &mut self,
        stock: Stock,
        cents: i64,
        sent: Moment,
        asked_by: TransactionNum,
    ) -> Happened {
        let price = Price::from_cents(cents).unwrap();
        let quote = FreshQuote { stock, price, sent, asked_by };
        self.heard.insert(stock, quote);
        self.desk.hear(QuoteResult::Fresh(quote))
    }

    fn check(&mut self, happened: Happened) {
        let now = self.desk.now();
        for ask in happened.quote_asks {
            assert!(self.open.iter().all(|(open, _)| open.stock != ask.stock), "asked twice");
            self.open.push((ask, now));
        }
        for entry in &self.desk.entries[self.checked..] {
            let Entry::Command(decided) = entry else { continue };
            self.decided += 1;
            let Some(used) = decided.price else { continue };
            let Action::User { verb, .. } = &decided.command.action else {
                panic!("a price for {decided:?}");
            };
            let quote = self.heard[&verb.stock().unwrap()];
            assert_eq!(used.price, quote.price);
            assert_eq!(used.cached, quote.asked_by != decided.command.transaction);
            assert!(now.since(quote.sent) < QUOTE_TTL, "an old price for {decided:?}");
        }
        self.checked = self.desk.entries.len();
    }

    /// Behind the timer no user has a pending buy or sell of more than 60 s, waiting or not.
    fn nothing_is_overdue(&self) {
        let now_ms = self.desk.now_ms();
        for (user, account) in self.desk.engine.accounts() {
            let mut pending = account.pending_buys.iter().chain(&account.pending_sells);
            assert!(pending.all(|pending| now_ms - pending.accepted_ms <= 60_000), "of {user}");
        }
    }

    /// The accounts by the entries, and those of the engine.
    fn compare(&self) {
        let mut ledger = Ledger::default();
        for entry in &self.desk.entries {
            ledger.replay(RulesVersion::CURRENT, entry).unwrap();
        }
        let accounts: HashMap<&UserName, &Account> = self.desk.engine.accounts().collect();
        assert_eq!(ledger.accounts().iter().collect::<HashMap<_, _>>(), accounts);
    }
}

fn play(steps: &[Step]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut play = Play {
            desk: Desk::open(),
            sent: 0,
            decided: 0,
            open: Vec::new(),
            heard: HashMap::new(),
            checked: 0,
        };
        for step in steps {
            play.take(step).await;
            play.compare();
        }
        // Every question gets an answer in the end, and every command one reply.
        while let Some((ask, _)) = play.open.pop() {
            let now = play.desk.now();
            let happened = play.fresh(ask.stock, 100, now, ask.transaction);
            play.check(happened);
        }
        assert_eq!(play.decided, play.sent, "commands without an answer");
        // And nothing is pending for longer than its minute.
        tokio::time::advance(Duration::from_millis(60_001)).await;
        let happened = play.desk.expire();
        play.check(happened);
        play.compare();
        assert!(play.desk.engine.accounts().all(|(_, account)| {
            account.pending_buys.is_empty() && account.pending_sells.is_empty()
        }));
        assert_eq!(play.desk.engine.next_deadline_ms(), None);
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(462),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_entries_alone_lead_to_the_accounts_of_the_engine(
        steps in prop::collection::vec(step(), 20..80),
    ) {
        play(&steps);
    }
}
