//! `daytrade up`: the whole system in one process, with its trading screen.

mod demo;
mod export;
mod figures;
mod greeting;
mod halted;
mod oidc;
mod open_files;
mod options;
mod requests;
mod trail;
mod users;

use crate::Failure;
use crate::cli::QuoteSource;
use crate::followers::{self, Store, warn_of_dead_letters};
use crate::keys;
use crate::replay::folder::log_in;
use crate::restore::payload::Facts;
use crate::restore::{self, Restored, warn_of};
use crate::system::{System, SystemOptions, default_workers};
use crate::terminal::{during, warn};
use anyhow::{Context as _, anyhow};
use audit_logger::follow::{Follower, State};
use audit_logger::log::{LogEnd, LogOptions, LogWriter, segments};
use audit_logger::proof::Keeper;
use bus::{Clock, LogHalted};
use demo::Demo;
use figures::Figures;
use frontend::people::{AccessLog, Devices, UserStore};
use frontend::tls::Certificate;
use frontend::{Config, Frontend, Gauges, Ports, QuotesSpent};
use indicatif::HumanCount;
use open_files::Room;
pub use options::UpOptions;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use trail::LogTrail;
pub use users::{UserCommand, user};

/// How long the replies to commands that are on their way are waited for at the end: the longest
/// quote takes less.
const PATIENCE: Duration = Duration::from_secs(10);

/// Batches of account updates that may wait for the frontend; what has no room is read anew.
const UPDATES: usize = 4096;

/// The part of the quote budget that one user may spend: a quarter.
const QUOTE_SHARE: u32 = 4;

pub fn run(options: UpOptions) -> Result<ExitCode, Failure> {
    let open = options.tls_cert.is_none() && options.trusted_proxy.is_empty();
    if !options.listen.ip().is_loopback() && open {
        return Err(Failure::Usage(anyhow!(
            "{}: other machines would send passwords in the open; listen at 127.0.0.1, or serve by \
             TLS with --tls-cert and --tls-key, or put a proxy with TLS in front and name it with \
             --trusted-proxy",
            options.listen
        )));
    }
    if options.clock_speed > 1 && matches!(options.setup.quotes, QuoteSource::Server { .. }) {
        return Err(Failure::Usage(anyhow!(
            "--clock-speed {}: a quote server elsewhere is as slow as it is, and its prices, which \
             cost money, would run out as much faster; use --quotes sim or fixed:PRICE",
            options.clock_speed
        )));
    }
    if options.clock_speed > 1 && options.setup.quote_cache.is_some() {
        return Err(Failure::Usage(anyhow!(
            "--clock-speed {}: Redis lets prices run out by its own clock; leave out --quote-cache, \
             or --clock-speed",
            options.clock_speed
        )));
    }
    options.setup.check(false)?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(Certificate::load(certificate, key)?),
        _ => None,
    };
    let room = open_files::raise();
    let figures = figures::keep();
    let doors = Config {
        connections: room.connections,
        origins: options.origin.clone(),
        tls,
        oidc: options.oidc.settings().map_err(Failure::Usage)?,
        trusted_proxies: options.trusted_proxy.clone(),
        streams_of_a_user: options.user_streams as usize,
        ..Config::default()
    };
    std::fs::create_dir_all(&options.data)
        .with_context(|| format!("{}: the folder cannot be made", options.data.display()))?;
    let log = log_in(&options.data);
    let lock = segments::lock(&log)?;
    let trusted = options.key.trusted();
    let (restored, end) = during("reading the log", || restore::restore(&log, &trusted))?;
    if let Some(torn) = &end.torn {
        warn_of(torn);
    }
    let outside = Outside { doors, room, figures };
    actix::System::new().block_on(serve(&options, outside, &log, lock, restored, &end))
}

/// What the process has to offer to those outside.
struct Outside {
    doors: Config,
    room: Room,
    figures: Figures,
}

async fn serve(
    options: &UpOptions,
    outside: Outside,
    log: &Path,
    lock: segments::FolderLock,
    restored: Restored,
    end: &LogEnd,
) -> Result<ExitCode, Failure> {
    let asked = asked_to_end()?;
    let Outside { doors, room, figures } = outside;
    let key = keys::of_run(&options.key, log)?;
    restored.save_if_long(log, end, key.as_ref())?;
    let first_transaction = restored.next_transaction();
    let Restored { ledger, mut played, dumps, last_ms, .. } = restored;
    let (entries, accounts) = (end.position.next - 1, ledger.accounts().len());
    let requested = requests::newest(log, end.position.next)?;
    let clock = Clock::real_from(last_ms).at_speed(options.clock_speed);
    let mut writer = LogWriter::open(log, lock, end, LogOptions::default())?;
    // Signs and compresses segments that are complete.
    let keeper = Keeper::start(log, key.clone(), true)?;
    writer.tell_closed(keeper.listener());
    let (durable, halted) = (writer.durable(), writer.halted());
    let stores = Store::given(options.audit.as_ref(), options.search.as_ref());
    let followers = followers::start(&stores, log, &options.server, &durable)?;
    let (told, updates) = mpsc::channel(UPDATES);
    let mut setup =
        SystemOptions { updates: Some(told), ..options.setup.system(default_workers()) };
    if options.seed_demo && matches!(setup.quotes, QuoteSource::Simulator) {
        setup.quote_refresh.get_or_insert(demo::REFRESH);
    }
    let share = |all: u32| (all / QUOTE_SHARE).max(1);
    setup.client.budget_per_user = setup.client.budget_per_minute.map(share);
    let refresh = setup.quote_refresh;
    let system = System::start(setup, &clock, writer, ledger.into_accounts()).await?;

    let users = Arc::new(UserStore::open_compacted(&users::store_in(&options.data))?);
    let devices = options.data.join("devices.key");
    let devices = Devices::open(&devices).with_context(|| devices.display().to_string())?;
    let record = options.data.join("access.jsonl");
    let (access, recording) =
        AccessLog::open(&record).with_context(|| record.display().to_string())?;
    let ports = Ports {
        clock: clock.clone(),
        queue: system.queue.clone(),
        first_transaction,
        requested,
        accounts: system.accounts.clone(),
        updates,
        trail: Arc::new(LogTrail::new(
            log,
            &options.server,
            durable.clone(),
            key.as_ref().map(|key| key.public()),
        )),
        halted: halted.clone(),
        users: users.clone(),
        devices,
        access: access.clone(),
    };
    let frontend = Frontend::start(doors, options.listen, ports).await?;
    system.tell_quotes(frontend.quotes()).await?;
    let demo = match options.seed_demo {
        true => Some(Demo::make(&users, &access, &frontend, &system.accounts, &clock).await?),
        false => None,
    };
    greeting::tell(options, &frontend, entries, accounts, &clock, demo.as_ref(), &room);
    let market =
        demo.as_ref().map(|_| actix::spawn(demo::trade(frontend.door(), clock.clone(), refresh)));

    let gauges = frontend.tell();
    let watched = Watched { system: &system, followers: &followers, durable: &durable };
    let ended_by = match watch_over(watched, &figures, gauges, asked, halted).await? {
        Ended::Asked(by) => by,
        Ended::Halted(halted) => {
            if let Some(market) = market {
                market.abort();
            }
            halted::end(&halted, &system, frontend).await;
            access.close();
            let _ = recording.join();
            return Ok(ExitCode::from(halted::EXIT_CODE));
        }
    };

    warn(format_args!("\n{ended_by}: ending in order; once more ends at once"));
    at_once_next_time();
    if let Some(market) = market {
        market.abort();
    }
    let (settled, last_transaction) = frontend.stop(PATIENCE).await;
    if !settled {
        warn(format_args!(
            "some commands still wait for their quotes after {} s: they were not acknowledged, and \
             are not carried out",
            PATIENCE.as_secs()
        ));
    }
    let stopped = system.stop().await?;
    drop(followers);
    if options.search.is_some() {
        warn_of_dead_letters(log)?;
    }
    (first_transaction..=last_transaction).for_each(|number| played.insert(number));
    let accounts = stopped.accounts.iter().map(|(user, account)| (user, account));
    let now_ms = clock.unix_ms(clock.now());
    let highest = last_transaction.max(first_transaction - 1);
    let facts = Facts { played, dumps, last_ms: now_ms, highest };
    let saved = restore::save(key.as_ref(), log, &stopped.log, accounts, &facts, now_ms);
    during("compressing segments", || drop(keeper));
    // A connection whose client did not go may still hold the record.
    access.close();
    let _ = recording.join();
    saved?;
    warn(format_args!(
        "stopped: {} entries are durable in {}",
        HumanCount(stopped.log.last),
        log.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Why it ends.
enum Ended {
    /// Somebody asked for it.
    Asked(&'static str),
    /// The log cannot be written.
    Halted(LogHalted),
}

/// What is watched.
struct Watched<'a> {
    system: &'a System,
    followers: &'a [Follower],
    durable: &'a watch::Receiver<u64>,
}

/// Tells the frontend how the system is doing until it is to end; returns why.
async fn watch_over(
    watched: Watched<'_>,
    figures: &Figures,
    tell: impl Fn(Gauges),
    asked: impl Future<Output = std::io::Result<&'static str>>,
    mut halted: watch::Receiver<Option<LogHalted>>,
) -> anyhow::Result<Ended> {
    let Watched { system, followers, durable } = watched;
    let halted = async move {
        match halted.wait_for(Option::is_some).await {
            Ok(halted) => halted.clone(),
            Err(_) => None,
        }
    };
    let mut halted = std::pin::pin!(halted);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = std::pin::pin!(asked);
    loop {
        select! {
            ended_by = &mut asked => return Ok(Ended::Asked(ended_by?)),
            Some(halted) = &mut halted => return Ok(Ended::Halted(halted)),
            _ = ticks.tick() => {}
        }
        let (quotes, orders) = (system.quotes().await?, system.orders().await?);
        let unattended = system.unattended().await?;
        tell(Gauges {
            entries: *durable.borrow() - 1,
            quotes: QuotesSpent {
                requests: quotes.requests,
                answers: quotes.answers,
                unavailable: quotes.unavailable,
                cache_hits: 0,
            },
            armed: orders.armed,
            stocks: orders.stocks,
            fired: unattended.fired,
            followers: followers.iter().map(lag).collect(),
            figures: figures.text(),
        });
    }
}

fn lag(follower: &Follower) -> serde_json::Value {
    let status = follower.status();
    let (state, reason) = match &status.state {
        State::Waiting { reason, .. } => ("waiting", Some(reason.clone())),
        State::Refused(reason) => ("refused", Some(reason.clone())),
        _ => ("following", None),
    };
    json!({
        "name": follower.name(), "state": state, "reason": reason,
        "entries": status.next - 1, "lag": status.lag(), "entries_per_s": status.rate
    })
}

/// Waits for Ctrl-C, or for whatever else asks a program to end: from this call on, not only from
/// when it is looked at.
fn asked_to_end() -> std::io::Result<impl Future<Output = std::io::Result<&'static str>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        Ok(async move {
            select! {
                _ = interrupted.recv() => Ok("Ctrl-C"),
                _ = terminated.recv() => Ok("terminated"),
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async { tokio::signal::ctrl_c().await.map(|()| "Ctrl-C") })
}

/// From now on Ctrl-C ends the process: on a thread of its own, for the others may be waiting.
fn at_once_next_time() {
    let listener = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            std::process::exit(130);
        }
    };
    // Without the thread the end is as good, only not as quick.
    let _ = std::thread::Builder::new().name("ctrl-c".to_string()).spawn(listener);
}
