//! Users to test with.

use crate::plain::Plain;
use crate::server::Server;
use crate::wire::{self, Socket};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::json;
use std::error::Error;
use std::time::Duration;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

/// Sign-ups from one address: what the server takes at once.
const OF_AN_ADDRESS: usize = 30;

/// Handshakes that are under way at once.
const OPENING: usize = 64;

/// How long who said too much waits.
const AGAIN: Duration = Duration::from_millis(500);

/// Somebody who is signed in.
pub(crate) struct Person {
    cookie: String,
}

/// Signs `count` new users up.
pub(crate) async fn sign_up(server: &Server, count: usize) -> Result<Vec<Person>, Box<dyn Error>> {
    let mut run = [0; 4];
    getrandom::fill(&mut run)?;
    let run = u32::from_ne_bytes(run);
    let mut people = Vec::with_capacity(count);
    while people.len() < count {
        let nth = people.len();
        let body =
            json!({ "user": format!("load{run:x}.{nth}"), "password": "under a heavy load" });
        // A run comes from addresses of its own.
        let from = wire::origin(server.address, run as usize + nth / OF_AN_ADDRESS);
        let answer = wire::post(server.address, from, "/api/v1/users", &body.to_string()).await?;
        match (answer.status, answer.cookie) {
            (201, Some(cookie)) => people.push(Person { cookie }),
            (429, _) => {
                eprintln!("signing up: {nth} of {count}, the server lets more in later");
                sleep(Duration::from_secs(answer.retry_after_s.unwrap_or(1))).await;
            }
            (status, _) => return Err(format!("a sign-up was answered with {status}").into()),
        }
    }
    Ok(people)
}

impl Person {
    /// Opens a websocket that hears of `channels`; returns it when the server says so.
    pub(crate) async fn socket(
        &self,
        server: &Server,
        nth: usize,
        channels: &[&str],
    ) -> Result<Socket, Box<dyn Error>> {
        // An address has some 28,000 ports: several share the load.
        let from = wire::origin(server.address, nth / 5000);
        let mut socket = loop {
            match wire::open(server.address, from, &self.cookie).await? {
                Some(socket) => break socket,
                // A user may open so many at once, and the rest in a while.
                None => sleep(AGAIN).await,
            }
        };
        if channels.is_empty() {
            return Ok(socket);
        }
        let said = Message::text(json!({ "subscribe": channels }).to_string());
        socket.send(said.clone()).await?;
        loop {
            let message = socket.next().await.ok_or("closed")??;
            let Ok(text) = message.to_text() else { continue };
            if text.contains("\"type\":\"subscribed\"") {
                return Ok(socket);
            }
            // A user may say so much at once, and the rest in a while.
            if text.contains("\"type\":\"error\"") {
                sleep(AGAIN).await;
                socket.send(said.clone()).await?;
            }
        }
    }
}

impl Person {
    /// The same as [`Person::socket`], for one that only listens.
    pub(crate) async fn listener(
        &self,
        server: &Server,
        nth: usize,
        channel: &str,
    ) -> Result<Plain, Box<dyn Error>> {
        let mut socket = Plain::new(self.socket(server, nth, &[]).await?);
        let said = json!({ "subscribe": [channel] }).to_string();
        socket.say(&said).await?;
        loop {
            let (mut heard, mut refused) = (false, false);
            let open = socket.hear(|text| {
                heard |= contains(text, b"\"type\":\"subscribed\"");
                refused |= contains(text, b"\"type\":\"error\"");
            });
            if !open.await {
                return Err("closed".into());
            }
            if heard {
                return Ok(socket);
            }
            if refused {
                sleep(AGAIN).await;
                socket.say(&said).await?;
            }
        }
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|part| part == wanted)
}

/// Opens `count` websockets that share `people` and hear of `channel`, and hands each to `take`
/// with its number. Returns how many did not open, and why the first of them.
pub(crate) async fn open_all(
    server: &Server,
    people: &[Person],
    count: usize,
    channel: &str,
    take: impl Fn(usize, Plain),
) -> (u64, Option<String>) {
    let take = &take;
    let opened = stream::iter(0..count).map(|nth| async move {
        let socket = people[nth % people.len()].listener(server, nth, channel).await;
        socket.map(|socket| take(nth, socket)).map_err(|error| error.to_string())
    });
    let faults = opened.buffer_unordered(OPENING).filter_map(async |opened| opened.err());
    let faults: Vec<String> = faults.collect().await;
    (faults.len() as u64, faults.into_iter().next())
}

/// A command as a message.
pub(crate) fn command(nth: u64, line: &str) -> Message {
    let request_id = format!("00000000-0000-4000-8000-{nth:012x}");
    Message::text(json!({ "command": { "request_id": request_id, "line": line } }).to_string())
}

/// The number of the command that a message answers, and whether that was accepted.
pub(crate) fn answered(text: &str) -> Option<(u64, bool)> {
    if !text.contains("\"request_id\":\"00000000-0000-4000-8000-") {
        return None;
    }
    let number = text.split("-8000-").nth(1)?.get(..12)?;
    Some((u64::from_str_radix(number, 16).ok()?, text.contains("\"accepted\":true")))
}
