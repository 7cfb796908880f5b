//! Idempotency: what came of each request, by the id that its client gave it. A repeated request
//! gets the outcome of the first and does nothing. The log keeps the ids, so they are known after
//! a restart too.
//!
//! An outcome that is not known yet is never evicted: the request might be carried out twice. A
//! user with [`PENDING`] of them is refused more. Known outcomes are kept as encoded entries, at
//! most [`KEPT`] and about [`USER_BYTES`] a user, and [`BYTES`] for all users together; beyond
//! that the least recently active users' outcomes go.

use crate::Fault;
use crate::outcome::OutcomeView;
use bus::Reply;
use domain::trading::codec;
use domain::trading::entry::CommandDecided;
use domain::trading::{Action, Entry, RequestId, UserName};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Requests of one user whose outcomes may be unknown at once. More than a websocket or the rate
/// limit admits at once; all users' together are bounded by the queues before the workers.
pub const PENDING: usize = 256;

/// Known outcomes of one user, the newest ones.
pub const KEPT: usize = 256;

/// Bytes of one user's known outcomes; the newest is kept whatever its size.
pub const USER_BYTES: usize = 128 << 10;

/// Bytes of all known outcomes, with what it takes to keep them.
pub const BYTES: usize = 64 << 20;

/// What a user costs beside the outcomes: a slot in each of the two maps, and a long name twice.
const USER_COST: usize = 512;

/// What an outcome costs beside its bytes: a slot in a queue that may be half empty, and the
/// allocator's share.
const OUTCOME_COST: usize = 2 * size_of::<Known>() + 16;

/// What came of a request, once that is known.
pub type Told = Option<Result<Arc<OutcomeView>, Fault>>;

/// The outcomes of all users.
pub struct Outcomes {
    table: Mutex<Table>,
    /// Keys the fingerprints, so that no client can make two that are the same.
    fingerprints: RandomState,
    most_bytes: usize,
}

#[derive(Default)]
struct Table {
    users: HashMap<UserName, OfUser>,
    /// The users that have known outcomes; the least recently active first.
    by_activity: BTreeMap<u64, UserName>,
    activities: u64,
    /// What all known outcomes cost.
    bytes: usize,
}

#[derive(Default)]
struct OfUser {
    pending: Vec<Pending>,
    /// The oldest first.
    known: VecDeque<Known>,
    /// What these cost.
    bytes: usize,
    last_activity: u64,
}

/// A request whose outcome is not known.
struct Pending {
    request: [u8; 16],
    fingerprint: u64,
    outcome: watch::Sender<Told>,
}

/// A request whose outcome is known.
struct Known {
    request: [u8; 16],
    fingerprint: u64,
    number: u64,
    price_age_ms: Option<u32>,
    /// The encoded entry.
    entry: Box<[u8]>,
}

/// Whether a request is the first of its id.
pub enum Turn {
    /// It is: it is to be carried out, and then [settled](Outcomes::settle).
    First(watch::Receiver<Told>),
    /// It came before: its outcome is here, or will be.
    Repeated(watch::Receiver<Told>),
}

impl Default for Outcomes {
    fn default() -> Outcomes {
        Outcomes::bounded(BYTES)
    }
}

impl Outcomes {
    /// No outcome yet; known ones will cost at most `most_bytes`.
    pub fn bounded(most_bytes: usize) -> Outcomes {
        Outcomes { table: Mutex::default(), fingerprints: RandomState::new(), most_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all known outcomes cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Notes that `user` asks for `action` under the id `request`.
    ///
    /// # Errors
    /// The id was given to another action, or too many of the user's requests have no outcome yet.
    pub fn begin(
        &self,
        user: &UserName,
        request: &RequestId,
        action: &Action,
    ) -> Result<Turn, Fault> {
        let fingerprint = self.fingerprints.hash_one(action);
        let id = request.as_bytes();
        let same = |other: u64| (other == fingerprint).then_some(()).ok_or(Fault::RequestIdReused);
        let mut table = self.lock();
        let known = match table.users.get(user) {
            None => None,
            Some(own) => {
                if let Some(pending) = own.pending.iter().find(|pending| pending.request == *id) {
                    same(pending.fingerprint)?;
                    return Ok(Turn::Repeated(pending.outcome.subscribe()));
                }
                match own.known.iter().rev().find(|known| known.request == *id) {
                    Some(known) => {
                        same(known.fingerprint)?;
                        Some((known.number, known.price_age_ms, known.entry.clone()))
                    }
                    None if own.pending.len() >= PENDING => return Err(Fault::TooManyPending),
                    None => None,
                }
            }
        };
        table.note_activity(user);
        if let Some((number, price_age_ms, entry)) = known {
            drop(table);
            let view = view(request, number, price_age_ms, &entry)?;
            return Ok(Turn::Repeated(watch::channel(Some(Ok(Arc::new(view)))).1));
        }
        let (outcome, told) = watch::channel(None);
        let own = table.users.entry(user.clone()).or_default();
        own.pending.push(Pending { request: *id, fingerprint, outcome });
        Ok(Turn::First(told))
    }

    /// The outcome of `request` is durable: keeps it, and tells whoever waits.
    pub fn settle(&self, user: &UserName, request: &RequestId, reply: Reply) -> Arc<OutcomeView> {
        let view = Arc::new(OutcomeView::of(request.to_string(), &reply));
        let age_ms = reply.price_age.map(|age| u32::try_from(age.as_millis()).unwrap_or(u32::MAX));
        let waiting = self.keep(user, request, reply.entry, age_ms, reply.decided);
        if let Some(waiting) = waiting {
            waiting.send_replace(Some(Ok(view.clone())));
        }
        view
    }

    /// What came of `request` may never be known: says so to whoever waits. The request is not
    /// carried out again while this process runs.
    pub fn lose(&self, user: &UserName, request: &RequestId) {
        let table = self.lock();
        let pending = table.users.get(user).into_iter().flat_map(|own| &own.pending);
        for pending in pending.filter(|pending| pending.request == *request.as_bytes()) {
            pending.outcome.send_replace(Some(Err(Fault::Unavailable)));
        }
    }

    /// Forgets a request that was not carried out because of `fault`, so that it can be repeated.
    pub fn forget(&self, user: &UserName, request: &RequestId, fault: Fault) {
        let waiting = self.lock().take_pending(user, request);
        if let Some(pending) = waiting {
            pending.outcome.send_replace(Some(Err(fault)));
        }
    }

    /// Remembers what entry `number` of the log says came of a request.
    pub(crate) fn recall(&self, number: u64, decided: &CommandDecided) {
        let command = &decided.command;
        let user = command.action.user().and_then(|user| UserName::parse(user.as_bytes()));
        if let (Some(user), Some(request)) = (user, &command.request)
            && let Ok(Turn::First(_)) = self.begin(&user, request, &command.action)
        {
            self.keep(&user, request, number, None, decided.clone());
        }
    }

    /// Makes a pending request a known one; returns where its outcome is waited for.
    fn keep(
        &self,
        user: &UserName,
        request: &RequestId,
        number: u64,
        price_age_ms: Option<u32>,
        decided: CommandDecided,
    ) -> Option<watch::Sender<Told>> {
        let mut entry = Vec::with_capacity(128);
        // The log wrote it in this form before it replied. Without it the outcome is unavailable.
        let _ = codec::encode(&Entry::Command(decided), &mut entry);
        let mut table = self.lock();
        let Pending { request, fingerprint, outcome } = table.take_pending(user, request)?;
        let entry = entry.into_boxed_slice();
        table.add(user, Known { request, fingerprint, number, price_age_ms, entry });
        table.evict(self.most_bytes);
        Some(outcome)
    }
}

/// What the encoded entry `number` says to `request`.
fn view(
    request: &RequestId,
    number: u64,
    price_age_ms: Option<u32>,
    entry: &[u8],
) -> Result<OutcomeView, Fault> {
    match codec::decode(entry) {
        Ok((Entry::Command(decided), _)) => {
            let mut view = OutcomeView::logged(request.to_string(), number, &decided);
            view.told.price_age_ms = price_age_ms.map(u64::from);
            Ok(view)
        }
        _ => Err(Fault::Unavailable),
    }
}

impl Known {
    fn cost(&self) -> usize {
        self.entry.len() + OUTCOME_COST
    }
}

impl Table {
    fn take_pending(&mut self, user: &UserName, request: &RequestId) -> Option<Pending> {
        let own = self.users.get_mut(user)?;
        let at = own.pending.iter().position(|pending| pending.request == *request.as_bytes())?;
        let pending = own.pending.swap_remove(at);
        if own.pending.is_empty() {
            own.pending = Vec::new();
            if own.known.is_empty() {
                self.users.remove(user);
            }
        }
        Some(pending)
    }

    fn add(&mut self, user: &UserName, known: Known) {
        let own = self.users.entry(user.clone()).or_default();
        let before = own.bytes;
        if own.known.is_empty() {
            own.bytes = USER_COST;
        }
        own.bytes += known.cost();
        own.known.push_back(known);
        while own.known.len() > KEPT || (own.bytes > USER_BYTES && own.known.len() > 1) {
            let Some(oldest) = own.known.pop_front() else { break };
            own.bytes -= oldest.cost();
        }
        self.bytes = self.bytes + own.bytes - before;
        self.note_activity(user);
    }

    /// Makes `user` the most recently active one, if anything of theirs is known.
    fn note_activity(&mut self, user: &UserName) {
        let Some(own) = self.users.get_mut(user).filter(|own| !own.known.is_empty()) else {
            return;
        };
        let name = self.by_activity.remove(&own.last_activity).unwrap_or_else(|| user.clone());
        self.activities += 1;
        own.last_activity = self.activities;
        self.by_activity.insert(self.activities, name);
    }

    /// Forgets what is known of the least recently active users until the rest costs at most
    /// `most` bytes. The last user's outcomes stay: they have a bound of their own.
    fn evict(&mut self, most: usize) {
        while self.bytes > most && self.by_activity.len() > 1 {
            let Some((_, user)) = self.by_activity.pop_first() else { return };
            if let Some(own) = self.users.get_mut(&user) {
                self.bytes -= own.bytes;
                own.bytes = 0;
                own.known = VecDeque::new();
                if own.pending.is_empty() {
                    self.users.remove(&user);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
