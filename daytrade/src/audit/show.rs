//! `daytrade audit show`.

use super::AnswerForm;
use super::place::Place;
use super::table::cash;
use crate::Failure;
use crate::terminal::{say, shortened, width};
use audit_logger::query::Record;
use audit_logger::query::history::{Change, Story, story};
use clap::Args;
use console::style;
use domain::text::visible;
use std::fmt::Write;
use std::process::ExitCode;

/// The longest name on a terminal: good ones have at most 64 characters.
const LONGEST_SHOWN: usize = 120;

#[derive(Args)]
pub struct ShowOptions {
    /// The number of the transaction
    #[arg(value_name = "TX")]
    transaction: u64,

    #[command(flatten)]
    place: Place,

    /// A text, or JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

pub fn run(options: &ShowOptions) -> Result<ExitCode, Failure> {
    let source = options.place.open(true)?;
    let story = story(&source, options.transaction)?;
    match options.format {
        AnswerForm::Json => say(serde_json::to_string_pretty(&story)?),
        AnswerForm::Table => say(told(&story).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn told(story: &Story) -> String {
    let mut text = format!("{}\n", style(format!("transaction {}", story.transaction)).bold());
    if let Some(opened) = story.opened_by {
        let _ = writeln!(text, "takes up what transaction {opened} left pending");
    }
    for step in &story.steps {
        let record = &step.record;
        let other = match record.transaction == story.transaction {
            true => String::new(),
            false => format!(" (transaction {})", record.transaction),
        };
        let _ = writeln!(text, "\nentry {}  {}{other}", record.entry, record.time);
        let _ = writeln!(text, "  {}", sentence(record));
        if let Some(message) = &record.message {
            let _ = writeln!(text, "  {}", visible(message));
        }
        if let Some(change) = &step.account {
            put_change(change, record, &mut text);
        }
    }
    text
}

/// What happened in one line.
fn sentence(record: &Record) -> String {
    let mut words: Vec<String> = Vec::new();
    let given = [&record.command, &record.user, &record.stock, &record.amount, &record.file];
    words.extend(given.into_iter().flatten().map(|word| shown(word)));
    let outcome = match record.outcome.as_str() {
        "accepted" => style("accepted").green(),
        "quote" => style("the quote server answered").dim(),
        "quote_refused" => style("the quote server failed").red(),
        "expired" => style("expired").yellow(),
        "filled" => style("the order fired").green(),
        code => style(code).red(),
    };
    let mut line = format!("{}: {outcome}", words.join(" "));
    if let Some(price) = &record.price {
        let cached = if record.cached == Some(true) { " (known already)" } else { "" };
        let _ = write!(line, ", price {price}{cached}");
    }
    if let Some(shares) = record.shares {
        let _ = write!(line, ", shares {shares}");
    }
    if record.cash_change.is_some() {
        let _ = write!(line, ", cash {}", cash(record.cash_change.as_deref()));
    }
    line
}

/// What somebody gave for a name, on a terminal in part where it is long.
fn shown(word: &str) -> String {
    let word = visible(word);
    match width() {
        Some(_) => shortened(&word, LONGEST_SHOWN).into_owned(),
        None => word.into_owned(),
    }
}

fn put_change(change: &Change, record: &Record, text: &mut String) {
    let (before, after) = (&change.before, &change.after);
    if before == after {
        let _ = writeln!(text, "  account   unchanged, cash {}", after.cash);
        return;
    }
    let stock = shown(record.stock.as_deref().unwrap_or_default());
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let lines = [
        ("cash".to_string(), before.cash.clone(), after.cash.clone()),
        ("reserved".to_string(), before.reserved.clone(), after.reserved.clone()),
        (format!("{stock} free"), number(before.shares), number(after.shares)),
        (
            format!("{stock} reserved"),
            number(before.reserved_shares),
            number(after.reserved_shares),
        ),
    ];
    for (name, from, to) in lines.iter().filter(|(_, from, to)| from != to) {
        let _ = writeln!(text, "  {name:<13} {from} -> {to}");
    }
}
