//! One request to a legacy quote server: connect, one line out, one line in, close.

use super::bounds::{Bounds, Breaker, Budget};
use super::health::Health;
use super::reply::{BadReply, MAX_LINE, QuoteReply, parse_reply};
use super::strategy::{Strategy, StrategyKind};
use crate::simulator;
use domain::trading::{Stock, UserName};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The longest request: a stock, a comma, a user name, a line ending.
const MAX_REQUEST: usize = 3 + 1 + UserName::MAX_LEN + 1;

/// Where a legacy quote server is.
#[derive(Clone, Debug)]
pub enum Connect {
    /// At an address.
    Tcp(SocketAddr),
    /// At `name:port`. The name is looked up for every request, so that a server that moved is
    /// found again.
    Named(Arc<str>),
    /// In this process, without a socket.
    Memory(simulator::Handle),
}

impl fmt::Display for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connect::Tcp(address) => address.fmt(f),
            Connect::Named(name) => f.write_str(name),
            Connect::Memory(_) => f.write_str("built-in"),
        }
    }
}

/// How long [`Connect::check`] waits for a connection.
const CHECK_PATIENCE: Duration = Duration::from_secs(3);

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected the address of a quote server as HOST:PORT, found {0:?}")]
pub struct BadAddress(Box<str>);

impl Connect {
    /// Reads `127.0.0.1:4443`, `[::1]:4443` or `quotes.example:4443`.
    ///
    /// # Errors
    ///
    /// Where there is no host, no port, or something else in the text.
    pub fn parse(text: &str) -> Result<Connect, BadAddress> {
        if let Ok(address) = text.parse() {
            return Ok(Connect::Tcp(address));
        }
        let is_name = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        match text.rsplit_once(':') {
            Some((host, port)) if is_name(host) && port.parse::<u16>().is_ok_and(|p| p > 0) => {
                Ok(Connect::Named(text.into()))
            }
            _ => Err(BadAddress(text.into())),
        }
    }

    /// Connects and sends nothing: requests are charged for, connections are not.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or nothing takes the connection within a few seconds.
    pub async fn check(&self) -> Result<(), AskError> {
        let connecting = async {
            match self {
                Connect::Tcp(address) => connect(*address).await.map(drop),
                Connect::Named(name) => connect_named(name).await.map(drop),
                Connect::Memory(_) => Ok(()),
            }
        };
        let late = |_| AskError::Connect(io::ErrorKind::TimedOut.into());
        timeout(CHECK_PATIENCE, connecting).await.map_err(late)?.map_err(AskError::Connect)
    }
}

/// Why one request brought no quote. The texts stand on one line.
#[derive(Debug, Error)]
pub enum AskError {
    /// No connection came about.
    #[error("cannot connect to the quote server: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke before the reply was there.
    #[error("lost the connection to the quote server: {0}")]
    Io(#[source] io::Error),
    /// There is a reply, and it is no quote.
    #[error("refused a reply of the quote server: {0}")]
    Bad(#[from] BadReply),
}

/// How a client asks.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// When to ask again.
    pub strategy: Arc<dyn Strategy>,
    /// What one quote may cost.
    pub bounds: Bounds,
    /// Requests at once, for all stocks together.
    pub max_in_flight: usize,
    /// Requests in any 60 s; no bound without one.
    pub budget_per_minute: Option<u32>,
    /// How many of these one user may cause; no bound without one.
    pub budget_per_user: Option<u32>,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            strategy: StrategyKind::default().make(),
            bounds: Bounds::default(),
            max_in_flight: LegacyClient::MAX_IN_FLIGHT,
            budget_per_minute: None,
            budget_per_user: None,
        }
    }
}

/// A client of one legacy quote server. Clones share its bounds and what it has learned.
#[derive(Clone, Debug)]
pub struct LegacyClient {
    connect: Connect,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    strategy: Arc<dyn Strategy>,
    bounds: Bounds,
    in_flight: Semaphore,
    breaker: Breaker,
    budget: Budget,
    health: Health,
}

/// Leave to run one request; given back when dropped.
pub(super) type Slot<'a> = Option<SemaphorePermit<'a>>;

impl LegacyClient {
    /// How many requests run at once unless told otherwise. More than a few hundred at once
    /// corrupt the cryptokeys of the course's server (SENG 462, University of Victoria).
    pub const MAX_IN_FLIGHT: usize = 256;

    /// A client of the server at `connect`.
    pub fn new(connect: Connect) -> LegacyClient {
        LegacyClient::with(connect, ClientOptions::default())
    }

    /// A client of the server at `connect` that asks as `options` say.
    pub fn with(connect: Connect, options: ClientOptions) -> LegacyClient {
        let slots = options.max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        let shared = Shared {
            strategy: options.strategy,
            bounds: options.bounds,
            in_flight: Semaphore::new(slots),
            breaker: Breaker::default(),
            budget: Budget::new(options.budget_per_minute, options.budget_per_user),
            health: Health::default(),
        };
        LegacyClient { connect, shared: Arc::new(shared) }
    }

    /// Waits for leave to run one more request; callers are served in turn.
    pub(super) async fn slot(&self) -> Slot<'_> {
        // An error only from a closed semaphore, and nothing closes this one.
        self.shared.in_flight.acquire().await.ok()
    }

    pub(super) fn strategy(&self) -> &dyn Strategy {
        &*self.shared.strategy
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.shared.bounds
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// A request failed, or none could be made.
    pub(super) fn failed(&self, reason: &dyn fmt::Display) {
        self.shared.health.failed(&self.connect, reason);
    }

    /// A good answer came.
    pub(super) fn answered(&self) {
        self.shared.health.answered(&self.connect);
    }

    /// The breaker has opened.
    pub(super) fn gave_up(&self) {
        self.shared.health.gave_up(&self.connect);
    }

    /// What went wrong last, with the address of the server; none where all went well.
    pub fn last_failure(&self) -> Option<String> {
        let last = self.shared.health.last_failure()?;
        Some(format!("quote server {}: {last}", self.connect))
    }

    /// Asks once for the price of `stock` on behalf of `user`.
    ///
    /// It waits for as long as the server does; dropping the future abandons the request. It
    /// leaves the bounds to its caller, [`ask`](Self::ask).
    ///
    /// # Errors
    ///
    /// Where the server cannot be reached, hangs up, or answers something else than a quote for
    /// this stock and user.
    pub async fn ask_once(&self, stock: Stock, user: &UserName) -> Result<QuoteReply, AskError> {
        match &self.connect {
            Connect::Tcp(address) => {
                let stream = connect(*address).await.map_err(AskError::Connect)?;
                exchange(stream, stock, user).await
            }
            Connect::Named(name) => {
                let stream = connect_named(name).await.map_err(AskError::Connect)?;
                exchange(stream, stock, user).await
            }
            Connect::Memory(handle) => exchange(handle.connect(), stock, user).await,
        }
    }
}

/// Connects for one short exchange.
///
/// Closing resets the connection (`SO_LINGER` of zero) instead of saying goodbye. By then either
/// the whole reply is here or nobody wants it any more, so nothing is lost; and neither side is
/// left with a socket in TIME_WAIT or, for an abandoned request, with one that waits for a reply
/// of seconds. At thousands of requests a second those would use up the ports. It is set before
/// connecting: a request may be abandoned before it is connected.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    socket.set_zero_linger()?;
    socket.connect(address).await
}

/// Connects to the first address of `name` that takes the connection.
async fn connect_named(name: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(name).await? {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    stock: Stock,
    user: &UserName,
) -> Result<QuoteReply, AskError> {
    let mut request = [0; MAX_REQUEST];
    let length = write_request(stock, user, &mut request);
    stream.write_all(&request[..length]).await.map_err(AskError::Io)?;

    let mut reply = [0; MAX_LINE];
    let mut filled = 0;
    while filled < reply.len() {
        let read = stream.read(&mut reply[filled..]).await.map_err(AskError::Io)?;
        let ended = reply[filled..filled + read].contains(&b'\n');
        filled += read;
        if read == 0 || ended {
            break;
        }
    }
    Ok(parse_reply(&reply[..filled], stock, user)?)
}

/// Writes `stock,user\n` to the start of `out`, and returns its length.
fn write_request(stock: Stock, user: &UserName, out: &mut [u8; MAX_REQUEST]) -> usize {
    let letters = stock.letters();
    let mut length = 0;
    for part in [letters.as_bytes(), b",", user.as_str().as_bytes(), b"\n"] {
        out[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_request_fits_its_buffer() {
        let user = UserName::parse(&[b'u'; UserName::MAX_LEN]).unwrap();
        let mut out = [0; MAX_REQUEST];
        assert_eq!(write_request(Stock::parse(b"ABC").unwrap(), &user, &mut out), MAX_REQUEST);
        let user = UserName::parse(b"oY01WVirLr").unwrap();
        let length = write_request(Stock::parse(b"S").unwrap(), &user, &mut out);
        assert_eq!(&out[..length], b"S,oY01WVirLr\n");
    }

    #[test]
    fn an_address_names_host_and_port() {
        assert!(matches!(Connect::parse("127.0.0.1:4443"), Ok(Connect::Tcp(_))));
        assert!(matches!(Connect::parse("[::1]:4443"), Ok(Connect::Tcp(_))));
        assert!(matches!(Connect::parse("quote-server.lan:4443"), Ok(Connect::Named(_))));
        for text in ["", ":1", "host", "host:", "host:0", "host:70000", "ho st:1", "::1:9"] {
            assert!(Connect::parse(text).is_err(), "{text:?}");
        }
    }
}
