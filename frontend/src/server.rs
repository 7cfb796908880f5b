//! Starts the server and ends it in order.

use crate::Fault;
use crate::app::{App, Config};
use crate::door::{Door, DoorTasks};
use crate::http::body::{self, BodyBudget};
use crate::http::{self, pages};
use crate::live::account::LiveAccount;
use crate::live::hub::{Hub, Topic, frame};
use crate::live::market::{Market, MarketActor};
use crate::live::stream::status_frame;
use crate::live::vitals::{Gauges, Vitals};
use crate::outcome::EventView;
use crate::outcomes::Outcomes;
use crate::people::{
    AccessLog, Devices, Limits, Oidc, OidcError, Passwords, Sessions, UserStore,
    sessions::Lifetimes,
};
use crate::trail::{Trail, TrailPool};
use actix::Actor;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, from_fn};
use actix_web::rt::task::JoinHandle;
use actix_web::{HttpServer, web};
use bus::{AccountDesk, AccountUpdate, AccountUpdates, Clock, CommandQueue, LogHalted, QuoteNews};
use domain::trading::entry::CommandDecided;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the market channel is told of prices.
const MARKET_EVERY: Duration = Duration::from_millis(250);

/// What the server needs of the rest of the system.
pub struct Ports {
    /// The time.
    pub clock: Clock,
    /// The way to the workers.
    pub queue: CommandQueue,
    /// The number that the first command is given.
    pub first_transaction: u64,
    /// Newest commands of the log that clients gave numbers of their own, with their entries' numbers:
    /// asked for again, they are not carried out again.
    pub requested: Vec<(u64, CommandDecided)>,
    /// Accounts, for those who look.
    pub accounts: AccountDesk,
    /// Updates of accounts that are watched.
    pub updates: mpsc::Receiver<AccountUpdates>,
    /// The log, for those who look.
    pub trail: Arc<dyn Trail>,
    /// Why the log has halted, once it has.
    pub halted: watch::Receiver<Option<LogHalted>>,
    /// Who may sign in.
    pub users: Arc<UserStore>,
    /// The browsers that users have signed in with before.
    pub devices: Devices,
    /// The record of who came.
    pub access: AccessLog,
}

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is taken, or not one of this machine.
    #[error("{address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        why: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Sign-in with the provider cannot be set up.
    #[error("--oidc-issuer: {0}")]
    Oidc(#[from] OidcError),
    /// The operating system gives no chance.
    #[error("no random numbers can be had")]
    Chance(#[from] Fault),
}

/// A server that runs.
pub struct Frontend {
    app: web::Data<App>,
    address: SocketAddr,
    door: DoorTasks,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    quotes: actix::Recipient<QuoteNews>,
}

impl Frontend {
    /// Starts to serve at `listen`. To be called within an actix system; connections are served on
    /// threads of their own.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn start(
        mut config: Config,
        listen: SocketAddr,
        ports: Ports,
    ) -> Result<Frontend, StartError> {
        let Ports {
            clock,
            queue,
            first_transaction,
            requested,
            accounts,
            updates,
            trail,
            halted,
            users,
            devices,
            access,
        } = ports;
        let fault = |why| StartError::Listen { address: listen, why };
        let listener = crate::listen::listen(listen).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        config.origins.extend(own_origins(address, config.tls.is_some()));
        let tls = config.tls.as_ref().map(|tls| tls.server()).transpose()?;
        let oidc = config.oidc.clone().map(Oidc::new).transpose()?;
        let (door, door_tasks) = Door::open(&queue, clock.clone(), first_transaction);
        let trail = TrailPool::new(trail);
        let (hub, market) = (Hub::default(), Market::default());
        if let Ok(prices) = trail.look(|trail| trail.prices()).await {
            for (stock, points) in prices {
                points.into_iter().for_each(|(at_ms, price)| market.recall(stock, at_ms, price));
            }
        }
        let started_ms = clock.unix_ms(clock.now());
        let outcomes = Outcomes::default();
        requested.iter().for_each(|(number, decided)| outcomes.recall(*number, decided));
        let (limits, speed) = (config.limits, clock.speed());
        let (threads, connections) = (config.threads, config.connections);
        let app = web::Data::new(App {
            config,
            clock: clock.clone(),
            door,
            desk: accounts,
            trail,
            users,
            sessions: Sessions::new(Lifetimes::default().by_clock_of(speed)),
            passwords: Passwords::new()?,
            devices,
            oidc,
            access,
            outcomes,
            hub: hub.clone(),
            market: market.clone(),
            vitals: Vitals::new(started_ms),
            closing: watch::Sender::new(false),
            by_address: Limits::new(limits.sign_in_address).by_clock_of(speed),
            by_account: Limits::new(limits.sign_in_account).by_clock_of(speed),
            by_device: Limits::new(limits.sign_in_device).by_clock_of(speed),
            by_commander: Limits::new(limits.commands).by_clock_of(speed),
            by_looker: Limits::new(limits.looks).by_clock_of(speed),
            by_reader: Limits::new(limits.reads).by_clock_of(speed),
            by_listener: Limits::new(limits.streams).by_clock_of(speed),
            bodies_of_strangers: BodyBudget::new(body::STRANGERS),
            bodies_of_users: BodyBudget::new(body::USERS),
        });
        let quotes = MarketActor::new(market, hub, clock).start().recipient();
        let served = app.clone();
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(served.clone())
                .wrap(Compress::default())
                .wrap(from_fn(http::finish))
                .configure(http::configure)
                .default_service(web::to(pages::page))
        })
        .workers(threads)
        .max_connections(connections.div_ceil(threads).max(1))
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(2)
        .disable_signals();
        let server = match tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls),
            None => server.listen(listener),
        };
        let server = server.map_err(fault)?.run();
        let tasks = vec![
            actix_web::rt::spawn(push_updates(app.clone(), updates)),
            actix_web::rt::spawn(push_market(app.clone())),
            actix_web::rt::spawn(every_second(app.clone())),
            actix_web::rt::spawn(check_provider(app.clone())),
            actix_web::rt::spawn(refresh_users(app.clone())),
            actix_web::rt::spawn(refresh_certificate(app.clone())),
            actix_web::rt::spawn(refuse_once_halted(app.clone(), halted)),
        ];
        let handle = server.handle();
        let serving = actix_web::rt::spawn(server);
        Ok(Frontend { app, address, door: door_tasks, server: handle, serving, tasks, quotes })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hears of prices, as the workers do.
    pub fn quotes(&self) -> actix::Recipient<QuoteNews> {
        self.quotes.clone()
    }

    /// Where browsers find it.
    pub fn url(&self) -> String {
        let scheme = if self.app.config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The provider that vouches for users, by the address that names it.
    pub fn issuer(&self) -> Option<&str> {
        self.app.oidc.as_ref().map(Oidc::issuer)
    }

    /// The way in, for commands from this process.
    pub fn door(&self) -> Door {
        self.app.door.clone()
    }

    /// What only the binary can tell; to be told about once a second.
    pub fn tell(&self) -> impl Fn(Gauges) + 'static {
        let app = self.app.clone();
        move |gauges| app.vitals.tell(gauges)
    }

    /// Ends in order: no new commands; the replies to those on their way, for at most `patience`;
    /// websockets closed; the threads ended. Returns whether every reply was there in time, and
    /// the highest number that a command was given.
    pub async fn stop(self, patience: Duration) -> (bool, u64) {
        self.app.door.close();
        let settled = timeout(patience, self.door.ended()).await.is_ok();
        self.app.closing.send_replace(true);
        self.server.stop(true).await;
        let _ = self.serving.await;
        self.tasks.into_iter().for_each(|task| task.abort());
        (settled, self.app.door.last_transaction())
    }
}

/// Accepts no command once the log has halted, whoever found out.
async fn refuse_once_halted(app: web::Data<App>, mut halted: watch::Receiver<Option<LogHalted>>) {
    if halted.wait_for(Option::is_some).await.is_ok() {
        app.door.halt();
    }
}

/// The names under which browsers know a server at `address`.
fn own_origins(address: SocketAddr, tls: bool) -> Vec<String> {
    let scheme = if tls { "https" } else { "http" };
    let mut origins = vec![format!("{scheme}://{address}")];
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        let hosts = ["localhost", "127.0.0.1", "[::1]"];
        origins.extend(hosts.map(|host| format!("{scheme}://{host}:{}", address.port())));
    }
    origins
}

/// Tells connections of what happened to the accounts that they watch.
async fn push_updates(app: web::Data<App>, mut updates: mpsc::Receiver<AccountUpdates>) {
    while let Some(AccountUpdates { missed, updates }) = updates.recv().await {
        if missed {
            app.hub.lag_accounts();
        }
        updates.iter().for_each(|update| push_update(&app, update));
    }
}

fn push_update(app: &App, update: &AccountUpdate) {
    let AccountUpdate { user, read, events } = update;
    let events: Vec<EventView> =
        events.iter().filter_map(|(number, entry)| EventView::of(*number, entry)).collect();
    let account = Topic::Account(user.clone());
    app.hub.push(&account, || {
        let view = LiveAccount::of(user, read, app.now_ms());
        frame(
            &account,
            read.seq,
            &json!({
                "channel": "account", "type": "update", "seq": read.seq, "account": view,
                "events": events
            }),
        )
    });
    let orders = Topic::Orders(user.clone());
    for event in events.iter().filter(|event| event.is_about_orders()) {
        let seq = event.told.entry;
        app.hub.push(&orders, || {
            frame(
                &orders,
                seq,
                &json!({
                    "channel": "orders", "type": "event", "seq": seq, "event": event
                }),
            )
        });
    }
}

/// Tells the market channel of prices, a few times a second.
async fn push_market(app: web::Data<App>) {
    let mut ticks = interval(MARKET_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (seq, quotes) = app.market.take_untold();
        if !quotes.is_empty() {
            app.hub.push(&Topic::Market, || {
                frame(
                    &Topic::Market,
                    seq,
                    &json!({
                        "channel": "market", "type": "quotes", "seq": seq, "quotes": quotes
                    }),
                )
            });
        }
    }
}

/// Warns at the start of an identity provider that does not answer. Sign-in with passwords needs
/// none, and each sign-in with the provider asks it again.
async fn check_provider(app: web::Data<App>) {
    if let Some(oidc) = &app.oidc
        && let Err(error) = oidc.check().await
    {
        let (issuer, reason) = (oidc.issuer(), error.to_string());
        tracing::warn!(issuer, reason, "identity provider unavailable, nobody can sign in with it");
    }
}

/// Reads about once a second what the command line did to the users. On its own: another process
/// may hold the file for long.
async fn refresh_users(app: web::Data<App>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let users = app.users.clone();
        if let Ok(Err(error)) = web::block(move || users.refresh()).await {
            tracing::error!(%error, "failed to read the users");
        }
        app.users.take_new_passwords().iter().for_each(|user| app.sessions.end_all(user));
    }
}

/// Reads about once a second whether the certificate was renewed. On its own, like the users.
async fn refresh_certificate(app: web::Data<App>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(tls) = app.config.tls.clone() {
        ticks.tick().await;
        match web::block(move || tls.refresh()).await {
            Ok(Ok(true)) => tracing::info!("the certificate is renewed"),
            Ok(Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
            _ => {}
        }
    }
}

/// Counts seconds, and tells the status channel.
async fn every_second(app: web::Data<App>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for seq in 1.. {
        ticks.tick().await;
        app.vitals.tick(app.now_ms());
        for (topic, operations) in [(Topic::Operations, true), (Topic::Status, false)] {
            app.hub.push(&topic, || status_frame(&app, operations, seq));
        }
    }
}
