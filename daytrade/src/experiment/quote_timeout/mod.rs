//! `daytrade experiment quote-timeout`: all ways to ask side by side, each at a server of its own
//! with the same delays, at the same time and at the same rate.

mod show;

use super::options::QuoteTimeoutOptions;
use super::sockets::Watch;
use super::{runtime, text, write};
use crate::Failure;
use crate::cli::ClockKind;
use crate::replay::folder::OutFolder;
use crate::terminal::say;
use anyhow::{Context, anyhow};
use bus::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use quote_manager::experiment::cost::{Cost, QUANTILES, cost};
use quote_manager::experiment::delays::Delays;
use quote_manager::experiment::load::{Flown, Load};
use quote_manager::simulator::{Counts, DelayModel, Faults, Simulator, SimulatorConfig, listen};
use quote_manager::source::{Bounds, ClientOptions, Connect, LegacyClient, Strategy, StrategyKind};
use serde::Serialize;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How many delays the expected figures are calculated from.
const EXPECTED_FROM: usize = 50_000;

/// `result.json`.
#[derive(Serialize)]
struct Figures {
    strategies: Vec<Ways>,
}

/// What one way to ask came to.
#[derive(Serialize)]
struct Ways {
    name: String,
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    max_ms: Option<f64>,
    mean_ms: Option<f64>,
    /// The share of quotes that took less than 50 ms.
    under_50_ms: f64,
    requests_per_quote: f64,
    quotes: usize,
    unavailable: usize,
    requests: u64,
    abandoned: u64,
    failures: usize,
    /// The patience with a first request at the end, where there is any.
    patience_ms: Option<f64>,
    /// The most sockets in TIME_WAIT at any moment, at either end; none where nobody can tell.
    time_wait_most: Option<usize>,
    server: Served,
    calculated: Calculated,
    /// Points of the distribution: milliseconds, and the share of quotes that took at most that.
    distribution: Vec<(f64, f64)>,
}

#[derive(Serialize)]
struct Served {
    requests: u64,
    answered: u64,
    abandoned: u64,
}

#[derive(Serialize)]
struct Calculated {
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    under_50_ms: f64,
    requests_per_quote: f64,
}

impl Calculated {
    fn of(cost: &Cost) -> Calculated {
        let [p50_ms, p90_ms, p99_ms, p999_ms] = cost.times.map(text::ms);
        let (under_50_ms, requests_per_quote) = (cost.under_50_ms, cost.requests);
        Calculated { p50_ms, p90_ms, p99_ms, p999_ms, under_50_ms, requests_per_quote }
    }
}

/// One way to ask, with a server of its own.
struct Lane {
    kind: StrategyKind,
    strategy: Arc<dyn Strategy>,
    simulator: Simulator,
}

impl Lane {
    fn client(&self, connect: Connect, in_flight: u16) -> LegacyClient {
        let (strategy, max_in_flight) = (self.strategy.clone(), usize::from(in_flight));
        LegacyClient::with(
            connect,
            ClientOptions { strategy, max_in_flight, ..ClientOptions::default() },
        )
    }
}

/// What was measured, beside the figures themselves.
struct Measured {
    flown: Vec<Flown>,
    time_wait: Option<Vec<usize>>,
    wall: Duration,
}

pub fn run(options: QuoteTimeoutOptions) -> Result<ExitCode, Failure> {
    let mut kinds = options.strategies.clone();
    kinds.dedup();
    if kinds.is_empty() {
        return Err(Failure::Usage(anyhow!("no way to ask is named")));
    }
    let virtual_time = options.clock == ClockKind::Virtual;
    let clock = || match virtual_time {
        true => Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS),
        false => Clock::real(),
    };
    super::check_folder(options.out.as_deref(), None, options.overwrite)?;
    let out = OutFolder::make(options.out.as_deref())?;
    let runtime = runtime(virtual_time)?;
    let entered = runtime.enter();
    let lanes: Vec<Lane> = kinds
        .into_iter()
        .map(|kind| {
            let (seed, delay, faults) = (options.seed, options.delay.clone(), Faults::NONE);
            let config = SimulatorConfig { seed, delay, faults, clock: clock() };
            Lane { kind, strategy: kind.make(), simulator: Simulator::new(config) }
        })
        .collect();
    drop(entered);
    let measured = match virtual_time {
        true => {
            let connects = lanes.iter().map(|lane| Connect::Memory(lane.simulator.handle()));
            let connects: Vec<_> = connects.collect();
            let (flown, wall) = runtime.block_on(ask(&options, &lanes, connects, &clock));
            Measured { flown, time_wait: None, wall }
        }
        false => {
            let servers = Servers::start(&lanes)?;
            let watch = Watch::begin(servers.ports.clone());
            let connects = servers.ports.iter();
            let connects = connects.map(|port| Connect::Tcp((Ipv4Addr::LOCALHOST, *port).into()));
            let connects: Vec<_> = connects.collect();
            let (flown, wall) = runtime.block_on(ask(&options, &lanes, connects, &clock));
            let time_wait = watch.map(Watch::end);
            servers.stop();
            Measured { flown, time_wait, wall }
        }
    };
    let delays = Delays::draw(&options.delay, EXPECTED_FROM, options.seed);
    let mut strategies = Vec::new();
    for (nth, (lane, flown)) in lanes.iter().zip(&measured.flown).enumerate() {
        let time_wait = measured.time_wait.as_ref().and_then(|most| most.get(nth).copied());
        strategies.push(Ways::of(lane, flown, time_wait, &delays));
    }
    let figures = Figures { strategies };
    say(show::table(&options, &figures, measured.wall));
    write(&out, &figures, &show::page(&options, &figures, &measured))?;
    Ok(ExitCode::SUCCESS)
}

/// The servers, on a thread of their own.
struct Servers {
    ports: Vec<u16>,
    shutdown: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Servers {
    fn start(lanes: &[Lane]) -> anyhow::Result<Servers> {
        let runtime = runtime(false)?;
        let entered = runtime.enter();
        let listeners = lanes
            .iter()
            .map(|_| listen((Ipv4Addr::LOCALHOST, 0).into()))
            .collect::<Result<Vec<TcpListener>, _>>()
            .context("the built-in quote server cannot listen")?;
        drop(entered);
        let ports = listeners.iter().map(|one| Ok(one.local_addr()?.port()));
        let ports = ports.collect::<anyhow::Result<_>>()?;
        let simulators: Vec<Simulator> = lanes.iter().map(|lane| lane.simulator.clone()).collect();
        let (shutdown, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let mut serving = JoinSet::new();
                for (simulator, listener) in simulators.into_iter().zip(listeners) {
                    serving.spawn(simulator.serve(listener, std::future::pending()));
                }
                // Its sender may be gone as well: either way nobody asks any more.
                let _ = stopped.await;
            });
        });
        Ok(Servers { ports, shutdown, thread })
    }

    fn stop(self) {
        let _ = self.shutdown.send(());
        // A thread that panicked has told so itself.
        let _ = self.thread.join();
    }
}

/// Asks in all ways at once.
async fn ask(
    options: &QuoteTimeoutOptions,
    lanes: &[Lane],
    connects: Vec<Connect>,
    clock: impl Fn() -> Clock,
) -> (Vec<Flown>, Duration) {
    let load = Load {
        quotes: options.quotes as usize,
        per_second: f64::from(options.rate),
        stocks: options.stocks as usize,
    };
    let bar = ProgressBar::new(u64::from(options.quotes) * lanes.len() as u64);
    if let Ok(style) = ProgressStyle::with_template(
        "{wide_bar:.cyan/blue} {percent:>3} %  {human_pos} quotes, {eta} left",
    ) {
        bar.set_style(style);
    }
    let started = Instant::now();
    let mut asking = JoinSet::new();
    for (nth, (lane, connect)) in lanes.iter().zip(connects).enumerate() {
        let client = lane.client(connect, options.in_flight);
        let (clock, bar) = (clock(), bar.clone());
        asking.spawn(async move {
            let mut told = 0;
            let flown = load
                .ask(&client, &clock, |through| {
                    bar.inc((through - told) as u64);
                    told = through;
                })
                .await;
            (nth, flown)
        });
    }
    let mut flown = vec![Flown::default(); lanes.len()];
    while let Some(landed) = asking.join_next().await {
        // A task that panicked has told so itself; its figures stay empty.
        if let Ok((nth, one)) = landed {
            flown[nth] = one;
        }
    }
    bar.finish_and_clear();
    (flown, started.elapsed())
}

impl Ways {
    fn of(lane: &Lane, flown: &Flown, time_wait: Option<usize>, delays: &Delays) -> Ways {
        let [p50_ms, p90_ms, p99_ms, p999_ms] =
            QUANTILES.map(|quantile| flown.time(quantile).map(text::ms));
        let came = flown.times.len();
        let sum: f64 = flown.times.iter().map(Duration::as_secs_f64).sum();
        let Counts { requests, answered, abandoned, .. } = lane.simulator.counts();
        let calculated = cost(delays, &*lane.strategy, Bounds::default());
        Ways {
            name: lane.kind.to_string(),
            p50_ms,
            p90_ms,
            p99_ms,
            p999_ms,
            max_ms: flown.times.last().copied().map(text::ms),
            mean_ms: (came > 0).then(|| sum / came as f64 * 1e3),
            under_50_ms: flown.under(Duration::from_millis(50)),
            requests_per_quote: flown.requests_per_quote(),
            quotes: flown.quotes(),
            unavailable: flown.unavailable,
            requests: flown.requests,
            abandoned: flown.abandoned,
            failures: flown.failures,
            patience_ms: lane.strategy.patience(1).map(text::ms),
            time_wait_most: time_wait,
            server: Served { requests, answered, abandoned },
            calculated: Calculated::of(&calculated),
            distribution: distribution(flown),
        }
    }
}

/// Enough points to draw the distribution with: dense where it is steep, and in the tail, where
/// few quotes say much.
fn distribution(flown: &Flown) -> Vec<(f64, f64)> {
    let all = flown.quotes() as f64;
    let body = (0..=200).map(|nth| f64::from(nth) / 200.0);
    let tail = (0..=200).map(|nth| 1.0 - 10_f64.powf(-f64::from(nth) / 40.0));
    let mut shares: Vec<f64> = body.chain(tail).collect();
    shares.sort_by(f64::total_cmp);
    let mut ranks: Vec<usize> =
        shares.iter().map(|share| (share * flown.times.len() as f64).ceil() as usize).collect();
    ranks.dedup();
    let times = ranks.into_iter().filter(|rank| *rank > 0);
    times
        .filter_map(|rank| Some((text::ms(*flown.times.get(rank - 1)?), rank as f64 / all)))
        .collect()
}

/// What the server is like, in words.
fn server_in_words(delay: &DelayModel) -> String {
    match delay {
        DelayModel::None => "without delays".to_string(),
        DelayModel::Measured => "with the measured delays".to_string(),
        other => format!("with {other}"),
    }
}
