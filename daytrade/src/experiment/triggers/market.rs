//! A market in virtual time: what orders that wait cost in quotes, and when they fire. The quote
//! manager and its simulator are those of `replay`.

use super::durable::new_log;
use super::{Named, commands, play};
use crate::cli::QuoteSource;
use crate::system::{System, SystemOptions};
use autotx::FarPolicy;
use bus::Clock;
use quote_manager::simulator::{DelayModel, price};
use quote_manager::source::{ClientOptions, StrategyKind};
use std::path::Path;
use std::time::Duration;

/// Orders of the market: few enough that a thousand stocks do not all have one near the price.
const ORDERS_A_STOCK: u32 = 2;

/// A minute of it.
pub struct Minute {
    /// Orders armed at its end.
    pub armed: u64,
    /// Orders that fired since the beginning.
    pub fired: u64,
    /// Requests to the quote server in it.
    pub requests: u64,
}

/// What it came to.
pub struct MarketFigures {
    pub orders: u32,
    pub minutes: Vec<Minute>,
}

impl MarketFigures {
    /// Requests an order that fired, and a stock and minute.
    pub fn requests(&self) -> u64 {
        self.minutes.iter().map(|minute| minute.requests).sum()
    }

    pub fn fired(&self) -> u64 {
        self.minutes.last().map_or(0, |minute| minute.fired)
    }
}

/// Watches a market for so many minutes. The runtime's time must be paused.
pub async fn watch(
    log: &Path,
    stocks: &Named,
    minutes: u32,
    far: Option<FarPolicy>,
    seed: u64,
) -> anyhow::Result<MarketFigures> {
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    let strategy = StrategyKind::Wait.make();
    let options = SystemOptions {
        workers: 1,
        quote_delay: DelayModel::Measured,
        // A second request for one answer would tell of the strategy, not of orders.
        client: ClientOptions { strategy, ..ClientOptions::default() },
        far_orders: far,
        ..SystemOptions::plain(QuoteSource::Simulator, seed)
    };
    let system = System::start(options, &clock, new_log(log)?, Vec::new()).await?;
    let orders = ORDERS_A_STOCK * stocks.len();
    // From 0.2 % below the price on: some fire within minutes, some never.
    let lines = commands(orders, stocks, |nth| {
        let now = price(seed, stocks.nth(nth), Clock::VIRTUAL_START_UNIX_MS).cents();
        (now - now * i64::from(1 + nth % 37) / 500).max(1)
    });
    let played = play(&system, &clock, lines, None).await?;
    let mut told = system.quotes().await?.requests;
    let met_at_arming = u64::from(orders) - system.orders().await?.armed;
    let mut minutes_told = Vec::new();
    for _ in 0..minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (quotes, now) = (system.quotes().await?, system.orders().await?);
        minutes_told.push(Minute {
            armed: now.armed,
            fired: u64::from(orders) - now.armed - met_at_arming,
            requests: quotes.requests - told,
        });
        told = quotes.requests;
    }
    let stopped = system.stop().await?;
    anyhow::ensure!(played.rejected_total() == 0, "commands were refused: {:?}", played.rejected);
    anyhow::ensure!(
        minutes_told.last().is_none_or(|last| last.fired == stopped.unattended.fired),
        "the book and the accounts disagree"
    );
    Ok(MarketFigures { orders, minutes: minutes_told })
}
