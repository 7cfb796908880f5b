//! What a request costs, client and server together. Run by hand, in release:
//! `cargo test --release -p quote_manager --test simulator_cost -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test is for")]

use bus::Clock;
use domain::trading::{Stock, UserName};
use quote_manager::simulator::{DelayModel, Faults, Simulator, SimulatorConfig, listen};
use quote_manager::source::{ClientOptions, Connect, LegacyClient, StrategyKind};
use std::time::{Duration, Instant};

const REQUESTS: u32 = 20_000;
const AT_ONCE: u32 = 50;

/// The time this thread has run on a processor, where the system tells.
fn on_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

async fn measure(what: &str, simulator: &Simulator, connect: Connect) {
    let options = ClientOptions { strategy: StrategyKind::Wait.make(), ..ClientOptions::default() };
    let client = LegacyClient::with(connect, options);
    let (started, cpu) = (Instant::now(), on_cpu());
    let askers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let clock = Clock::real();
                let stock = Stock::parse(b"APP").unwrap();
                let user = UserName::parse(b"robodwye").unwrap();
                for _ in 0..REQUESTS / AT_ONCE {
                    let answer = client.ask(&clock, stock, &user, |_| ()).await;
                    assert_eq!(answer.requests, 1);
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
    let elapsed = started.elapsed() / REQUESTS;
    let cpu = on_cpu().zip(cpu).map(|(now, then)| (now - then) / REQUESTS);
    println!("{what}: {elapsed:?} a request, {cpu:?} on the processor, {:?}", simulator.counts());
}

#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn the_cost_of_a_request() {
    let (delay, faults, clock) = (DelayModel::None, Faults::NONE, Clock::real());
    let simulator = Simulator::new(SimulatorConfig { seed: 1, delay, faults, clock });
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(simulator.clone().serve(listener, std::future::pending()));
    measure("tcp", &simulator, Connect::Tcp(address)).await;
    measure("memory", &simulator, Connect::Memory(simulator.handle())).await;
}
