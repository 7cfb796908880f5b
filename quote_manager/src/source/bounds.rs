//! What the client never does, whatever the strategy: the hard bounds, the breaker and the
//! budget. All flights of a client share them.

use bus::quotes::ASK_AGAIN;
use bus::{Clock, Moment};
use domain::trading::UserName;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The bounds of asking for one quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Requests for one stock at once.
    pub per_stock: usize,
    /// Requests for one quote, slow and refused ones included.
    pub attempts: u32,
    /// Time for one quote, whatever it is spent on.
    pub total: Duration,
}

impl Default for Bounds {
    /// 8 at once: the chance that all of them are slow is 1 in 5,000 at the measured server.
    /// 10 s: twice the slowest answer ever measured. 200 attempts: the bound for a server that
    /// fails fast.
    fn default() -> Bounds {
        Bounds { per_stock: 8, attempts: 200, total: TOTAL }
    }
}

const TOTAL: Duration = Duration::from_secs(10);
// Whoever waits asks again only when this manager has given up.
const _: () = assert!(TOTAL.as_millis() < ASK_AGAIN.as_millis());

/// Requests without a good answer before the breaker opens ...
const OPENS_AFTER_REQUESTS: u32 = 64;

/// ... if this time has passed as well since the last good answer, or since the first of them: a
/// burst of requests proves nothing.
const OPENS_AFTER: Duration = Duration::from_secs(5);

/// How long it stays open at first; doubled each time a probe fails.
const OPEN_FIRST: Duration = Duration::from_secs(1);

/// The longest it stays open: a server that comes back is noticed within this time.
const OPEN_MAX: Duration = Duration::from_secs(16);

/// A circuit breaker: asks a server that answers nothing once in a while only, so that nobody
/// waits for it in vain.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    unanswered: u32,
    unanswered_since: Option<Moment>,
    open_until: Option<Moment>,
    open_for: Duration,
    probing: bool,
}

/// Whether a quote may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may.
    Ask,
    /// It may, to find out whether the server is back: the breaker is half open.
    Probe,
    /// The breaker is open for this much longer.
    Wait(Duration),
}

impl Breaker {
    /// Asks for leave to begin asking for a quote.
    pub(super) fn leave(&self, now: Moment) -> Leave {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            None => Leave::Ask,
            Some(until) if now < until => Leave::Wait(until.since(now)),
            Some(_) if state.probing => Leave::Wait(OPEN_FIRST),
            Some(_) => {
                state.probing = true;
                Leave::Probe
            }
        }
    }

    /// Whether it is open, so that going on is vain. A probe goes on all the same.
    pub(super) fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).open_until.is_some()
    }

    /// A request was sent. Returns whether that opened the breaker.
    pub(super) fn sent(&self, now: Moment) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unanswered += 1;
        let since = *state.unanswered_since.get_or_insert(now);
        let hopeless = state.unanswered >= OPENS_AFTER_REQUESTS && now.since(since) >= OPENS_AFTER;
        let opens = hopeless && state.open_until.is_none();
        if opens {
            state.open(now, OPEN_FIRST);
        }
        opens
    }

    /// A good answer came: the server is there.
    pub(super) fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = BreakerState::default();
    }

    /// Asking for a quote ended without one.
    pub(super) fn gave_up(&self, was: Leave, now: Moment) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if was == Leave::Probe && state.open_until.is_some() {
            let longer = OPEN_MAX.min(state.open_for * 2);
            state.open(now, longer);
        }
    }
}

impl BreakerState {
    fn open(&mut self, now: Moment, open_for: Duration) {
        self.open_for = open_for;
        self.open_until = Some(now.plus(open_for));
        self.probing = false;
    }
}

/// A bound on requests a minute: quotes are charged for. No user spends more than a share of it.
#[derive(Debug)]
pub(super) struct Budget {
    per_minute: Option<usize>,
    per_user: Option<usize>,
    spent: Mutex<Spent>,
}

/// The requests of the last minute.
#[derive(Debug, Default)]
struct Spent {
    /// When, and for whom where users have shares; the oldest first.
    requests: VecDeque<(Moment, Option<UserName>)>,
    by_user: FxHashMap<UserName, usize>,
}

/// Whether a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spend {
    /// It may; it is charged.
    Yes,
    /// The budget of the minute is spent.
    OverBudget,
    /// The user's share of it is spent.
    OverShare,
}

/// What the budget counts in.
const MINUTE: Duration = Duration::from_secs(60);

impl Budget {
    /// At most `per_minute` requests in any 60 s, and `per_user` of them for one user; without
    /// one, no such bound.
    pub(super) fn new(per_minute: Option<u32>, per_user: Option<u32>) -> Budget {
        let most = |most: Option<u32>| most.map(|most| most as usize);
        let (per_minute, per_user) = (most(per_minute), most(per_user));
        Budget { per_minute, per_user, spent: Mutex::default() }
    }

    /// Takes one request for `user` out of the budget, if there is one left.
    pub(super) fn spend(&self, clock: &Clock, user: &UserName) -> Spend {
        let Some(most) = self.per_minute else { return Spend::Yes };
        let now = clock.now();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.forget_before(now);
        if spent.requests.len() >= most {
            return Spend::OverBudget;
        }
        let charged = match self.per_user {
            None => None,
            Some(share) => {
                let own = spent.by_user.entry(user.clone()).or_default();
                if *own >= share {
                    return Spend::OverShare;
                }
                *own += 1;
                Some(user.clone())
            }
        };
        spent.requests.push_back((now, charged));
        Spend::Yes
    }
}

impl Spent {
    fn forget_before(&mut self, now: Moment) {
        while self.requests.front().is_some_and(|(first, _)| now.since(*first) >= MINUTE) {
            let Some((_, Some(user))) = self.requests.pop_front() else { continue };
            if let Some(own) = self.by_user.get_mut(&user) {
                *own -= 1;
                if *own == 0 {
                    self.by_user.remove(&user);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::parse(name.as_bytes()).unwrap()
    }

    fn at(ms: u64) -> Moment {
        Moment::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_burst_without_answers_opens_nothing() {
        let breaker = Breaker::default();
        (0..1000).for_each(|_| assert!(!breaker.sent(at(10))));
        assert_eq!(breaker.leave(at(11)), Leave::Ask);
    }

    #[test]
    fn a_silent_server_is_probed_less_and_less_and_trusted_again_at_once() {
        let breaker = Breaker::default();
        let opened =
            (0..OPENS_AFTER_REQUESTS).filter(|nth| breaker.sent(at(u64::from(*nth) * 100)));
        assert_eq!(opened.count(), 1);
        assert!(breaker.is_open());
        let opened = u64::from(OPENS_AFTER_REQUESTS - 1) * 100;
        assert!(matches!(breaker.leave(at(opened + 999)), Leave::Wait(_)));
        assert_eq!(breaker.leave(at(opened + 1000)), Leave::Probe);
        assert!(matches!(breaker.leave(at(opened + 1001)), Leave::Wait(_)), "one probe at once");
        breaker.gave_up(Leave::Probe, at(opened + 2000));
        assert!(matches!(breaker.leave(at(opened + 3999)), Leave::Wait(_)));
        assert_eq!(breaker.leave(at(opened + 4000)), Leave::Probe);
        breaker.answered();
        assert_eq!(breaker.leave(at(opened + 4001)), Leave::Ask);
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_never_overspent_and_comes_back_by_the_minute() {
        let clock = Clock::virtual_at(0);
        let (budget, user) = (Budget::new(Some(3), None), user("ann"));
        let spend =
            |budget: &Budget| (0..10).filter(|_| budget.spend(&clock, &user) == Spend::Yes).count();
        assert_eq!(spend(&budget), 3);
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert_eq!(spend(&budget), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(spend(&budget), 3);
        assert_eq!(Budget::new(None, Some(1)).spend(&clock, &user), Spend::Yes);
    }

    #[tokio::test(start_paused = true)]
    async fn one_user_spends_no_more_than_their_share() {
        let clock = Clock::virtual_at(0);
        let budget = Budget::new(Some(8), Some(2));
        let spend = |name: &str| budget.spend(&clock, &user(name));
        assert_eq!([(); 4].map(|()| spend("ann")), {
            use Spend::{OverShare, Yes};
            [Yes, Yes, OverShare, OverShare]
        });
        // What was refused is not charged, and the others have theirs.
        for name in ["bob", "cat", "dan"] {
            assert_eq!([spend(name), spend(name)], [Spend::Yes; 2]);
        }
        assert_eq!(spend("eve"), Spend::OverBudget);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([spend("ann"), spend("eve")], [Spend::Yes; 2]);
        assert_eq!(budget.spent.lock().unwrap().by_user.len(), 2, "users of the past stay");
    }
}
