//! The log as the frontend looks at it. Only what is durable is ever shown.

use super::export::LogExport;
use crate::audit::filter::{FilterArgs, FilterTexts};
use crate::audit::stats::Answer;
use audit_logger::proof::{Checkpoint, PublicKey, checkpoint};
use audit_logger::query::filter::OutcomeIs;
use audit_logger::query::history::{HistoryError, story};
use audit_logger::query::record::time_ms;
use audit_logger::query::{Catalogue, Filter, Order, Record, Source, Stats};
use domain::trading::{Entry, Outcome, Price, Stock, UserName};
use frontend::trail::Export;
use frontend::{Bucket, ExportForm, Page, Trail, TrailFault, TrailQuery};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Records on a page if not said, and at most.
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

/// Pieces of time in a histogram if not said, and at most.
const BUCKETS: usize = 60;
const MOST_BUCKETS: usize = 500;

/// Quotes that are looked at for the prices before the start.
const QUOTES: usize = 20_000;

/// The log in a folder.
pub struct LogTrail {
    log: PathBuf,
    server: String,
    durable: watch::Receiver<u64>,
    /// The key whose checkpoints count.
    key: Option<PublicKey>,
}

pub(super) fn broken(error: impl std::fmt::Display) -> TrailFault {
    TrailFault::Broken(format!("{error:#}"))
}

impl LogTrail {
    /// The log in the folder `log`; `durable` tells the number of its next entry. Only checkpoints
    /// that `key` signed count.
    pub fn new(
        log: &Path,
        server: &str,
        durable: watch::Receiver<u64>,
        key: Option<PublicKey>,
    ) -> LogTrail {
        LogTrail { log: log.to_path_buf(), server: server.to_string(), durable, key }
    }

    fn last(&self) -> u64 {
        *self.durable.borrow() - 1
    }

    fn open(&self) -> Result<Source, TrailFault> {
        Ok(Catalogue::open(&self.log, true).map_err(broken)?.into())
    }

    /// What is asked for, among the entries that are durable.
    fn filter(&self, query: &TrailQuery, source: &Source) -> Result<Filter, TrailFault> {
        let query = query.clone();
        let texts = FilterTexts {
            user: query.user,
            stock: query.stock,
            command: query.command,
            outcome: query.outcome,
            tx: query.tx,
            since: query.since,
            until: query.until,
            amount: query.amount,
            text: query.text,
        };
        let arguments = FilterArgs::try_from(texts).map_err(TrailFault::Question)?;
        let mut filter =
            arguments.filter(source).map_err(|error| TrailFault::Question(error.to_string()))?;
        let before = query.before.map_or(u64::MAX, |before| before.saturating_sub(1));
        filter.entries = 0..=before.min(self.last());
        Ok(filter)
    }
}

impl Trail for LogTrail {
    fn page(&self, query: &TrailQuery) -> Result<Page, TrailFault> {
        let source = self.open()?;
        let filter = self.filter(query, &source)?;
        let limit = query.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
        let mut found = source.collect(&filter, Order::NewestFirst, limit + 1).map_err(broken)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|(number, _)| *number).filter(|_| more);
        let record = |(number, entry): &(u64, Entry)| json!(Record::of(*number, entry));
        Ok(Page { records: found.iter().map(record).collect(), next })
    }

    fn story(&self, transaction: u64, of: Option<&UserName>) -> Result<Value, TrailFault> {
        let source = self.open()?;
        // Whose it is comes first: to fold another user's history takes as long as it is, and that
        // would tell that the transaction exists.
        if let Some(user) = of {
            let filter = Filter {
                users: vec![user.to_string()],
                transactions: Some(transaction..=transaction),
                entries: 0..=self.last(),
                ..Filter::default()
            };
            if source.collect(&filter, Order::OldestFirst, 1).map_err(broken)?.is_empty() {
                return Err(TrailFault::NotFound);
            }
        }
        let told = match story(&source, transaction) {
            Ok(told) => told,
            Err(HistoryError::Log(error)) => return Err(broken(error)),
            Err(_) => return Err(TrailFault::NotFound),
        };
        let own = |user: &UserName| {
            told.steps.iter().all(|step| step.record.user.as_deref() == Some(user.as_str()))
        };
        // Another's is as if it were not there.
        if told.steps.is_empty() || !of.is_none_or(own) {
            return Err(TrailFault::NotFound);
        }
        serde_json::to_value(&told).map_err(broken)
    }

    fn stats(&self, query: &TrailQuery) -> Result<Value, TrailFault> {
        let source = self.open()?;
        let filter = self.filter(query, &source)?;
        let mut stats = Stats::default();
        source
            .gather(
                &filter,
                |part: &mut Stats, _, entry| part.count(&entry),
                |part| stats.merge(part),
            )
            .map_err(broken)?;
        serde_json::to_value(Answer::new(&stats, &source, 10)).map_err(broken)
    }

    fn histogram(&self, query: &TrailQuery) -> Result<Vec<Bucket>, TrailFault> {
        let source = self.open()?;
        let filter = self.filter(query, &source)?;
        let end = |order| -> Result<Option<u64>, TrailFault> {
            let found = source.collect(&filter, order, 1).map_err(broken)?;
            Ok(found.first().map(|(_, entry)| time_ms(entry)))
        };
        let (first, last) = (end(Order::OldestFirst)?, end(Order::NewestFirst)?);
        let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
        // Entries are not quite in the order of their times.
        let (first, last) = (first.min(last), last.max(first));
        let buckets = query.buckets.unwrap_or(BUCKETS).clamp(1, MOST_BUCKETS) as u64;
        let width = (last - first + 1).div_ceil(buckets).max(1);
        let count = (last - first) / width + 1;
        let bucket = |at: u64| Bucket {
            from_ms: first + at * width,
            to_ms: first + (at + 1) * width - 1,
            ..Bucket::default()
        };
        let mut all: Vec<Bucket> = (0..count).map(bucket).collect();
        source
            .gather(
                &filter,
                |part: &mut BTreeMap<u64, [u64; 3]>, _, entry| {
                    let at = (time_ms(&entry).saturating_sub(first) / width).min(count - 1);
                    let kind = match &entry {
                        Entry::Command(decided) => match decided.outcome {
                            Outcome::Accepted(_) => 0,
                            Outcome::Rejected(_) => 1,
                        },
                        _ => 2,
                    };
                    part.entry(at).or_default()[kind] += 1;
                },
                |part| {
                    for (at, [accepted, rejected, other]) in part {
                        let bucket = &mut all[at as usize];
                        bucket.accepted += accepted;
                        bucket.rejected += rejected;
                        bucket.other += other;
                    }
                },
            )
            .map_err(broken)?;
        Ok(all)
    }

    fn export(&self, query: &TrailQuery, form: ExportForm) -> Result<Box<dyn Export>, TrailFault> {
        let source = self.open()?;
        let filter = self.filter(query, &source)?;
        Ok(Box::new(LogExport::new(source, filter, form, &self.server)))
    }

    fn proof(&self) -> Result<Value, TrailFault> {
        let source = self.open()?;
        let kept = checkpoint::list(&self.log).map_err(broken)?;
        // Whoever can write the folder can put a checkpoint there.
        let ours = |one: &Checkpoint| Some(one.key) == self.key && one.is_signed();
        let newest = kept.into_iter().filter_map(|kept| kept.checkpoint.ok()).filter(ours);
        let newest = newest.max_by_key(|one| one.entries);
        Ok(json!({
            "entries": self.last(),
            "first_entry": source.first(),
            "vouched_for": newest.as_ref().map(|checkpoint| checkpoint.entries),
            "signed_ms": newest.as_ref().map(|checkpoint| checkpoint.time_ms),
            "signed_by": newest.as_ref().map(|checkpoint| checkpoint.key.to_string()),
        }))
    }

    fn entries(
        &self,
        user: &UserName,
        after: u64,
        last: u64,
        most: usize,
    ) -> Result<Option<Vec<(u64, Entry)>>, TrailFault> {
        let entries = after.saturating_add(1)..=last.min(self.last());
        if entries.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let filter = Filter { users: vec![user.to_string()], entries, ..Filter::default() };
        let found = self.open()?.collect(&filter, Order::OldestFirst, most + 1).map_err(broken)?;
        Ok((found.len() <= most).then_some(found))
    }

    fn prices(&self) -> Result<BTreeMap<Stock, Vec<(u64, Price)>>, TrailFault> {
        let filter = Filter { outcome: Some(OutcomeIs::Quote), ..Filter::default() };
        let found = self.open()?.collect(&filter, Order::NewestFirst, QUOTES).map_err(broken)?;
        let mut prices: BTreeMap<Stock, Vec<(u64, Price)>> = BTreeMap::new();
        for (_, entry) in found.into_iter().rev() {
            if let Entry::Quote(quote) = entry {
                prices.entry(quote.stock).or_default().push((quote.received_ms, quote.price));
            }
        }
        Ok(prices)
    }
}
