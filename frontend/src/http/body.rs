//! Request bodies. A body is read only after the limits of whoever sends it have been checked, never
//! decompressed, and bounded in length, in time, and in the memory that all bodies take together.

use crate::Fault;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::select;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// Bounds of the memory for bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// All bodies together.
    pub total: usize,
    /// The bodies of one sender.
    pub share: usize,
    /// One body.
    pub longest: usize,
}

/// Bounds for everybody who is not signed in; each address is a sender. They send credentials.
pub const STRANGERS: Bounds = Bounds { total: 8 << 20, share: 64 << 10, longest: 4 << 10 };

/// Bounds for everybody who is signed in; each user is a sender.
pub const USERS: Bounds = Bounds { total: 24 << 20, share: 2 << 20, longest: 64 << 10 };

/// Whether the body of a request with these headers is encoded, such as by gzip.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let is_plain = |value: &str| value.trim().is_empty() || value.trim() == "identity";
    headers.get_all(header::CONTENT_ENCODING).any(|value| {
        !value.to_str().is_ok_and(|text| text.to_ascii_lowercase().split(',').all(is_plain))
    })
}

/// The memory that bodies may take: a bound for all of them, and one for each sender. When all of it
/// is taken, a body of the sender that holds the most makes room for a sender that holds less, so
/// that many senders who never finish keep nobody out.
pub(crate) struct BodyBudget<K> {
    bounds: Bounds,
    held: Mutex<Held<K>>,
}

/// What is held, in all, by each sender and for each body.
struct Held<K> {
    total: usize,
    by: HashMap<K, usize>,
    bodies: HashMap<u64, Part<K>>,
    next: u64,
}

/// What is held for one body.
struct Part<K> {
    who: K,
    bytes: usize,
    evicted: Arc<Notify>,
}

impl<K: Hash + Eq + Clone> Held<K> {
    fn by(&self, who: &K) -> usize {
        self.by.get(who).copied().unwrap_or_default()
    }

    fn grow(&mut self, id: u64, bytes: usize) {
        let Some(part) = self.bodies.get_mut(&id) else { return };
        part.bytes += bytes;
        self.total += bytes;
        *self.by.entry(part.who.clone()).or_default() += bytes;
    }

    /// Gives back what is held for a body, if anything is.
    fn release(&mut self, id: u64) {
        let Some(part) = self.bodies.remove(&id) else { return };
        self.total -= part.bytes;
        if let Some(own) = self.by.get_mut(&part.who) {
            *own -= part.bytes;
            if *own == 0 {
                self.by.remove(&part.who);
            }
        }
    }

    /// Makes room at the cost of the sender that holds the most, if that is more than `own`.
    fn evict_for(&mut self, own: usize) -> bool {
        let Some((most, _)) = self.by.iter().max_by_key(|(_, bytes)| **bytes) else { return false };
        if self.by(most) <= own {
            return false;
        }
        let bodies = self.bodies.iter().filter(|(_, part)| part.who == *most);
        let Some((&id, part)) = bodies.max_by_key(|(_, part)| part.bytes) else { return false };
        part.evicted.notify_one();
        self.release(id);
        true
    }
}

impl<K: Hash + Eq + Clone> BodyBudget<K> {
    pub(crate) fn new(bounds: Bounds) -> BodyBudget<K> {
        let (by, bodies) = (HashMap::new(), HashMap::new());
        BodyBudget { bounds, held: Mutex::new(Held { total: 0, by, bodies, next: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self, who: K) -> Lease<'_, K> {
        let evicted = Arc::new(Notify::new());
        let mut held = self.lock();
        let id = held.next;
        held.next += 1;
        held.bodies.insert(id, Part { who: who.clone(), bytes: 0, evicted: evicted.clone() });
        Lease { budget: self, id, who, evicted }
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
        if length.is_some_and(|length| length > self.bounds.longest as u64) {
            return Err(Fault::TooLarge);
        }
        timeout(BODY_TIME, self.gather(who, payload)).await.unwrap_or(Err(Fault::TooSlow))
    }

    async fn gather(&self, who: K, mut payload: web::Payload) -> Result<Body<'_, K>, Fault> {
        let mut body = Body { bytes: Vec::new(), lease: self.lease(who) };
        loop {
            let piece = select! {
                piece = payload.next() => piece,
                () = body.lease.evicted.notified() => return Err(Fault::Busy(1)),
            };
            let Some(piece) = piece else { return Ok(body) };
            let piece = piece.map_err(|_| Fault::invalid("the body ends too early"))?;
            if body.bytes.len() + piece.len() > self.bounds.longest {
                return Err(Fault::TooLarge);
            }
            body.lease.grow(piece.len())?;
            body.bytes.extend_from_slice(&piece);
        }
    }
}

/// A part of the budget; given back when dropped.
struct Lease<'a, K: Hash + Eq + Clone> {
    budget: &'a BodyBudget<K>,
    id: u64,
    who: K,
    evicted: Arc<Notify>,
}

impl<K: Hash + Eq + Clone> Lease<'_, K> {
    fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        let Bounds { total, share, .. } = self.budget.bounds;
        let mut held = self.budget.lock();
        let own = held.by(&self.who);
        if own + bytes > share || !held.bodies.contains_key(&self.id) {
            return Err(Fault::Busy(1));
        }
        while held.total + bytes > total {
            if !held.evict_for(own + bytes) {
                return Err(Fault::Busy(1));
            }
        }
        held.grow(self.id, bytes);
        Ok(())
    }
}

impl<K: Hash + Eq + Clone> Drop for Lease<'_, K> {
    fn drop(&mut self) {
        self.budget.lock().release(self.id);
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

    fn budget(total: usize, share: usize) -> BodyBudget<&'static str> {
        BodyBudget::new(Bounds { total, share, longest: share })
    }

    #[test]
    fn bodies_never_exceed_total_or_share() {
        let budget = budget(100, 60);
        let (mut ann, mut bob) = (budget.lease("ann"), budget.lease("bob"));
        ann.grow(50).unwrap();
        assert_eq!(ann.grow(11), Err(Fault::Busy(1)), "one sender has a share, not everything");
        assert_eq!(budget.lease("ann").grow(11), Err(Fault::Busy(1)));
        bob.grow(50).unwrap();
        assert_eq!(ann.grow(1), Err(Fault::Busy(1)), "all together have a bound");
        drop(ann);
        budget.lease("cid").grow(50).unwrap();
        drop(bob);
        let held = budget.lock();
        assert_eq!((held.total, held.by.len(), held.bodies.len()), (0, 0, 0));
    }

    #[test]
    fn many_unfinished_senders_keep_nobody_out() {
        let budget = budget(100, 20);
        let names = ["a", "b", "c", "d", "e"];
        let mut unfinished: Vec<_> = names.map(|name| budget.lease(name)).into();
        unfinished.iter_mut().for_each(|lease| lease.grow(20).unwrap());
        let mut newcomer = budget.lease("newcomer");
        newcomer.grow(10).unwrap();
        let evicted = |lease: &Lease<'_, _>| !budget.lock().bodies.contains_key(&lease.id);
        let gone = unfinished.iter().filter(|lease| evicted(lease)).count();
        assert_eq!((gone, budget.lock().total), (1, 90), "one body makes room");
        for lease in &mut unfinished {
            // Neither the one that had to go nor those that hold more than others grow.
            let _ = lease.grow(20).unwrap_err();
        }
        newcomer.grow(10).unwrap();
        drop((unfinished, newcomer));
        assert_eq!(budget.lock().total, 0);
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
