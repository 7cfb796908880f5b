//! The double of the legacy server: does it say what the real one says, when it says it, and
//! the same thing again for the same seed?

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test is for")]

use bus::Clock;
use quote_manager::simulator::{
    Chance, Counts, DelayModel, Fault, Faults, Simulator, SimulatorConfig, listen,
};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

fn simulator(seed: u64, delay: DelayModel, faults: Faults) -> Simulator {
    let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
    Simulator::new(SimulatorConfig { seed, delay, faults, clock })
}

async fn say(simulator: &Simulator, request: &[u8]) -> String {
    let mut stream = simulator.handle().connect();
    stream.write_all(request).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_written_as_the_legacy_server_writes_it() {
    let simulator = simulator(7, DelayModel::None, Faults::NONE);
    let golden = "1990.42,APP,robodwye,1767225600000,\
                  i5y1ozCCbjazMXkzf5zKX8jnYw+Dl7gRYjvr4tRJ5/IEkrySCMxJhw==\n";
    assert_eq!(say(&simulator, b"APP,robodwye\n").await, golden);
    assert_eq!(say(&simulator, b"APP,robodwye\r\n").await, golden);
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_gets_na() {
    let simulator = simulator(7, DelayModel::Measured, Faults::NONE);
    let long = [b'A'; 4_000];
    for request in [&b"\n"[..], b"APP\n", b"APPL,u\n", b"APP,u,v\n", b"\xff\xfe\n", &long] {
        let mut stream = simulator.handle().connect();
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let mut reply = String::new();
        // The server may have answered and gone before it has heard it all.
        let (_, answer) = tokio::join!(write.write_all(request), read.read_to_string(&mut reply));
        answer.unwrap();
        assert_eq!(reply, "NA\n", "{request:?}");
    }
    let expected = Counts { requests: 6, bad_requests: 6, ..Counts::default() };
    assert_eq!(simulator.counts(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_quote_is_stamped_before_the_delay() {
    let delay = Duration::from_secs(4);
    let simulator = simulator(7, DelayModel::Empirical([delay].into()), Faults::NONE);
    let started = Instant::now();
    let reply = say(&simulator, b"S,u\n").await;
    assert!(started.elapsed() >= delay);
    let stamp = Clock::VIRTUAL_START_UNIX_MS.to_string();
    assert_eq!(reply.split(',').nth(3), Some(&*stamp), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_hung_up_on() {
    let simulator = simulator(7, DelayModel::None, Faults::NONE);
    let started = Instant::now();
    assert_eq!(say(&simulator, b"S,u").await, "");
    assert!(started.elapsed() < Duration::from_secs(11));
    assert_eq!(simulator.counts(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_hangs_up_in_the_end() {
    let simulator = simulator(7, DelayModel::None, Faults::NONE.with(Fault::Silence, 1.0).unwrap());
    let started = Instant::now();
    assert_eq!(say(&simulator, b"S,u\n").await, "");
    assert!((60..62).contains(&started.elapsed().as_secs()));
}

/// What three stocks' clients hear in six requests each, asked in the given order.
async fn heard(seed: u64, by_turns: bool) -> Vec<Vec<(String, Duration)>> {
    let faults = "na=0.1,garbage=0.1,wrong_user=0.1,truncated=0.1,reset=0.1".parse().unwrap();
    let delays = [1, 2, 3, 5, 8, 13].map(Duration::from_millis);
    let simulator = simulator(seed, DelayModel::Empirical(delays.into()), faults);
    let mut heard = vec![Vec::new(); 3];
    for turn in 0..18 {
        let stock = if by_turns { turn % 3 } else { turn / 6 };
        let request: &[u8] = [&b"A,u\n"[..], b"B,u\n", b"C,u\n"][stock];
        let started = Instant::now();
        let mut stream = simulator.handle().connect();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        // The price follows the time, so only the reply's form and delay are compared.
        let form = reply.split(|&byte| byte == b',').count();
        heard[stock].push((format!("{form} fields"), started.elapsed()));
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn chance_follows_the_seed_and_the_stock_not_the_order_of_arrival() {
    let (once, again, other) = (heard(3, true).await, heard(3, false).await, heard(4, true).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
}

/// A client that goes away in the middle of a delay costs the server no connection till its end.
#[tokio::test]
async fn over_tcp_a_client_that_breaks_the_connection_is_noticed_at_once() {
    let hour = Duration::from_secs(3_600);
    let delay = DelayModel::Empirical([hour].into());
    let config = SimulatorConfig { seed: 1, delay, faults: Faults::NONE, clock: Clock::real() };
    let simulator = Simulator::new(config);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(simulator.clone().serve(listener, async { drop(stopped.await) }));

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"S,u\n").await.unwrap();
    wait_until(|| simulator.counts().requests == 1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    wait_until(|| simulator.counts().abandoned == 1).await;

    // Shutdown ends the conversations that still wait.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"S,u\n").await.unwrap();
    wait_until(|| simulator.counts().requests == 2).await;
    stop.send(()).unwrap();
    server.await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

/// Lets the other tasks run until `done`; the test's own time limit ends a vain wait.
async fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_measured_model_fits_the_measurements() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/legacy-quote-delays-seconds.csv");
    if !path.exists() {
        println!("skipped: there are no measurements at {}", path.display());
        return;
    }
    let Ok(DelayModel::Empirical(measured)) = DelayModel::read_csv(&path) else {
        panic!("the measurements are readable");
    };
    let mut chance = Chance::new(1);
    let modelled: Vec<_> = (0..50_000).map(|_| DelayModel::Measured.sample(&mut chance)).collect();

    let share = |delays: &[Duration], keep: &dyn Fn(&Duration) -> bool| {
        delays.iter().filter(|delay| keep(delay)).count() as f64 / delays.len() as f64
    };
    for seconds in 0..5 {
        let is = |delay: &Duration| delay.as_secs() == seconds;
        let (real, ours) = (share(&measured, &is), share(&modelled, &is));
        assert!((real - ours).abs() < 0.01, "{seconds} s: {real} measured, {ours} modelled");
    }
    // The measurements are whole milliseconds, so steps are compared between them.
    for half_ms in 13..54 {
        let under = |delay: &Duration| delay.subsec_micros() < half_ms * 500;
        if half_ms % 2 == 1 {
            let (real, ours) = (share(&measured, &under), share(&modelled, &under));
            assert!((real - ours).abs() < 0.075, "{half_ms}/2 ms: {real} measured, {ours}");
        }
    }
    let mean = |delays: &[Duration]| delays.iter().sum::<Duration>() / delays.len() as u32;
    let (real, ours) = (mean(&measured), mean(&modelled));
    assert!(real.abs_diff(ours) < Duration::from_millis(15), "{real:?} measured, {ours:?}");
}
