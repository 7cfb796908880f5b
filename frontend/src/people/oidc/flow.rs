//! A sign-in that is on its way, which the browser itself keeps: sealed in its cookie, so that
//! nobody reads or changes it, and so that however many are begun take no memory here.

use crate::{Fault, random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sign-ins that have come back and are remembered as used, the newest ones. What is forgotten is
/// not good again: its code is used up at the provider.
const USED: usize = 4096;

/// What the seal vouches for beside the flow itself.
const PURPOSE: &[u8] = b"daytrade sign-in 1";

/// A sign-in that is on its way.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) redirect: String,
    pub(super) session: Option<String>,
}

/// What the browser keeps.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// When it began, in milliseconds since this process made its key.
    began_ms: u64,
    flow: Flow,
}

/// Seals flows with a key that nobody else has and that ends with the process.
pub(super) struct Seal {
    key: RandomizedNonceKey,
    made: Instant,
    lifetime: Duration,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    states: HashSet<String>,
    in_order: VecDeque<String>,
}

impl Seal {
    /// Flows are good for `lifetime`.
    pub(super) fn new(lifetime: Duration) -> Result<Seal, Fault> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| Fault::Unavailable)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| Fault::Unavailable)?;
        Ok(Seal { key, made: Instant::now(), lifetime, used: Mutex::default() })
    }

    /// What the browser keeps of `flow`.
    pub(super) fn seal(&self, flow: Flow) -> Result<String, Fault> {
        let sealed = Sealed { began_ms: self.made.elapsed().as_millis() as u64, flow };
        let mut bytes = serde_json::to_vec(&sealed).map_err(|_| Fault::Unavailable)?;
        let nonce = self.key.seal_in_place_append_tag(Aad::from(PURPOSE), &mut bytes);
        let nonce = nonce.map_err(|_| Fault::Unavailable)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
    }

    /// The flow that the browser kept, if it is of this `state`, not too old, and was not taken
    /// before.
    pub(super) fn take(&self, kept: &str, state: &str) -> Option<Flow> {
        let bytes = URL_SAFE_NO_PAD.decode(kept).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::from(PURPOSE), &mut sealed).ok()?;
        let Sealed { began_ms, flow } = serde_json::from_slice(opened).ok()?;
        if !random::same(flow.state.as_bytes(), state.as_bytes()) {
            return None;
        }
        let age = self.made.elapsed().saturating_sub(Duration::from_millis(began_ms));
        let first = self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(state);
        (age < self.lifetime && first).then_some(flow)
    }
}

impl Used {
    /// Whether `state` is not among them; it is now.
    fn insert(&mut self, state: &str) -> bool {
        if !self.states.insert(state.to_string()) {
            return false;
        }
        self.in_order.push_back(state.to_string());
        if self.in_order.len() > USED
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.states.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(state: &str) -> Flow {
        Flow {
            state: state.to_string(),
            nonce: random::token().unwrap(),
            verifier: random::token().unwrap() + &random::token().unwrap(),
            redirect: "https://trade.example.com/api/v1/oidc/callback".to_string(),
            session: Some(random::token().unwrap()),
        }
    }

    #[test]
    fn a_flow_is_good_once_and_with_its_state() {
        let seal = Seal::new(Duration::from_secs(600)).unwrap();
        let kept = seal.seal(flow("a")).unwrap();
        assert!(kept.len() < 2000, "a browser keeps 4096 bytes of a cookie");
        assert_eq!(seal.take(&kept, "b"), None);
        assert_eq!(seal.take(&kept, "a").unwrap().state, "a");
        assert_eq!(seal.take(&kept, "a"), None);
        let other = Seal::new(Duration::from_secs(600)).unwrap();
        assert_eq!(other.take(&seal.seal(flow("c")).unwrap(), "c"), None);
        let over = Seal::new(Duration::ZERO).unwrap();
        assert_eq!(over.take(&over.seal(flow("d")).unwrap(), "d"), None);
    }

    #[test]
    fn a_changed_cookie_is_no_flow() {
        let seal = Seal::new(Duration::from_secs(600)).unwrap();
        let kept = seal.seal(flow("a")).unwrap();
        for at in 0..kept.len() {
            let mut noise = kept.clone().into_bytes();
            noise[at] = if noise[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.take(&String::from_utf8(noise).unwrap(), "a"), None, "{at}");
        }
        for noise in ["", "A", "AAAA", "!", &"A".repeat(9000)] {
            assert_eq!(seal.take(noise, "a"), None);
        }
        assert!(seal.take(&kept, "a").is_some());
    }

    #[test]
    fn unfinished_sign_ins_lock_nobody_out() {
        let seal = Seal::new(Duration::from_secs(600)).unwrap();
        let mine = seal.seal(flow("mine")).unwrap();
        for nth in 0..20_000 {
            seal.seal(flow(&nth.to_string())).unwrap();
        }
        let used = seal.used.lock().unwrap().states.len();
        assert_eq!(used, 0, "one that is unfinished is kept in memory");
        // Those that come back without a good code keep nobody's from being good, either.
        for nth in 0..USED + 1000 {
            let state = nth.to_string();
            assert!(seal.take(&seal.seal(flow(&state)).unwrap(), &state).is_some());
        }
        assert!(seal.take(&mine, "mine").is_some());
        let used = seal.used.lock().unwrap();
        assert!(used.states.len() <= USED && used.in_order.len() <= USED);
    }
}
