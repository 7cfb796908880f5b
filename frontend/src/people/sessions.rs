//! Who is signed in. Sessions live in memory: a restart ends them all.

use crate::{Fault, random};
use domain::trading::UserName;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sessions of one user; one more ends the oldest.
pub const OF_A_USER: usize = 16;

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
        !self.ended.load(Ordering::Relaxed)
            && now_ms < self.ends_ms
            && now_ms < self.seen_ms.load(Ordering::Relaxed) + self.idle_ms
    }

    /// Its user has done something.
    pub fn touch(&self, now_ms: u64) {
        self.seen_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// When it ends if nothing is done, in Unix milliseconds.
    pub fn expires_ms(&self) -> u64 {
        self.ends_ms.min(self.seen_ms.load(Ordering::Relaxed) + self.idle_ms)
    }
}

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    lifetimes: Lifetimes,
    by_token: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    /// No session yet.
    pub fn new(lifetimes: Lifetimes) -> Sessions {
        Sessions { lifetimes, by_token: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs `user` in: a new session and the token that names it.
    ///
    /// # Errors
    /// The operating system gives no chance.
    pub fn begin(&self, user: &UserName, now_ms: u64) -> Result<(String, Arc<Session>), Fault> {
        let token = random::token()?;
        let session = Arc::new(Session {
            user: user.clone(),
            csrf: random::token()?,
            ends_ms: now_ms + self.lifetimes.absolute_ms,
            idle_ms: self.lifetimes.idle_ms,
            seen_ms: AtomicU64::new(now_ms),
            ended: AtomicBool::new(false),
        });
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_good(now_ms));
        let own = sessions.iter().filter(|(_, session)| session.user == *user);
        if own.clone().count() >= OF_A_USER
            && let Some(oldest) = own.min_by_key(|(_, session)| session.ends_ms)
        {
            let oldest = oldest.0.clone();
            end(sessions.remove(&oldest));
        }
        sessions.insert(token.clone(), session.clone());
        Ok((token, session))
    }

    /// The session of that token, if it is good.
    pub fn find(&self, token: &str, now_ms: u64) -> Option<Arc<Session>> {
        let session = self.lock().get(token).cloned()?;
        session.is_good(now_ms).then_some(session)
    }

    /// Ends the session of that token.
    pub fn end(&self, token: &str) {
        end(self.lock().remove(token));
    }

    /// Ends all sessions of `user`.
    pub fn end_all(&self, user: &UserName) {
        self.lock().retain(|_, session| {
            let keep = session.user != *user;
            session.ended.fetch_or(!keep, Ordering::Relaxed);
            keep
        });
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }
}

fn end(session: Option<Arc<Session>>) {
    if let Some(session) = session {
        session.ended.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_idleness_by_age_and_by_being_ended() {
        let sessions = Sessions::new(Lifetimes { idle_ms: 10, absolute_ms: 25 });
        let user = UserName::parse(b"u").unwrap();
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
        let user = UserName::parse(b"u").unwrap();
        let first = sessions.begin(&user, 1).unwrap().0;
        for at in 2..=OF_A_USER as u64 + 1 {
            sessions.begin(&user, at).unwrap();
        }
        assert_eq!(sessions.count(), OF_A_USER);
        assert!(sessions.find(&first, 100).is_none());
    }
}
