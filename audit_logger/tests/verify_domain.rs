//! The checker and the rules of `domain` were written apart from each other: what the one decides
//! and the log's renderer writes, the other must find right.

#![allow(clippy::unwrap_used)]

use audit_logger::query::filter::codes;
use audit_logger::verify::{LogScope, Options, VerifyReport, known_codes, known_commands, verify};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use domain::trading::command::CommandName;
use domain::trading::entry::{
    self, CommandDecided, OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused,
};
use domain::trading::parse::parse_action;
use domain::trading::verbs::expiry::{self, Side};
use domain::trading::verbs::{self, Stamp};
use domain::trading::{
    Accepted, Account, Action, Command, Entry, Outcome, Price, RulesVersion, Stock, TransactionNum,
    UserName, Verb,
};
use std::collections::{BTreeMap, BTreeSet};

const START_MS: u64 = 1_767_225_600_000;
const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "nobody"];
const STOCKS: [&str; 3] = ["A", "BC", "XYZ"];

/// A small exchange: users who never wait for each other, prices that come late or not at all,
/// timers, and orders that fire whenever a price comes.
struct Exchange {
    chance: u64,
    now_ms: u64,
    commands: u64,
    accounts: BTreeMap<String, Account>,
    /// The newest price of a stock, when it was asked for, and by which command.
    prices: BTreeMap<Stock, (Price, u64, TransactionNum)>,
    /// Users who wait for a price.
    parked: Vec<&'static str>,
    renderer: Renderer,
    log: Vec<u8>,
    /// The same, of alice alone.
    log_of_alice: Vec<u8>,
    workload: String,
    /// Commands that used a price which another had asked for.
    cached: u64,
}

impl Exchange {
    fn new(seed: u64) -> Exchange {
        Exchange {
            chance: seed,
            now_ms: START_MS,
            commands: 0,
            accounts: BTreeMap::new(),
            prices: BTreeMap::new(),
            parked: Vec::new(),
            renderer: Renderer::new("test"),
            log: HEAD.into(),
            log_of_alice: HEAD.into(),
            workload: String::new(),
            cached: 0,
        }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.chance;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn write(&mut self, entry: &Entry) {
        self.renderer.render(entry, &mut self.log);
        if entry.user() == Some("alice") {
            self.renderer.render(entry, &mut self.log_of_alice);
        }
    }

    /// Arguments, some of them no good.
    fn arguments(&mut self, user: &str, name: CommandName) -> String {
        if self.below(40) == 0 {
            let odd = ["", "u u,A,1.00", ",A,1.00", "U,GOOGL,5", "U,A,1e3", "U,-3", "U,..,.."];
            return self.pick(&odd).replace('U', user);
        }
        let stock = self.pick(&STOCKS);
        let cents = match self.below(4) {
            0 => self.below(2_000),
            1 => self.below(200_000),
            _ => self.below(20_000),
        };
        let amount = match self.below(3) {
            0 => (cents / 100).to_string(),
            1 => format!("{}.{}", cents / 100, cents % 10),
            _ => format!("{}.{:02}", cents / 100, cents % 100),
        };
        match name {
            CommandName::Add => format!("{user},{amount}"),
            CommandName::Quote | CommandName::CancelSetBuy | CommandName::CancelSetSell => {
                format!("{user},{stock}")
            }
            CommandName::CommitBuy
            | CommandName::CancelBuy
            | CommandName::CommitSell
            | CommandName::CancelSell
            | CommandName::DisplaySummary => user.to_string(),
            CommandName::DumpLog => format!("{user},./dump"),
            _ => format!("{user},{stock},{amount}"),
        }
    }

    /// Receives a command of a user who is not waiting, and carries it out.
    fn command(&mut self) {
        let user = self.pick(&USERS);
        if self.parked.contains(&user) {
            return;
        }
        let name = self.pick(&CommandName::ALL);
        // What makes the others possible comes more often.
        let name = match self.below(8) {
            0 => CommandName::Add,
            1 => CommandName::Buy,
            2 => CommandName::CommitBuy,
            _ => name,
        };
        let arguments = self.arguments(user, name);
        self.receive(user, name, &arguments);
    }

    fn receive(&mut self, user: &'static str, name: CommandName, arguments: &str) {
        self.commands += 1;
        let transaction = TransactionNum(self.commands);
        let end = self.pick(&["\n", " \n", "\r\n", "\n \t\n"]);
        let begin = self.pick(&["", "", " ", "\t"]);
        let spaced = arguments.replace(',', self.pick(&[",", ",", ", ", " ,"]));
        self.workload += &format!("{begin}[{transaction}] {},{spaced}{end}", name.as_str());
        // As the file's reader does: blanks around arguments are not part of them.
        let action = parse_action(name, Some(arguments.as_bytes()));
        let command = Command::new(transaction, self.now_ms, action);
        let (outcome, price) = match &command.action {
            Action::Malformed(_) => {
                let decided = CommandDecided::refused_malformed(command, self.now_ms);
                return self.write(&Entry::Command(decided));
            }
            Action::DumpAll(_) => (Outcome::Accepted(Accepted::Dumped), None),
            Action::User { user: owner, verb } => {
                self.parked.push(user);
                let decided = self.decide(transaction, owner, verb);
                self.parked.retain(|&parked| parked != user);
                decided
            }
        };
        let applied_ms = self.now_ms;
        self.cached += u64::from(price.is_some_and(|used| used.cached));
        self.write(&Entry::Command(CommandDecided { command, applied_ms, price, outcome }));
    }

    fn decide(
        &mut self,
        transaction: TransactionNum,
        user: &UserName,
        verb: &Verb,
    ) -> (Outcome, Option<PriceUsed>) {
        let account = self.accounts.entry(user.as_str().to_string()).or_default();
        let wanted = verbs::price_wanted(account, RulesVersion::CURRENT, verb).unwrap_or(None);
        let price = wanted.and_then(|stock| self.price(transaction, user, verb.name(), stock));
        self.expire();
        // A while may have passed: what the command wants is looked at anew.
        let account = self.accounts.entry(user.as_str().to_string()).or_default();
        let used = match verbs::price_wanted(account, RulesVersion::CURRENT, verb) {
            Ok(Some(_)) => price,
            _ => None,
        };
        let stamp = Stamp { transaction, now_ms: self.now_ms, rules: RulesVersion::CURRENT };
        (entry::decide(account, stamp, verb, used.map(|used| used.price)), used)
    }

    /// A fresh price: at hand, or asked for while others go on.
    fn price(
        &mut self,
        transaction: TransactionNum,
        user: &UserName,
        name: CommandName,
        stock: Stock,
    ) -> Option<PriceUsed> {
        for _ in 0..2 {
            if let Some(used) = self.fresh(transaction, stock) {
                return Some(used);
            }
            let asked_ms = self.now_ms;
            for _ in 0..self.below(3) {
                self.pass();
                if self.parked.len() < 3 {
                    self.command();
                }
            }
            if self.below(6) == 0 {
                self.write(&Entry::QuoteRefused(QuoteRefused {
                    transaction,
                    name,
                    user: user.clone(),
                    failed_ms: self.now_ms,
                    stock,
                    message: "NA & <nothing>".into(),
                }));
            } else if self.now_ms <= asked_ms + 60_000 {
                self.answer(transaction, user, stock, asked_ms);
            }
        }
        self.fresh(transaction, stock)
    }

    fn fresh(&self, transaction: TransactionNum, stock: Stock) -> Option<PriceUsed> {
        let &(price, asked_ms, by) = self.prices.get(&stock)?;
        let fresh = self.now_ms <= asked_ms + 60_000;
        fresh.then_some(PriceUsed { price, cached: by != transaction })
    }

    /// The quote server answers; orders that the price satisfies fire.
    fn answer(
        &mut self,
        transaction: TransactionNum,
        user: &UserName,
        stock: Stock,
        asked_ms: u64,
    ) {
        let price = Price::from_cents(100 + self.below(3_000) as i64).unwrap();
        self.prices.insert(stock, (price, asked_ms, transaction));
        self.write(&Entry::Quote(QuoteReceived {
            transaction,
            user: user.clone(),
            received_ms: self.now_ms,
            stock,
            price,
            server_time_ms: self.now_ms + 120_000,
            cryptokey: "Zc+/w==".into(),
        }));
        self.expire();
        let mut filled = Vec::new();
        for (owner, account) in &mut self.accounts {
            for side in [Side::Buy, Side::Sell] {
                if let Some((transaction, name, fill)) =
                    entry::fire(account, RulesVersion::CURRENT, side, stock, price)
                {
                    let user = UserName::parse(owner.as_bytes()).unwrap();
                    let filled_ms = self.now_ms;
                    filled.push(OrderFilled {
                        transaction,
                        name,
                        user,
                        filled_ms,
                        side,
                        stock,
                        fill,
                    });
                }
            }
        }
        filled.into_iter().for_each(|filled| self.write(&Entry::Filled(filled)));
    }

    fn expire(&mut self) {
        let now_ms = self.now_ms;
        let mut expired = Vec::new();
        for (owner, account) in &mut self.accounts {
            while let Some((side, pending)) =
                expiry::expire_next(account, RulesVersion::CURRENT, now_ms)
            {
                expired.push(PendingExpired {
                    transaction: pending.opened_by,
                    user: UserName::parse(owner.as_bytes()).unwrap(),
                    expired_ms: now_ms,
                    side,
                    stock: pending.stock,
                    shares: pending.shares,
                    cash: pending.cash,
                });
            }
        }
        expired.into_iter().for_each(|expired| self.write(&Entry::Expired(expired)));
    }

    /// Time passes: mostly a little, at times so much that prices and pendings run out.
    fn pass(&mut self) {
        let ms = match self.below(40) {
            0 => self.below(30_000),
            1 => 60_000,
            _ => self.below(1_500),
        };
        self.now_ms += ms;
        self.expire();
    }

    /// A price is asked for anew for an order that is armed.
    fn refresh(&mut self) {
        let armed = self.accounts.iter().find_map(|(owner, account)| {
            let (stock, order) =
                account.buy_orders.iter().find(|(_, order)| order.trigger.is_some())?;
            Some((owner.clone(), *stock, order.trigger?.1.transaction))
        });
        if let Some((owner, stock, transaction)) = armed {
            let user = UserName::parse(owner.as_bytes()).unwrap();
            self.answer(transaction, &user, stock, self.now_ms);
        }
    }

    /// The log, alice's, the workload, and how many prices came from the cache.
    fn run(mut self, commands: u64) -> ([String; 3], u64) {
        while self.commands < commands {
            self.pass();
            self.command();
            if self.below(10) == 0 {
                self.refresh();
            }
        }
        self.pass();
        self.receive("alice", CommandName::DumpLog, "alice,./testLOG");
        self.receive("", CommandName::DumpLog, "./testLOG");
        let logs = [self.log, self.log_of_alice].map(|mut log| {
            log.extend_from_slice(FOOT.as_bytes());
            String::from_utf8(log).unwrap()
        });
        let [log, of_alice] = logs;
        ([log, of_alice, self.workload], self.cached)
    }
}

fn check(log: &str, workload: &str) -> VerifyReport {
    let mut workload = workload.as_bytes();
    verify(log.as_bytes(), Some(&mut workload), &Options::default()).unwrap()
}

#[test]
fn what_the_rules_decide_is_found_right() {
    let (mut fired, mut expired, mut codes) = (0, 0, std::collections::BTreeSet::new());
    for seed in 0..60 {
        let ([log, of_alice, workload], cached) = Exchange::new(seed).run(2_000);
        let report = check(&log, &workload);
        if !report.is_good() {
            let line = report.findings[0].line as usize;
            let around: Vec<&str> = log.lines().skip(line.saturating_sub(12)).take(40).collect();
            panic!("seed {seed}\n{report}\n{}", around.join("\n"));
        }
        assert_eq!(report.cached_prices, cached, "seed {seed}: prices from cache");
        let alice = check(&of_alice, &workload);
        assert!(alice.is_good(), "seed {seed}, alice alone\n{alice}");
        assert_eq!(alice.scope, LogScope::User("alice".to_string()));
        fired += report.fired;
        expired += report.expired;
        codes.extend(report.rejected_by_code.iter().map(|&(code, _)| code));
    }
    assert!(fired > 1_000 && expired > 1_000, "{fired} fired, {expired} expired");
    // All but `balance_limit`.
    assert_eq!(codes.len(), 14, "{codes:?}");
}

/// The checker keeps lists of its own; a command or code that is added has to be added there too.
#[test]
fn the_checker_knows_every_command_and_code() {
    let sorted = |names: &mut dyn Iterator<Item = &'static str>| -> Vec<&str> {
        names.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut commands = CommandName::ALL.into_iter().map(CommandName::as_str);
    assert_eq!(sorted(&mut known_commands()), sorted(&mut commands));
    // A failed request to the quote server is an error of its own.
    let mut written = codes().chain(["quote_refused"]);
    assert_eq!(sorted(&mut known_codes()), sorted(&mut written));
}

#[test]
fn the_document_lists_every_code() {
    let document = include_str!("../../docs/audit-xml.md");
    let section = document.split("## Refusals").nth(1).unwrap().split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: Vec<&str> = rows.flat_map(|row| row.split(", ")).collect();
    let listed: Vec<&str> = listed.iter().map(|code| code.trim_matches('`')).collect();
    let (mut listed, mut known) = (listed, codes().collect::<Vec<_>>());
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

/// Whatever single element is left out, something is missed.
#[test]
fn nothing_can_be_left_out() {
    let ([log, _, workload], _) = Exchange::new(1).run(400);
    let elements: Vec<&str> = log.split_inclusive("  </").collect();
    assert!(elements.len() > 400);
    let body = &log[HEAD.len()..log.len() - FOOT.len()];
    let mut start = 0;
    let mut unseen = 0;
    let mut all = 0;
    while start < body.len() {
        let name_end = body[start..].find('>').unwrap();
        let name = &body[start + 3..start + name_end];
        let close = format!("  </{name}>\n");
        let end = start + body[start..].find(&close).unwrap() + close.len();
        let element = &body[start..end];
        let log = format!("{HEAD}{}{}{FOOT}", &body[..start], &body[end..]);
        // A failed quote changes nothing, and a quote may be one of several of the same price or
        // one that nobody used.
        let report = check(&log, &workload);
        all += 1;
        if report.is_good() {
            unseen += 1;
            let harmless = name == "quoteServer"
                || element.contains("quote_refused")
                || (name == "systemEvent" && element.contains(">BUY<"))
                || (name == "systemEvent" && element.contains(">SELL<"));
            assert!(harmless, "not missed:\n{element}");
        }
        start = end;
    }
    assert!(unseen * 4 < all, "{unseen} of {all}");
}
