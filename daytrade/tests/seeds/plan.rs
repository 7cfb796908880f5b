//! What a seed decides: the workload, the setup, the faults, and how each life of the system ends.

use super::campaign::Chance;
use crate::cli::QuoteSource;
use crate::system::SystemOptions;
use autotx::FarPolicy;
use bus::Clock;
use domain::trading::{Price, Stock};
use quote_manager::simulator::{DelayModel, Faults, price};
use quote_manager::source::{ClientOptions, StrategyKind};
use std::time::Duration;
use workload::generate::{Profile, Spec, generate};
use workload::player::Rate;

const FAULTS: [&str; 11] = [
    "na",
    "garbage",
    "silence",
    "wrong_stock",
    "wrong_user",
    "bad_price",
    "not_a_number",
    "truncated",
    "oversized",
    "reset",
    "trickle",
];

/// One seed's world.
pub(super) struct Plan {
    pub(super) seed: u64,
    /// The workload file.
    pub(super) workload: Vec<u8>,
    /// Its commands.
    pub(super) commands: u64,
    pub(super) rate: Option<Rate>,
    pub(super) segment_bytes: u64,
    pub(super) lives: Vec<Life>,
    setup: Setup,
}

struct Setup {
    workers: usize,
    fixed: Option<Price>,
    measured: bool,
    faults: Faults,
    managers: usize,
    strategy: StrategyKind,
    budget: Option<u32>,
    far: Option<FarPolicy>,
    refresh: Option<Duration>,
}

/// The system from a start to its end.
pub(super) struct Life {
    /// How much later than the end of the log its clock starts.
    pub(super) starts_after: Duration,
    /// So long after the start the clock jumps forth by so much.
    pub(super) jumps: Vec<(Duration, Duration)>,
    pub(super) end: End,
    /// A snapshot is written at an orderly end.
    pub(super) snapshot: bool,
    /// Bytes behind the last batch, as a write leaves them that was cut off.
    pub(super) torn: Vec<u8>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The workload is played to its end, and everything stops in order.
    Whole,
    /// The player is stopped after so many replies, and everything stops in order.
    Stopped(usize),
    /// The process dies after so many replies.
    Replies(usize),
    /// The process dies between two steps of the player.
    Steps(u64),
    /// The process dies after so long.
    After(Duration),
}

impl Plan {
    pub(super) fn of(seed: u64) -> Plan {
        let mut chance = Chance::of(seed);
        let chance = &mut chance;
        let workload = workload(seed, chance);
        let commands = workload.iter().filter(|byte| **byte == b'\n').count() as u64;
        let rates = ["0.05", "0.3", "2", "20", "1000"];
        let rate = (!chance.once_in(3)).then(|| chance.one_of(&rates).parse().unwrap());
        let setup = Setup {
            workers: 1 + chance.below(3) as usize,
            fixed: chance
                .once_in(10)
                .then(|| Price::from_cents(100 + chance.below(50_000) as i64).unwrap()),
            measured: chance.once_in(2),
            faults: faults(chance),
            managers: 1 + chance.below(2) as usize,
            strategy: chance.one_of(&StrategyKind::ALL),
            budget: chance.once_in(4).then(|| 5 + chance.below(100) as u32),
            far: chance
                .once_in(4)
                .then_some(FarPolicy { beyond_ppm: 20_000, every: Duration::from_secs(120) }),
            refresh: chance.once_in(5).then(|| Duration::from_secs(1 + chance.below(20))),
        };
        let more = chance.below(5);
        let mut lives: Vec<Life> = (0..more).map(|_| Life::cut(chance, commands)).collect();
        lives.push(Life { end: End::Whole, torn: Vec::new(), ..Life::cut(chance, commands) });
        let segment_bytes = chance.one_of(&[1 << 11, 1 << 14, 1 << 26]);
        Plan { seed, workload, commands, rate, segment_bytes, lives, setup }
    }

    /// The system of this plan, for one of its lives.
    pub(super) fn system(&self) -> SystemOptions {
        let setup = &self.setup;
        let quotes = setup.fixed.map_or(QuoteSource::Simulator, QuoteSource::Fixed);
        let mut options = SystemOptions::plain(quotes, self.seed);
        options.workers = setup.workers;
        options.quote_delay = if setup.measured { DelayModel::Measured } else { DelayModel::None };
        options.quote_faults = setup.faults;
        options.quote_managers = setup.managers;
        options.quote_refresh = setup.refresh;
        options.far_orders = setup.far;
        options.client = ClientOptions {
            strategy: setup.strategy.make(),
            budget_per_minute: setup.budget,
            ..ClientOptions::default()
        };
        options
    }
}

impl Life {
    fn cut(chance: &mut Chance, commands: u64) -> Life {
        let replies = |chance: &mut Chance| 1 + chance.below(commands) as usize;
        let end = match chance.below(5) {
            0 => End::Stopped(replies(chance)),
            1 => End::Replies(replies(chance)),
            2 => End::Steps(1 + chance.below(20)),
            3 => End::Steps(1 + chance.below(20 * commands)),
            _ => End::After(Duration::from_millis(chance.below(200_000))),
        };
        let spans = [0, 1, 999, 30_000, 60_000, 60_001, 3_600_000, 30 * 86_400_000];
        let starts_after = Duration::from_millis(chance.one_of(&spans));
        let jump = |chance: &mut Chance| {
            let spans = [1, 500, 5_000, 59_999, 60_000, 61_000, 7_200_000];
            let at = Duration::from_millis(chance.below(100_000));
            (at, Duration::from_millis(chance.one_of(&spans)))
        };
        let jumps = (0..chance.below(4)).map(|_| jump(chance)).collect();
        let torn = match chance.below(3) {
            0 => (0..1 + chance.below(90)).map(|_| chance.below(256) as u8).collect(),
            _ => Vec::new(),
        };
        Life { starts_after, jumps, end, snapshot: !chance.once_in(3), torn }
    }

    /// Whether the process dies at its end.
    pub(super) fn dies(&self) -> bool {
        matches!(self.end, End::Replies(_) | End::Steps(_) | End::After(_))
    }
}

fn faults(chance: &mut Chance) -> Faults {
    // Two seeds of five have a good server.
    let kinds = chance.below(5).saturating_sub(1);
    let mut shares: Vec<(&str, u64)> = Vec::new();
    for _ in 0..kinds {
        let name = chance.one_of(&FAULTS);
        if shares.iter().all(|(other, _)| *other != name) {
            shares.push((name, 1 + chance.below(25)));
        }
    }
    let text: Vec<String> =
        shares.iter().map(|(name, percent)| format!("{name}=0.{percent:02}")).collect();
    if text.is_empty() { Faults::NONE } else { text.join(",").parse().unwrap() }
}

fn workload(seed: u64, chance: &mut Chance) -> Vec<u8> {
    let profile = match chance.below(4) {
        0 => Profile::Course,
        1 => Profile::Valid,
        _ => return orders(seed, chance),
    };
    let users = 1 + chance.below(8) as u32;
    let commands = u64::from(users) + 20 + chance.below(180);
    let stocks = 1 + chance.below(6) as u32;
    let mut file = Vec::new();
    generate(&Spec { users, commands, stocks, profile, seed }, &mut file).unwrap();
    file
}

/// Few users with a few stocks and many orders, at about the prices that the stocks have.
fn orders(seed: u64, chance: &mut Chance) -> Vec<u8> {
    const USERS: [&str; 3] = ["ann", "bob", "cat"];
    const STOCKS: [&str; 3] = ["A", "BB", "CCC"];
    let dollars = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let cost = |stock: &str| {
        price(seed, Stock::parse(stock.as_bytes()).unwrap(), Clock::VIRTUAL_START_UNIX_MS).cents()
    };
    let mut lines: Vec<String> =
        USERS.iter().map(|user| format!("ADD,{user},{}", dollars(40 * cost("BB")))).collect();
    for _ in 0..20 + chance.below(130) {
        let (user, stock) = (chance.one_of(&USERS), chance.one_of(&STOCKS));
        let now = cost(stock);
        let amount = dollars(now * (50 + chance.below(400) as i64) / 100 + 1);
        let near = dollars(now * (9_800 + chance.below(400) as i64) / 10_000 + 1);
        let buy = || [format!("BUY,{user},{stock},{amount}"), format!("COMMIT_BUY,{user}")];
        let order = |side: &str| {
            [
                format!("SET_{side}_AMOUNT,{user},{stock},{amount}"),
                format!("SET_{side}_TRIGGER,{user},{stock},{near}"),
            ]
        };
        match chance.below(12) {
            0 => lines.extend(buy()),
            1 => lines.extend(order("BUY")),
            2 => lines.extend(order("SELL")),
            // Time passes, and prices change.
            3 => lines.extend(vec![format!("DISPLAY_SUMMARY,{user}"); 5]),
            _ => lines.push(match chance.below(18) {
                0 => format!("BUY,{user},{stock},{amount}"),
                1 | 2 => format!("COMMIT_BUY,{user}"),
                3 => format!("CANCEL_BUY,{user}"),
                4 | 5 => format!("SELL,{user},{stock},{amount}"),
                6 => format!("COMMIT_SELL,{user}"),
                7 => format!("CANCEL_SELL,{user}"),
                8 => format!("SET_BUY_AMOUNT,{user},{stock},{amount}"),
                9 => format!("SET_BUY_TRIGGER,{user},{stock},{near}"),
                10 => format!("CANCEL_SET_BUY,{user},{stock}"),
                11 => format!("SET_SELL_AMOUNT,{user},{stock},{amount}"),
                12 => format!("SET_SELL_TRIGGER,{user},{stock},{near}"),
                13 => format!("CANCEL_SET_SELL,{user},{stock}"),
                14 => format!("QUOTE,{user},{stock}"),
                15 => format!("DUMPLOG,{user},./mine"),
                16 => format!("ADD,{user},-1.00"),
                _ => "DUMPLOG,./part".to_string(),
            }),
        }
    }
    lines.push("DUMPLOG,./testLOG".to_string());
    let numbered = lines.iter().enumerate().map(|(at, line)| format!("[{}] {line}\n", at + 1));
    numbered.collect::<String>().into_bytes()
}
