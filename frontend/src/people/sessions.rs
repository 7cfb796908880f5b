//! Who is signed in. Sessions live in memory: a restart ends them all.
//!
//! Nothing here walks over all sessions: each user's are listed, and all are kept in the order in
//! which they expire. There are at most [`MOST`]; one more ends the one that would expire next.

use crate::{Fault, random};
use domain::trading::UserName;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sessions of one user; one more ends the oldest.
pub const OF_A_USER: usize = 16;

/// Sessions of all users: 320 MB. Passwords are hashed so slowly that it takes two cores seven hours
/// to begin as many.
pub const MOST: usize = 1 << 20;

/// Sessions that are looked at each time whether they have expired: more than the one that a
/// sign-in adds.
const LOOKED_AT: usize = 8;

/// How long a session lives, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a request.
    pub idle_ms: u64,
    /// In any case.
    pub absolute_ms: u64,
}

impl Default for Lifetimes {
    /// An hour, and twelve.
    fn default() -> Lifetimes {
        Lifetimes { idle_ms: 3_600_000, absolute_ms: 12 * 3_600_000 }
    }
}

impl Lifetimes {
    /// As long for whoever waits, by a clock that runs `speed` times as fast.
    pub fn by_clock_of(self, speed: u32) -> Lifetimes {
        let times = |ms: u64| ms.saturating_mul(u64::from(speed));
        Lifetimes { idle_ms: times(self.idle_ms), absolute_ms: times(self.absolute_ms) }
    }
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Session {
    /// Who.
    pub user: UserName,
    /// What state-changing requests must carry.
    pub csrf: String,
    /// When it ends in any case, in Unix milliseconds.
    pub ends_ms: u64,
    idle_ms: u64,
    seen_ms: AtomicU64,
    ended: AtomicBool,
}

impl Session {
    /// Whether it is good at `now_ms`.
    pub fn is_good(&self, now_ms: u64) -> bool {
        !self.ended.load(Ordering::Relaxed) && now_ms < self.expires_ms()
    }

    /// Its user has done something.
    pub fn touch(&self, now_ms: u64) {
        self.seen_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// When it ends if nothing is done, in Unix milliseconds.
    pub fn expires_ms(&self) -> u64 {
        self.ends_ms.min(self.seen_ms.load(Ordering::Relaxed).saturating_add(self.idle_ms))
    }
}

/// What names a session, as bytes.
type Token = [u8; 16];

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    lifetimes: Lifetimes,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    by_token: HashMap<Token, Kept>,
    /// The oldest first.
    by_user: HashMap<UserName, VecDeque<Token>>,
    /// When each is to be looked at, no later than it expires: whoever does something stays longer
    /// than that.
    in_order: BTreeSet<(u64, Token)>,
}

struct Kept {
    session: Arc<Session>,
    look_ms: u64,
}

impl Sessions {
    /// No session yet.
    pub fn new(lifetimes: Lifetimes) -> Sessions {
        Sessions { lifetimes, all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs `user` in: a new session and the token that names it.
    ///
    /// # Errors
    /// The operating system gives no chance.
    pub fn begin(&self, user: &UserName, now_ms: u64) -> Result<(String, Arc<Session>), Fault> {
        let token = random::bits()?;
        let session = Arc::new(Session {
            user: user.clone(),
            csrf: random::token()?,
            ends_ms: now_ms.saturating_add(self.lifetimes.absolute_ms),
            idle_ms: self.lifetimes.idle_ms,
            seen_ms: AtomicU64::new(now_ms),
            ended: AtomicBool::new(false),
        });
        let mut all = self.lock();
        all.drop_expired(now_ms, LOOKED_AT);
        all.make_room(user, now_ms);
        all.insert(token, session.clone());
        Ok((random::hex(&token), session))
    }

    /// The session of that token, if it is good.
    pub fn find(&self, token: &str, now_ms: u64) -> Option<Arc<Session>> {
        let session = self.lock().by_token.get(&parse(token)?)?.session.clone();
        session.is_good(now_ms).then_some(session)
    }

    /// Ends the session of that token.
    pub fn end(&self, token: &str) {
        if let Some(token) = parse(token) {
            self.lock().end(token);
        }
    }

    /// Ends all sessions of `user`.
    pub fn end_all(&self, user: &UserName) {
        let mut all = self.lock();
        for token in all.by_user.get(user).cloned().unwrap_or_default() {
            all.end(token);
        }
    }

    /// How many there are; to be asked about once a second, so that those that have expired are
    /// dropped when nobody signs in.
    pub fn count(&self, now_ms: u64) -> usize {
        let mut all = self.lock();
        all.drop_expired(now_ms, 128 * LOOKED_AT);
        all.by_token.len()
    }
}

fn parse(token: &str) -> Option<Token> {
    if token.len() != 2 * size_of::<Token>() {
        return None;
    }
    random::unhex(token)?.try_into().ok()
}

impl All {
    fn insert(&mut self, token: Token, session: Arc<Session>) {
        let look_ms = session.expires_ms();
        self.by_user.entry(session.user.clone()).or_default().push_back(token);
        self.in_order.insert((look_ms, token));
        self.by_token.insert(token, Kept { session, look_ms });
    }

    fn end(&mut self, token: Token) {
        let Some(Kept { session, look_ms }) = self.by_token.remove(&token) else { return };
        session.ended.store(true, Ordering::Relaxed);
        self.in_order.remove(&(look_ms, token));
        if let Some(own) = self.by_user.get_mut(&session.user) {
            own.retain(|kept| *kept != token);
            if own.is_empty() {
                self.by_user.remove(&session.user);
            }
        }
    }

    /// Looks at no more than `most` sessions that may have expired.
    fn drop_expired(&mut self, now_ms: u64, most: usize) {
        for _ in 0..most {
            let Some(&(look_ms, token)) = self.in_order.first() else { return };
            if look_ms > now_ms {
                return;
            }
            if !self.look_later(token, now_ms) {
                self.end(token);
            }
        }
    }

    /// Whether the session of `token` goes on longer than it was to be looked at.
    fn look_later(&mut self, token: Token, now_ms: u64) -> bool {
        let Some(kept) = self.by_token.get_mut(&token) else { return false };
        let expires_ms = kept.session.expires_ms();
        if !kept.session.is_good(now_ms) || expires_ms <= kept.look_ms {
            return false;
        }
        self.in_order.remove(&(kept.look_ms, token));
        kept.look_ms = expires_ms;
        self.in_order.insert((expires_ms, token));
        true
    }

    /// Ends a session where one more of `user` would be too many.
    fn make_room(&mut self, user: &UserName, now_ms: u64) {
        let own = self.by_user.get(user).filter(|own| own.len() >= OF_A_USER);
        if let Some(own) = own {
            let good = |token: &Token| {
                self.by_token.get(token).is_some_and(|kept| kept.session.is_good(now_ms))
            };
            let expired: Vec<Token> = own.iter().filter(|token| !good(token)).copied().collect();
            let oldest = own.front().copied().filter(|_| expired.is_empty());
            expired.into_iter().chain(oldest).for_each(|token| self.end(token));
        }
        let mut looks = LOOKED_AT;
        while self.by_token.len() >= MOST {
            let Some(&(_, token)) = self.in_order.first() else { return };
            looks = looks.saturating_sub(1);
            // Those that have been active meanwhile have their turn later.
            if looks == 0 || !self.look_later(token, now_ms) {
                self.end(token);
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

    #[test]
    fn sessions_end_by_idleness_by_age_and_by_being_ended() {
        let sessions = Sessions::new(Lifetimes { idle_ms: 10, absolute_ms: 25 });
        let user = user("u");
        let (token, session) = sessions.begin(&user, 100).unwrap();
        assert!(sessions.find(&token, 109).is_some());
        assert!(sessions.find(&token, 110).is_none());
        session.touch(109);
        assert!(sessions.find(&token, 118).is_some());
        session.touch(120);
        assert!(sessions.find(&token, 124).is_some());
        assert!(sessions.find(&token, 125).is_none());

        let (one, held) = sessions.begin(&user, 200).unwrap();
        let (other, _) = sessions.begin(&user, 200).unwrap();
        assert_ne!(one, other);
        sessions.end(&one);
        assert!(!held.is_good(200) && sessions.find(&other, 200).is_some());
        sessions.end_all(&user);
        assert!(sessions.find(&other, 200).is_none());
        for noise in ["", "x", &"z".repeat(32), &other.to_uppercase()[1..]] {
            assert!(sessions.find(noise, 200).is_none());
        }
    }

    #[test]
    fn expired_sessions_are_dropped_and_active_ones_stay() {
        let sessions = Sessions::new(Lifetimes { idle_ms: 10, absolute_ms: 1000 });
        let (active, session) = sessions.begin(&user("active"), 0).unwrap();
        for nth in 0..100 {
            sessions.begin(&user(&format!("u{nth}")), nth).unwrap();
            session.touch(nth);
        }
        assert_eq!(sessions.count(100), 10);
        assert!(sessions.find(&active, 105).is_some());
        assert_eq!(sessions.count(5000), 0);
        let all = sessions.lock();
        assert!(all.by_user.is_empty() && all.in_order.is_empty());
    }

    #[test]
    fn by_a_fast_clock_a_session_lasts_as_long_for_whoever_waits() {
        let slow = Lifetimes { idle_ms: 10, absolute_ms: 25 };
        assert_eq!(slow.by_clock_of(1), slow);
        let fast = slow.by_clock_of(100);
        assert_eq!(fast, Lifetimes { idle_ms: 1000, absolute_ms: 2500 });
    }

    #[test]
    fn a_user_has_no_more_than_so_many() {
        let sessions = Sessions::default();
        let user = user("u");
        let first = sessions.begin(&user, 1).unwrap().0;
        for at in 2..=OF_A_USER as u64 + 1 {
            sessions.begin(&user, at).unwrap();
        }
        assert_eq!(sessions.count(100), OF_A_USER);
        assert!(sessions.find(&first, 100).is_none());
    }

    #[test]
    fn a_million_sessions_slow_no_sign_in() {
        let sessions = Sessions::default();
        let (mut slowest, started) = (std::time::Duration::ZERO, std::time::Instant::now());
        let active = sessions.begin(&user("active"), 0).unwrap();
        for nth in 0..MOST as u64 + 1000 {
            active.1.touch(nth / 1000);
            let began = std::time::Instant::now();
            sessions.begin(&user(&format!("u{}", nth / 3)), nth / 1000).unwrap();
            slowest = slowest.max(began.elapsed());
        }
        println!("{MOST} sessions in {:?}, the slowest in {slowest:?}", started.elapsed());
        assert_eq!(sessions.count(1100), MOST);
        assert!(sessions.find(&active.0, 1100).is_some(), "an active one was ended");
    }
}
