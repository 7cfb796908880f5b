//! Where prices come from: the legacy quote server, or a fixed price for runs without one.
//!
//! A source answers one question at a time and remembers nothing: caching, and asking once for
//! many, is the work of the quote manager. It deliberately writes no log; the caller hears of
//! every failed request and logs it.

mod bounds;
mod client;
mod fixed;
mod flight;
mod health;
mod learned;
mod reply;
mod strategy;

use bus::Clock;
use domain::trading::{Stock, UserName};

pub use bounds::Bounds;
pub use client::{AskError, BadAddress, ClientOptions, Connect, LegacyClient};
pub use fixed::FixedSource;
pub use flight::{Answer, QuoteUnavailable};
pub use reply::{BadReply, MAX_LINE, QuoteReply, parse_reply};
pub use strategy::{Hedge, Retry, Strategy, StrategyKind, Wait};

/// One of the places that prices come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A server that speaks the legacy protocol.
    Legacy(LegacyClient),
    /// One price for every stock, at once.
    Fixed(FixedSource),
}

impl Source {
    /// What went wrong last at the server, with its address; none where all went well.
    pub fn last_failure(&self) -> Option<String> {
        match self {
            Source::Legacy(client) => client.last_failure(),
            Source::Fixed(_) => None,
        }
    }

    /// Asks for the price of `stock` on behalf of `user`, again and again within its bounds.
    ///
    /// `on_failure` hears of every request that failed or was refused, in the order of the
    /// requests, but not of those that were only too slow.
    pub async fn ask(
        &self,
        clock: &Clock,
        stock: Stock,
        user: &UserName,
        on_failure: impl FnMut(&AskError),
    ) -> Answer {
        match self {
            Source::Legacy(client) => client.ask(clock, stock, user, on_failure).await,
            Source::Fixed(fixed) => fixed.ask(clock, stock),
        }
    }
}
