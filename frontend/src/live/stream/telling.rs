//! What a connection is told: how things stand when it begins to hear of a channel, what changes,
//! and how things stand again after it missed something.

use super::{Connection, End, RESUMED, SIGNED_OUT};
use crate::Fault;
use crate::app::App;
use crate::live::account::LiveAccount;
use crate::live::hub::{Frame, QUEUE, Topic, frame};
use crate::outcome::EventView;
use crate::people::Role;
use actix_ws::CloseCode;
use bytestring::ByteString;
use serde_json::{Value, json as object};
use std::sync::Arc;
use tokio::time::timeout;

impl Connection {
    /// Sends; a client that takes nothing for as long as it may be silent is gone.
    pub(super) async fn send(&mut self, text: impl Into<ByteString>) -> Result<(), End> {
        if !self.is_signed_in() {
            return Err(End::Because(CloseCode::Other(SIGNED_OUT), "signed out"));
        }
        let patience = self.app.config.heartbeat.patience;
        Ok(timeout(patience, self.socket.text(text)).await.map_err(|_| End::Gone)??)
    }

    pub(super) async fn send_json(&mut self, json: Value) -> Result<(), End> {
        self.send(json.to_string()).await
    }

    pub(super) async fn fault(&mut self, fault: &Fault) -> Result<(), End> {
        let (code, detail) = (fault.code(), fault.to_string());
        self.send_json(object!({ "type": "error", "code": code, "detail": detail })).await
    }

    pub(super) async fn beat(&mut self) -> Result<(), End> {
        let beat = object!({ "type": "heartbeat", "now_ms": self.app.now_ms() });
        self.send_json(beat).await?;
        Ok(timeout(self.app.config.heartbeat.patience, self.socket.ping(b""))
            .await
            .map_err(|_| End::Gone)??)
    }

    /// Tells how things stand in a channel; with `resume`, what happened to the account since.
    pub(super) async fn show(&mut self, topic: &Topic, resume: Option<u64>) -> Result<(), End> {
        match topic {
            Topic::Account(_) => self.show_account(resume).await,
            Topic::Orders(_) => Ok(()),
            Topic::Quotes(stock) => match self.app.market.quote(*stock) {
                Some((seq, quote)) => {
                    let channel = topic.to_string();
                    self.send_json(
                        object!({ "channel": channel, "type": "quote", "seq": seq, "quote": quote }),
                    )
                    .await
                }
                None => Ok(()),
            },
            Topic::Market => {
                let (seq, quotes) = self.app.market.quotes();
                self.send_json(
                    object!({ "channel": "market", "type": "quotes", "seq": seq, "quotes": quotes }),
                )
                .await
            }
            Topic::Operations | Topic::Status => {
                let operations = *topic == Topic::Operations;
                let frame = status_frame(&self.app, operations, 0);
                self.send(frame.text).await
            }
        }
    }

    async fn show_account(&mut self, resume: Option<u64>) -> Result<(), End> {
        let Ok(read) = self.app.desk.read(&self.user).await else {
            return self.fault(&Fault::Unavailable).await;
        };
        self.account_seq = read.seq;
        let account = LiveAccount::of(&self.user, &read, self.app.now_ms());
        let mut message = object!({ "channel": "account", "type": "snapshot", "seq": read.seq, "account": account });
        // A resume reads the log, so it counts as a look of its user; without it a snapshot comes.
        let may_look = || self.app.by_looker.take(self.user.clone(), self.app.now_ms()).is_ok();
        if let Some(after) = resume.filter(|after| *after <= read.seq && may_look()) {
            let (user, last) = (self.user.clone(), read.seq);
            let found = self
                .app
                .trail
                .look_for(&self.user, move |trail| trail.entries(&user, after, last, RESUMED))
                .await;
            if let Ok(Some(entries)) = found {
                let events: Vec<EventView> = entries
                    .iter()
                    .filter_map(|(number, entry)| EventView::of(*number, entry))
                    .collect();
                message["type"] = object!("update");
                message["events"] = object!(events);
            }
        }
        self.send_json(message).await
    }

    /// Tells a message, and what else waits: all of it leaves in one write.
    pub(super) async fn tell(&mut self, frame: Arc<Frame>) -> Result<(), End> {
        let mut next = Some(frame);
        for _ in 0..QUEUE {
            let Some(frame) = next else { break };
            self.pass_on(&frame).await?;
            next = self.ear.frames.try_recv().ok();
        }
        Ok(())
    }

    async fn pass_on(&mut self, frame: &Frame) -> Result<(), End> {
        if let Topic::Account(_) = frame.topic {
            // What a snapshot had already.
            if frame.seq <= self.account_seq {
                return Ok(());
            }
            self.account_seq = frame.seq;
        }
        if frame.topic == Topic::Operations && !self.is_operator() {
            // The role was taken away since: it is said once.
            if !self.topics.contains(&Topic::Operations) {
                return Ok(());
            }
            self.topics.retain(|topic| *topic != Topic::Operations);
            self.ignore(&Topic::Operations).await;
            return self.fault(&Fault::Forbidden(Role::Operator.as_str())).await;
        }
        self.send(frame.text.clone()).await
    }

    /// After something was missed: says so, and how things stand. What still waits of it is older
    /// than that, and is passed over.
    pub(super) async fn catch_up(&mut self) -> Result<(), End> {
        let lagged = self.ear.take_lagged();
        for _ in 0..QUEUE {
            let Ok(frame) = self.ear.frames.try_recv() else { break };
            if !lagged.contains(&frame.topic) {
                self.pass_on(&frame).await?;
            }
        }
        for topic in lagged {
            if self.topics.contains(&topic) {
                let channel = topic.to_string();
                self.send_json(object!({ "type": "lagged", "channel": channel })).await?;
                self.show(&topic, None).await?;
            }
        }
        Ok(())
    }
}

/// The message of the status channel.
pub(crate) fn status_frame(app: &App, operations: bool, seq: u64) -> Frame {
    let (topic, status) = match operations {
        true => (Topic::Operations, object!(app.operations())),
        false => {
            let ready = app.door.ready().is_ok();
            (Topic::Status, object!({ "now_ms": app.now_ms(), "ready": ready }))
        }
    };
    let message = object!({ "channel": "status", "type": "status", "seq": seq, "status": status });
    frame(&topic, seq, &message)
}
