//! The whole system: orders are armed by commands, prices wander, and orders fire through the
//! workers into the log.

use super::super::text::ms;
use super::{Named, ONE_DOLLAR, Walk, commands, play};
use crate::cli::QuoteSource;
use crate::system::{System, SystemOptions};
use anyhow::{Context, ensure};
use audit_logger::log::recovery::LogEnd;
use audit_logger::log::{LogOptions, LogReader, LogWriter, segments};
use bus::{AccountEvent, Clock, Moment, NewsBatch};
use domain::trading::entry::QuoteReceived;
use domain::trading::{Price, TransactionNum};
use quote_manager::simulator::{DelayModel, Faults};
use quote_manager::source::{ClientOptions, StrategyKind};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{Instant, sleep_until, timeout};

/// News that may wait while a delay is written down.
const NEWS: usize = 1 << 16;

/// Stocks whose prices wander.
const MOVING: u32 = 50;

/// The longest wait for a fill that should be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it came to.
pub struct DurableFigures {
    /// Orders armed by commands.
    pub armed: u32,
    /// Orders armed a second, from command to durable.
    pub armed_per_s: f64,
    /// Orders that fired during the walk, each with its delay from the price to the durable fill
    /// in milliseconds, sorted.
    pub delays_ms: Vec<f64>,
    /// Prices of the walk.
    pub ticks: u32,
    /// Orders that one price of every stock met at once, and how many a second were durable.
    pub at_once: u64,
    pub fire_per_s: f64,
}

impl DurableFigures {
    /// The delay that so many of all did not exceed.
    pub fn delay_ms(&self, quantile: f64) -> Option<f64> {
        let last = self.delays_ms.len().checked_sub(1)?;
        self.delays_ms.get(((last as f64) * quantile).round() as usize).copied()
    }
}

/// Opens an empty log in `folder`.
pub fn new_log(folder: &Path) -> anyhow::Result<LogWriter> {
    let lock = segments::lock(folder)?;
    ensure!(segments::list(folder)?.is_empty(), "{}: holds a log already", folder.display());
    let position = LogReader::open(folder)?.position();
    let end = LogEnd { position, torn: None };
    Ok(LogWriter::open(folder, lock, &end, LogOptions::default())?)
}

/// The system as `replay` sets it up.
pub fn setup(workers: usize, seed: u64) -> SystemOptions {
    SystemOptions {
        workers,
        quotes: QuoteSource::Simulator,
        quote_delay: DelayModel::None,
        quote_faults: Faults::NONE,
        quote_managers: 1,
        quote_refresh: None,
        quote_cache: None,
        far_orders: None,
        news: None,
        updates: None,
        client: ClientOptions { strategy: StrategyKind::Wait.make(), ..ClientOptions::default() },
        seed,
    }
}

/// Arms `orders` at a price of 100.00, lets prices wander for a while, then lets all fall.
pub async fn measure(
    log: &Path,
    orders: u32,
    stocks: &Named,
    walk: &Walk,
    seed: u64,
) -> anyhow::Result<DurableFigures> {
    let clock = Clock::real();
    let (told, mut news) = mpsc::channel(NEWS);
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let price = Price::from_cents(10_000).context("100.00 is a price")?;
    let options = SystemOptions {
        quotes: QuoteSource::Fixed(price),
        news: Some(told),
        ..setup(workers, seed)
    };
    let system = System::start(options, &clock, new_log(log)?, Vec::new()).await?;
    let lines = commands(orders, stocks, |nth| 10_000 - 50 - i64::from(nth % 100) * 30);
    let begun = Instant::now();
    let played = play(&system, &clock, lines, None).await?;
    let armed_per_s = f64::from(orders) / begun.elapsed().as_secs_f64();
    ensure!(played.rejected_total() == 0, "commands were refused: {:?}", played.rejected);

    let mut delays_ms = Vec::new();
    let mut price_of = vec![10_000_i64; stocks.len() as usize];
    let ticks = walk.ticks * walk.seconds;
    let begun = Instant::now();
    let mut chance = walk.seed;
    for tick in 0..ticks {
        let due = begun + Duration::from_secs(1) * tick / walk.ticks;
        gather(&mut news, &clock, due, &mut delays_ms).await;
        // Few stocks move, so that their prices get somewhere.
        let nth = tick % stocks.len().min(MOVING);
        let price = &mut price_of[nth as usize];
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Up by 0.6 % at most, or down by 1 %.
        *price += (chance >> 33) as i64 % 160 - 100;
        announce(&system, &clock, stocks, [(nth, *price)]);
    }
    let settled = Instant::now() + Duration::from_millis(500);
    gather(&mut news, &clock, settled, &mut delays_ms).await;
    let left = u64::from(orders) - delays_ms.len() as u64;

    let begun = clock.now();
    announce(&system, &clock, stocks, (0..stocks.len()).map(|nth| (nth, 5_000)));
    let mut at_once = 0;
    let mut last = begun;
    while at_once < left {
        let batch = timeout(PATIENCE, news.recv()).await.context("orders were not fired")?;
        let batch = batch.context("the workers have stopped")?;
        last = clock.now();
        at_once += batch.missed + filled(&batch).count() as u64;
    }
    let fire_per_s = at_once as f64 / last.since(begun).as_secs_f64();
    let stopped = system.stop().await?;
    ensure!(
        stopped.unattended.fired == u64::from(orders),
        "{} of {orders} orders fired",
        stopped.unattended.fired
    );
    delays_ms.sort_by(f64::total_cmp);
    Ok(DurableFigures { armed: orders, armed_per_s, delays_ms, ticks, at_once, fire_per_s })
}

/// Takes news as it comes, until `due`.
async fn gather(
    news: &mut Receiver<NewsBatch>,
    clock: &Clock,
    due: Instant,
    delays_ms: &mut Vec<f64>,
) {
    loop {
        tokio::select! {
            biased;
            Some(batch) = news.recv() => {
                let now = clock.now();
                delays_ms.extend(filled(&batch).map(|quoted| ms(now.since(quoted))));
            }
            () = sleep_until(due) => return,
        }
    }
}

/// When the prices were asked for that fired the orders of a batch.
fn filled(batch: &NewsBatch) -> impl Iterator<Item = Moment> {
    batch.news.iter().filter_map(|news| match news.event {
        AccountEvent::Filled(_) => news.quoted,
        AccountEvent::Expired(_) => None,
    })
}

fn announce(
    system: &System,
    clock: &Clock,
    stocks: &Named,
    prices: impl IntoIterator<Item = (u32, i64)>,
) {
    let now = clock.now();
    let now_ms = clock.unix_ms(now);
    let quotes: Vec<QuoteReceived> = prices
        .into_iter()
        .map(|(nth, cents)| QuoteReceived {
            transaction: TransactionNum(1),
            user: stocks.user.clone(),
            received_ms: now_ms,
            stock: stocks.nth(nth),
            price: Price::from_cents(cents).unwrap_or(ONE_DOLLAR),
            server_time_ms: now_ms,
            cryptokey: "walk".into(),
        })
        .collect();
    system.announce(&quotes, now);
}
