//! `daytrade audit retain`.

use super::{Data, no_entry};
use crate::Failure;
use crate::followers::Store;
use crate::keys::{KeyArgs, now_ms};
use crate::terminal::{during, say};
use crate::urls::UrlParser;
use anyhow::Context as _;
use audit_logger::elasticsearch::{ElasticsearchSink, SearchUrl};
use audit_logger::follow::LogId;
use audit_logger::follow::roll::Enrolled;
use audit_logger::log::segments;
use audit_logger::parity::{Mirror, holds};
use audit_logger::postgres::{PostgresMirror, PostgresUrl};
use audit_logger::proof::{self, InstallationKey, Retained};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// Entries that a store is asked for at once.
const RANGE: u64 = 10_000;

#[derive(Args)]
pub struct RetainOptions {
    #[command(flatten)]
    data: Data,

    /// Keep at least the newest N entries; older segments go as a whole, once a signed snapshot
    /// covers them and every store that follows the log has answered that it holds them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep: u64,

    /// How to reach the Postgres that follows, where it asks for a password:
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    audit: Option<PostgresUrl>,

    /// How to reach the Elasticsearch that follows, where it asks for a password:
    /// `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    search: Option<SearchUrl>,

    #[command(flatten)]
    key: KeyArgs,
}

pub fn run(options: &RetainOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let key = options.key.load_for(&folder)?;
    let stores = Store::given(options.audit.as_ref(), options.search.as_ref());
    say(retain(&folder, options.keep, &key, &stores)?);
    Ok(ExitCode::SUCCESS)
}

/// Removes what is not to be kept of the log in `folder`; returns what to say of it. `stores` are
/// those whose passwords are known.
pub fn retain(
    folder: &Path,
    keep: u64,
    key: &InstallationKey,
    stores: &[Store],
) -> anyhow::Result<String> {
    let _lock = segments::lock(folder)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = during("checking the log", || {
        let mut ask = |store: &Enrolled, entries: Range<u64>| {
            ask(&runtime, folder, stores, store, entries).map_err(|error| format!("{error:#}"))
        };
        proof::retain::retain(folder, keep, key, now_ms(), &mut ask)
    })?;
    Ok(told(&done))
}

/// Asks `store` for `entries`, the first that are left of the log in `folder`.
fn ask(
    runtime: &Runtime,
    folder: &Path,
    stores: &[Store],
    store: &Enrolled,
    entries: Range<u64>,
) -> anyhow::Result<()> {
    let log = LogId::of(folder)?.ok_or_else(|| no_entry(folder))?;
    let known = stores
        .iter()
        .find(|known| known.name() == store.name && known.to_string() == store.address);
    let parsed = match known {
        Some(known) => known.clone(),
        // Its password stands nowhere; it may need none.
        None => noted(store)?,
    };
    match parsed {
        Store::Postgres(url) => held(runtime, PostgresMirror::new(url), folder, &log, entries.end),
        Store::Elasticsearch(url) => {
            held(runtime, ElasticsearchSink::new(url, folder, ""), folder, &log, entries.end)
        }
    }
}

/// The store as it is noted beside the log. It is asked with the TLS checks with which it follows:
/// whoever answers in its place must not decide what is removed.
fn noted(store: &Enrolled) -> anyhow::Result<Store> {
    let address = match &store.parameters {
        Some(parameters) if !parameters.is_empty() => format!("{}?{parameters}", store.address),
        None if store.name == "postgres" => {
            anyhow::bail!(
                "an earlier version noted it without its TLS settings: name it with --audit, or \
                 let it follow once more"
            );
        }
        _ => store.address.clone(),
    };
    Store::named(&store.name, &address).context("no store that could be asked is noted there")
}

fn held(
    runtime: &Runtime,
    mut mirror: impl Mirror,
    folder: &Path,
    log: &LogId,
    end: u64,
) -> anyhow::Result<()> {
    let parity = runtime
        .block_on(holds(&mut mirror, folder, log, end, RANGE))
        .context("it cannot be asked (--audit or --search names it with its password)")?;
    match parity.difference {
        None => Ok(()),
        Some(difference) => Err(anyhow::anyhow!("{difference}")),
    }
}

fn told(done: &Retained) -> String {
    let left = format!("entries {} to {} are left", HumanCount(done.first), HumanCount(done.last));
    let mut text = match done.segments {
        0 => format!("retain   nothing to remove: {left}"),
        segments => {
            format!("retain   {segments} segments removed, {}: {left}", HumanBytes(done.bytes))
        }
    };
    for holder in &done.held_by {
        text.push_str(&format!("\n         more is needed by {holder}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_is_asked_as_it_follows() {
        let store = |parameters: Option<&str>| Enrolled {
            name: "postgres".to_string(),
            address: "postgres://ann@db/audit".to_string(),
            parameters: parameters.map(str::to_string),
            next: 5,
        };
        let parameters = "sslmode=verify-full&sslrootcert=/ca.pem";
        let Ok(Store::Postgres(url)) = noted(&store(Some(parameters))) else { panic!() };
        assert_eq!(url.parameters(), parameters);
        assert!(matches!(noted(&store(Some(""))), Ok(Store::Postgres(_))));
        let error = noted(&store(None)).unwrap_err().to_string();
        assert!(error.contains("--audit"), "{error}");
    }
}
