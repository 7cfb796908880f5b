//! What the server needs of the log: a view that somebody else provides, and a pool of few threads
//! for it, because a search may read all of the log.

use crate::Fault;
use crate::export::{Exports, Pieces};
use crate::live::market::PricePoint;
use domain::trading::{Entry, Stock, UserName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// Looks into the log that are under way at once.
const THREADS: usize = 2;

/// Looks that may wait; beyond them the answer is busy.
const WAITING: usize = 32;

/// Looks of one user that may wait or be under way: some are left for everybody else.
const OF_A_USER: usize = 8;

/// Why the log cannot tell.
#[derive(Debug, Error)]
pub enum TrailFault {
    /// The question makes no sense; says what was expected.
    #[error("{0}")]
    Question(String),
    /// The log knows no such thing.
    #[error("the log knows no such thing")]
    NotFound,
    /// The log cannot be read.
    #[error("{0}")]
    Broken(String),
}

/// Which entries are asked for: those that have all of it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// About this user (the own history is always about oneself).
    pub user: Option<String>,
    /// About this stock.
    pub stock: Option<String>,
    /// Of this command.
    pub command: Option<String>,
    /// accepted, rejected, the code of a refusal, quote, quote_refused, expired or filled.
    pub outcome: Option<String>,
    /// Of these transactions: `7`, `7..9`, `7..` or `..9`.
    pub tx: Option<String>,
    /// At this time or later: Unix milliseconds, RFC 3339, or `-5m` before the end of the log.
    pub since: Option<String>,
    /// At this time or earlier.
    pub until: Option<String>,
    /// With an amount in this range of dollars: `10.50..20`.
    pub amount: Option<String>,
    /// With this text in the message.
    pub text: Option<String>,
    /// Before this entry: the `next` of the page before.
    pub before: Option<u64>,
    /// How many at most: 100 if not given, 1000 at most.
    pub limit: Option<usize>,
    /// Into how many pieces of time a histogram is cut: 60 if not given, 500 at most.
    pub buckets: Option<usize>,
    /// The form of an export: xml, csv or jsonl.
    pub format: Option<String>,
}

/// A page of records, newest first.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Page {
    /// The records.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<Value>,
    /// The `before` of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A piece of time.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Bucket {
    /// Its first millisecond (Unix).
    pub from_ms: u64,
    /// Its last.
    pub to_ms: u64,
    /// Commands that were carried out.
    pub accepted: u64,
    /// Commands that were refused.
    pub rejected: u64,
    /// Quotes, expiries and fills.
    pub other: u64,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportForm {
    /// The course's log.
    Xml,
    /// A table.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl ExportForm {
    /// The form of that name.
    pub fn parse(text: &str) -> Option<ExportForm> {
        Some(match text {
            "xml" => ExportForm::Xml,
            "csv" => ExportForm::Csv,
            "jsonl" => ExportForm::Jsonl,
            _ => return None,
        })
    }
}

/// A file in the making.
pub trait Export: Send {
    /// The next part of it, possibly empty, of a length that memory has room for; none behind the
    /// end.
    ///
    /// # Errors
    /// The log cannot be read.
    fn next(&mut self) -> Result<Option<Vec<u8>>, TrailFault>;
}

/// The log, for those who look at it. Every call may take long: they run on the pool.
pub trait Trail: Send + Sync + 'static {
    /// The entries that fit, newest first.
    ///
    /// # Errors
    /// The question makes no sense, or the log cannot be read.
    fn page(&self, query: &TrailQuery) -> Result<Page, TrailFault>;

    /// One transaction with all that came of it. With `of`, only if it is that user's.
    ///
    /// # Errors
    /// There is no such transaction, or the log cannot be read.
    fn story(&self, transaction: u64, of: Option<&UserName>) -> Result<Value, TrailFault>;

    /// Counts over the entries that fit.
    ///
    /// # Errors
    /// The question makes no sense, or the log cannot be read.
    fn stats(&self, query: &TrailQuery) -> Result<Value, TrailFault>;

    /// The entries that fit over time.
    ///
    /// # Errors
    /// The question makes no sense, or the log cannot be read.
    fn histogram(&self, query: &TrailQuery) -> Result<Vec<Bucket>, TrailFault>;

    /// Begins a file of the entries that fit, oldest first.
    ///
    /// # Errors
    /// The question makes no sense, or the log cannot be read.
    fn export(&self, query: &TrailQuery, form: ExportForm) -> Result<Box<dyn Export>, TrailFault>;

    /// What is proved of the log.
    ///
    /// # Errors
    /// The log cannot be read.
    fn proof(&self) -> Result<Value, TrailFault>;

    /// The entries about the account of `user` behind entry `after`, up to `last`, oldest first;
    /// none where they are more than `most`.
    ///
    /// # Errors
    /// The log cannot be read.
    fn entries(
        &self,
        user: &UserName,
        after: u64,
        last: u64,
        most: usize,
    ) -> Result<Option<Vec<(u64, Entry)>>, TrailFault>;

    /// The newest prices of all stocks in the log, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    fn prices(&self) -> Result<BTreeMap<Stock, Vec<PricePoint>>, TrailFault>;
}

/// The trail and the threads that look at it.
#[derive(Clone)]
pub struct TrailPool {
    trail: Arc<dyn Trail>,
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    of_user: Arc<Mutex<HashMap<UserName, usize>>>,
    exports: Exports,
}

struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the looks of one user.
struct UserPlace(Arc<Mutex<HashMap<UserName, usize>>>, UserName);

impl UserPlace {
    fn take(all: &Arc<Mutex<HashMap<UserName, usize>>>, user: &UserName) -> Result<Self, Fault> {
        let mut looks = all.lock().unwrap_or_else(PoisonError::into_inner);
        let own = looks.get(user).copied().unwrap_or_default();
        if own >= OF_A_USER {
            return Err(Fault::Busy(1));
        }
        looks.insert(user.clone(), own + 1);
        Ok(UserPlace(all.clone(), user.clone()))
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = looks.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                looks.remove(&self.1);
            }
        }
    }
}

impl From<TrailFault> for Fault {
    fn from(fault: TrailFault) -> Fault {
        match fault {
            TrailFault::Question(expected) => Fault::invalid(expected),
            TrailFault::NotFound => Fault::NotFound,
            TrailFault::Broken(reason) => {
                tracing::error!(reason, "the log cannot be read");
                Fault::Unavailable
            }
        }
    }
}

impl TrailPool {
    /// A pool around `trail`.
    pub fn new(trail: Arc<dyn Trail>) -> TrailPool {
        TrailPool {
            trail,
            threads: Arc::new(Semaphore::new(THREADS)),
            waiting: Arc::default(),
            of_user: Arc::default(),
            exports: Exports::new(),
        }
    }

    /// Begins an export for `user`, on threads of its own.
    ///
    /// # Errors
    /// Too many are open, the question makes no sense, or the log cannot be read.
    pub(crate) async fn export(
        &self,
        user: &UserName,
        query: TrailQuery,
        form: ExportForm,
    ) -> Result<Pieces, Fault> {
        let trail = self.trail.clone();
        self.exports.begin(user, move || trail.export(&query, form)).await
    }

    /// Looks into the log for `user`.
    ///
    /// # Errors
    /// Too many wait already, in all or of this user, or what the look itself says.
    pub async fn look_for<T: Send + 'static>(
        &self,
        user: &UserName,
        look: impl FnOnce(&dyn Trail) -> Result<T, TrailFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = UserPlace::take(&self.of_user, user)?;
        self.look(move |trail| {
            let done = look(trail);
            drop(place);
            done
        })
        .await
    }

    /// Looks into the log.
    ///
    /// # Errors
    /// Too many wait already, or what the look itself says.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&dyn Trail) -> Result<T, TrailFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Place(self.waiting.clone());
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING + THREADS {
            return Err(Fault::Busy(1));
        }
        let thread = self.threads.clone().acquire_owned().await.map_err(|_| Fault::Unavailable)?;
        let trail = self.trail.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = look(&*trail);
            drop((thread, place));
            done
        });
        Ok(done.await.map_err(|_| Fault::Unavailable)??)
    }
}
