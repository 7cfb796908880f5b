//! What is known of a server that gives no price: what went wrong last, and whether it was said.

use super::client::Connect;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

/// Failures before the first good answer after which a warning is given: a server that speaks
/// another protocol, or none, is told of within a second.
const WARN_AFTER: u32 = 8;

/// What went wrong at a server.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// There was a good answer.
    answered: bool,
    failed: u32,
    warned: bool,
    last: Option<Box<str>>,
}

impl Health {
    /// A request failed, or none could be made.
    pub(super) fn failed(&self, server: &Connect, reason: &dyn Display) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = reason.to_string();
        state.failed = state.failed.saturating_add(1);
        if state.failed == WARN_AFTER && !state.answered && !state.warned {
            state.warned = true;
            tracing::warn!(%server, reason, "the quote server has given no price yet");
        }
        state.last = Some(reason.into());
    }

    /// A good answer came.
    pub(super) fn answered(&self, server: &Connect) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answered = true;
        if std::mem::take(&mut state.warned) {
            tracing::warn!(%server, "the quote server answers now");
        }
    }

    /// The server is asked once in a while only from now on.
    pub(super) fn gave_up(&self, server: &Connect) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Said once until it is back.
        let warned = std::mem::replace(&mut state.warned, true);
        let reason = state.last.as_deref().unwrap_or("no answer");
        if warned {
            tracing::debug!(%server, reason, "quote server does not answer");
        } else {
            tracing::warn!(
                %server,
                reason,
                "quote server does not answer; commands that need a price are rejected until it does"
            );
        }
    }

    /// What went wrong last.
    pub(super) fn last_failure(&self) -> Option<Box<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last.clone()
    }
}
