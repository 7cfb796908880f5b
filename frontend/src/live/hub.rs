//! Which connection hears of what. Whoever tells never waits: a connection that does not keep up
//! misses what it has no room for, learns that, and gets a fresh snapshot.

use bytestring::ByteString;
use domain::trading::{Stock, UserName};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};

/// Messages that may wait for a connection; one that lags behind further starts afresh.
pub const QUEUE: usize = 128;

/// What can be heard of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// A user's account.
    Account(UserName),
    /// What happens to a user's orders and pending buys and sells.
    Orders(UserName),
    /// The price of one stock.
    Quotes(Stock),
    /// All prices, now and then.
    Market,
    /// The state of the system, for those who may see it.
    Operations,
    /// Whether the system takes commands.
    Status,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Account(_) => f.write_str("account"),
            Topic::Orders(_) => f.write_str("orders"),
            Topic::Quotes(stock) => write!(f, "quotes:{stock}"),
            Topic::Market => f.write_str("market"),
            Topic::Operations | Topic::Status => f.write_str("status"),
        }
    }
}

/// A message, rendered once for all who hear it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is about.
    pub topic: Topic,
    /// Its sequence number in its channel.
    pub seq: u64,
    /// The JSON.
    pub text: ByteString,
}

/// Renders a message.
pub fn frame(topic: &Topic, seq: u64, json: &Value) -> Frame {
    Frame { topic: topic.clone(), seq, text: json.to_string().into() }
}

/// A connection, as the hub knows it.
struct Listener {
    id: u64,
    sender: mpsc::Sender<Arc<Frame>>,
    missed: Arc<Missed>,
}

/// What a connection missed something of.
#[derive(Default)]
struct Missed {
    topics: Mutex<Vec<Topic>>,
    some: Notify,
}

/// The connection's own end.
pub struct Ear {
    /// Its number.
    pub id: u64,
    /// What it is told.
    pub frames: mpsc::Receiver<Arc<Frame>>,
    sender: mpsc::Sender<Arc<Frame>>,
    missed: Arc<Missed>,
    user: UserName,
    hub: Hub,
}

/// Told to a connection that makes room for a newer one of its user.
pub type Displaced = oneshot::Receiver<()>;

impl Ear {
    /// Hears of `topic` from now on.
    pub fn listen(&self, topic: &Topic) {
        let listener =
            Listener { id: self.id, sender: self.sender.clone(), missed: self.missed.clone() };
        let mut topics = self.hub.lock();
        let all = topics.entry(topic.clone()).or_default();
        if all.iter().all(|known| known.id != self.id) {
            all.push(listener);
        }
    }

    /// Hears of `topic` no more; whether it was the last to do so.
    pub fn ignore(&self, topic: &Topic) -> bool {
        let mut topics = self.hub.lock();
        let Some(all) = topics.get_mut(topic) else { return false };
        all.retain(|known| known.id != self.id);
        let nobody = all.is_empty();
        if nobody {
            topics.remove(topic);
        }
        nobody
    }

    /// What it missed something of since the last time.
    pub fn take_lagged(&self) -> Vec<Topic> {
        std::mem::take(&mut self.missed.topics.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when it has missed something.
    pub fn watch_lag(&self) -> Lagged {
        Lagged(self.missed.clone())
    }
}

/// Tells when a connection has missed something.
pub struct Lagged(Arc<Missed>);

impl Lagged {
    /// Waits until something is missed.
    pub async fn happened(&self) {
        self.0.some.notified().await;
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.hub.0.connections.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.hub.users();
        let Some(own) = users.get_mut(&self.user) else { return };
        own.retain(|(id, _)| *id != self.id);
        if own.is_empty() {
            users.remove(&self.user);
        }
    }
}

/// The hub.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

/// The connections of a user who has any, oldest first, but for those that were displaced.
type OfUser = VecDeque<(u64, oneshot::Sender<()>)>;

#[derive(Default)]
struct Inner {
    topics: Mutex<HashMap<Topic, Vec<Listener>>>,
    users: Mutex<HashMap<UserName, OfUser>>,
    next: AtomicU64,
    connections: AtomicUsize,
    pushed: AtomicU64,
    lagged: AtomicU64,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, Vec<Listener>>> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserName, OfUser>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of `user` that hears of nothing yet. Where the user has `most` already the
    /// oldest makes room: whoever opens one more looks at that one.
    pub fn connect(&self, user: &UserName, most: usize) -> (Ear, Displaced) {
        let (sender, frames) = mpsc::channel(QUEUE);
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (displace, displaced) = oneshot::channel();
        let mut users = self.users();
        let own = users.entry(user.clone()).or_default();
        while own.len() >= most.max(1)
            && let Some((_, oldest)) = own.pop_front()
        {
            let _ = oldest.send(());
        }
        own.push_back((id, displace));
        drop(users);
        let (user, hub) = (user.clone(), self.clone());
        (Ear { id, frames, sender, missed: Arc::default(), user, hub }, displaced)
    }

    /// Tells all who hear of `topic`. The message is made only if there is one.
    pub fn push(&self, topic: &Topic, make: impl FnOnce() -> Frame) {
        let topics = self.lock();
        let Some(listeners) = topics.get(topic).filter(|all| !all.is_empty()) else { return };
        let message = Arc::new(make());
        for listener in listeners {
            match listener.sender.try_send(message.clone()) {
                Ok(()) => self.0.pushed.fetch_add(1, Ordering::Relaxed),
                Err(_) => {
                    listener.lag(topic);
                    self.0.lagged.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
    }

    /// All who hear of any account have missed something.
    pub fn lag_accounts(&self) {
        for (topic, listeners) in self.lock().iter() {
            if matches!(topic, Topic::Account(_) | Topic::Orders(_)) {
                listeners.iter().for_each(|listener| listener.lag(topic));
            }
        }
    }

    /// Whether anybody hears of `topic`.
    pub fn is_heard(&self, topic: &Topic) -> bool {
        self.lock().contains_key(topic)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Messages pushed so far, and messages that a connection had no room for.
    pub fn pushed(&self) -> (u64, u64) {
        (self.0.pushed.load(Ordering::Relaxed), self.0.lagged.load(Ordering::Relaxed))
    }
}

impl Listener {
    fn lag(&self, topic: &Topic) {
        let mut topics = self.missed.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if !topics.contains(topic) {
            topics.push(topic.clone());
        }
        self.missed.some.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn connect(hub: &Hub) -> Ear {
        hub.connect(&UserName::parse(b"ann").unwrap(), usize::MAX).0
    }

    #[test]
    fn one_connection_more_than_a_user_may_have_displaces_the_oldest() {
        let hub = Hub::default();
        let (ann, bob) = (UserName::parse(b"ann").unwrap(), UserName::parse(b"bob").unwrap());
        let mut all: Vec<_> = (0..3).map(|_| hub.connect(&ann, 3)).collect();
        let (_other, mut others) = hub.connect(&bob, 3);
        let displaced = |all: &mut [(Ear, Displaced)]| -> Vec<bool> {
            all.iter_mut().map(|(_, displaced)| displaced.try_recv().is_ok()).collect()
        };
        assert_eq!(displaced(&mut all), [false, false, false]);
        all.push(hub.connect(&ann, 3));
        assert_eq!(displaced(&mut all), [true, false, false, false]);
        // The one that was displaced goes: it makes no room a second time, one that goes by itself
        // does.
        drop(all.remove(0));
        drop(all.remove(1));
        all.push(hub.connect(&ann, 3));
        assert_eq!(displaced(&mut all), [false, false, false]);
        all.push(hub.connect(&ann, 3));
        assert_eq!(displaced(&mut all), [true, false, false, false]);
        assert!(others.try_recv().is_err());
        drop(all);
        assert_eq!((hub.connections(), hub.users().len()), (1, 1));
    }

    #[test]
    fn a_connection_that_does_not_keep_up_is_not_waited_for_and_knows_what_it_missed() {
        let hub = Hub::default();
        let (mut slow, mut quick) = (connect(&hub), connect(&hub));
        slow.listen(&Topic::Market);
        quick.listen(&Topic::Market);
        for seq in 0..QUEUE as u64 + 10 {
            hub.push(&Topic::Market, || frame(&Topic::Market, seq, &json!({})));
            assert_eq!(quick.frames.try_recv().unwrap().seq, seq);
        }
        assert_eq!(slow.take_lagged(), [Topic::Market]);
        assert!(slow.take_lagged().is_empty() && quick.take_lagged().is_empty());
        let held = std::iter::from_fn(|| slow.frames.try_recv().ok()).count();
        assert_eq!((held, hub.pushed().1), (QUEUE, 10));
    }

    #[test]
    fn a_message_is_made_once_however_many_hear_it() {
        let hub = Hub::default();
        let mut ears: Vec<Ear> = (0..100).map(|_| connect(&hub)).collect();
        ears.iter().for_each(|ear| ear.listen(&Topic::Market));
        let mut made = 0;
        hub.push(&Topic::Market, || {
            made += 1;
            frame(&Topic::Market, 1, &json!({ "n": 1 }))
        });
        assert_eq!(made, 1);
        let told: Vec<_> = ears.iter_mut().map(|ear| ear.frames.try_recv().unwrap()).collect();
        let text = told[0].text.as_bytes().as_ptr();
        // The same bytes, not equal ones.
        assert!(told.iter().all(|frame| frame.text.as_bytes().as_ptr() == text));
        assert_eq!(hub.pushed(), (100, 0));
    }

    #[test]
    fn who_has_gone_hears_nothing_and_nothing_is_made_for_nobody() {
        let hub = Hub::default();
        let ear = connect(&hub);
        ear.listen(&Topic::Status);
        ear.listen(&Topic::Status);
        assert!(ear.ignore(&Topic::Status) && !hub.is_heard(&Topic::Status));
        hub.push(&Topic::Status, || panic!("made for nobody"));
        drop(ear);
        assert_eq!(hub.connections(), 0);
    }
}
