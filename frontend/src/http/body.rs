//! Request bodies. A body is read only after the limits of whoever sends it have been checked, never
//! decompressed, and bounded in length, in time, and in the memory that all bodies take together.

use crate::Fault;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// The longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 << 10;

/// How long a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// Memory for the bodies of everybody who is not signed in, and of one address among them, in bytes.
pub const STRANGERS: (usize, usize) = (8 << 20, 512 << 10);

/// Memory for the bodies of everybody who is signed in, and of one user among them, in bytes.
pub const USERS: (usize, usize) = (24 << 20, 2 << 20);

/// Whether the body of a request with these headers is encoded, such as by gzip.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let is_plain = |value: &str| value.trim().is_empty() || value.trim() == "identity";
    headers.get_all(header::CONTENT_ENCODING).any(|value| {
        !value.to_str().is_ok_and(|text| text.to_ascii_lowercase().split(',').all(is_plain))
    })
}

/// The memory that bodies may take: a bound for all of them, and one for each sender.
pub(crate) struct BodyBudget<K> {
    total: usize,
    share: usize,
    held: Mutex<Held<K>>,
}

/// Bytes that are held, in all and by each sender that holds any.
struct Held<K> {
    total: usize,
    by: HashMap<K, usize>,
}

impl<K: Hash + Eq + Clone> BodyBudget<K> {
    /// At most `total` bytes at once, and `share` of them for one sender.
    pub(crate) fn new((total, share): (usize, usize)) -> BodyBudget<K> {
        BodyBudget { total, share, held: Mutex::new(Held { total: 0, by: HashMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self, who: K) -> Lease<'_, K> {
        Lease { budget: self, who, bytes: 0 }
    }

    /// Reads the body of `request`, which `who` sends.
    ///
    /// # Errors
    /// It is too long, does not arrive in time, or there is no memory left for it.
    pub(crate) async fn read(
        &self,
        who: K,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Body<'_, K>, Fault> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > LONGEST_BODY as u64) {
            return Err(Fault::TooLarge);
        }
        timeout(BODY_TIME, self.gather(who, payload)).await.unwrap_or(Err(Fault::TooSlow))
    }

    async fn gather(&self, who: K, mut payload: web::Payload) -> Result<Body<'_, K>, Fault> {
        let mut body = Body { bytes: Vec::new(), lease: self.lease(who) };
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Fault::invalid("the body ends too early"))?;
            if body.bytes.len() + piece.len() > LONGEST_BODY {
                return Err(Fault::TooLarge);
            }
            body.lease.grow(piece.len())?;
            body.bytes.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

/// A part of the budget; given back when dropped.
struct Lease<'a, K: Hash + Eq + Clone> {
    budget: &'a BodyBudget<K>,
    who: K,
    bytes: usize,
}

impl<K: Hash + Eq + Clone> Lease<'_, K> {
    fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        let mut held = self.budget.lock();
        let own = held.by.get(&self.who).copied().unwrap_or_default();
        if held.total + bytes > self.budget.total || own + bytes > self.budget.share {
            return Err(Fault::Busy(1));
        }
        held.total += bytes;
        held.by.insert(self.who.clone(), own + bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl<K: Hash + Eq + Clone> Drop for Lease<'_, K> {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        held.total -= self.bytes;
        if let Some(own) = held.by.get_mut(&self.who) {
            *own -= self.bytes;
            if *own == 0 {
                held.by.remove(&self.who);
            }
        }
    }
}

/// A body that has arrived as a whole.
pub(crate) struct Body<'a, K: Hash + Eq + Clone> {
    bytes: Vec<u8>,
    lease: Lease<'a, K>,
}

impl<K: Hash + Eq + Clone> Body<'_, K> {
    /// What it says as JSON; its memory is free afterwards.
    ///
    /// # Errors
    /// It is not a JSON object with the expected fields.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, Fault> {
        let read = super::json(&self.bytes);
        drop((self.bytes, self.lease));
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn bodies_never_exceed_total_or_share() {
        let budget = BodyBudget::new((100, 60));
        let (mut ann, mut bob) = (budget.lease("ann"), budget.lease("bob"));
        ann.grow(60).unwrap();
        assert_eq!(ann.grow(1), Err(Fault::Busy(1)), "one sender has a share, not everything");
        assert_eq!(budget.lease("ann").grow(1), Err(Fault::Busy(1)));
        bob.grow(40).unwrap();
        assert_eq!(budget.lease("cid").grow(1), Err(Fault::Busy(1)), "all together have a bound");
        drop(ann);
        budget.lease("cid").grow(60).unwrap();
        drop(bob);
        let held = budget.lock();
        assert_eq!((held.total, held.by.len()), (0, 0), "nothing is kept of who is gone");
    }

    #[test]
    fn any_encoding_but_identity_counts() {
        let encoded = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                let name = HeaderName::from_static("content-encoding");
                headers.append(name, HeaderValue::from_static(value));
            }
            is_encoded(&headers)
        };
        for plain in [&[][..], &["identity"], &["Identity, identity"], &[""]] {
            assert!(!encoded(plain), "{plain:?}");
        }
        for bomb in [&["gzip"][..], &["identity", "br"], &["identity, gzip"], &["GZIP"], &["x"]] {
            assert!(encoded(bomb), "{bomb:?}");
        }
    }
}
