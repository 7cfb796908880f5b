//! Asking until there is a quote: the loop around single requests, and its patience.
//!
//! Most replies of the legacy server come within 26 ms and the rest whole seconds later, each
//! request drawing anew. So a slow request is abandoned and made again, with a little more
//! patience each time so that a busy machine or network is not asked in vain for ever.

use super::{AskError, LegacyClient, QuoteReply};
use bus::{Clock, Moment};
use domain::trading::{Stock, UserName};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The pause after a first failed or refused request; doubled for each one more.
const BACK_OFF_FIRST: Duration = Duration::from_millis(5);
/// The longest pause: a server that comes back is noticed within a third of a second.
const BACK_OFF_MAX: Duration = Duration::from_millis(320);

/// How long to wait for one quote, and how often to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The first request is abandoned after this time.
    pub first: Duration,
    /// Each request after an abandoned one gets this much more time.
    pub step: Duration,
    /// The most requests for one quote, abandoned and refused ones included.
    pub attempts: u32,
    /// The most time for one quote, whatever it is spent on.
    pub total: Duration,
}

impl Default for Patience {
    /// 20 ms and 5 ms more each time: what DistributedDesigns (SENG 462, 2017) found best for
    /// the legacy server. At most 30 s, within which about 105 requests time out (the last after
    /// 0.5 s); at most 200 requests, the bound for a server that fails fast.
    fn default() -> Patience {
        Patience {
            first: Duration::from_millis(20),
            step: Duration::from_millis(5),
            attempts: 200,
            total: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// The time for a request after `abandoned` ones.
    fn timeout(&self, abandoned: u32) -> Duration {
        self.first.saturating_add(self.step.saturating_mul(abandoned))
    }
}

/// What came of asking for one quote.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The quote, and when the request that brought it was begun: its validity counts from there.
    pub result: Result<(QuoteReply, Moment), QuoteUnavailable>,
    /// Requests made.
    pub requests: u32,
    /// Requests given up for being slow.
    pub abandoned: u32,
}

/// The patience came to its end without a quote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no quote for {stock} after {requests} requests in {} ms, {abandoned} of them abandoned{}",
    waited.as_millis(),
    last_failure.as_ref().map(|failure| format!(", last failure: {failure}")).unwrap_or_default()
)]
pub struct QuoteUnavailable {
    /// The stock asked for.
    pub stock: Stock,
    /// Requests made.
    pub requests: u32,
    /// Requests given up for being slow.
    pub abandoned: u32,
    /// The time all of it took.
    pub waited: Duration,
    /// The last request that failed or was refused, if any was.
    pub last_failure: Option<Box<str>>,
}

/// Asks `client` for the price of `stock` on behalf of `user` until it has one, or `patience`
/// ends.
///
/// After a request that was too slow it asks again at once, after one that failed or was refused
/// with a growing pause. `on_failure` hears of the latter. Waiting for leave to send a request
/// counts against the total only, so a full client abandons nothing it never sent.
pub async fn ask(
    client: &LegacyClient,
    clock: &Clock,
    stock: Stock,
    user: &UserName,
    patience: Patience,
    mut on_failure: impl FnMut(&AskError),
) -> Answer {
    let started = Instant::now();
    let deadline = started + patience.total;
    let (mut requests, mut abandoned) = (0, 0);
    let mut back_off = BACK_OFF_FIRST;
    let mut last_failure: Option<Box<str>> = None;

    while requests < patience.attempts && Instant::now() < deadline {
        let Ok(Some(slot)) = timeout_at(deadline, client.slot()).await else { break };
        let give_up = deadline.min(Instant::now() + patience.timeout(abandoned));
        requests += 1;
        let sent = clock.now();
        let outcome = timeout_at(give_up, client.ask_once(stock, user)).await;
        drop(slot);
        match outcome {
            Ok(Ok(reply)) => return Answer { result: Ok((reply, sent)), requests, abandoned },
            Ok(Err(failure)) => {
                on_failure(&failure);
                last_failure = Some(failure.to_string().into());
                if requests < patience.attempts {
                    sleep_until(deadline.min(Instant::now() + back_off)).await;
                }
                back_off = BACK_OFF_MAX.min(back_off * 2);
            }
            Err(_) => abandoned += 1,
        }
    }
    let waited = started.elapsed();
    let unavailable = QuoteUnavailable { stock, requests, abandoned, waited, last_failure };
    Answer { result: Err(unavailable), requests, abandoned }
}
