//! How the system is doing: counted as commands go by, and told once a second.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// Seconds that are remembered.
pub const SERIES: usize = 300;

/// What only the binary can tell; it does so once a second.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Entries in the log.
    pub entries: u64,
    /// What the quote server was asked.
    pub quotes: QuotesSpent,
    /// Armed orders and stocks with any.
    pub armed: u64,
    /// Stocks with armed orders.
    pub stocks: u64,
    /// Orders that a price met.
    pub fired: u64,
    /// The stores that follow the log.
    pub followers: serde_json::Value,
    /// Figures of other services, in the form of Prometheus.
    pub figures: String,
}

/// What the quote server was asked.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct QuotesSpent {
    /// Requests.
    pub requests: u64,
    /// Usable answers.
    pub answers: u64,
    /// Stocks for which no price could be had.
    pub unavailable: u64,
    /// Commands that used a price that was known already.
    pub cache_hits: u64,
}

/// One second.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Second {
    /// Its end, in Unix milliseconds.
    pub t_ms: u64,
    /// Commands.
    pub commands: u64,
    /// Commands that were refused.
    pub rejected: u64,
    /// Requests to the quote server.
    pub quote_requests: u64,
}

/// Microseconds from receiving a command to its durable reply, over the last second with any.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Latency {
    /// Half of the commands took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
}

/// Armed orders.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct OrdersNow {
    /// Armed now.
    pub armed: u64,
    /// Stocks with any.
    pub stocks: u64,
    /// Met by a price since the start.
    pub fired: u64,
}

/// The state of the system.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Operations {
    /// The server's time, in Unix milliseconds.
    pub now_ms: u64,
    /// When it was started.
    pub started_ms: u64,
    /// Entries in the log.
    pub entries: u64,
    /// Commands in the last second.
    pub commands_per_s: u64,
    /// Commands that were refused in the last second.
    pub rejected_per_s: u64,
    /// How long commands took.
    pub latency_us: Latency,
    /// What the quote server was asked.
    pub quotes: QuotesSpent,
    /// Armed orders.
    pub orders: OrdersNow,
    /// Open websockets.
    pub websockets: usize,
    /// Sessions.
    pub sessions: usize,
    /// Commands that wait before the workers, and that are with them.
    pub queued: usize,
    /// Commands that are with the workers.
    pub at_workers: usize,
    /// The stores that follow the log.
    #[schema(value_type = Vec<Object>)]
    pub followers: serde_json::Value,
    /// The last seconds.
    pub series: Vec<Second>,
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) commands: u64,
    pub(crate) rejected: u64,
    pub(crate) cache_hits: u64,
    pub(crate) latency_sum_us: u64,
}

struct Counted {
    totals: Totals,
    /// Totals when the last second ended, with requests to the quote server.
    before: (Totals, u64),
    latency: Histogram<u64>,
    shown: Latency,
    gauges: Gauges,
    series: VecDeque<Second>,
}

/// Counts.
pub struct Vitals {
    started_ms: u64,
    counted: Mutex<Counted>,
}

impl Vitals {
    /// Nothing has happened yet.
    #[allow(clippy::expect_used, reason = "the crate takes these bounds and every such precision")]
    pub fn new(started_ms: u64) -> Vitals {
        let latency = Histogram::new_with_max(600_000_000, 3).expect("ten minutes, three digits");
        let counted = Counted {
            totals: Totals::default(),
            before: Default::default(),
            latency,
            shown: Latency::default(),
            gauges: Gauges::default(),
            series: VecDeque::with_capacity(SERIES),
        };
        Vitals { started_ms, counted: Mutex::new(counted) }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command was answered.
    pub fn count(&self, accepted: bool, cached: bool, took: Duration) {
        let mut counted = self.lock();
        let took_us = took.as_micros() as u64;
        counted.totals.commands += 1;
        counted.totals.rejected += u64::from(!accepted);
        counted.totals.cache_hits += u64::from(cached);
        counted.totals.latency_sum_us += took_us;
        counted.latency.saturating_record(took_us);
    }

    /// What the binary tells.
    pub fn tell(&self, gauges: Gauges) {
        self.lock().gauges = gauges;
    }

    /// A second has ended.
    pub fn tick(&self, now_ms: u64) {
        let mut counted = self.lock();
        let (totals, requests) = (counted.totals, counted.gauges.quotes.requests);
        let (before, asked) = counted.before;
        let second = Second {
            t_ms: now_ms,
            commands: totals.commands - before.commands,
            rejected: totals.rejected - before.rejected,
            quote_requests: requests.saturating_sub(asked),
        };
        counted.before = (totals, requests);
        if !counted.latency.is_empty() {
            counted.shown = Latency {
                p50: counted.latency.value_at_quantile(0.5),
                p99: counted.latency.value_at_quantile(0.99),
            };
            counted.latency.reset();
        }
        if counted.series.len() >= SERIES {
            counted.series.pop_front();
        }
        counted.series.push_back(second);
    }

    /// All of it but what the server itself knows.
    pub fn operations(&self, now_ms: u64) -> Operations {
        let counted = self.lock();
        let last = counted.series.back().copied().unwrap_or_default();
        let gauges = &counted.gauges;
        Operations {
            now_ms,
            started_ms: self.started_ms,
            entries: gauges.entries,
            commands_per_s: last.commands,
            rejected_per_s: last.rejected,
            latency_us: counted.shown,
            quotes: QuotesSpent { cache_hits: counted.totals.cache_hits, ..gauges.quotes },
            orders: OrdersNow { armed: gauges.armed, stocks: gauges.stocks, fired: gauges.fired },
            followers: match &gauges.followers {
                serde_json::Value::Null => serde_json::Value::Array(Vec::new()),
                followers => followers.clone(),
            },
            series: counted.series.iter().copied().collect(),
            ..Operations::default()
        }
    }

    /// Figures of other services, in the form of Prometheus.
    pub(crate) fn figures(&self) -> String {
        self.lock().gauges.figures.clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals
    }
}
