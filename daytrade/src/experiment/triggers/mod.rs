//! `daytrade experiment triggers`: many armed orders and prices that wander. Three parts: the
//! trigger book alone, the whole system in real time, and a market in virtual time.

mod book;
mod durable;
mod market;
mod show;

use super::options::TriggersOptions;
use super::write;
use crate::Failure;
use crate::replay::folder::OutFolder;
use crate::system::System;
use crate::terminal::{during, say};
use anyhow::anyhow;
use book::BookFigures;
use bus::Clock;
use domain::trading::{Price, Stock, UserName};
use durable::DurableFigures;
use market::MarketFigures;
use serde::Serialize;
use std::fs;
use std::io::Cursor;
use std::process::ExitCode;
use workload::input::Input;
use workload::played::Played;
use workload::player::{Player, Rate, Silence};
use workload::report::RunReport;

/// The price that stands in where a walk has left what can be one.
const ONE_DOLLAR: Price = match Price::from_cents(100) {
    Some(price) => price,
    None => panic!("1.00 is a price"),
};

/// How prices wander.
struct Walk {
    ticks: u32,
    seconds: u32,
    seed: u64,
}

/// `result.json`.
#[derive(Serialize)]
struct Figures {
    arm_per_s: f64,
    cancel_per_s: f64,
    fire_book_per_s: f64,
    fire_durable_per_s: f64,
    bytes_per_order: f64,
    idle_tick_ns: f64,
    /// From a fresh price to the durable fill, with `durable_orders` armed.
    delay_p50_ms: Option<f64>,
    delay_p99_ms: Option<f64>,
    delay_max_ms: Option<f64>,
    delays: usize,
    /// Orders armed by commands a second, from command to durable.
    arm_durable_per_s: f64,
    book_orders: u32,
    durable_orders: u32,
    stocks: u32,
    market: Market,
}

#[derive(Serialize)]
struct Market {
    orders: u32,
    minutes: usize,
    fired: u64,
    quote_requests: u64,
    /// For each minute: orders armed at its end, fired so far, requests in it.
    series: Vec<(u64, u64, u64)>,
}

pub fn run(options: &TriggersOptions) -> Result<ExitCode, Failure> {
    const LOGS: [&str; 2] = ["walk", "market"];
    for folder in LOGS.iter().filter_map(|log| Some(options.out.as_ref()?.join(log))) {
        if folder.exists() {
            return Err(Failure::Usage(anyhow!(
                "{}: is there already; another --out begins anew",
                folder.display()
            )));
        }
    }
    super::check_folder(options.out.as_deref(), None, options.overwrite)?;
    let out = OutFolder::make(options.out.as_deref())?;
    for log in LOGS {
        fs::create_dir_all(out.path().join(log))?;
    }
    let stocks = Named::new(options.stocks)?;
    let book = during("the trigger book", || book::measure(options.orders, &stocks))?;
    let walk = Walk { ticks: options.ticks, seconds: options.walk, seed: options.seed };
    let durable = during("orders through the whole system", || {
        let log = out.path().join("walk/log");
        let measured = durable::measure(&log, options.durable, &stocks, &walk, options.seed);
        actix::System::new().block_on(measured)
    })?;
    let market = during("a market in virtual time", || {
        let log = out.path().join("market/log");
        let (far, seed) = (options.far_orders, options.seed);
        let watched = market::watch(&log, &stocks, options.watch, far, seed);
        actix::System::with_tokio_rt(crate::replay::paused_runtime).block_on(watched)
    })?;
    let figures = Figures::of(options, &book, &durable, &market);
    say(show::table(options, &figures));
    write(&out, &figures, &show::page(options, &figures, &durable, &market))?;
    Ok(ExitCode::SUCCESS)
}

impl Figures {
    fn of(
        options: &TriggersOptions,
        book: &BookFigures,
        durable: &DurableFigures,
        market: &MarketFigures,
    ) -> Figures {
        Figures {
            arm_per_s: book.arm_per_s,
            cancel_per_s: book.cancel_per_s,
            fire_book_per_s: book.fire_per_s,
            fire_durable_per_s: durable.fire_per_s,
            bytes_per_order: book.bytes_per_order,
            idle_tick_ns: book.idle_tick_ns,
            delay_p50_ms: durable.delay_ms(0.5),
            delay_p99_ms: durable.delay_ms(0.99),
            delay_max_ms: durable.delay_ms(1.0),
            delays: durable.delays_ms.len(),
            arm_durable_per_s: durable.armed_per_s,
            book_orders: options.orders,
            durable_orders: durable.armed,
            stocks: options.stocks,
            market: Market {
                orders: market.orders,
                minutes: market.minutes.len(),
                fired: market.fired(),
                quote_requests: market.requests(),
                series: market
                    .minutes
                    .iter()
                    .map(|minute| (minute.armed, minute.fired, minute.requests))
                    .collect(),
            },
        }
    }
}

/// Stocks in the order of their names, from `AAA` on, and a user in whose name prices are told.
struct Named {
    stocks: Vec<Stock>,
    user: UserName,
}

impl Named {
    fn new(count: u32) -> anyhow::Result<Named> {
        let letter = |digit: u32| b'A' + (digit % 26) as u8;
        let stocks: Option<Vec<Stock>> = (0..count)
            .map(|nth| Stock::parse(&[letter(nth / 676), letter(nth / 26), letter(nth)]))
            .collect();
        let user = UserName::parse(b"market");
        stocks
            .zip(user)
            .map(|(stocks, user)| Named { stocks, user })
            .ok_or(anyhow!("no such stock"))
    }

    fn len(&self) -> u32 {
        self.stocks.len() as u32
    }

    fn nth(&self, nth: u32) -> Stock {
        self.stocks[nth as usize % self.stocks.len()]
    }
}

/// The commands that arm buys, one a user, at the limits of `limit_cents`.
fn commands(orders: u32, stocks: &Named, limit_cents: impl Fn(u32) -> i64) -> String {
    use std::fmt::Write as _;
    let mut lines = String::new();
    for nth in 0..orders {
        let (stock, limit) = (stocks.nth(nth), limit_cents(nth));
        let (dollars, cents) = (limit / 100, limit % 100);
        let first = u64::from(nth) * 3 + 1;
        // Writing to a text does not fail.
        let _ = write!(
            lines,
            "[{first}] ADD,u{nth},20000.00\n[{}] SET_BUY_AMOUNT,u{nth},{stock},10000.00\n\
             [{}] SET_BUY_TRIGGER,u{nth},{stock},{dollars}.{cents:02}\n",
            first + 1,
            first + 2,
        );
    }
    lines
}

/// Plays commands through the whole system.
async fn play(
    system: &System,
    clock: &Clock,
    lines: String,
    rate: Option<Rate>,
) -> anyhow::Result<RunReport> {
    let input = Input::new("orders".to_string(), Box::new(Cursor::new(lines.into_bytes())))?;
    let played = Played::default();
    let mut silence = Silence;
    let mut player =
        Player::new(system.queue.clone(), clock.clone(), &played, &mut silence).at_rate(rate);
    player.play(input).await?;
    player.settle().await?;
    let (scoreboard, _) = player.finish();
    let mut report = RunReport::default();
    scoreboard.fill(&mut report);
    Ok(report)
}

/// Memory that the process holds now, in bytes; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
