//! Where a question is asked: the segments of a log, or a store that followed it.

use super::Data;
use crate::terminal::warn;
use crate::urls::UrlParser;
use anyhow::{Context as _, anyhow};
use audit_logger::follow::{Frontier, LogId};
use audit_logger::postgres::PostgresUrl;
use audit_logger::query::{Follower, Source, Stored, Which};
use clap::Args;

#[derive(Args)]
pub struct Place {
    #[command(flatten)]
    data: Data,

    /// Ask this Postgres, which followed the log, and not the log itself:
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`. The answer is the same as far as it has
    /// followed. Where it has several logs, --data or --log says which
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    from: Option<PostgresUrl>,

    /// The log with this number in the Postgres
    #[arg(long, value_name = "N", requires = "from", conflicts_with = "data")]
    log: Option<i32>,
}

impl Place {
    /// Opens what is asked. `narrow`: whether an index saves reading most of the log.
    pub fn open(&self, narrow: bool) -> anyhow::Result<Source> {
        match &self.from {
            Some(url) => Ok(self.stored(url)?.into()),
            None => Ok(self.data.open(narrow)?.1.into()),
        }
    }

    /// The folder of the log itself.
    pub fn log(&self) -> anyhow::Result<std::path::PathBuf> {
        self.data.log()
    }

    /// What tells of entries to come, behind those of `source`.
    pub fn follower(&self, source: Source) -> anyhow::Result<Following> {
        Ok(match source {
            Source::Segments(catalogue) => {
                let end = catalogue.end().clone();
                Following::Segments(Follower::new(&self.data.log()?, end))
            }
            Source::Postgres(stored) => Following::Postgres(stored),
        })
    }

    fn stored(&self, url: &PostgresUrl) -> anyhow::Result<Stored> {
        let which = match self.log {
            Some(number) => Which::Number(number),
            None if self.data.is_given() => {
                let identity = LogId::of(&self.data.log()?)?;
                Which::Log(identity.context("the log of --data holds no entry yet")?)
            }
            None => Which::Only(self.here().map(|(identity, _)| identity)),
        };
        let stored = Stored::open(url, which)?;
        // The log may be on another machine; where it is here, it is told what is still missing.
        if let Some((identity, next)) = self.here()
            && identity == stored.log().identity
            && next > stored.next()
        {
            warn(format_args!(
                "note: {url} is {} entries behind the log: they are left out",
                indicatif::HumanCount(next - stored.next())
            ));
        }
        Ok(stored)
    }

    /// The log of --data, if there is any: its identity and its next entry.
    fn here(&self) -> Option<(LogId, u64)> {
        let folder = self.data.log().ok()?;
        let identity = LogId::of(&folder).ok()??;
        Some((identity, Frontier::of(&folder).ok()?.next()))
    }
}

/// Tells new entries as they come.
pub enum Following {
    /// As the log grows.
    Segments(Follower),
    /// As the store takes them in.
    Postgres(Box<Stored>),
}

impl Following {
    /// Calls `each` with every entry that fits `filter` and came since the last call.
    pub fn poll(
        &mut self,
        filter: &audit_logger::query::Filter,
        mut each: impl FnMut(u64, domain::trading::Entry),
    ) -> anyhow::Result<()> {
        match self {
            Following::Segments(follower) => follower.poll(filter, |number, entry| {
                each(number, entry);
                Ok::<_, anyhow::Error>(())
            }),
            Following::Postgres(stored) => {
                stored.poll(filter, each).map_err(|error| anyhow!(error))
            }
        }
    }
}
