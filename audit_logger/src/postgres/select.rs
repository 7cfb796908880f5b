//! A filter as the condition of a query. It may fit more than is asked for and never less: whoever
//! reads the rows compares the entries themselves with the same filter as a scan of segments does,
//! so that both answer the same.
//!
//! What users typed goes into parameters. The text of a statement is made of the words below and
//! of numbers only.

use super::copy::sane_ms;
use super::row::indexable;
use crate::query::{Filter, OutcomeIs};
use domain::trading::CommandName;
use domain::trading::command::MalformedCode;
use std::time::{Duration, UNIX_EPOCH};
use tokio_postgres::types::ToSql;

/// A parameter of a query.
pub(crate) type Parameter = Box<dyn ToSql + Sync + Send>;

/// Conditions that all hold, with their parameters.
#[derive(Default)]
pub(crate) struct Condition {
    /// As SQL, each with ` AND ` before it.
    pub(crate) sql: String,
    /// The parameters that it names, from the first free one on.
    pub(crate) parameters: Vec<Parameter>,
    before: usize,
}

impl Condition {
    /// What `filter` asks for, the range of entries left out; `before` parameters stand before its
    /// own.
    pub(crate) fn of(filter: &Filter, before: usize) -> Condition {
        let mut condition = Condition { before, ..Condition::default() };
        if !filter.users.is_empty() {
            let short = filter.users.iter().map(|user| indexable(user));
            let mut users: Vec<String> = short.map(storable).collect();
            // What an earlier version stored has names as long as they were given.
            let long = filter.users.iter().filter(|user| indexable(user) != user.as_str());
            users.extend(long.map(|user| storable(user)));
            condition.all("username = ANY(?)", [Box::new(users) as Parameter]);
        }
        if let Some(stock) = &filter.stock {
            condition.all("stock = ?", [Box::new(storable(stock)) as Parameter]);
        }
        if let Some(command) = filter.command {
            condition.all("command = ANY(?)", [Box::new(stored_as(command)) as Parameter]);
        }
        if let Some(outcome) = filter.outcome {
            condition.outcome(outcome);
        }
        if let Some(range) = &filter.transactions {
            let (from, to) = (number(*range.start()), number(*range.end()));
            condition.all("transaction_num BETWEEN ? AND ?", [Box::new(from) as _, Box::new(to)]);
        }
        if let Some(range) = &filter.time_ms {
            let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(sane_ms(ms) as u64);
            let (from, to) = (at(*range.start()), at(*range.end()));
            condition.all("at BETWEEN ? AND ?", [Box::new(from) as _, Box::new(to)]);
        }
        if let Some(range) = &filter.amount_cents {
            // Amounts of commands that were refused for their form are told as they were given:
            // only the entry has them.
            let odd: Vec<&str> =
                MalformedCode::ALL.into_iter().map(MalformedCode::as_str).collect();
            condition.all(
                "kind = 'command' AND (amount_cents BETWEEN ? AND ? OR code = ANY(?))",
                [Box::new(*range.start()) as _, Box::new(*range.end()) as _, Box::new(odd)],
            );
        }
        if let Some(text) = &filter.text {
            condition.text(text);
        }
        condition
    }

    /// Adds `sql`, in which each `?` is the next of `parameters`.
    fn all<const N: usize>(&mut self, sql: &'static str, parameters: [Parameter; N]) {
        self.sql.push_str(" AND (");
        let mut parts = sql.split('?');
        self.sql.push_str(parts.next().unwrap_or_default());
        for (part, parameter) in parts.zip(parameters) {
            self.parameters.push(parameter);
            let nth = self.before + self.parameters.len();
            self.sql.push_str(&format!("${nth}{part}"));
        }
        self.sql.push(')');
    }

    fn outcome(&mut self, outcome: OutcomeIs) {
        match outcome {
            OutcomeIs::Accepted => self.all("kind = 'command' AND code IS NULL", []),
            OutcomeIs::Rejected => self.all("kind = 'command' AND code IS NOT NULL", []),
            OutcomeIs::Code(code) => {
                self.all("kind = 'command' AND code = ?", [Box::new(code) as Parameter]);
            }
            OutcomeIs::Quote => self.all("kind = 'quote'", []),
            OutcomeIs::QuoteRefused => self.all("kind = 'quote_refused'", []),
            OutcomeIs::Expired => self.all("kind = 'expired'", []),
            OutcomeIs::Filled => self.all("kind = 'filled'", []),
        }
    }

    fn text(&mut self, text: &str) {
        // What fired at once has a message that no column holds.
        if text.is_ascii() && !text.contains('\0') {
            // The collation "C" knows the capitals of ASCII and no others, as the comparison of
            // entries does for a text of ASCII.
            self.all(
                "strpos(lower(message COLLATE \"C\"), ?) > 0 \
                 OR (kind = 'command' AND fill_price_cents IS NOT NULL)",
                [Box::new(text.to_ascii_lowercase()) as Parameter],
            );
        } else {
            // Which letters are the same but for capitals is not left to the server's locale.
            self.all(
                "message IS NOT NULL OR (kind = 'command' AND fill_price_cents IS NOT NULL)",
                [],
            );
        }
    }
}

/// `text` as a column has it: NUL is the one character that Postgres does not hold.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A number as a column has it.
pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The words that the column `command` may have where an entry is part of `command`: what expired
/// is stored as what it does, a cancel.
fn stored_as(command: CommandName) -> Vec<&'static str> {
    let mut words = vec![command.as_str()];
    match command {
        CommandName::Buy => words.push(CommandName::CancelBuy.as_str()),
        CommandName::Sell => words.push(CommandName::CancelSell.as_str()),
        _ => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_in_no_statement() {
        let hostile = "'; DROP TABLE daytrade.entries; --";
        let filter = Filter {
            users: vec![hostile.to_string(), "nul\0".to_string()],
            stock: Some(hostile.to_string()),
            text: Some(hostile.to_string()),
            transactions: Some(1..=u64::MAX),
            amount_cents: Some(-5..=i64::MAX),
            ..Filter::default()
        };
        let condition = Condition::of(&filter, 3);
        assert!(!condition.sql.contains("DROP"), "{}", condition.sql);
        assert_eq!(condition.parameters.len(), 8);
        for nth in 4..=11 {
            assert!(condition.sql.contains(&format!("${nth}")), "{}", condition.sql);
        }
        assert!(!condition.sql.contains('?') && !condition.sql.contains("$12"));
    }

    #[test]
    fn nothing_asked_is_no_condition() {
        assert!(Condition::of(&Filter::default(), 0).sql.is_empty());
    }
}
