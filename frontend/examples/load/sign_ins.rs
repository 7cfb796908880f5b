//! Commands alone, then beside a flood of sign-ins from many addresses, none of which comes often
//! enough to be held off by the limits on addresses and accounts.

use crate::Done;
use crate::commands::Traders;
use crate::report::{Report, load_average, times};
use crate::server::Server;
use crate::wire;
use hdrhistogram::Histogram;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

/// Sign-ins that may be without an answer: beyond it this process would run out of files.
const UNANSWERED: usize = 8000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sign-ins a second
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,

    /// Commands a second beside them
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    commands: u64,

    /// How long commands are given alone, and then beside the sign-ins
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

pub(crate) async fn run(server: &Server, options: &Options) -> Done {
    let during = Duration::from_secs(options.seconds);
    let mut traders = Traders::sign_up(server, options.commands, true).await?;
    traders.trade(options.commands, Duration::from_secs(2)).await?;
    let alone = traders.trade(options.commands, during).await?;

    // On a thread of its own: it is not to hold up the clock of the commands.
    let (address, rate) = (server.address, options.rate);
    let flood = std::thread::spawn(move || flood(address, rate, during));
    let beside = traders.trade(options.commands, during).await?;
    let flood = flood.join().map_err(|_| "the flood ended badly")??;

    let mut report = Report::default();
    report.count("websockets", traders.len() as u64);
    alone.tell(&mut report, " alone");
    beside.tell(&mut report, " beside sign-ins");
    let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99) as f64;
    let ratio = p99(&beside.times) / p99(&alone.times).max(1.0);
    report.put("p99 ratio", ratio, format!("{ratio:.2}"));
    let count = |status: u16| flood.answers.get(&status).copied().unwrap_or(0);
    report.rate("sign-ins", flood.answers.values().sum(), flood.during);
    report.count("sign-ins checked (401)", count(401));
    report.count("sign-ins held off (429)", count(429));
    let others = flood.answers.iter().filter(|(status, _)| !matches!(status, 401 | 429));
    report.count("sign-ins without answer", others.map(|(_, count)| count).sum());
    report.times("checked after", &flood.checked);
    report.times("held off after", &flood.held_off);
    report.put("load average", load_average(), load_average());
    Ok(report)
}

/// What became of the sign-ins.
struct Flood {
    during: Duration,
    /// By status; 0 where there was no answer.
    answers: BTreeMap<u16, u64>,
    checked: Histogram<u64>,
    held_off: Histogram<u64>,
}

/// Throws `rate` sign-ins a second at the server.
fn flood(address: SocketAddr, rate: u64, during: Duration) -> std::io::Result<Flood> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    Ok(tasks.block_on(&runtime, async move {
        let begun = Instant::now();
        let (answers, mut all) = mpsc::channel(UNANSWERED);
        let mut flood =
            Flood { during, answers: BTreeMap::new(), checked: times(), held_off: times() };
        spawn_local(async move {
            for nth in 0..(rate as f64 * during.as_secs_f64()) as u64 {
                let at = begun + Duration::from_nanos(nth * 1_000_000_000 / rate);
                if at > Instant::now() {
                    sleep_until(at).await;
                }
                // Room first: with too many open this process would run out of files.
                let Ok(answer) = answers.clone().reserve_owned().await else { return };
                spawn_local(async move {
                    let body = json!({ "user": format!("u{nth}"), "password": "not the password" });
                    let from = wire::origin(address, 10_000 + nth as usize % 40_000);
                    let sent =
                        wire::post(address, from, "/api/v1/session", &body.to_string()).await;
                    answer.send((sent.map_or(0, |answer| answer.status), at.elapsed()));
                });
            }
        });
        while let Some((status, took)) = all.recv().await {
            *flood.answers.entry(status).or_default() += 1;
            let times = if status == 401 { &mut flood.checked } else { &mut flood.held_off };
            times.saturating_record(took.as_micros() as u64);
        }
        flood.during = begun.elapsed();
        flood
    }))
}
