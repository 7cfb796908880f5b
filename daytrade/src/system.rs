//! The embedded system: all services in one process, wired together.

use crate::cli::QuoteSource;
use actix::prelude::*;
use anyhow::Context as _;
use audit_logger::log::actor::{CloseLog, LogSummary};
use audit_logger::log::{LogWriter, LogWriterActor};
use autotx::actor::{AskOrders, ServeWorkers, StopFiring};
use autotx::{AutoTxActor, AutoTxStats, FarPolicy};
use bus::{
    AccountDesk, AccountUpdates, Clock, CommandQueue, Entries, EntryLog, FireQueue, FreshQuote,
    Moment, NewsBatch, NewsTo, OrderDesk, Partition, QuoteClient, QuoteNews, QuoteResult,
    UpdatesTo,
};
use domain::trading::entry::QuoteReceived;
use domain::trading::{Account, Entry, UserName};
use quote_manager::cache::RedisCache;
use quote_manager::manager::{AskStats, StopAsking, Subscribe};
use quote_manager::simulator::{DelayModel, Faults, Simulator, SimulatorConfig, listen};
use quote_manager::source::{ClientOptions, Connect, FixedSource, LegacyClient, Source};
use quote_manager::{QuoteManager, QuoteStats};
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use worker::shard::{AskUnattended, TakeAccounts};
use worker::{ShardActor, Unattended};

/// How the system is set up.
pub struct SystemOptions {
    pub workers: usize,
    pub quotes: QuoteSource,
    pub quote_delay: DelayModel,
    pub quote_faults: Faults,
    pub quote_managers: usize,
    pub quote_refresh: Option<Duration>,
    pub quote_cache: Option<String>,
    pub far_orders: Option<FarPolicy>,
    /// Hears what accounts do by themselves.
    pub news: Option<mpsc::Sender<NewsBatch>>,
    /// Hears of the accounts that are watched.
    pub updates: Option<mpsc::Sender<AccountUpdates>>,
    pub client: ClientOptions,
    pub seed: u64,
}

impl SystemOptions {
    /// As `replay` sets it up where nothing is asked for: one worker a core, a quote server that
    /// answers at once.
    pub fn plain(quotes: QuoteSource, seed: u64) -> SystemOptions {
        SystemOptions {
            workers: default_workers(),
            quotes,
            quote_delay: DelayModel::None,
            quote_faults: Faults::NONE,
            quote_managers: 1,
            quote_refresh: None,
            quote_cache: None,
            far_orders: None,
            news: None,
            updates: None,
            client: ClientOptions::default(),
            seed,
        }
    }
}

/// One worker a core.
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(bus::PARTITIONS))
}

/// The running system.
pub struct System {
    pub queue: CommandQueue,
    pub accounts: AccountDesk,
    shards: Vec<Addr<ShardActor>>,
    managers: Vec<Addr<QuoteManager>>,
    source: Source,
    autotx: Addr<AutoTxActor>,
    entry_log: EntryLog,
    log: Addr<LogWriterActor>,
    arbiters: Vec<Arbiter>,
}

/// What the system leaves when it has stopped.
pub struct Stopped {
    pub accounts: Vec<(UserName, Account)>,
    pub unattended: Unattended,
    pub orders: AutoTxStats,
    pub quotes: QuoteStats,
    /// What went wrong last at the quote server, with its address.
    pub quote_failure: Option<String>,
    pub log: LogSummary,
}

/// Where an actor runs: on a thread of its own, or, under the virtual clock, where all others do.
struct Places {
    virtual_time: bool,
    arbiters: Vec<Arbiter>,
}

impl Places {
    fn start<A: Actor<Context = Context<A>>>(
        &mut self,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Addr<A> {
        if self.virtual_time {
            return make().start();
        }
        let arbiter = Arbiter::new();
        let address = A::start_in_arbiter(&arbiter.handle(), |_| make());
        self.arbiters.push(arbiter);
        address
    }
}

impl System {
    /// Starts all services: the log first, those that need it after it.
    pub async fn start(
        options: SystemOptions,
        clock: &Clock,
        writer: LogWriter,
        accounts: impl IntoIterator<Item = (UserName, Account)>,
    ) -> anyhow::Result<System> {
        let mut places = Places { virtual_time: clock.is_virtual(), arbiters: Vec::new() };
        let workers = options.workers;
        let source = quote_source(&options, clock, &mut places).await?;
        let shared = match &options.quote_cache {
            Some(url) => Some(shared_cache(url.clone(), clock, &mut places).await?),
            None => None,
        };

        let appends = workers * worker::MAX_APPENDS
            + options.quote_managers * quote_manager::manager::MAX_APPENDS;
        let (last, rules) = (writer.next_entry() - 1, writer.rules());
        let log_clock = clock.clone();
        let log = places.start(move || LogWriterActor::new(writer, log_clock, appends));
        let entry_log = EntryLog::new(log.clone().recipient());

        let mut managers = Vec::new();
        for _ in 0..options.quote_managers {
            let (clock, source, log) = (clock.clone(), source.clone(), entry_log.clone());
            let shared = shared.clone();
            managers.push(
                places.start(move || QuoteManager::new(clock, source, log).with_shared(shared)),
            );
        }
        let quotes =
            QuoteClient::new(managers.iter().map(|manager| manager.clone().recipient()).collect());

        let (orders_clock, asks, far) = (clock.clone(), quotes.clone(), options.far_orders);
        let autotx = places.start(move || AutoTxActor::new(orders_clock, asks, far));
        let desk = OrderDesk::new(autotx.clone().recipient());

        let mut owned: Vec<Vec<(UserName, Account)>> = (0..workers).map(|_| Vec::new()).collect();
        for (user, account) in accounts {
            owned[Partition::of_user(user.as_str()).worker(workers)].push((user, account));
        }
        let mut shards = Vec::new();
        for accounts in owned {
            let (clock, log, quotes) = (clock.clone(), entry_log.clone(), quotes.clone());
            let (desk, news, refresh) =
                (desk.clone(), options.news.clone().map(NewsTo::new), options.quote_refresh);
            let updates = options.updates.clone().map(UpdatesTo::new);
            let shard = places.start(move || {
                ShardActor::new(clock, log, quotes, desk, rules, accounts)
                    .refresh_before(refresh)
                    .tell_news(news)
                    .tell_updates(last, updates)
            });
            for manager in &managers {
                manager.send(Subscribe(shard.clone().recipient())).await?;
            }
            shards.push(shard);
        }
        // Workers hear of a price before an order fires on it.
        for manager in &managers {
            manager.send(Subscribe(autotx.clone().recipient())).await?;
        }
        let workers = shards.iter().map(|shard| shard.clone().recipient()).collect();
        autotx.send(ServeWorkers(FireQueue::new(workers))).await?;
        let queue =
            CommandQueue::new(shards.iter().map(|shard| shard.clone().recipient()).collect());
        let accounts =
            AccountDesk::new(shards.iter().map(|shard| shard.clone().recipient()).collect());
        let arbiters = places.arbiters;
        Ok(System { queue, accounts, shards, managers, source, autotx, entry_log, log, arbiters })
    }

    /// From now on `listener` hears of every fresh price.
    pub async fn tell_quotes(&self, listener: Recipient<QuoteNews>) -> anyhow::Result<()> {
        for manager in &self.managers {
            manager.send(Subscribe(listener.clone())).await?;
        }
        Ok(())
    }

    /// What the AutoTX manager has and did.
    pub async fn orders(&self) -> anyhow::Result<AutoTxStats> {
        Ok(self.autotx.send(AskOrders).await?)
    }

    /// What accounts did by themselves since the start.
    pub async fn unattended(&self) -> anyhow::Result<Unattended> {
        let mut sum = Unattended::default();
        for shard in &self.shards {
            sum.add(shard.send(AskUnattended).await?);
        }
        Ok(sum)
    }

    /// What the quote server was asked.
    pub async fn quotes(&self) -> anyhow::Result<QuoteStats> {
        let mut quotes = QuoteStats::default();
        for manager in &self.managers {
            quotes.add(manager.send(AskStats).await?);
        }
        Ok(quotes)
    }

    /// Brings prices in from outside, as a quote manager does: the log has them before anybody
    /// hears of them.
    pub fn announce(&self, quotes: &[QuoteReceived], sent: Moment) {
        let mut entries = Entries::default();
        let mut news = Vec::with_capacity(quotes.len());
        for quote in quotes {
            let QuoteReceived { stock, price, transaction: asked_by, .. } = *quote;
            news.push(QuoteResult::Fresh(FreshQuote { stock, price, sent, asked_by }));
            entries.push(&Entry::Quote(quote.clone()));
        }
        actix::spawn(self.entry_log.append(entries));
        let news = QuoteNews(news.into());
        for shard in &self.shards {
            actix::spawn(shard.send(news.clone()));
        }
        actix::spawn(self.autotx.send(news));
    }

    /// Fires no order and asks for no quote any more: for a log that has halted, because what
    /// cannot be logged is not bought.
    pub async fn stop_buying(&self) {
        for manager in &self.managers {
            // One that is gone asks for nothing.
            let _ = manager.send(StopAsking).await;
        }
        let _ = self.autotx.send(StopFiring).await;
    }

    /// Stops the services in order: AutoTX, workers, quote manager, log. No command may be on its
    /// way.
    pub async fn stop(self) -> anyhow::Result<Stopped> {
        let orders = self.autotx.send(StopFiring).await?;
        let mut accounts = Vec::new();
        let mut unattended = Unattended::default();
        for shard in &self.shards {
            let retired = shard.send(TakeAccounts).await?;
            accounts.extend(retired.accounts);
            unattended.add(retired.unattended);
        }
        let quotes = self.quotes().await?;
        let quote_failure = self.source.last_failure();
        let log = self.log.send(CloseLog).await??;
        for arbiter in self.arbiters {
            arbiter.stop();
            // A thread that panicked has told so itself.
            let _ = arbiter.join();
        }
        Ok(Stopped { accounts, unattended, orders, quotes, quote_failure, log })
    }
}

async fn quote_source(
    options: &SystemOptions,
    clock: &Clock,
    places: &mut Places,
) -> anyhow::Result<Source> {
    let connect = match &options.quotes {
        QuoteSource::Fixed(price) => return Ok(Source::Fixed(FixedSource { price: *price })),
        QuoteSource::Server { connect, .. } => connect.clone(),
        QuoteSource::Simulator => {
            let simulator = Simulator::new(SimulatorConfig {
                seed: options.seed,
                delay: options.quote_delay.clone(),
                faults: options.quote_faults,
                clock: clock.clone(),
            });
            if clock.is_virtual() {
                Connect::Memory(simulator.handle())
            } else {
                serve(simulator, places).await?
            }
        }
    };
    Ok(Source::Legacy(LegacyClient::with(connect, options.client.clone())))
}

/// Connects to the Redis in which the quote managers share their prices. The connection has a
/// thread of its own, so that no actor that is busy holds it up.
async fn shared_cache(
    url: String,
    clock: &Clock,
    places: &mut Places,
) -> anyhow::Result<RedisCache> {
    // A price that is used stands in the same log. So no run ever finds the prices of another one
    // there, nor, when it is gone on with, its own: the end of its log may be lost.
    let run = RandomState::new().hash_one(std::process::id());
    let prefix = format!("daytrade:{run:016x}:quote");
    let clock = clock.clone();
    let arbiter = Arbiter::new();
    let (tell, connected) = oneshot::channel();
    arbiter.spawn(async move {
        let _ = tell.send(RedisCache::connect(&url, &prefix, clock).await);
    });
    places.arbiters.push(arbiter);
    Ok(connected.await.context("the thread of the shared quote cache has ended")??)
}

/// Runs the simulator on a thread of its own, behind a real socket.
async fn serve(simulator: Simulator, places: &mut Places) -> anyhow::Result<Connect> {
    let arbiter = Arbiter::new();
    let (tell, address) = oneshot::channel();
    arbiter.spawn(async move {
        match listen((Ipv4Addr::LOCALHOST, 0).into()) {
            Ok(listener) => {
                let _ = tell.send(listener.local_addr());
                simulator.serve(listener, std::future::pending()).await;
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
    places.arbiters.push(arbiter);
    let address = address.await?.context("the built-in quote server cannot listen")?;
    Ok(Connect::Tcp(address))
}
