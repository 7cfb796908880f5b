//! Records as a table that fits the terminal, and other aligned text.

use audit_logger::query::Record;
use console::{Style, measure_text_width, truncate_str};

/// Between two columns.
const GAP: &str = "  ";

/// The narrowest a message is still worth showing.
const MESSAGE_MIN: usize = 12;

/// A column: its head, whether it is aligned to the right, and its text.
struct Column {
    head: &'static str,
    right: bool,
    cell: fn(&Record) -> String,
}

/// In the order they are shown. The message is the last, and takes what is left.
const COLUMNS: [Column; 12] = [
    Column { head: "entry", right: true, cell: |record| record.entry.to_string() },
    Column { head: "tx", right: true, cell: |record| record.transaction.to_string() },
    Column { head: "time (UTC)", right: false, cell: |record| time(&record.time) },
    Column { head: "user", right: false, cell: |record| text(&record.user) },
    Column { head: "command", right: false, cell: |record| text(&record.command) },
    Column { head: "stock", right: false, cell: |record| text(&record.stock) },
    Column { head: "amount", right: true, cell: |record| text(&record.amount) },
    Column { head: "outcome", right: false, cell: |record| record.outcome.clone() },
    Column { head: "price", right: true, cell: price },
    Column { head: "shares", right: true, cell: |record| number(record.shares) },
    Column { head: "cash", right: true, cell: |record| cash(record.cash_change.as_deref()) },
    Column { head: "message", right: false, cell: message },
];

/// Columns that go where the terminal is too narrow, the first of them first.
const DROPPED: [&str; 6] = ["entry", "shares", "price", "cash", "message", "amount"];

fn text(text: &Option<String>) -> String {
    printable(text.as_deref().unwrap_or_default())
}

fn number(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn time(text: &str) -> String {
    text.trim_end_matches('Z').replacen('T', " ", 1)
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
    printable(&parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

/// `text` without what would move the cursor or change its colour: it came from a user.
pub fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

/// Which columns are shown, and how wide.
pub struct Layout {
    columns: Vec<(usize, usize)>,
}

impl Layout {
    /// A layout for `records` in `width` characters. With `more` to come, columns are as wide as
    /// what usually stands in them.
    pub fn new(records: &[Record], width: usize, more: bool) -> Layout {
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
                let least = if more { usual(column.head) } else { 0 };
                columns.push((at, widest.max(column.head.len()).max(least)));
            }
        }
        for dropped in DROPPED {
            if fitted(&columns, width) {
                break;
            }
            columns.retain(|(at, _)| COLUMNS[*at].head != dropped);
        }
        let mut layout = Layout { columns };
        layout.shorten_message(width);
        layout
    }

    fn shorten_message(&mut self, width: usize) {
        let others: usize = self.columns.iter().map(|(_, wide)| wide + GAP.len()).sum();
        if let Some((at, wide)) = self.columns.last_mut()
            && COLUMNS[*at].head == "message"
        {
            let left = width.saturating_sub(others - *wide - GAP.len());
            *wide = (*wide).min(left.max(MESSAGE_MIN));
        }
    }

    /// The heads of the columns.
    pub fn head(&self) -> String {
        let cells = self.columns.iter().map(|(at, _)| COLUMNS[*at].head.to_string());
        Style::new().bold().apply_to(self.line(cells)).to_string()
    }

    /// A record as a line.
    pub fn row(&self, record: &Record) -> String {
        let line = self.line(self.columns.iter().map(|(at, _)| (COLUMNS[*at].cell)(record)));
        let style = match record.outcome.as_str() {
            "accepted" => Style::new(),
            "quote" => Style::new().dim(),
            "expired" => Style::new().yellow(),
            "filled" => Style::new().green(),
            _ => Style::new().red(),
        };
        style.apply_to(line).to_string()
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> String {
        let mut line = String::new();
        for (cell, (at, wide)) in cells.zip(&self.columns) {
            if !line.is_empty() {
                line.push_str(GAP);
            }
            let cell = truncate_str(&cell, *wide, "…");
            let space = " ".repeat(wide.saturating_sub(measure_text_width(&cell)));
            if COLUMNS[*at].right {
                line.push_str(&space);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&space);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn fitted(columns: &[(usize, usize)], width: usize) -> bool {
    let wide = |(at, wide): &(usize, usize)| match COLUMNS[*at].head {
        "message" => (*wide).min(MESSAGE_MIN),
        _ => *wide,
    };
    let gaps = columns.len().saturating_sub(1) * GAP.len();
    columns.iter().map(wide).sum::<usize>() + gaps <= width
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

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        let records = records();
        for width in [80, 100, 120, 200] {
            let layout = Layout::new(&records, width, false);
            let lines = records.iter().map(|record| layout.row(record)).chain([layout.head()]);
            for line in lines {
                assert!(measure_text_width(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_message_cannot_change_the_terminal() {
        let records = records();
        let layout = Layout::new(&records, 200, false);
        assert!(layout.row(&records[1]).contains("on?[31m"));
    }

    #[test]
    fn what_a_terminal_has_room_for_is_shown() {
        let records = records();
        let head = Layout::new(&records, 200, false).head();
        for column in ["entry", "tx", "time (UTC)", "user", "price", "cash", "message"] {
            assert!(head.contains(column), "{column} is not in {head}");
        }
        // No record has shares.
        assert!(!head.contains("shares"));
    }
}
