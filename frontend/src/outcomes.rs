//! What came of requests, by the number that the client gave them: a request that is repeated gets
//! the outcome of the first, and does nothing. The log keeps the numbers: what came before a restart
//! is known behind it.

use crate::Fault;
use crate::outcome::OutcomeView;
use domain::trading::entry::CommandDecided;
use domain::trading::{RequestId, UserName};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Outcomes that are kept for each user, the newest ones.
pub const KEPT: usize = 256;

/// Users whose outcomes are kept, those who came last.
pub const USERS: usize = 10_000;

/// What came of a request, once that is known.
pub type Known = Option<Result<Arc<OutcomeView>, Fault>>;

/// The outcomes of all users.
#[derive(Default)]
pub struct Outcomes {
    users: Mutex<(HashMap<UserName, OfUser>, VecDeque<UserName>)>,
}

#[derive(Default)]
struct OfUser {
    by_request: HashMap<RequestId, watch::Receiver<Known>>,
    order: VecDeque<RequestId>,
}

/// Whose turn it is.
pub enum Turn {
    /// The request is new: it is to be carried out, and its outcome told here.
    First(watch::Sender<Known>, watch::Receiver<Known>),
    /// The request came before: its outcome is here, or will be.
    Repeated(watch::Receiver<Known>),
}

impl Outcomes {
    /// Notes that `user` asks for `request`.
    pub fn begin(&self, user: &UserName, request: &RequestId) -> Turn {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let (users, order) = &mut *users;
        if !users.contains_key(user) {
            if order.len() >= USERS
                && let Some(oldest) = order.pop_front()
            {
                users.remove(&oldest);
            }
            order.push_back(user.clone());
        }
        let own = users.entry(user.clone()).or_default();
        if let Some(known) = own.by_request.get(request) {
            return Turn::Repeated(known.clone());
        }
        if own.order.len() >= KEPT
            && let Some(oldest) = own.order.pop_front()
        {
            own.by_request.remove(&oldest);
        }
        let (tell, told) = watch::channel(None);
        own.by_request.insert(request.clone(), told.clone());
        own.order.push_back(request.clone());
        Turn::First(tell, told)
    }

    /// Remembers what an entry of the log says that came of a request.
    pub(crate) fn recall(&self, number: u64, decided: &CommandDecided) {
        let command = &decided.command;
        let user = command.action.user().and_then(|user| UserName::parse(user.as_bytes()));
        if let (Some(user), Some(request)) = (user, &command.request)
            && let Turn::First(tell, _) = self.begin(&user, request)
        {
            let outcome = OutcomeView::logged(request.to_string(), number, decided);
            tell.send_replace(Some(Ok(Arc::new(outcome))));
        }
    }

    /// Forgets a request that was not carried out, so that it can be repeated.
    pub fn forget(&self, user: &UserName, request: &RequestId) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = users.0.get_mut(user) {
            own.by_request.remove(request);
            own.order.retain(|kept| kept != request);
        }
    }
}
