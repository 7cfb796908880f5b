//! `daytrade audit parity`.

use super::{AnswerForm, Data, no_entry};
use crate::Failure;
use crate::terminal::say;
use crate::urls::UrlParser;
use anyhow::{Context as _, anyhow};
use audit_logger::elasticsearch::{ElasticsearchSink, SearchUrl};
use audit_logger::follow::LogId;
use audit_logger::parity::{Mirror, Parity, compare};
use audit_logger::postgres::{PostgresMirror, PostgresUrl};
use clap::Args;
use console::style;
use indicatif::HumanCount;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Builder;

#[derive(Args)]
pub struct ParityOptions {
    #[command(flatten)]
    data: Data,

    /// A Postgres that follows the log: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    audit: Option<PostgresUrl>,

    /// An Elasticsearch that follows the log: `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    search: Option<SearchUrl>,

    /// Entries that are compared at once
    #[arg(long, default_value_t = 10_000, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    range: u64,

    /// A text, or JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

pub fn run(options: &ParityOptions) -> Result<ExitCode, Failure> {
    // A log or a store that cannot be read is not a different one.
    compare_all(options).map_err(Failure::Usage)
}

fn compare_all(options: &ParityOptions) -> anyhow::Result<ExitCode> {
    let folder = options.data.log()?;
    let log = LogId::of(&folder)?.ok_or_else(|| no_entry(&folder))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut told = Vec::new();
    if let Some(url) = &options.audit {
        let mirror = PostgresMirror::new(url.clone());
        told.push(runtime.block_on(ask(mirror, &folder, &log, options.range))?);
    }
    if let Some(url) = &options.search {
        let mirror = ElasticsearchSink::new(url.clone(), &folder, "");
        told.push(runtime.block_on(ask(mirror, &folder, &log, options.range))?);
    }
    if told.is_empty() {
        return Err(anyhow!(
            "no store is named: --audit names a Postgres, --search an Elasticsearch"
        ));
    }
    match options.format {
        AnswerForm::Json => say(serde_json::to_string_pretty(&told)?),
        AnswerForm::Table => told.iter().for_each(tell),
    }
    let same = told.iter().all(|parity| parity.difference.is_none());
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn ask(
    mut mirror: impl Mirror,
    folder: &Path,
    log: &LogId,
    range: u64,
) -> anyhow::Result<Parity> {
    let bar = indicatif::ProgressBar::new_spinner();
    let name = mirror.name();
    let compared = compare(&mut mirror, folder, log, range, |entry| {
        bar.set_message(format!("{name}: the same up to entry {}", HumanCount(entry)));
        bar.tick();
    })
    .await;
    bar.finish_and_clear();
    compared.with_context(|| name.to_string())
}

fn tell(parity: &Parity) {
    let Some(difference) = &parity.difference else {
        say(format_args!(
            "{}  {:13} entries {} to {}, {}",
            style("SAME").green().bold(),
            parity.store,
            HumanCount(parity.first),
            HumanCount(parity.last),
            parity.hash
        ));
        return;
    };
    say(format_args!(
        "{}  {:8} {difference}; entries {} to {} are the same",
        style("DIFFERENT").red().bold(),
        parity.store,
        HumanCount(parity.first),
        HumanCount(parity.same)
    ));
    for counts in &parity.counts {
        say(format_args!(
            "  range {} to {}: {} in the log, {} in the store",
            HumanCount(counts.first),
            HumanCount(counts.last),
            HumanCount(counts.log),
            HumanCount(counts.store)
        ));
    }
}
