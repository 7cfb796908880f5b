//! Where a log is looked at: its segments, or a store that followed it. Whoever asks does not care.

use super::scan::{self, Order};
use super::stored::Stored;
use super::{Catalogue, Filter};
use crate::error::LogError;
use domain::trading::{Entry, RulesVersion};
use std::ops::ControlFlow;
use thiserror::Error;

/// A question that was not answered.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store cannot be asked, or has not what is asked for.
    #[error("{store}: {reason}")]
    Store {
        /// Where it is.
        store: String,
        /// What is wrong.
        reason: String,
    },
}

// A store keeps entries without the version of their rules. Once there is a second version, it has
// to keep that too: until then there is only one that can be meant.
const _: () = assert!(RulesVersion::CURRENT.number() == RulesVersion::V1.number());

/// A log that can be asked.
pub enum Source {
    /// The segments of a log.
    Segments(Catalogue),
    /// What a Postgres has of it.
    Postgres(Box<Stored>),
}

impl From<Catalogue> for Source {
    fn from(catalogue: Catalogue) -> Source {
        Source::Segments(catalogue)
    }
}

impl From<Stored> for Source {
    fn from(stored: Stored) -> Source {
        Source::Postgres(Box::new(stored))
    }
}

impl Source {
    /// The number of the first entry.
    pub fn first(&self) -> u64 {
        match self {
            Source::Segments(catalogue) => catalogue.first(),
            // What follows a log takes it from its first entry on.
            Source::Postgres(_) => 1,
        }
    }

    /// The number of the entry behind the last.
    pub fn next(&self) -> u64 {
        match self {
            Source::Segments(catalogue) => catalogue.end().next,
            Source::Postgres(stored) => stored.next(),
        }
    }

    /// The rules that decided entry `number`.
    pub fn rules_of(&self, number: u64) -> RulesVersion {
        match self {
            Source::Segments(catalogue) => catalogue.rules_of(number),
            Source::Postgres(_) => RulesVersion::V1,
        }
    }

    /// Calls `each` with every entry that fits `filter` and its number, in `order` within a part,
    /// possibly on several threads at once; `take` gets what `each` gathered in the parts, in
    /// order, and may end the scan. Of one part at most `most` entries are handed to `each`.
    ///
    /// # Errors
    /// The log cannot be read, or the store cannot be asked, and what `take` returns.
    pub fn scan<T, E>(
        &self,
        filter: &Filter,
        order: Order,
        most: usize,
        each: impl Fn(&mut T, u64, Entry) + Sync,
        take: impl FnMut(T) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E>
    where
        T: Default + Send,
        E: From<LogError> + From<QueryError>,
    {
        match self {
            Source::Segments(catalogue) => scan::scan(catalogue, filter, order, most, each, take),
            Source::Postgres(stored) => stored.scan(filter, order, most, each, take),
        }
    }

    /// Gathers all entries that fit `filter` into a `T` for each large part of the log: for what
    /// stays small however much goes into it, such as counts.
    ///
    /// # Errors
    /// The log cannot be read, or the store cannot be asked.
    pub fn gather<T: Default + Send>(
        &self,
        filter: &Filter,
        each: impl Fn(&mut T, u64, Entry) + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), QueryError> {
        match self {
            Source::Segments(catalogue) => Ok(scan::gather(catalogue, filter, each, take)?),
            Source::Postgres(stored) => {
                stored.scan(filter, Order::OldestFirst, usize::MAX, each, |part| {
                    take(part);
                    Ok(ControlFlow::Continue(()))
                })
            }
        }
    }

    /// The entries that fit `filter`, up to `most` of them, with their numbers.
    ///
    /// # Errors
    /// The log cannot be read, or the store cannot be asked.
    pub fn collect(
        &self,
        filter: &Filter,
        order: Order,
        most: usize,
    ) -> Result<Vec<(u64, Entry)>, QueryError> {
        let mut all: Vec<(u64, Entry)> = Vec::new();
        self.scan(
            filter,
            order,
            most,
            |found: &mut Vec<(u64, Entry)>, number, entry| found.push((number, entry)),
            |found| {
                all.extend(found.into_iter().take(most - all.len()));
                Ok::<_, QueryError>(match all.len() < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                })
            },
        )?;
        Ok(all)
    }
}
