//! The strategies side by side at the measured server, and the bounds that hold whatever the
//! strategy.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test is for")]

use bus::Clock;
use domain::trading::{Stock, UserName};
use quote_manager::simulator::{DelayModel, Fault, Faults, Simulator, SimulatorConfig};
use quote_manager::source::{
    Answer, ClientOptions, Connect, LegacyClient, QuoteUnavailable, StrategyKind,
};
use std::time::Duration;
use tokio::time::Instant;

fn stock() -> Stock {
    Stock::parse(b"APP").unwrap()
}

fn user() -> UserName {
    UserName::parse(b"robodwye").unwrap()
}

struct Bench {
    clock: Clock,
    simulator: Simulator,
    client: LegacyClient,
}

fn bench(options: ClientOptions, delay: DelayModel, faults: Faults) -> Bench {
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    let config = SimulatorConfig { seed: 3, delay, faults, clock: clock.clone() };
    let simulator = Simulator::new(config);
    let client = LegacyClient::with(Connect::Memory(simulator.handle()), options);
    Bench { clock, simulator, client }
}

fn options(kind: StrategyKind) -> ClientOptions {
    ClientOptions { strategy: kind.make(), ..ClientOptions::default() }
}

impl Bench {
    async fn ask(&self) -> Answer {
        self.client.ask(&self.clock, stock(), &user(), |_| ()).await
    }

    /// Times to a quote in milliseconds, sorted, and requests a quote.
    async fn measure(&self, quotes: usize) -> (Vec<f64>, f64) {
        let (mut times, mut requests) = (Vec::new(), 0);
        for _ in 0..quotes {
            let started = Instant::now();
            let answer = self.ask().await;
            assert!(answer.result.is_ok());
            times.push(started.elapsed().as_secs_f64() * 1e3);
            requests += answer.requests;
        }
        times.sort_by(f64::total_cmp);
        (times, f64::from(requests) / quotes as f64)
    }
}

fn at(times: &[f64], quantile: f64) -> f64 {
    times[((times.len() - 1) as f64 * quantile) as usize]
}

#[tokio::test(start_paused = true)]
async fn a_hedge_is_fast_where_others_wait_for_seconds() {
    let hedge = bench(options(StrategyKind::Hedge), DelayModel::Measured, Faults::NONE);
    let (times, requests) = hedge.measure(20_000).await;
    println!(
        "hedge: {requests} requests a quote, {:?}",
        [0.5, 0.9, 0.99, 0.999].map(|q| at(&times, q))
    );
    let (p50, p99, p999) = (at(&times, 0.5), at(&times, 0.99), at(&times, 0.999));
    assert!(p50 <= 12.0 && p99 <= 60.0 && p999 <= 100.0, "{p50} {p99} {p999}");
    assert!(requests <= 1.6, "{requests}");

    let wait = bench(options(StrategyKind::Wait), DelayModel::Measured, Faults::NONE);
    let (times, requests) = wait.measure(2_000).await;
    assert!(at(&times, 0.9) > 1_000.0);
    assert!((requests - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_learns_a_network_that_has_become_slow() {
    let delays = |ms: std::ops::Range<u64>| {
        DelayModel::Empirical(ms.map(Duration::from_millis).collect::<Vec<_>>().into())
    };
    let strategy = StrategyKind::Hedge.make();
    let shared = || ClientOptions { strategy: strategy.clone(), ..ClientOptions::default() };
    let near = bench(shared(), delays(5..10), Faults::NONE);
    near.measure(500).await;
    // The same client, as it were, behind a network of 60 to 80 ms.
    let far = bench(shared(), delays(60..80), Faults::NONE);
    let (_, at_first) = far.measure(10).await;
    far.measure(300).await;
    let (_, learned) = far.measure(300).await;
    assert!(at_first > 3.0, "{at_first}");
    assert!(learned < 1.15, "{learned}");
}

#[tokio::test(start_paused = true)]
async fn losers_are_closed_at_once_and_counted() {
    let bench = bench(options(StrategyKind::Hedge), DelayModel::Measured, Faults::NONE);
    let (mut requests, mut abandoned) = (0, 0);
    for _ in 0..500 {
        let answer = bench.ask().await;
        requests += u64::from(answer.requests);
        abandoned += u64::from(answer.abandoned);
        tokio::task::yield_now().await;
    }
    assert_eq!(requests, 500 + abandoned);
    // A pipe in memory tells the server only when it writes, after its seconds at the latest.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let counts = bench.simulator.counts();
    assert_eq!(counts.requests, requests);
    assert_eq!(counts.answered + counts.abandoned, requests);
    // An answer that was written in the very moment that another one won is lost all the same.
    let crossed = counts.answered - 500;
    assert_eq!(counts.abandoned + crossed, abandoned);
    assert!(crossed * 50 < abandoned, "{crossed} of {abandoned}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_costs_a_bounded_number_of_requests_and_then_nobodys_time() {
    let faults = Faults::NONE.with(Fault::Silence, 1.0).unwrap();
    let bench = bench(options(StrategyKind::Hedge), DelayModel::None, faults);
    let started = Instant::now();
    let (mut down, mut out_of_patience) = (0, 0);
    for _ in 0..40 {
        match bench.ask().await.result.unwrap_err() {
            QuoteUnavailable::OutOfPatience { .. } => out_of_patience += 1,
            QuoteUnavailable::ServerDown { .. } => {
                down += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            other => panic!("{other}"),
        }
    }
    // Eight requests a quote until the breaker opens, then one flight a probe.
    assert!(down > 20, "{down} of 40");
    let requests = bench.simulator.counts().requests;
    assert_eq!(requests, 8 * out_of_patience);
    assert!(started.elapsed() < Duration::from_secs(400), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_lets_the_next_one_through() {
    let faults = Faults::NONE.with(Fault::Silence, 1.0).unwrap();
    let bench = bench(options(StrategyKind::Hedge), DelayModel::None, faults);
    while !matches!(bench.ask().await.result, Err(QuoteUnavailable::ServerDown { .. })) {}
    let mut probes = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let before = bench.simulator.counts().requests;
        let asked = tokio::time::timeout(Duration::from_millis(50), bench.ask()).await;
        assert!(asked.is_err(), "a probe takes longer");
        probes += u64::from(bench.simulator.counts().requests > before);
    }
    assert_eq!(probes, 20);
}

#[tokio::test(start_paused = true)]
async fn a_budget_rejects_rather_than_overspends() {
    let settings = ClientOptions { budget_per_minute: Some(30), ..options(StrategyKind::Hedge) };
    let bench = bench(settings, DelayModel::Measured, Faults::NONE);
    let mut spent = 0;
    for _ in 0..100 {
        if let Err(unavailable) = bench.ask().await.result {
            assert!(matches!(unavailable, QuoteUnavailable::BudgetSpent { .. }), "{unavailable}");
            spent += 1;
        }
    }
    assert_eq!(bench.simulator.counts().requests, 30);
    assert!(spent >= 70);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(bench.ask().await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_user_leaves_the_others_their_share() {
    let settings = ClientOptions {
        budget_per_minute: Some(8),
        budget_per_user: Some(2),
        ..options(StrategyKind::Wait)
    };
    let bench = bench(settings, DelayModel::None, Faults::NONE);
    for nth in 0..5 {
        let answer = bench.ask().await.result;
        assert_eq!(answer.is_ok(), nth < 2, "{nth}");
        if let Err(unavailable) = answer {
            assert!(matches!(unavailable, QuoteUnavailable::ShareSpent { .. }), "{unavailable}");
        }
    }
    let bob = UserName::parse(b"bob").unwrap();
    assert!(bench.client.ask(&bench.clock, stock(), &bob, |_| ()).await.result.is_ok());
    assert_eq!(bench.simulator.counts().requests, 3);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_five_percent_loses_no_quote_and_lets_no_bad_price_through() {
    let mut faults = Faults::NONE;
    for fault in Fault::ALL {
        faults = faults.with(fault, 0.05).unwrap();
    }
    let bench = bench(options(StrategyKind::Hedge), DelayModel::Measured, faults);
    for _ in 0..2_000 {
        let (reply, sent) = bench.ask().await.result.unwrap();
        let expected = quote_manager::simulator::price(3, stock(), reply.server_time_ms);
        assert_eq!(reply.price, expected);
        assert!(bench.clock.now().since(sent) < Duration::from_secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_gains_nothing_at_a_server_that_sticks_to_its_delay() {
    use quote_manager::simulator::Quirks;
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    let delay = DelayModel::Measured;
    let config = SimulatorConfig { seed: 3, delay, faults: Faults::NONE, clock: clock.clone() };
    let quirks = Quirks { sticky: true, ..Quirks::default() };
    let simulator = Simulator::with_quirks(config, quirks);
    let connect = Connect::Memory(simulator.handle());
    let client = LegacyClient::with(connect, options(StrategyKind::Hedge));
    let bench = Bench { clock, simulator, client };
    let (times, _) = bench.measure(500).await;
    assert!(at(&times, 0.9) > 1_000.0, "{}", at(&times, 0.9));
}

#[tokio::test(start_paused = true)]
async fn more_requests_at_once_than_a_server_bears_come_back_with_broken_keys() {
    use quote_manager::simulator::Quirks;
    for (most, broken) in [(8, false), (40, true)] {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let delay = DelayModel::Measured;
        let config = SimulatorConfig { seed: 3, delay, faults: Faults::NONE, clock: clock.clone() };
        let quirks = Quirks { corrupts_above: Some(20), ..Quirks::default() };
        let simulator = Simulator::with_quirks(config, quirks);
        let options = ClientOptions { max_in_flight: most, ..options(StrategyKind::Wait) };
        let client = LegacyClient::with(Connect::Memory(simulator.handle()), options);
        let asked: Vec<_> = (b'A'..=b'Z')
            .flat_map(|one| [[one, b'A'], [one, b'B']])
            .map(|letters| {
                let (client, clock) = (client.clone(), clock.clone());
                tokio::spawn(async move {
                    let stock = Stock::parse(&letters).unwrap();
                    client.ask(&clock, stock, &user(), |_| ()).await.result.is_ok()
                })
            })
            .collect();
        let mut good = 0;
        for answer in asked {
            good += u32::from(answer.await.unwrap());
        }
        assert_eq!(simulator.counts().faults > 0, broken, "{most} at once");
        assert!(broken || good == 52, "{good}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_minutes_off_changes_nothing() {
    use quote_manager::simulator::Quirks;
    for skew_ms in [-86_400_000, 86_400_000] {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let delay = DelayModel::None;
        let config = SimulatorConfig { seed: 3, delay, faults: Faults::NONE, clock: clock.clone() };
        let quirks = Quirks { skew_ms, ..Quirks::default() };
        let simulator = Simulator::with_quirks(config, quirks);
        let connect = Connect::Memory(simulator.handle());
        let client = LegacyClient::with(connect, options(StrategyKind::Hedge));
        let asked_at = clock.now();
        let answer = client.ask(&clock, stock(), &user(), |_| ()).await;
        let (reply, sent) = answer.result.unwrap();
        assert_eq!(sent, asked_at, "validity counts from sending, by our own clock");
        let expected = Clock::VIRTUAL_START_UNIX_MS.saturating_add_signed(skew_ms);
        assert_eq!(reply.server_time_ms, expected);
    }
}
