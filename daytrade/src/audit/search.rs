//! `daytrade audit search`.

use super::filter::FilterArgs;
use super::place::{Following, Place};
use super::records::{csv_head, put_csv, put_json, put_out};
use super::table::Layout;
use crate::Failure;
use crate::terminal::{warn, width};
use audit_logger::query::{Filter, Order, Record};
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How often a log that is followed is looked at: at once to a reader, nothing to a disk.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args)]
pub struct SearchOptions {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    filter: FilterArgs,

    /// The most entries that are shown; 0: all of them
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,

    /// Begin with the oldest entry, not the newest
    #[arg(long)]
    oldest_first: bool,

    /// A table, JSON lines or CSV; if not given, a table on a terminal and JSON lines elsewhere
    #[arg(long, value_name = "FORM")]
    format: Option<ListForm>,

    /// Show the newest entries, oldest first, then every new one as the log grows, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

/// The form of a list of entries.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListForm {
    Table,
    Jsonl,
    Csv,
}

pub fn run(options: SearchOptions) -> Result<ExitCode, Failure> {
    let source = options.place.open(options.filter.is_narrow())?;
    let filter = options.filter.filter(&source)?;
    let order = match options.oldest_first && !options.follow {
        true => Order::OldestFirst,
        false => Order::NewestFirst,
    };
    let limit = if options.limit == 0 { usize::MAX } else { options.limit };
    let mut found = source.collect(&filter, order, limit)?;
    if options.follow {
        found.reverse();
    }
    let records: Vec<Record> =
        found.iter().map(|(number, entry)| Record::of(*number, entry)).collect();
    let form = options.format.unwrap_or(match io::stdout().is_terminal() {
        true => ListForm::Table,
        false => ListForm::Jsonl,
    });
    let printer = Printer::new(form, &records, options.follow);
    if !put_out(&printer.page(&records))? {
        return Ok(ExitCode::SUCCESS);
    }
    if options.follow {
        return follow(options.place.follower(source)?, &filter, &printer);
    }
    if records.is_empty() {
        warn(format_args!("no entry of {} fits", source.next() - source.first()));
    } else if records.len() == limit && form == ListForm::Table {
        let which = if order == Order::NewestFirst { "newest" } else { "oldest" };
        warn(format_args!("the {limit} {which} are shown; --limit shows more"));
    }
    Ok(ExitCode::SUCCESS)
}

fn follow(
    mut following: Following,
    filter: &Filter,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    loop {
        let mut lines = Vec::new();
        following.poll(filter, |number, entry| {
            printer.put(&Record::of(number, &entry), &mut lines);
        })?;
        if !lines.is_empty() && !put_out(&lines)? {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Puts records into their form.
struct Printer {
    form: ListForm,
    layout: Layout,
    /// Whether a head is due even where nothing was found yet.
    follows: bool,
}

impl Printer {
    fn new(form: ListForm, records: &[Record], follows: bool) -> Printer {
        Printer { form, layout: Layout::new(records, width(), follows), follows }
    }

    fn page(&self, records: &[Record]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.form {
            ListForm::Table if records.is_empty() && !self.follows => {}
            ListForm::Table => {
                out.extend_from_slice(self.layout.head().as_bytes());
                out.push(b'\n');
            }
            ListForm::Csv => out.extend_from_slice(csv_head().as_bytes()),
            ListForm::Jsonl => {}
        }
        records.iter().for_each(|record| self.put(record, &mut out));
        out
    }

    fn put(&self, record: &Record, out: &mut Vec<u8>) {
        match self.form {
            ListForm::Table => {
                out.extend_from_slice(self.layout.row(record).as_bytes());
                out.push(b'\n');
            }
            ListForm::Jsonl => put_json(record, out),
            ListForm::Csv => put_csv(record, out),
        }
    }
}
