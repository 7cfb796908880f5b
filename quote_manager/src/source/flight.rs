//! Asking until there is a quote: one flight, of as many requests as its strategy and the bounds
//! allow.

use super::bounds::{Leave, Spend};
use super::client::Slot;
use super::{AskError, LegacyClient, QuoteReply};
use bus::{Clock, Moment};
use domain::trading::{Stock, UserName};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

/// The pause after a first failed or refused request; doubled for each one more.
const BACK_OFF_FIRST: Duration = Duration::from_millis(5);
/// The longest pause: a server that comes back is noticed within a third of a second.
const BACK_OFF_MAX: Duration = Duration::from_millis(320);

/// What came of asking for one quote.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The quote, and when the request that brought it was begun: its validity counts from there.
    pub result: Result<(QuoteReply, Moment), QuoteUnavailable>,
    /// Requests made.
    pub requests: u32,
    /// Requests given up before an answer came; the server may charge for them all the same.
    pub abandoned: u32,
}

/// There is no quote to be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuoteUnavailable {
    /// The bounds were reached.
    #[error(
        "no quote for {stock} after {requests} requests in {} ms, {abandoned} of them given up{}",
        waited.as_millis(),
        last_failure.as_ref().map(|failure| format!(", last failure: {failure}")).unwrap_or_default()
    )]
    OutOfPatience {
        /// The stock asked for.
        stock: Stock,
        /// Requests made.
        requests: u32,
        /// Requests given up for being slow.
        abandoned: u32,
        /// The time all of it took.
        waited: Duration,
        /// The last request that failed or was refused, if any was.
        last_failure: Option<Box<str>>,
    },
    /// The breaker is open.
    #[error(
        "no quote for {stock}: the quote server does not answer and is tried again in {} ms",
        again_in.as_millis()
    )]
    ServerDown {
        /// The stock asked for.
        stock: Stock,
        /// When the server is tried again.
        again_in: Duration,
    },
    /// The budget of the minute is spent.
    #[error("no quote for {stock}: the budget of requests a minute is spent")]
    BudgetSpent {
        /// The stock asked for.
        stock: Stock,
    },
    /// The share of the user in the budget of the minute is spent.
    #[error("no quote for {stock}: {user} has spent a user's share of the requests a minute")]
    ShareSpent {
        /// The stock asked for.
        stock: Stock,
        /// Who asked.
        user: UserName,
    },
    /// The asking itself failed; standard error has the details.
    #[error("no quote for {stock}: asking for it crashed")]
    Crashed {
        /// The stock asked for.
        stock: Stock,
    },
}

impl Answer {
    /// What comes of a question whose asking crashed: how many requests were made is not known.
    pub fn crashed(stock: Stock) -> Answer {
        Answer { result: Err(QuoteUnavailable::Crashed { stock }), requests: 0, abandoned: 0 }
    }
}

/// When the next request is to be sent.
#[derive(Clone, Copy)]
enum Due {
    At(Instant),
    Now,
    /// Not before something lands.
    Never,
}

/// A request that is over.
struct Landed {
    sent: Moment,
    took: Duration,
    result: Result<QuoteReply, AskError>,
}

/// One flight.
struct Flight<'a, F> {
    client: &'a LegacyClient,
    clock: &'a Clock,
    stock: Stock,
    user: &'a UserName,
    on_failure: F,
    leave: Leave,
    began: Instant,
    requests: u32,
    abandoned: u32,
    back_off: Duration,
    last_failure: Option<Box<str>>,
    concluded: bool,
}

/// A flight that ends without an answer, or is dropped, tells the breaker.
impl<F> Drop for Flight<'_, F> {
    fn drop(&mut self) {
        if !self.concluded {
            self.client.breaker().gave_up(self.leave, self.clock.now());
        }
    }
}

impl LegacyClient {
    /// Asks for the price of `stock` on behalf of `user` until there is one, or the bounds are
    /// reached. When to ask again is the strategy's to say; after a request that failed or was
    /// refused there is a growing pause.
    ///
    /// `on_failure` hears of every request that failed or was refused, in the order they ended,
    /// but not of those that were only too slow. Waiting for leave to send counts against the
    /// total time only.
    pub async fn ask(
        &self,
        clock: &Clock,
        stock: Stock,
        user: &UserName,
        on_failure: impl FnMut(&AskError),
    ) -> Answer {
        let leave = self.breaker().leave(clock.now());
        if let Leave::Wait(again_in) = leave {
            let result = Err(QuoteUnavailable::ServerDown { stock, again_in });
            return Answer { result, requests: 0, abandoned: 0 };
        }
        let mut flight = Flight {
            client: self,
            clock,
            stock,
            user,
            on_failure,
            leave,
            began: Instant::now(),
            requests: 0,
            abandoned: 0,
            back_off: BACK_OFF_FIRST,
            last_failure: None,
            concluded: false,
        };
        let result = flight.fly().await;
        Answer { result, requests: flight.requests, abandoned: flight.abandoned }
    }
}

impl<F: FnMut(&AskError)> Flight<'_, F> {
    async fn fly(&mut self) -> Result<(QuoteReply, Moment), QuoteUnavailable> {
        let (client, strategy, bounds) =
            (self.client, self.client.strategy(), self.client.bounds());
        let deadline = self.began + bounds.total;
        let mut up = FuturesUnordered::new();
        let mut due = Due::Now;
        loop {
            let may_send = up.len() < bounds.per_stock && self.requests < bounds.attempts;
            let (wakes, sends) = match due {
                Due::At(at) if may_send || !strategy.keeps_slow() => (Some(at), false),
                Due::Now if may_send => (None, true),
                _ => (None, false),
            };
            if up.is_empty() && wakes.is_none() && !sends {
                return Err(self.out_of_patience());
            }
            tokio::select! {
                biased;
                Some(landed) = up.next(), if !up.is_empty() => {
                    let Landed { sent, took, result } = landed;
                    match result {
                        Ok(reply) => {
                            self.abandoned += up.len() as u32;
                            self.concluded = true;
                            strategy.learn(took);
                            client.breaker().answered();
                            client.answered();
                            return Ok((reply, sent));
                        }
                        Err(failure) => {
                            let again = Instant::now() + self.refused(&failure);
                            // While others are on their way the strategy's own pace goes on.
                            if up.is_empty() || matches!(due, Due::Never) {
                                due = Due::At(again);
                            }
                        }
                    }
                }
                () = sleep_until(wakes.unwrap_or(deadline)), if wakes.is_some() => {
                    if !strategy.keeps_slow() {
                        self.abandoned += up.len() as u32;
                        up.clear();
                    }
                    due = Due::Now;
                }
                slot = client.slot(), if sends => {
                    if self.leave != Leave::Probe && client.breaker().is_open() {
                        self.abandoned += up.len() as u32;
                        return Err(self.server_down());
                    }
                    let spend = client.budget().spend(self.clock, self.user);
                    if spend != Spend::Yes {
                        if up.is_empty() {
                            return Err(self.spent(spend));
                        }
                        // What is on its way was paid for; it may still bring the answer.
                        due = Due::Never;
                        continue;
                    }
                    self.requests += 1;
                    if client.breaker().sent(self.clock.now()) {
                        client.gave_up();
                    }
                    up.push(request(client, self.clock, self.stock, self.user, slot));
                    due = match strategy.patience(self.requests) {
                        Some(Duration::ZERO) => Due::Now,
                        Some(patience) => Due::At(Instant::now() + patience),
                        None => Due::Never,
                    };
                }
                () = sleep_until(deadline) => {
                    self.abandoned += up.len() as u32;
                    return Err(self.out_of_patience());
                }
            }
        }
    }

    /// Notes a failed request; returns the pause after it.
    fn refused(&mut self, failure: &AskError) -> Duration {
        (self.on_failure)(failure);
        self.client.failed(failure);
        self.last_failure = Some(failure.to_string().into());
        let pause = self.back_off;
        self.back_off = BACK_OFF_MAX.min(pause * 2);
        pause
    }

    fn out_of_patience(&self) -> QuoteUnavailable {
        if self.last_failure.is_none() {
            let waited = self.began.elapsed().as_millis();
            self.client.failed(&format_args!("no answer within {waited} ms"));
        }
        QuoteUnavailable::OutOfPatience {
            stock: self.stock,
            requests: self.requests,
            abandoned: self.abandoned,
            waited: self.began.elapsed(),
            last_failure: self.last_failure.clone(),
        }
    }

    fn spent(&self, spend: Spend) -> QuoteUnavailable {
        let stock = self.stock;
        match spend {
            Spend::OverShare => QuoteUnavailable::ShareSpent { stock, user: self.user.clone() },
            Spend::OverBudget | Spend::Yes => {
                self.client.failed(&"the budget of requests a minute is spent");
                QuoteUnavailable::BudgetSpent { stock }
            }
        }
    }

    fn server_down(&self) -> QuoteUnavailable {
        let again_in = match self.client.breaker().leave(self.clock.now()) {
            Leave::Wait(again_in) => again_in,
            // It has just come back, or may be probed: too late for this flight.
            _ => Duration::ZERO,
        };
        QuoteUnavailable::ServerDown { stock: self.stock, again_in }
    }
}

async fn request(
    client: &LegacyClient,
    clock: &Clock,
    stock: Stock,
    user: &UserName,
    slot: Slot<'_>,
) -> Landed {
    let sent = clock.now();
    let result = client.ask_once(stock, user).await;
    drop(slot);
    Landed { sent, took: clock.to_wait(clock.now().since(sent)), result }
}
