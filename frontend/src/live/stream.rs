//! One websocket: how it begins and ends, and what its client asks for.
//!
//! Nobody waits for it. What it has no room for is dropped; it is told `lagged`, and then how
//! things stand.

mod telling;

use super::frames::{Message, Messages};
use super::hub::{Displaced, Ear, Topic};
use super::on_the_way::{Ended, OnTheWay};
use crate::Fault;
use crate::app::{App, Caller};
use crate::http::commands::CommandRequest;
use crate::http::json;
use crate::people::{Role, Session};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use actix_ws::{CloseCode, CloseReason, Session as Socket};
use domain::trading::{Stock, UserName};
use serde::Deserialize;
use serde_json::json as object;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use telling::status_frame;
use tokio::select;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// The longest message of a client, in bytes.
pub const LONGEST_MESSAGE: usize = 64 << 10;

/// Channels that one connection may hear, and that one message may name.
pub const CHANNELS: usize = 128;

/// Entries that are told after a reconnect; where there were more the client starts afresh.
pub const RESUMED: usize = 200;

/// The close codes beside those of the protocol.
const SILENT: u16 = 4000;
const SIGNED_OUT: u16 = 4001;
const DISPLACED: u16 = 4002;

/// What a client says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    subscribe: Vec<String>,
    unsubscribe: Vec<String>,
    resume: Resume,
    command: Option<CommandRequest>,
    ping: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Resume {
    account: Option<u64>,
}

/// Opens a websocket.
#[utoipa::path(get, path = "/api/v1/stream", responses(
    (status = 101), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn stream(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Fault> {
    app.check_origin(&request, true)?;
    app.by_listener.take(caller.user.clone(), app.now_ms())?;
    // What the client says is read here, not there: no more than is taken, and all of it in order.
    let nothing = web::Payload::extract(&request).await.map_err(|_| Fault::Unavailable)?;
    let Ok((response, socket, _)) = actix_ws::handle(&request, nothing) else {
        let fault = Fault::invalid("a websocket of version 13 is expected here");
        let mut refused = fault.error_response();
        let version = HeaderValue::from_static("13");
        refused.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
        return Ok(refused);
    };
    let (ear, displaced) = app.hub.connect(&caller.user, app.config.streams_of_a_user);
    let connection = Connection {
        ear,
        app: app.clone(),
        user: caller.user,
        session: caller.session,
        socket,
        topics: Vec::new(),
        on_the_way: OnTheWay::default(),
        account_seq: 0,
    };
    actix_web::rt::spawn(connection.run(Messages::of(body, LONGEST_MESSAGE), displaced));
    Ok(response)
}

/// The channels that a message names.
#[derive(Default)]
struct Named {
    known: Vec<Topic>,
    /// What is wrong with the others, said once however many they are.
    unknown: Option<Fault>,
}

/// Why a connection ends.
enum End {
    /// The client has gone, or does not take what it is told.
    Gone,
    /// The server says why.
    Because(CloseCode, &'static str),
    /// The client said goodbye: its own code is told back to it.
    Farewell(Option<CloseCode>),
}

impl From<actix_ws::Closed> for End {
    fn from(_: actix_ws::Closed) -> End {
        End::Gone
    }
}

struct Connection {
    app: web::Data<App>,
    user: UserName,
    session: Arc<Session>,
    socket: Socket,
    ear: Ear,
    topics: Vec<Topic>,
    on_the_way: OnTheWay,
    /// The number of the last entry that the client has seen in its account.
    account_seq: u64,
}

impl Connection {
    async fn run(mut self, messages: Messages, displaced: Displaced) {
        // Wherever it waits, for a client that takes nothing too.
        let end = select! {
            end = self.serve(messages) => end,
            Ok(()) = displaced => {
                End::Because(CloseCode::Other(DISPLACED), "newer ones of this user are open")
            }
        };
        for topic in std::mem::take(&mut self.topics) {
            self.ignore(&topic).await;
        }
        let reason = match end {
            End::Gone => return,
            End::Because(code, why) => {
                Some(CloseReason { code, description: Some(why.to_string()) })
            }
            End::Farewell(code) => code.map(CloseReason::from),
        };
        let _ = timeout(Duration::from_secs(1), self.socket.close(reason)).await;
    }

    /// Hears and tells until it ends.
    async fn serve(&mut self, mut messages: Messages) -> End {
        let beat = self.app.config.heartbeat;
        let mut ticks = interval_at(Instant::now() + beat.every, beat.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let app = self.app.clone();
        let mut closing = app.closing.subscribe();
        let mut closing = pin!(closing.wait_for(|closing| *closing));
        let lagged = self.ear.watch_lag();
        let mut lagging = pin!(lagged.happened());
        let mut heard = Instant::now();
        loop {
            let done = select! {
                message = messages.next() => match message {
                    Some(Ok(message)) => {
                        heard = Instant::now();
                        self.hear(message).await
                    }
                    Some(Err(breach)) => Err(End::Because(breach.code(), breach.why())),
                    None => Err(End::Gone),
                },
                Some(frame) = self.ear.frames.recv() => self.tell(frame).await,
                ended = self.on_the_way.next() => self.send(ended.text()).await,
                _ = ticks.tick() => match heard.elapsed() > beat.patience {
                    true => Err(End::Because(CloseCode::Other(SILENT), "silent for too long")),
                    false => self.beat().await,
                },
                () = &mut lagging => {
                    lagging.set(lagged.happened());
                    self.catch_up().await
                }
                _ = &mut closing => {
                    Err(End::Because(CloseCode::Away, "the server stops"))
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    fn is_signed_in(&self) -> bool {
        self.session.is_good(self.app.now_ms())
    }

    fn is_operator(&self) -> bool {
        self.app.users.roles(&self.user).contains(&Role::Operator)
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Text(text) => {
                let now_ms = self.app.now_ms();
                if !self.is_signed_in() {
                    return Err(End::Because(CloseCode::Other(SIGNED_OUT), "signed out"));
                }
                let allowed = self.app.by_commander.take(self.user.clone(), now_ms);
                match (allowed, json::<Said>(text.as_bytes())) {
                    (Ok(()), Ok(said)) => self.heed(said).await,
                    (Err(fault), Ok(Said { command: Some(asked), .. })) => {
                        self.send(Ended::refused(asked.request_id, fault).text()).await
                    }
                    (Err(fault), _) | (_, Err(fault)) => self.fault(&fault).await,
                }
            }
            Message::Ping(bytes) => Ok(self.socket.pong(&bytes).await?),
            Message::Pong => Ok(()),
            Message::Binary => self.fault(&Fault::invalid("messages are text")).await,
            Message::Close(code) => Err(End::Farewell(code)),
        }
    }

    async fn heed(&mut self, said: Said) -> Result<(), End> {
        // Whoever is connected and does something is there.
        self.session.touch(self.app.now_ms());
        if let Some(number) = said.ping {
            let pong = object!({ "type": "pong", "ping": number, "now_ms": self.app.now_ms() });
            self.send_json(pong).await?;
        }
        if let Some(asked) = said.command
            && let Some(ended) = self.on_the_way.begin(&self.app, &self.user, asked)
        {
            self.send(ended.text()).await?;
        }
        if said.subscribe.is_empty() && said.unsubscribe.is_empty() {
            return Ok(());
        }
        let (gone, fresh) = match (self.named(&said.unsubscribe), self.named(&said.subscribe)) {
            (Ok(gone), Ok(fresh)) => (gone, fresh),
            (Err(fault), _) | (_, Err(fault)) => return self.fault(&fault).await,
        };
        for topic in gone.known {
            self.topics.retain(|known| *known != topic);
            self.ignore(&topic).await;
        }
        let mut wrong = fresh.unknown;
        let mut shown = Vec::with_capacity(fresh.known.len());
        for topic in fresh.known {
            let is_new = !self.topics.contains(&topic);
            if is_new && self.topics.len() >= CHANNELS {
                wrong = Some(Fault::invalid("no more channels on this connection"));
                break;
            }
            if is_new {
                self.topics.push(topic.clone());
            }
            shown.push(topic);
        }
        if let Some(fault) = wrong {
            self.fault(&fault).await?;
        }
        let channels: Vec<String> = self.topics.iter().map(Topic::to_string).collect();
        let now_ms = self.app.now_ms();
        self.send_json(object!({ "type": "subscribed", "channels": channels, "now_ms": now_ms }))
            .await?;
        for topic in shown {
            if let Err(fault) = self.app.by_reader.take(self.user.clone(), self.app.now_ms()) {
                return self.fault(&fault).await;
            }
            // Heard first, then shown as it stands: nothing falls between.
            self.ear.listen(&topic);
            if matches!(topic, Topic::Account(_) | Topic::Orders(_)) {
                let _ = self.app.desk.watch(&self.user, true).await;
            }
            self.show(&topic, said.resume.account).await?;
        }
        Ok(())
    }

    /// The channels that a message names, each once.
    ///
    /// # Errors
    /// The message names too many.
    fn named(&self, names: &[String]) -> Result<Named, Fault> {
        if names.len() > CHANNELS {
            let expected = format!("at most {CHANNELS} channels are expected in one message");
            return Err(Fault::invalid(expected));
        }
        let mut named = Named::default();
        for name in names {
            match self.topic(name) {
                Ok(topic) if named.known.contains(&topic) => {}
                Ok(topic) => named.known.push(topic),
                Err(fault) => named.unknown = Some(fault),
            }
        }
        Ok(named)
    }

    /// The channel of that name, if the user may hear it.
    fn topic(&self, name: &str) -> Result<Topic, Fault> {
        Ok(match name {
            "account" => Topic::Account(self.user.clone()),
            "orders" => Topic::Orders(self.user.clone()),
            "market" => Topic::Market,
            "status" if self.is_operator() => Topic::Operations,
            "status" => Topic::Status,
            name => {
                let stock = name.strip_prefix("quotes:").map(str::as_bytes);
                Topic::Quotes(stock.and_then(Stock::parse).ok_or(Fault::invalid(
                    "account, orders, market, status or quotes:S is expected",
                ))?)
            }
        })
    }

    async fn ignore(&self, topic: &Topic) {
        let nobody = self.ear.ignore(topic);
        let (account, orders) =
            (Topic::Account(self.user.clone()), Topic::Orders(self.user.clone()));
        let about_user = *topic == account || *topic == orders;
        if nobody
            && about_user
            && !self.app.hub.is_heard(&account)
            && !self.app.hub.is_heard(&orders)
        {
            let _ = self.app.desk.watch(&self.user, false).await;
            // Somebody may have come in between.
            if self.app.hub.is_heard(&account) || self.app.hub.is_heard(&orders) {
                let _ = self.app.desk.watch(&self.user, true).await;
            }
        }
    }
}
