//! The commands of one websocket that have no outcome yet. They are carried out in the order in
//! which they came; each outcome is told as soon as it is durable.

use crate::Fault;
use crate::app::App;
use crate::http::commands::{self, CommandRequest};
use crate::outcome::OutcomeView;
use actix_web::web;
use domain::trading::UserName;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use std::sync::Arc;

/// Commands of one connection that may wait for their outcomes: what a user may ask at once, and
/// some more.
pub(crate) const ON_THE_WAY: usize = 256;

/// What is told of a command.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Outcome {
        request_id: &'a str,
        outcome: &'a OutcomeView,
    },
    Refused {
        request_id: &'a str,
        code: &'static str,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u64>,
    },
}

/// What came of a request, and what the client called it.
pub(crate) struct Ended {
    request_id: String,
    outcome: Result<Arc<OutcomeView>, Fault>,
}

impl Ended {
    /// A request that was not carried out.
    pub(crate) fn refused(request_id: String, fault: Fault) -> Ended {
        Ended { request_id, outcome: Err(fault) }
    }

    /// The message.
    pub(crate) fn text(&self) -> String {
        let request_id = &*self.request_id;
        let told = match &self.outcome {
            Ok(outcome) => Told::Outcome { request_id, outcome },
            Err(fault) => Told::Refused {
                request_id,
                code: fault.code(),
                detail: fault.to_string(),
                retry_after_s: fault.retry_after_s(),
            },
        };
        serde_json::to_string(&told).unwrap_or_default()
    }
}

/// The commands.
#[derive(Default)]
pub(crate) struct OnTheWay(FuturesUnordered<LocalBoxFuture<'static, Ended>>);

impl OnTheWay {
    /// Begins a command. What is refused at once is told at once.
    pub(crate) fn begin(
        &mut self,
        app: &web::Data<App>,
        user: &UserName,
        asked: CommandRequest,
    ) -> Option<Ended> {
        let begun = match self.0.len() < ON_THE_WAY {
            true => commands::begin(app, user.clone(), &asked),
            false => Err(Fault::Busy(1)),
        };
        let request_id = asked.request_id;
        match begun {
            Ok(known) => {
                self.0.push(Box::pin(async move {
                    Ended { request_id, outcome: commands::outcome(known).await }
                }));
                None
            }
            Err(fault) => Some(Ended::refused(request_id, fault)),
        }
    }

    /// The next outcome; never, where nothing is on its way.
    pub(crate) async fn next(&mut self) -> Ended {
        match self.0.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}
