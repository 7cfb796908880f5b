//! The server itself: conversations of one request, over TCP or inside the process.

use super::chance::Chance;
use super::line::{MAX_REQUEST, Quote, REFUSAL, parse_request};
use super::{DelayModel, Fault, Faults};
use bus::Clock;
use domain::trading::Stock;
use rustc_hash::FxHashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Connections that may wait to be accepted: a burst of a whole workload's users at once. The
/// system may hold it down (`net.core.somaxconn`, 4096 on current Linux).
const BACKLOG: u32 = 4_096;
/// Connections served at once; more wait in the backlog. Far above what one client has in flight
/// or has lately abandoned; where the system allows fewer open files, accepting pauses sooner.
const MAX_CONNECTIONS: usize = 4_096;
/// A client that connects is to ask within this time, or is hung up on.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// A client that is met with silence and stays is hung up on after this time.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// The pause after a failed accept: as a rule the process is out of files, and some come free.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(10);
/// The pause before each byte of an answer that trickles: half a minute for a whole line.
const TRICKLE: Duration = Duration::from_millis(300);
/// Timers tick in milliseconds and round up: with half a tick less they are right on average. At a
/// network of 9 ms that is told apart.
const HALF_A_TICK: Duration = Duration::from_micros(500);
/// What an in-process connection holds in each direction: a request or a reply and then some.
const PIPE_BYTES: usize = 1_024;

/// What a simulated quote server is like.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Everything that happens by chance follows from it.
    pub seed: u64,
    /// How long clients wait.
    pub delay: DelayModel,
    /// What goes wrong.
    pub faults: Faults,
    /// The time that quotes are stamped with and prices follow.
    pub clock: Clock,
}

/// What else is peculiar about a quote server. None of it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Whether asking again for a stock while a slow request for it is on its way brings nothing:
    /// all are answered when the first is. Otherwise each request draws its delay anew.
    pub sticky: bool,
    /// How far its clock is off, in milliseconds; the legacy server's was off by minutes.
    pub skew_ms: i64,
    /// With more requests than this at once it sends broken cryptokeys, as the legacy server did
    /// with more than a few hundred.
    pub corrupts_above: Option<u32>,
}

/// A simulated quote server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Simulator {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SimulatorConfig,
    quirks: Quirks,
    /// When the slow request that a stock sticks to is answered.
    sticks: Mutex<FxHashMap<Stock, Instant>>,
    /// Requests that are being answered.
    at_once: AtomicU32,
    /// Good requests so far, by stock: at most one entry for each of 143,364 symbols.
    asked: Mutex<FxHashMap<Stock, u64>>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    answered: AtomicU64,
    bad_requests: AtomicU64,
    faults: AtomicU64,
    abandoned: AtomicU64,
}

/// What a simulated server has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests received, good and bad.
    pub requests: u64,
    /// Quotes given.
    pub answered: u64,
    /// Bad requests, which got `NA`.
    pub bad_requests: u64,
    /// Good requests that a fault was made for.
    pub faults: u64,
    /// Good requests whose client was found gone before its reply.
    pub abandoned: u64,
}

/// How a connection is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Close,
    Reset,
}

impl Simulator {
    /// A server that has not been asked yet.
    pub fn new(config: SimulatorConfig) -> Simulator {
        Simulator::with_quirks(config, Quirks::default())
    }

    /// A server as described, and peculiar.
    pub fn with_quirks(config: SimulatorConfig, quirks: Quirks) -> Simulator {
        let inner = Inner {
            config,
            quirks,
            sticks: Mutex::default(),
            at_once: AtomicU32::new(0),
            asked: Mutex::default(),
            counters: Counters::default(),
        };
        Simulator { inner: Arc::new(inner) }
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let counters = &self.inner.counters;
        Counts {
            requests: counters.requests.load(Relaxed),
            answered: counters.answered.load(Relaxed),
            bad_requests: counters.bad_requests.load(Relaxed),
            faults: counters.faults.load(Relaxed),
            abandoned: counters.abandoned.load(Relaxed),
        }
    }

    /// A way to connect to it inside this process.
    pub fn handle(&self) -> Handle {
        Handle { simulator: self.clone() }
    }

    /// Serves whoever connects to `listener` until `shutdown`; then it drops every conversation.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut conversations = JoinSet::new();
        loop {
            while let Some(ended) = conversations.try_join_next() {
                note_panic(ended);
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = conversations.join_next(),
                    if conversations.len() >= MAX_CONNECTIONS => note_panic(ended),
                accepted = listener.accept(), if conversations.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            conversations.spawn(self.clone().serve_tcp(stream));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept a connection");
                            sleep(ACCEPT_BACK_OFF).await;
                        }
                    }
                }
            }
        }
    }

    async fn serve_tcp(self, mut stream: TcpStream) {
        if self.converse(&mut stream).await == Ending::Reset {
            // Where it fails the connection is gone already, which is what was wanted.
            let _ = stream.set_zero_linger();
        }
    }

    /// Serves the one request of `stream` and closes it.
    pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        self.converse(&mut stream).await;
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S) -> Ending {
        let counters = &self.inner.counters;
        let mut line = [0; MAX_REQUEST];
        let Ok(Some(line)) = timeout(REQUEST_PATIENCE, read_line(stream, &mut line)).await else {
            return Ending::Close;
        };
        counters.requests.fetch_add(1, Relaxed);
        let Some((stock, user)) = parse_request(line) else {
            counters.bad_requests.fetch_add(1, Relaxed);
            // Whether the client hears it is its own affair.
            let _ = stream.write_all(REFUSAL).await;
            return Ending::Close;
        };

        let SimulatorConfig { seed, delay, faults, clock } = &self.inner.config;
        let mut chance = Chance::of_request(*seed, stock, self.next_ordinal(stock));
        let delay = delay.sample(&mut chance).saturating_sub(HALF_A_TICK);
        let delay = self.stuck_to(stock, clock.to_wait(delay));
        let crowd = Crowd::enter(&self.inner.at_once);
        let crowded = self.inner.quirks.corrupts_above.is_some_and(|most| crowd.size > most);
        let fault = faults.draw(&mut chance).or(crowded.then_some(Fault::BadKey));
        // The legacy server stamps its quote first and dawdles afterwards.
        let quote = Quote::at(clock.unix_ms(clock.now()), *seed, stock, user)
            .stamped_off_by(self.inner.quirks.skew_ms);
        let mut reply = Vec::with_capacity(256);
        if fault.is_some() {
            counters.faults.fetch_add(1, Relaxed);
        }
        match fault {
            None => quote.write(&mut reply),
            Some(fault) => quote.write_spoilt(fault, &mut chance, &mut reply),
        }

        if !delay.is_zero() {
            tokio::select! {
                biased;
                () = sleep(delay) => {}
                () = broken(stream) => {
                    counters.abandoned.fetch_add(1, Relaxed);
                    return Ending::Close;
                }
            }
        }
        match fault {
            Some(Fault::Silence) => {
                let _ = timeout(SILENCE_LIMIT, closed(stream)).await;
                return Ending::Close;
            }
            Some(Fault::Reset) => return Ending::Reset,
            Some(Fault::Trickle) => {
                for byte in reply.chunks(1) {
                    sleep(TRICKLE).await;
                    if stream.write_all(byte).await.is_err() {
                        counters.abandoned.fetch_add(1, Relaxed);
                        return Ending::Close;
                    }
                }
                return Ending::Close;
            }
            _ => {}
        }
        match stream.write_all(&reply).await {
            Ok(()) if fault.is_none() => counters.answered.fetch_add(1, Relaxed),
            Ok(()) => 0,
            Err(_) => counters.abandoned.fetch_add(1, Relaxed),
        };
        Ending::Close
    }

    /// The delay of a request for `stock` that has drawn `delay`.
    fn stuck_to(&self, stock: Stock, delay: Duration) -> Duration {
        if !self.inner.quirks.sticky {
            return delay;
        }
        let now = Instant::now();
        let mut sticks = self.inner.sticks.lock().unwrap_or_else(PoisonError::into_inner);
        match sticks.get(&stock) {
            Some(&until) if until > now => until - now,
            _ => {
                sticks.insert(stock, now + delay);
                delay
            }
        }
    }

    /// How many good requests for `stock` came before this one.
    fn next_ordinal(&self, stock: Stock) -> u64 {
        let mut asked = self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry(stock).or_default();
        *count += 1;
        *count - 1
    }
}

/// One more request that is being answered, until it is dropped.
struct Crowd<'a> {
    at_once: &'a AtomicU32,
    size: u32,
}

impl<'a> Crowd<'a> {
    fn enter(at_once: &'a AtomicU32) -> Crowd<'a> {
        Crowd { at_once, size: at_once.fetch_add(1, Relaxed) + 1 }
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        self.at_once.fetch_sub(1, Relaxed);
    }
}

/// Connects to a [`Simulator`] of this process, without sockets: with those, nobody knows which
/// of two events comes first, and no virtual clock can wait for them.
#[derive(Clone, Debug)]
pub struct Handle {
    simulator: Simulator,
}

impl Handle {
    /// A new connection; must be called within a tokio runtime, which serves it.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let simulator = self.simulator.clone();
        tokio::spawn(async move { simulator.serve_connection(server).await });
        client
    }
}

/// A listener at `address` for [`Simulator::serve`], fit for bursts of short connections.
///
/// # Errors
///
/// Where the address cannot be listened at.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What comes up to the first line ending, the end of `stream` or the end of `buffer`; `None`
/// where nothing does.
async fn read_line<'b>(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &'b mut [u8; MAX_REQUEST],
) -> Option<&'b [u8]> {
    let mut filled = 0;
    while filled < buffer.len() {
        let read = stream.read(&mut buffer[filled..]).await.ok()?;
        let ending = buffer[filled..filled + read].iter().position(|&byte| byte == b'\n');
        if let Some(at) = ending {
            return Some(&buffer[..filled + at + 1]);
        }
        filled += read;
        if read == 0 {
            break;
        }
    }
    (filled > 0).then_some(&buffer[..filled])
}

/// Waits until the client has broken the connection. One that has only said all it has to say
/// still waits for its reply.
async fn broken(stream: &mut (impl AsyncRead + Unpin)) {
    if closed(stream).await.is_ok() {
        std::future::pending().await
    }
}

/// Waits until the client has said all it has to say, or broken the connection (the error).
/// What it says is ignored.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut ignored = [0; 64];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a conversation ended early");
    }
}
