//! What to do about a server that answers two times in three within milliseconds and otherwise
//! seconds later, each request drawing anew.

use super::learned::NetworkTime;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// When to ask again for a quote that has been asked for.
pub trait Strategy: fmt::Debug + Send + Sync {
    /// How long after the `nth` request (from 1) the next one is sent, if no answer has come;
    /// never if `None`.
    fn patience(&self, nth: u32) -> Option<Duration>;

    /// Whether a request that was too slow goes on beside the next one and may still win;
    /// otherwise it is closed.
    fn keeps_slow(&self) -> bool;

    /// An answer came this long after its request.
    fn learn(&self, took: Duration) {
        let _ = took;
    }
}

/// The strategies by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StrategyKind {
    /// One request, however long it takes.
    Wait,
    /// Give up after 20 ms and ask again, with 5 ms more each time: what the DistributedDesigns
    /// team (SENG 462, 2017) found best.
    Retry,
    /// A second request beside the first when that is later than the network ever is; the first
    /// answer wins.
    #[default]
    Hedge,
}

impl StrategyKind {
    /// All, from the plainest on.
    pub const ALL: [StrategyKind; 3] =
        [StrategyKind::Wait, StrategyKind::Retry, StrategyKind::Hedge];

    /// A strategy of that kind that has learned nothing yet.
    pub fn make(self) -> Arc<dyn Strategy> {
        match self {
            StrategyKind::Wait => Arc::new(Wait),
            StrategyKind::Retry => Arc::new(Retry::default()),
            StrategyKind::Hedge => Arc::new(Hedge::default()),
        }
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StrategyKind::Wait => "wait",
            StrategyKind::Retry => "retry",
            StrategyKind::Hedge => "hedge",
        })
    }
}

impl FromStr for StrategyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<StrategyKind, String> {
        let found = StrategyKind::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| "`wait`, `retry` or `hedge` is expected".to_string())
    }
}

/// One request, however long it takes.
#[derive(Clone, Copy, Debug)]
pub struct Wait;

impl Strategy for Wait {
    fn patience(&self, _: u32) -> Option<Duration> {
        None
    }

    fn keeps_slow(&self) -> bool {
        true
    }
}

/// Give up and ask again, with more patience each time.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The patience with the first request.
    pub first: Duration,
    /// How much more each one after it gets.
    pub step: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { first: Duration::from_millis(20), step: Duration::from_millis(5) }
    }
}

impl Strategy for Retry {
    fn patience(&self, nth: u32) -> Option<Duration> {
        Some(self.first.saturating_add(self.step.saturating_mul(nth.saturating_sub(1))))
    }

    fn keeps_slow(&self) -> bool {
        false
    }
}

/// A second request beside a late first one.
#[derive(Debug)]
pub struct Hedge {
    network: NetworkTime,
}

impl Hedge {
    /// A request that is later than this share of the answers is taken for a slow one. At 96 % few
    /// answers that are on their way are asked for twice, and little is lost by waiting: see
    /// `docs/quotes.md` for the curve.
    pub const QUANTILE: f64 = 0.96;

    /// What is added to it. Timers tick in milliseconds and round up: a hair more is the next tick,
    /// so that an answer that comes within the same one is not asked for twice.
    pub const HAIR: Duration = Duration::from_micros(1);

    /// The patience before anything is known of the network.
    pub const GUESS: Duration = Duration::from_millis(20);

    /// The shortest patience: a busy machine is that late by itself, and every request is charged
    /// for.
    pub const FLOOR: Duration = Duration::from_millis(10);

    /// From this request on two are sent at once. One quote in twenty-five comes so far; for those
    /// few a request more costs little and shortens the tail.
    pub const PAIRS_FROM: u32 = 4;

    /// A hedge whose patience is `guess` until it has learned better.
    pub fn guessing(guess: Duration) -> Hedge {
        let network = guess.saturating_sub(Self::HAIR);
        Hedge { network: NetworkTime::new(Self::QUANTILE, network) }
    }
}

impl Default for Hedge {
    fn default() -> Hedge {
        Hedge::guessing(Self::GUESS)
    }
}

impl Strategy for Hedge {
    fn patience(&self, nth: u32) -> Option<Duration> {
        let first_of_a_pair = nth >= Self::PAIRS_FROM && (nth - Self::PAIRS_FROM).is_multiple_of(2);
        let patience = (self.network.get() + Self::HAIR).max(Self::FLOOR);
        Some(if first_of_a_pair { Duration::ZERO } else { patience })
    }

    fn keeps_slow(&self) -> bool {
        true
    }

    fn learn(&self, took: Duration) {
        self.network.learn(took);
    }
}
