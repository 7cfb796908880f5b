//! What all requests share.

use crate::door::Door;
use crate::http::body::BodyBudget;
use crate::live::hub::Hub;
use crate::live::market::Market;
use crate::live::vitals::{Operations, Vitals};
use crate::outcomes::Outcomes;
use crate::people::addresses;
use crate::people::devices::{DeviceId, Devices};
use crate::people::{
    AccessEvent, AccessLog, Limit, Limits, Oidc, OidcSettings, Passwords, Role, Roles, Session,
    Sessions, UserStore,
};
use crate::tls::Certificate;
use crate::trail::TrailPool;
use crate::{Fault, random};
use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, web};
use bus::{AccountDesk, Clock};
use domain::trading::UserName;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often one may ask.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Sign-ins and sign-ups from one address.
    pub sign_in_address: Limit,
    /// Sign-ins to one account, from wherever.
    pub sign_in_account: Limit,
    /// Sign-ins to one account from a browser that has signed in to it before.
    pub sign_in_device: Limit,
    /// Commands of one user.
    pub commands: Limit,
    /// Looks into the log by one user.
    pub looks: Limit,
    /// Accounts, prices and figures that one user asks for.
    pub reads: Limit,
    /// Websockets that one user opens.
    pub streams: Limit,
}

impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits {
            sign_in_address: Limit { burst: 30, per_minute: 30 },
            sign_in_account: Limit { burst: 10, per_minute: 10 },
            sign_in_device: Limit { burst: 10, per_minute: 10 },
            commands: Limit { burst: 200, per_minute: 3000 },
            looks: Limit { burst: 60, per_minute: 240 },
            reads: Limit { burst: 400, per_minute: 6000 },
            streams: Limit { burst: 200, per_minute: 600 },
        }
    }
}

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sites whose pages may ask, as browsers name them (`http://127.0.0.1:8080`), beside those of
    /// the address itself.
    pub origins: Vec<String>,
    /// The certificate, where the server ends TLS itself.
    pub tls: Option<Arc<Certificate>>,
    /// A provider that vouches for users, beside passwords.
    pub oidc: Option<OidcSettings>,
    /// Proxies whose word on where a request comes from is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// How often one may ask.
    pub limits: RateLimits,
    /// How often a websocket is told that it is alive, and how long it may be silent.
    pub heartbeat: Heartbeat,
    /// Threads that serve.
    pub threads: usize,
    /// Connections that may be open at once.
    pub connections: usize,
    /// Websockets that one user may have open; one more closes the oldest.
    pub streams_of_a_user: usize,
}

impl Config {
    /// Whether browsers reach the server by TLS, its own or that of a proxy in front: cookies are
    /// then for TLS only.
    pub fn by_tls(&self) -> bool {
        self.tls.is_some() || !self.trusted_proxies.is_empty()
    }
}

/// The beat of a websocket.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// How often the server says that it is alive.
    pub every: Duration,
    /// How long a client may say nothing.
    pub patience: Duration,
}

impl Default for Heartbeat {
    fn default() -> Heartbeat {
        Heartbeat { every: Duration::from_secs(10), patience: Duration::from_secs(30) }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            origins: Vec::new(),
            tls: None,
            oidc: None,
            trusted_proxies: Vec::new(),
            limits: RateLimits::default(),
            heartbeat: Heartbeat::default(),
            threads: 2,
            connections: 32 << 10,
            streams_of_a_user: 16,
        }
    }
}

/// What all requests share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) door: Door,
    pub(crate) desk: AccountDesk,
    pub(crate) trail: TrailPool,
    pub(crate) users: Arc<UserStore>,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) devices: Devices,
    pub(crate) oidc: Option<Oidc>,
    pub(crate) access: AccessLog,
    pub(crate) outcomes: Outcomes,
    pub(crate) hub: Hub,
    pub(crate) market: Market,
    pub(crate) vitals: Vitals,
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) by_address: Limits<IpAddr>,
    pub(crate) by_account: Limits<String>,
    pub(crate) by_device: Limits<DeviceId>,
    pub(crate) by_commander: Limits<UserName>,
    pub(crate) by_looker: Limits<UserName>,
    pub(crate) by_reader: Limits<UserName>,
    pub(crate) by_listener: Limits<UserName>,
    pub(crate) bodies_of_strangers: BodyBudget<IpAddr>,
    pub(crate) bodies_of_users: BodyBudget<UserName>,
}

impl App {
    /// The server's time in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.unix_ms(self.clock.now())
    }

    /// The name of the session's cookie.
    pub(crate) fn cookie(&self) -> &'static str {
        if self.config.by_tls() { "__Host-daytrade" } else { "daytrade" }
    }

    /// The name of the cookie of a sign-in that is on its way.
    pub(crate) fn flow_cookie(&self) -> &'static str {
        if self.config.by_tls() { "__Host-daytrade-oidc" } else { "daytrade-oidc" }
    }

    /// Where a request comes from: the peer, or whoever a trusted proxy says.
    pub(crate) fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = peer(request);
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = request.headers().get_all("x-forwarded-for").last();
        forwarded.and_then(|value| addresses::forwarded(value.to_str().ok()?)).unwrap_or(peer)
    }

    /// What limits count a request by.
    pub(crate) fn network(&self, request: &HttpRequest) -> IpAddr {
        addresses::network(self.address(request))
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        addresses::is_among(&self.config.trusted_proxies, peer)
    }

    /// Whether this request came by TLS: to the server itself, or to a trusted proxy that says so.
    pub(crate) fn came_by_tls(&self, request: &HttpRequest) -> bool {
        let said = || request.headers().get_all("x-forwarded-proto").last();
        self.config.tls.is_some()
            || (self.trusts(peer(request))
                && said().is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https")))
    }

    /// Refuses what another site's page asks. Programs that are no browser send no `Origin`.
    pub(crate) fn check_origin(&self, request: &HttpRequest, required: bool) -> Result<(), Fault> {
        let headers = request.headers();
        let cross = headers
            .get("sec-fetch-site")
            .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
        match headers.get(header::ORIGIN) {
            Some(origin) => {
                let known = |known: &String| known.as_bytes() == origin.as_bytes();
                self.config.origins.iter().any(known).then_some(()).ok_or(Fault::Csrf)
            }
            None if required || cross => Err(Fault::Csrf),
            None => Ok(()),
        }
    }

    /// The token of a request's session.
    pub(crate) fn token(&self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.cookie()).map(|cookie| cookie.value().to_string())
    }

    /// Records what happened at the door.
    pub(crate) fn record(
        &self,
        request: &HttpRequest,
        event: &'static str,
        user: Option<&str>,
        detail: Option<String>,
    ) {
        let agent = request.headers().get(header::USER_AGENT);
        self.access.record(AccessEvent {
            at_ms: self.now_ms(),
            event,
            user: user.map(|user| user.chars().take(UserName::MAX_LEN).collect()),
            address: Some(self.address(request).to_string()),
            agent: agent.and_then(|agent| agent.to_str().ok()).map(str::to_string),
            detail,
        });
    }

    /// How the system is doing.
    pub(crate) fn operations(&self) -> Operations {
        let (queued, at_workers) = self.door.depth();
        Operations {
            websockets: self.hub.connections(),
            sessions: self.sessions.count(self.now_ms()),
            queued,
            at_workers,
            ..self.vitals.operations(self.now_ms())
        }
    }
}

/// The other end of the connection.
fn peer(request: &HttpRequest) -> IpAddr {
    let address = request.peer_addr().map(|peer| addresses::canonical(peer.ip()));
    address.unwrap_or(IpAddr::from([0, 0, 0, 0]))
}

/// Whoever asks, signed in. A request that changes something has the session's token, and comes
/// from no other site's page.
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    pub(crate) user: UserName,
    pub(crate) roles: Roles,
}

impl Caller {
    fn of(request: &HttpRequest) -> Result<Caller, Fault> {
        let app = request.app_data::<web::Data<App>>().ok_or(Fault::Unavailable)?;
        let now_ms = app.now_ms();
        let token = app.token(request).ok_or(Fault::Unauthenticated)?;
        let session = app.sessions.find(&token, now_ms).ok_or(Fault::Unauthenticated)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            app.check_origin(request, false)?;
            let given = request.headers().get("x-csrf-token").map(|token| token.as_bytes());
            let same = |given| random::same(given, session.csrf.as_bytes());
            given.is_some_and(same).then_some(()).ok_or(Fault::Csrf)?;
        }
        session.touch(now_ms);
        let user = session.user.clone();
        let roles = app.users.roles(&user);
        Ok(Caller { session, user, roles })
    }

    /// Refuses whoever lacks `role`.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), Fault> {
        self.roles.contains(&role).then_some(()).ok_or(Fault::Forbidden(role.as_str()))
    }
}

impl FromRequest for Caller {
    type Error = Fault;
    type Future = Ready<Result<Caller, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Caller::of(request))
    }
}
