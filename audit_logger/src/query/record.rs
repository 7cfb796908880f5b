//! An entry flattened for people and other programs: one line, every field by its name.

use super::filter::{StockOf, command_of, stock_of};
use domain::trading::command::Action;
use domain::trading::entry::{CashChange, CommandDecided};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Accepted, Entry, Money, Outcome, Verb};
use serde::{Deserialize, Serialize};

/// One logged fact. Sums are dollars with two decimals, as text: JSON numbers are floats to many
/// a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The number of the entry in the log, from 1.
    pub entry: u64,
    /// The command it belongs to.
    pub transaction: u64,
    /// When it took effect, in Unix milliseconds.
    pub time_ms: u64,
    /// The same in UTC, as RFC 3339 has it.
    pub time: String,
    /// The user; none for a DUMPLOG of everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The command; none for a quote, which knows only who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// The amount or trigger price that the command names, as it was given where it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// `accepted`, the code of the refusal, `quote`, `quote_refused`, `expired` or `filled`.
    pub outcome: String,
    /// The price of a share that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// Whether another command had asked for the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    /// The shares that were bought, sold, reserved or released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// What joined the free cash, or left it (negative).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_change: Option<String>,
    /// The file of a DUMPLOG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why it was refused, or what else is to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Record {
    /// The names of the fields, in their order: the head of a table.
    pub const FIELDS: [&'static str; 15] = [
        "entry",
        "transaction",
        "time_ms",
        "time",
        "user",
        "command",
        "stock",
        "amount",
        "outcome",
        "price",
        "cached",
        "shares",
        "cash_change",
        "file",
        "message",
    ];

    /// The record of entry `number`.
    pub fn of(number: u64, entry: &Entry) -> Record {
        let time_ms = time_ms(entry);
        let mut record = Record {
            entry: number,
            transaction: entry.transaction().0,
            time_ms,
            time: time_text(time_ms),
            user: entry.user().map(str::to_string),
            command: command_of(entry).map(|name| name.to_string()),
            stock: stock_of(entry).map(|stock| match stock {
                StockOf::Stock(stock) => stock.to_string(),
                StockOf::AsGiven(text) => text.to_string(),
            }),
            message: message(entry),
            ..Record::default()
        };
        match entry {
            Entry::Command(decided) => record.command(decided),
            Entry::Quote(quote) => {
                record.outcome = "quote".to_string();
                record.price = Some(quote.price.money().to_string());
                record.cached = Some(false);
            }
            Entry::QuoteRefused(_) => record.outcome = "quote_refused".to_string(),
            Entry::Expired(expired) => {
                record.outcome = "expired".to_string();
                record.shares = Some(expired.shares.count());
                if expired.side == Side::Buy {
                    record.cash_change = signed(expired.cash.cents());
                }
            }
            Entry::Filled(filled) => {
                record.outcome = "filled".to_string();
                record.price = Some(filled.fill.price.money().to_string());
                record.shares = Some(filled.fill.shares.count());
                record.cash_change = signed(filled.fill.cash.cents());
            }
        }
        record
    }

    fn command(&mut self, decided: &CommandDecided) {
        self.outcome = decided.reject_code().unwrap_or("accepted").to_string();
        match &decided.command.action {
            Action::User { verb, .. } => {
                self.amount = verb.amount().map(|amount| amount.money().to_string());
                if let Verb::DumpLog(file) = verb {
                    self.file = Some(file.as_given().to_string());
                }
            }
            Action::DumpAll(file) => self.file = Some(file.as_given().to_string()),
            Action::Malformed(malformed) => {
                self.amount = malformed.funds.as_deref().map(str::to_string);
                self.file = malformed.file.as_deref().map(str::to_string);
            }
        }
        if let Some(used) = decided.price {
            self.price = Some(used.price.money().to_string());
            self.cached = Some(used.cached);
        }
        self.shares = match &decided.outcome {
            Outcome::Accepted(accepted) => shares(accepted),
            Outcome::Rejected(_) => None,
        };
        let moved = match decided.cash_change() {
            CashChange::None => 0,
            CashChange::Add(sum) => sum.cents(),
            CashChange::Remove(sum) => -sum.cents(),
        };
        let filled = decided.fill().map_or(0, |fill| fill.cash.cents());
        // No account can hold more; only a log that was made up says so.
        self.cash_change = signed(moved.saturating_add(filled));
    }
}

fn shares(accepted: &Accepted) -> Option<u64> {
    Some(match accepted {
        Accepted::BuyPending { shares, .. } | Accepted::SellPending { shares, .. } => *shares,
        Accepted::BuyCommitted(taken)
        | Accepted::BuyCancelled(taken)
        | Accepted::SellCommitted(taken)
        | Accepted::SellCancelled(taken) => taken.shares,
        Accepted::BuyAmountSet { fill, .. } | Accepted::BuyArmed { fill } => fill.as_ref()?.shares,
        Accepted::SellAmountSet { reserved, fill } | Accepted::SellArmed { reserved, fill } => {
            fill.as_ref().map_or(*reserved, |fill| fill.shares)
        }
        Accepted::SellOrderDropped { reserved } => *reserved,
        _ => return None,
    })
    .map(|shares| shares.count())
    .filter(|&count| count > 0)
}

fn signed(cents: i64) -> Option<String> {
    (cents != 0).then(|| Money::from_cents(cents).to_string())
}

/// When an entry took effect, in Unix milliseconds.
pub fn time_ms(entry: &Entry) -> u64 {
    match entry {
        Entry::Command(decided) => decided.applied_ms,
        Entry::Quote(quote) => quote.received_ms,
        Entry::QuoteRefused(refused) => refused.failed_ms,
        Entry::Expired(expired) => expired.expired_ms,
        Entry::Filled(filled) => filled.filled_ms,
    }
}

/// A Unix time in milliseconds as RFC 3339 has it, in UTC; the bare number where no calendar
/// reaches so far.
pub fn time_text(time_ms: u64) -> String {
    let timestamp = i64::try_from(time_ms).ok().map(jiff::Timestamp::from_millisecond);
    match timestamp {
        Some(Ok(timestamp)) => format!("{timestamp:.3}"),
        _ => time_ms.to_string(),
    }
}

/// What an entry says in words.
pub(super) fn message(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Command(decided) => match (&decided.outcome, &decided.command.action) {
            (Outcome::Rejected(_), Action::Malformed(malformed)) => {
                Some(malformed.message.to_string())
            }
            (Outcome::Rejected(reject), _) => Some(reject.to_string()),
            (Outcome::Accepted(_), _) => {
                decided.fill().map(|fill| format!("fired at once at {}", fill.price.money()))
            }
        },
        Entry::QuoteRefused(refused) => Some(refused.message.to_string()),
        Entry::Quote(_) | Entry::Expired(_) | Entry::Filled(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_to_the_millisecond() {
        assert_eq!(time_text(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(time_text(1_767_225_600_007), "2026-01-01T00:00:00.007Z");
        assert_eq!(time_text(u64::MAX), u64::MAX.to_string());
    }
}
