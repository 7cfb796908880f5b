//! The stores that are compared. Another one takes a [`Store`] of its own and a line in [`given`].

use super::super::options::LoggingOptions;
use super::xml_file::{self, XmlFile};
use crate::followers::Store as Followed;
use anyhow::Context as _;
use audit_logger::elasticsearch::{ElasticsearchSink, SearchUrl};
use audit_logger::follow::{Follower, FollowerOptions, LogId, Sink as _};
use audit_logger::parity::Mirror as _;
use audit_logger::postgres::one_by_one::OneByOne;
use audit_logger::postgres::{PostgresSink, PostgresUrl};
use audit_logger::query::{Filter, Source, Stored, Which};
use std::future::Future;
use std::path::Path;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// Entries that a store takes at once where it takes each for itself: few, so that its backlog can
/// be watched.
const FEW: usize = 200;

/// A store that follows the log of a run.
pub trait Store {
    /// Its name in `result.json`.
    fn name(&self) -> &'static str;

    /// What is done for an entry, in a few words.
    fn about(&self) -> &'static str;

    /// Begins to follow the log in `log`, of which `durable` tells how far it is.
    fn follow(&self, log: &Path, durable: watch::Receiver<u64>) -> anyhow::Result<Follower>;

    /// Counts the entries of the log that it holds, by looking at all of them.
    fn held(&self, log: &Path) -> anyhow::Result<u64>;

    /// Removes what it holds.
    fn remove(&self, log: &Path) -> anyhow::Result<()>;
}

/// A store that is left out, and the option that would have it measured.
pub type LeftOut = (&'static str, &'static str);

/// The stores that are given, and those that are not with the option that would give them.
pub fn given(options: &LoggingOptions) -> (Vec<Box<dyn Store>>, Vec<LeftOut>) {
    let mut stores: Vec<Box<dyn Store>> = vec![Box::new(FlatFile)];
    let mut left_out = Vec::new();
    match &options.audit {
        Some(url) => {
            let table = u64::from(std::process::id());
            stores.push(Box::new(RowByRow { url: url.clone(), table }));
            stores.push(Box::new(Copied { url: url.clone() }));
        }
        None => left_out.extend([("postgres_rows", "--audit"), ("postgres_copy", "--audit")]),
    }
    match &options.search {
        Some(url) => stores.push(Box::new(Searched { url: url.clone() })),
        None => left_out.push(("elasticsearch", "--search")),
    }
    (stores, left_out)
}

/// Fails where a store that is given does not answer.
pub fn check(options: &LoggingOptions) -> anyhow::Result<()> {
    if let Some(url) = &options.audit {
        wait(url.connect()).with_context(|| url.to_string())?;
    }
    if let Some(url) = &options.search {
        // A log that nobody wrote: what counts is the answer.
        let nobody = LogId([0; 32]);
        wait(audit_logger::elasticsearch::stored(url, &nobody)).with_context(|| url.to_string())?;
    }
    Ok(())
}

/// Waits for an answer of a server.
fn wait<T, E: Into<anyhow::Error>>(
    answer: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(answer).map_err(Into::into)
}

fn slowly(durable: watch::Receiver<u64>) -> FollowerOptions {
    FollowerOptions { batch_entries: FEW, durable: Some(durable), ..FollowerOptions::default() }
}

struct FlatFile;

impl Store for FlatFile {
    fn name(&self) -> &'static str {
        "xml_file"
    }

    fn about(&self) -> &'static str {
        "one flat XML file: the elements of each entry written and flushed for themselves, never \
         synced to the disk"
    }

    fn follow(&self, log: &Path, durable: watch::Receiver<u64>) -> anyhow::Result<Follower> {
        let file = xml_file::beside(log);
        Ok(Follower::start(self.name(), log, slowly(durable), move || XmlFile::new(file))?)
    }

    fn held(&self, log: &Path) -> anyhow::Result<u64> {
        xml_file::held(&xml_file::beside(log), log)
    }

    fn remove(&self, log: &Path) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(xml_file::beside(log))?)
    }
}

struct RowByRow {
    url: PostgresUrl,
    table: u64,
}

impl Store for RowByRow {
    fn name(&self) -> &'static str {
        "postgres_rows"
    }

    fn about(&self) -> &'static str {
        "Postgres row by row: an INSERT and a commit for each entry, with the same columns and \
         indexes"
    }

    fn follow(&self, log: &Path, durable: watch::Receiver<u64>) -> anyhow::Result<Follower> {
        let (url, table) = (self.url.clone(), self.table);
        let make = move || OneByOne::new(url, table);
        Ok(Follower::start(self.name(), log, slowly(durable), make)?)
    }

    fn held(&self, _: &Path) -> anyhow::Result<u64> {
        wait(OneByOne::count(&self.url, self.table))
    }

    fn remove(&self, _: &Path) -> anyhow::Result<()> {
        wait(OneByOne::remove(&self.url, self.table))
    }
}

struct Copied {
    url: PostgresUrl,
}

impl Store for Copied {
    fn name(&self) -> &'static str {
        "postgres_copy"
    }

    fn about(&self) -> &'static str {
        "Postgres as a run with --audit fills it: binary COPY in batches, each in one transaction \
         with the position"
    }

    fn follow(&self, log: &Path, durable: watch::Receiver<u64>) -> anyhow::Result<Follower> {
        Followed::Postgres(self.url.clone()).follow(log, "experiment", Some(durable))
    }

    fn held(&self, log: &Path) -> anyhow::Result<u64> {
        let identity = LogId::of(log)?.context("the log holds no entry")?;
        let source: Source = Stored::open(&self.url, Which::Log(identity))?.into();
        let mut held = 0;
        let each = |part: &mut u64, _, _| *part += 1;
        source.gather(&Filter::default(), each, |part| held += part)?;
        Ok(held)
    }

    fn remove(&self, log: &Path) -> anyhow::Result<()> {
        let identity = LogId::of(log)?.context("the log holds no entry")?;
        wait(PostgresSink::new(self.url.clone(), "", "").reset(&identity))
    }
}

struct Searched {
    url: SearchUrl,
}

impl Store for Searched {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    fn about(&self) -> &'static str {
        "Elasticsearch as a run with --search fills it: bulk requests into a data stream, each \
         document with an id of its own"
    }

    fn follow(&self, log: &Path, durable: watch::Receiver<u64>) -> anyhow::Result<Follower> {
        Followed::Elasticsearch(self.url.clone()).follow(log, "experiment", Some(durable))
    }

    fn held(&self, log: &Path) -> anyhow::Result<u64> {
        let identity = LogId::of(log)?.context("the log holds no entry")?;
        let mut sink = ElasticsearchSink::new(self.url.clone(), log, "");
        wait(sink.count(&identity, 1..u64::MAX))
    }

    fn remove(&self, log: &Path) -> anyhow::Result<()> {
        let identity = LogId::of(log)?.context("the log holds no entry")?;
        wait(ElasticsearchSink::new(self.url.clone(), log, "").remove(&identity))
    }
}
