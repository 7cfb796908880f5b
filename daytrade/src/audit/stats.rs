//! `daytrade audit stats`.

use super::AnswerForm;
use super::filter::FilterArgs;
use super::place::Place;
use super::table::aligned;
use crate::Failure;
use crate::terminal::{say, shortened, width};
use audit_logger::query::Source;
use audit_logger::query::record::time_text;
use audit_logger::query::stats::{Asked, Decided, Stats};
use clap::Args;
use console::style;
use domain::text::visible;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// What a column of counts takes at most.
const COUNT_WIDTH: usize = 16;

#[derive(Args)]
pub struct StatsOptions {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    filter: FilterArgs,

    /// How many users and stocks are listed
    #[arg(long, default_value_t = 10, value_name = "N")]
    top: usize,

    /// A table, or JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

/// The answer as JSON has it.
#[derive(Serialize)]
pub struct Answer {
    entries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    log: Log,
    accepted: u64,
    rejected: u64,
    commands: BTreeMap<&'static str, Decided>,
    rejects: BTreeMap<&'static str, u64>,
    users: u64,
    top_users: Vec<User>,
    quotes: Asked,
    stocks: u64,
    top_stocks: Vec<StockAsked>,
    expired: u64,
    filled: u64,
    fired_at_once: u64,
}

/// The whole log, whatever is counted of it.
#[derive(Serialize)]
struct Log {
    first_entry: u64,
    last_entry: u64,
}

#[derive(Serialize)]
struct User {
    user: String,
    commands: u64,
}

#[derive(Serialize)]
struct StockAsked {
    stock: String,
    #[serde(flatten)]
    asked: Asked,
}

pub fn run(options: StatsOptions) -> Result<ExitCode, Failure> {
    let source = options.place.open(options.filter.is_narrow())?;
    let filter = options.filter.filter(&source)?;
    let mut stats = Stats::default();
    source.gather(
        &filter,
        |part: &mut Stats, _, entry| part.count(&entry),
        |part| stats.merge(part),
    )?;
    let answer = Answer::new(&stats, &source, options.top);
    match options.format {
        AnswerForm::Json => say(serde_json::to_string_pretty(&answer)?),
        AnswerForm::Table => say(answer.told(&standing(&source)).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

impl Answer {
    pub fn new(stats: &Stats, source: &Source, top: usize) -> Answer {
        let user = |(user, commands): (&str, u64)| User { user: user.to_string(), commands };
        let decided = || stats.commands.values();
        let stocks = stats.stocks();
        Answer {
            entries: stats.entries,
            first: stats.times.map(|(first, _)| time_text(first)),
            last: stats.times.map(|(_, last)| time_text(last)),
            log: Log { first_entry: source.first(), last_entry: source.next() - 1 },
            accepted: decided().map(|decided| decided.accepted).sum(),
            rejected: decided().map(|decided| decided.rejected).sum(),
            commands: stats.commands.iter().map(|(name, found)| (name.as_str(), *found)).collect(),
            rejects: stats.rejects.clone(),
            users: stats.users.len() as u64,
            top_users: stats.top_users(top).into_iter().map(user).collect(),
            quotes: stats.quotes(),
            stocks: stocks.len() as u64,
            top_stocks: stocks
                .into_iter()
                .take(top)
                .map(|(stock, asked)| StockAsked { stock: stock.to_string(), asked })
                .collect(),
            expired: stats.expired,
            filled: stats.filled,
            fired_at_once: stats.fired_at_once,
        }
    }

    fn told(&self, place: &str) -> String {
        let times = match (&self.first, &self.last) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "none".to_string(),
        };
        let quotes = self.quotes;
        let facts = [
            ("entries", count(self.entries)),
            ("time", times),
            (
                "log",
                format!(
                    "{place}, entries {} to {}",
                    count(self.log.first_entry),
                    count(self.log.last_entry)
                ),
            ),
            (
                "commands",
                format!(
                    "{}: {} accepted, {} rejected",
                    count(self.accepted + self.rejected),
                    count(self.accepted),
                    count(self.rejected)
                ),
            ),
            (
                "quotes",
                format!(
                    "{} paid for, {} refused, {} prices known already",
                    count(quotes.answers),
                    count(quotes.refused),
                    count(quotes.cached)
                ),
            ),
            ("expired", count(self.expired)),
            (
                "fired",
                format!("{} later, {} at once", count(self.filled), count(self.fired_at_once)),
            ),
        ];
        let rows: Vec<Vec<String>> =
            facts.into_iter().map(|(name, text)| vec![name.to_string(), text]).collect();
        let mut text = aligned(&rows, &[]);
        let mut section = |head: &[&str], mut rows: Vec<Vec<String>>| {
            if rows.is_empty() {
                return;
            }
            rows.insert(0, head.iter().map(|cell| cell.to_string()).collect());
            let right: Vec<usize> = (1..head.len()).collect();
            let table = aligned(&rows, &right);
            let (head, rest) = table.split_once('\n').unwrap_or_default();
            text.push_str(&format!("\n{}\n{rest}", style(head).bold()));
        };
        let commands = self.commands.iter().map(|(name, found)| {
            vec![name.to_string(), count(found.accepted), count(found.rejected)]
        });
        section(&["command", "accepted", "rejected"], commands.collect());
        let mut rejects: Vec<_> = self.rejects.iter().collect();
        rejects.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let rejects =
            rejects.into_iter().map(|(code, found)| vec![code.to_string(), count(*found)]);
        section(&["rejected for", "commands"], rejects.collect());
        let users = self.top_users.iter();
        let room = width().map_or(usize::MAX, |width| width.saturating_sub(COUNT_WIDTH).max(8));
        let users = users.map(|user| {
            vec![shortened(&visible(&user.user), room).into_owned(), count(user.commands)]
        });
        section(&[&format!("user (of {})", count(self.users)), "commands"], users.collect());
        let stocks = self.top_stocks.iter().map(|found| {
            let asked = found.asked;
            let counts = [asked.answers, asked.refused, asked.cached].map(count);
            std::iter::once(found.stock.clone()).chain(counts).collect()
        });
        let head = format!("stock (of {})", count(self.stocks));
        section(&[&head, "paid for", "refused", "known already"], stocks.collect());
        text
    }
}

/// Where the log is, and what it takes there.
fn standing(source: &Source) -> String {
    match source {
        Source::Segments(catalogue) => {
            format!("{} bytes in {} segments", count(catalogue.bytes()), catalogue.segments())
        }
        Source::Postgres(stored) => stored.url().to_string(),
    }
}

fn count(value: u64) -> String {
    indicatif::HumanCount(value).to_string()
}
