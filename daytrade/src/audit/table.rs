//! Records as a table that fits the terminal, and other aligned text.

use crate::terminal::shortened;
use audit_logger::query::Record;
use console::{Style, measure_text_width, truncate_str};
use domain::text::visible;

/// Between two columns.
const GAP: &str = "  ";

/// Where nothing is cut, columns are aligned up to this width: one long name does not push every
/// line apart.
const ALIGNED_TO: usize = 40;

/// A column: its head, whether it is aligned to the right, the narrowest that it is still worth
/// showing where its text may be cut, and its text.
struct Column {
    head: &'static str,
    right: bool,
    least: Option<usize>,
    cell: fn(&Record) -> String,
}

const fn fixed(head: &'static str, right: bool, cell: fn(&Record) -> String) -> Column {
    Column { head, right, least: None, cell }
}

/// In the order they are shown. The message is the last, and takes what is left.
const COLUMNS: [Column; 12] = [
    fixed("entry", true, |record| record.entry.to_string()),
    fixed("tx", true, |record| record.transaction.to_string()),
    fixed("time (UTC)", false, |record| time(&record.time)),
    Column { head: "user", right: false, least: Some(7), cell: |record| text(&record.user) },
    Column { head: "command", right: false, least: None, cell: |record| text(&record.command) },
    Column { head: "stock", right: false, least: Some(5), cell: |record| text(&record.stock) },
    Column { head: "amount", right: true, least: Some(10), cell: |record| text(&record.amount) },
    fixed("outcome", false, |record| visible(&record.outcome).into_owned()),
    fixed("price", true, price),
    fixed("shares", true, |record| number(record.shares)),
    fixed("cash", true, |record| cash(record.cash_change.as_deref())),
    Column { head: "message", right: false, least: Some(12), cell: message },
];

/// What is done where the terminal is too narrow, one after the other.
enum Saving {
    /// The column is left out.
    Drop(&'static str),
    /// Times lose their year and their milliseconds.
    ShortTimes,
    /// The column may be cut to so many columns of the terminal.
    Cut(&'static str, usize),
}

const SAVINGS: [Saving; 13] = [
    Saving::Drop("entry"),
    Saving::Drop("shares"),
    Saving::ShortTimes,
    Saving::Drop("price"),
    Saving::Drop("cash"),
    Saving::Drop("message"),
    Saving::Drop("amount"),
    Saving::Drop("stock"),
    Saving::Drop("time (UTC)"),
    Saving::Cut("outcome", 8),
    Saving::Cut("command", 8),
    Saving::Drop("command"),
    Saving::Drop("user"),
];

fn text(text: &Option<String>) -> String {
    visible(text.as_deref().unwrap_or_default()).into_owned()
}

fn number(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn time(text: &str) -> String {
    text.trim_end_matches('Z').replacen('T', " ", 1)
}

/// `01-31 12:00:00` of `2026-01-31 12:00:00.000`.
fn short_time(text: &str) -> &str {
    text.get(5..19).unwrap_or(text)
}

fn price(record: &Record) -> String {
    let mark = if record.cached == Some(true) { "*" } else { "" };
    record.price.as_ref().map(|price| format!("{price}{mark}")).unwrap_or_default()
}

/// A change of cash with its sign.
pub fn cash(change: Option<&str>) -> String {
    match change {
        Some(text) if !text.starts_with('-') => format!("+{text}"),
        Some(text) => text.to_string(),
        None => String::new(),
    }
}

fn message(record: &Record) -> String {
    let parts = [record.file.as_deref(), record.message.as_deref()];
    visible(&parts.into_iter().flatten().collect::<Vec<_>>().join(": ")).into_owned()
}

/// A column that is shown.
struct Shown {
    /// Its place in [`COLUMNS`].
    at: usize,
    /// As wide as its text.
    natural: usize,
    /// The narrowest that it may be.
    least: usize,
    width: usize,
}

/// Which columns are shown, and how wide.
pub struct Layout {
    columns: Vec<Shown>,
    /// The width of the terminal: what is wider is cut.
    fits: Option<usize>,
    short_times: bool,
}

impl Layout {
    /// A layout for `records` in `width` columns of a terminal; without a width nothing is left out
    /// or cut. With `more` to come, columns are as wide as what usually stands in them.
    pub fn new(records: &[Record], width: Option<usize>, more: bool) -> Layout {
        let usual = |head: &str| match head {
            "entry" | "tx" => 6,
            "time (UTC)" => 23,
            "user" | "amount" | "cash" => 10,
            "command" | "outcome" => 16,
            "price" => 8,
            "message" => 40,
            _ => 0,
        };
        let mut columns = Vec::new();
        for (at, column) in COLUMNS.iter().enumerate() {
            let widest = records.iter().map(|record| measure_text_width(&(column.cell)(record)));
            let widest = widest.max().unwrap_or(0);
            // A column without anything in it says nothing.
            if more || widest > 0 {
                let usual = if more { usual(column.head) } else { 0 };
                let natural = widest.max(column.head.len()).max(usual);
                let least = column.least.map_or(natural, |least| least.min(natural));
                columns.push(Shown { at, natural, least, width: natural.min(ALIGNED_TO) });
            }
        }
        let mut layout = Layout { columns, fits: width, short_times: false };
        if let Some(width) = width {
            layout.fit(width);
        }
        layout
    }

    fn fit(&mut self, width: usize) {
        for saving in &SAVINGS {
            if self.at_least() <= width {
                break;
            }
            match *saving {
                Saving::Drop(head) => self.columns.retain(|column| COLUMNS[column.at].head != head),
                Saving::Cut(head, least) => {
                    let named = self.columns.iter_mut().filter(|it| COLUMNS[it.at].head == head);
                    named.for_each(|column| column.least = column.least.min(least));
                }
                Saving::ShortTimes => {
                    self.short_times = true;
                    let times = self.columns.iter_mut().filter(|it| it.natural == 23);
                    let times = times.filter(|it| COLUMNS[it.at].head == "time (UTC)");
                    times.for_each(|it| (it.natural, it.least) = (14, 14));
                }
            }
        }
        // What is left over goes in equal parts to those that need more.
        let mut left = width.saturating_sub(self.at_least());
        self.columns.iter_mut().for_each(|column| column.width = column.least);
        loop {
            let short = self.columns.iter_mut().filter(|column| column.width < column.natural);
            let mut short: Vec<&mut Shown> = short.collect();
            if short.is_empty() || left == 0 {
                break;
            }
            let part = (left / short.len()).max(1);
            for column in &mut short {
                let more = part.min(left).min(column.natural - column.width);
                column.width += more;
                left -= more;
            }
        }
    }

    /// The narrowest that the columns can be.
    fn at_least(&self) -> usize {
        let gaps = self.columns.len().saturating_sub(1) * GAP.len();
        self.columns.iter().map(|column| column.least).sum::<usize>() + gaps
    }

    /// The heads of the columns.
    pub fn head(&self) -> String {
        let cells = self.columns.iter().map(|column| COLUMNS[column.at].head.to_string());
        Style::new().bold().apply_to(self.line(cells)).to_string()
    }

    /// A record as a line.
    pub fn row(&self, record: &Record) -> String {
        let cells = self.columns.iter().map(|shown| {
            let cell = (COLUMNS[shown.at].cell)(record);
            match COLUMNS[shown.at].head == "time (UTC)" && self.short_times {
                true => short_time(&cell).to_string(),
                false => cell,
            }
        });
        let style = match record.outcome.as_str() {
            "accepted" => Style::new(),
            "quote" => Style::new().dim(),
            "expired" => Style::new().yellow(),
            "filled" => Style::new().green(),
            _ => Style::new().red(),
        };
        style.apply_to(self.line(cells)).to_string()
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> String {
        let mut line = String::new();
        for (nth, (cell, &Shown { at, width, .. })) in cells.zip(&self.columns).enumerate() {
            if nth > 0 {
                line.push_str(GAP);
            }
            let cell = match self.fits {
                None => cell,
                // Of a sentence the beginning says most; of a name both ends do.
                Some(_) if COLUMNS[at].head == "message" => {
                    truncate_str(&cell, width, "…").into_owned()
                }
                Some(_) => shortened(&cell, width).into_owned(),
            };
            let space = " ".repeat(width.saturating_sub(measure_text_width(&cell)));
            if COLUMNS[at].right {
                line.push_str(&space);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&space);
            }
        }
        line.truncate(line.trim_end().len());
        match self.fits {
            Some(width) => truncate_str(&line, width, "…").into_owned(),
            None => line,
        }
    }
}

/// `rows` as lines of aligned columns; those named in `right` to the right.
pub fn aligned(rows: &[Vec<String>], right: &[usize]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width_of).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - measure_text_width(cell));
            let gap = if at > 0 { GAP } else { "" };
            match right.contains(&at) {
                true => line.extend([gap, &space, cell]),
                false => line.extend([gap, cell, &space]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |entry: u64, outcome: &str, message: Option<&str>| Record {
            entry,
            transaction: entry,
            time: "2026-01-01T00:00:00.000Z".to_string(),
            user: Some("oY01WVirLr".to_string()),
            command: Some("SET_BUY_TRIGGER".to_string()),
            stock: Some("ABC".to_string()),
            amount: Some("1000000.00".to_string()),
            outcome: outcome.to_string(),
            price: Some("12.34".to_string()),
            cached: Some(true),
            cash_change: Some("12.00".to_string()),
            message: message.map(str::to_string),
            ..Record::default()
        };
        let long = "a sentence that goes on\u{1b}[31m for rather longer than any terminal is wide, \
                    and then some more";
        vec![record(1, "accepted", None), record(20_000, "no_buy_order", Some(long))]
    }

    fn named(name: &str) -> Vec<Record> {
        let mut records = records();
        records[1].user = Some(name.to_string());
        records
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        for records in [records(), named(&"n".repeat(60_000)), named(&"中".repeat(65))] {
            for more in [false, true] {
                for width in (1..130).chain([200, 1_000]) {
                    let layout = Layout::new(&records, Some(width), more);
                    let lines = records.iter().map(|record| layout.row(record));
                    for line in lines.chain([layout.head()]) {
                        assert!(measure_text_width(&line) <= width, "{width}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_long_name_hides_no_other_column() {
        let heads = |records: &[Record]| Layout::new(records, Some(120), false).head();
        let long = heads(&named(&"n".repeat(65)));
        for column in ["amount", "cash", "message", "price"] {
            assert!(long.contains(column), "{column} is not in {long}");
        }
        assert_eq!(
            long.split_whitespace().collect::<Vec<_>>(),
            heads(&records()).split_whitespace().collect::<Vec<_>>()
        );
        let records = named(&format!("first{}last", "n".repeat(65)));
        let row = Layout::new(&records, Some(140), false).row(&records[1]);
        assert!(row.contains("first") && row.contains("last") && row.contains('…'), "{row}");
    }

    #[test]
    fn narrow_terminals_keep_what_matters() {
        let records = records();
        for (width, kept) in [
            (80, &["tx", "time", "user", "command", "stock", "amount", "outcome"][..]),
            (75, &["tx", "time", "user", "command", "stock", "outcome"]),
            (60, &["tx", "user", "command", "outcome"]),
            (40, &["tx", "user", "command", "outcome"]),
            (20, &["tx", "outcome"]),
        ] {
            let head = Layout::new(&records, Some(width), false).head();
            for column in kept {
                assert!(head.contains(column), "{width}: {column} is not in {head}");
            }
        }
        let row = Layout::new(&records, Some(75), false).row(&records[1]);
        assert!(row.contains("01-01 00:00:00 ") && row.contains("no_buy_order"), "{row}");
    }

    #[test]
    fn nothing_is_cut_outside_a_terminal() {
        let name = "n".repeat(60_000);
        let records = named(&name);
        let layout = Layout::new(&records, None, false);
        let row = layout.row(&records[1]);
        assert!(row.contains(&name) && row.contains("and then some more"));
        // The others are not padded to its width.
        assert!(layout.row(&records[0]).len() < 250);
    }

    #[test]
    fn a_message_cannot_change_the_terminal() {
        let mut records = records();
        let layout = Layout::new(&records, Some(200), false);
        assert!(layout.row(&records[1]).contains("on\\u{1b}[31m"));
        records[0].user = Some("evil\u{202e}gnp".to_string());
        assert!(!layout.row(&records[0]).contains('\u{202e}'));
    }

    #[test]
    fn what_a_terminal_has_room_for_is_shown() {
        let records = records();
        let head = Layout::new(&records, Some(200), false).head();
        for column in ["entry", "tx", "time (UTC)", "user", "price", "cash", "message"] {
            assert!(head.contains(column), "{column} is not in {head}");
        }
        // No record has shares.
        assert!(!head.contains("shares"));
    }
}
