//! Users who give commands with request ids, and note what was acknowledged.

use crate::campaign::Chance;
use crate::server::{Client, PATIENCE, Stream, request_id};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_tungstenite::tungstenite::Message;
use ureq::Agent;

/// Commands of one user: fewer than the limit on commands at once.
const COMMANDS: usize = 150;

/// Commands that a websocket has on their way.
const AHEAD: usize = 12;

/// A command that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) request: String,
    line: String,
    /// What was answered, if anything was.
    pub(crate) outcome: Option<Value>,
}

/// Commands that buy, sell and set orders at a price of 10.00.
pub(crate) fn commands(chance: &mut Chance) -> Vec<Issued> {
    let mut lines = vec!["ADD,5000.00".to_string()];
    while lines.len() < COMMANDS {
        let dollars = 10 + chance.below(90);
        match chance.below(9) {
            0 => lines.push(format!("ADD,{dollars}.25")),
            1 | 2 => {
                lines.extend([format!("BUY,ABC,{dollars}.00"), "COMMIT_BUY".to_string()]);
            }
            3 => lines.extend([format!("BUY,ABC,{dollars}.00"), "CANCEL_BUY".to_string()]),
            4 => lines.extend(["SELL,ABC,10.00".to_string(), "COMMIT_SELL".to_string()]),
            5 => lines.push("COMMIT_BUY".to_string()),
            6 => lines.extend([
                format!("SET_BUY_AMOUNT,XYZ,{dollars}.00"),
                "SET_BUY_TRIGGER,XYZ,9.00".to_string(),
            ]),
            7 => lines.push("CANCEL_SET_BUY,XYZ".to_string()),
            _ => lines.push(format!("QUOTE,{}", ["A", "B", "C"][chance.below(3) as usize])),
        }
    }
    let issue = |line| Issued { request: request_id(), line, outcome: None };
    lines.into_iter().map(issue).collect()
}

/// Sends `commands` by HTTP, each behind the answer to the one before, until the server is gone.
/// Returns those that were sent.
pub(crate) fn by_http(client: &Client, commands: &[Issued], answered: &AtomicU64) -> Vec<Issued> {
    let agent = Agent::config_builder().http_status_as_error(false);
    let agent: Agent = agent.timeout_global(Some(PATIENCE)).build().into();
    let mut sent = Vec::new();
    for command in commands {
        let mut command = command.clone();
        let mut request = agent
            .post(format!("http://{}/api/v1/commands", client.address))
            .header("content-type", "application/json");
        for (name, value) in [("cookie", &client.cookie), ("x-csrf-token", &client.csrf)] {
            request = request.header(name, value.as_deref().unwrap());
        }
        let body = json!({ "request_id": command.request, "line": command.line }).to_string();
        let answer = request.send(body.as_bytes()).and_then(|mut answer| {
            let status = answer.status().as_u16();
            Ok((status, answer.body_mut().read_to_string()?))
        });
        // A server that ends answers 503: whether the command was carried out is not known then.
        let known = answer.ok().filter(|(status, _)| *status != 503).map(|(status, text)| {
            assert_eq!(status, 200, "{command:?}: {text}");
            serde_json::from_str(&text).unwrap()
        });
        let gone = known.is_none();
        command.outcome = known;
        sent.push(command);
        if gone {
            break;
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    sent
}

/// Sends `commands` over a websocket, several ahead of their answers, until the server is gone.
/// Returns those that were sent.
pub(crate) fn by_websocket(
    mut stream: Stream,
    commands: &[Issued],
    answered: &AtomicU64,
) -> Vec<Issued> {
    let mut sent: Vec<Issued> = Vec::new();
    let mut waiting = 0;
    let mut rest = commands.iter();
    loop {
        while waiting < AHEAD
            && let Some(command) = rest.next()
        {
            let body = json!({ "request_id": command.request, "line": command.line });
            sent.push(command.clone());
            if stream.0.send(Message::text(json!({ "command": body }).to_string())).is_err() {
                return sent;
            }
            waiting += 1;
        }
        if waiting == 0 {
            return sent;
        }
        let Ok(message) = stream.next() else { return sent };
        if message["type"] == "outcome" {
            let answers = |issued: &&mut Issued| message["request_id"] == *issued.request;
            let command = sent.iter_mut().find(answers).unwrap();
            command.outcome = Some(message["outcome"].clone());
            waiting -= 1;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        if message["type"] == "error" {
            // It is ending, and takes no more.
            return sent;
        }
    }
}

/// Sends again what was not answered, and some of what was, whose outcome must be the same.
pub(crate) fn again(client: &Client, commands: &mut [Issued], chance: &mut Chance) {
    for command in commands {
        if command.outcome.is_some() && !chance.once_in(4) {
            continue;
        }
        let body = json!({ "request_id": command.request, "line": command.line });
        let outcome = client.post("/api/v1/commands", &body).ok();
        match &mut command.outcome {
            Some(before) => {
                // How old a price was is not in the log.
                before.as_object_mut().unwrap().remove("price_age_ms");
                assert_eq!(*before, outcome, "a repeated request has another outcome");
            }
            None => command.outcome = Some(outcome),
        }
    }
}
