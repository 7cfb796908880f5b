//! The filters of the command line.

use anyhow::{Context, anyhow};
use audit_logger::query::filter::parse_cents;
use audit_logger::query::record::time_ms;
use audit_logger::query::{Filter, Order, OutcomeIs, Source};
use clap::Args;
use domain::trading::CommandName;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Which entries are asked for: those that have all of it.
#[derive(Args)]
pub struct FilterArgs {
    /// About this user; more than one: about any of them
    #[arg(long, value_name = "USER")]
    user: Vec<String>,

    /// About this stock, in capitals or not as it was given
    #[arg(long, value_name = "STOCK")]
    stock: Option<String>,

    /// Of this command, such as BUY or set_sell_trigger
    #[arg(long, value_name = "COMMAND", value_parser = parse_command)]
    command: Option<CommandName>,

    /// With this outcome: accepted, rejected, the code of a refusal, quote, quote_refused,
    /// expired or filled
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<OutcomeIs>,

    /// Of these transactions: `7`, `7..9`, `7..` or `..9`, both ends included
    #[arg(long, value_name = "A..B", value_parser = parse_transactions)]
    tx: Option<RangeInclusive<u64>>,

    /// At this time or later: Unix milliseconds, RFC 3339 (`2026-01-31T12:00:00Z`) or so long
    /// before the last entry (`-5m`; s, m, h, d)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<When>,

    /// At this time or earlier, told in the same ways
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<When>,

    /// With an amount in this range, in dollars: `100`, `10.50..20`, `10..` or `..20`, both ends
    /// included
    #[arg(long, value_name = "A..B", value_parser = parse_amounts, allow_hyphen_values = true)]
    amount: Option<RangeInclusive<i64>>,

    /// With this text in the message, in capitals or not
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
}

/// A time as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    At(u64),
    BeforeTheEnd(u64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Some(ago) = text.strip_prefix('-') {
            let number = ago.trim_end_matches(|char: char| char.is_ascii_alphabetic());
            let unit_ms = match &ago[number.len()..] {
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => 0,
            };
            let ms = number.parse().ok().and_then(|number: u64| number.checked_mul(unit_ms));
            return match ms.filter(|_| unit_ms > 0) {
                Some(ms) => Ok(When::BeforeTheEnd(ms)),
                None => Err("a number and s, m, h or d is expected, for example -5m".to_string()),
            };
        }
        if let Ok(ms) = text.parse() {
            return Ok(When::At(ms));
        }
        let timestamp = text.parse::<jiff::Timestamp>();
        timestamp
            .ok()
            .and_then(|time| u64::try_from(time.as_millisecond()).ok())
            .map(When::At)
            .ok_or(
                "Unix milliseconds, a time such as 2026-01-31T12:00:00Z, or -5m is expected"
                    .to_string(),
            )
    }
}

/// An outcome in the word that asks for it.
fn told_outcome(outcome: OutcomeIs) -> String {
    let word = match outcome {
        OutcomeIs::Accepted => "accepted",
        OutcomeIs::Rejected => "rejected",
        OutcomeIs::Code(code) => code,
        OutcomeIs::Quote => "quote",
        OutcomeIs::QuoteRefused => "quote_refused",
        OutcomeIs::Expired => "expired",
        OutcomeIs::Filled => "filled",
    };
    word.to_string()
}

impl When {
    fn told(self) -> String {
        match self {
            When::At(ms) => ms.to_string(),
            When::BeforeTheEnd(ms) => format!("-{}s", ms / 1000),
        }
    }

    fn ms(self, end_ms: u64) -> u64 {
        match self {
            When::At(ms) => ms,
            When::BeforeTheEnd(ms) => end_ms.saturating_sub(ms),
        }
    }
}

fn parse_command(text: &str) -> Result<CommandName, String> {
    CommandName::named(text.to_ascii_uppercase().as_bytes()).ok_or_else(|| {
        let known = CommandName::ALL.map(CommandName::as_str);
        format!("one of {} is expected", known.join(", "))
    })
}

/// The two ends of `A..B`; a single value is both.
fn ends(text: &str) -> (Option<&str>, Option<&str>) {
    let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
    match text.split_once("..") {
        Some((from, to)) => (given(from), given(to)),
        None => (Some(text), Some(text)),
    }
}

fn parse_transactions(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| {
            "a transaction number, or two with `..` between them, is expected".to_string()
        })
    };
    let (from, to) = ends(text);
    let from = from.map_or(Ok(0), number)?;
    let to = to.map_or(Ok(u64::MAX), number)?;
    if from > to {
        return Err("the first transaction is higher than the last".to_string());
    }
    Ok(from..=to)
}

fn parse_amounts(text: &str) -> Result<RangeInclusive<i64>, String> {
    let cents = |text: &str| {
        parse_cents(text)
            .ok_or("dollars such as 12.50, or two with `..` between them, are expected".to_string())
    };
    let (from, to) = ends(text);
    let from = from.map_or(Ok(i64::MIN), cents)?;
    let to = to.map_or(Ok(i64::MAX), cents)?;
    if from > to {
        return Err("the first amount is higher than the last".to_string());
    }
    Ok(from..=to)
}

/// The same as texts, as they stand in an address.
#[derive(Default)]
pub struct FilterTexts {
    pub user: Option<String>,
    pub stock: Option<String>,
    pub command: Option<String>,
    pub outcome: Option<String>,
    pub tx: Option<String>,
    pub since: Option<String>,
    pub until: Option<String>,
    pub amount: Option<String>,
    pub text: Option<String>,
}

impl TryFrom<FilterTexts> for FilterArgs {
    type Error = String;

    fn try_from(texts: FilterTexts) -> Result<FilterArgs, String> {
        fn read<T>(
            name: &str,
            text: Option<String>,
            read: impl FnOnce(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            let text = text.filter(|text| !text.is_empty());
            text.map(|text| read(&text).map_err(|expected| format!("{name}: {expected}")))
                .transpose()
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(FilterArgs {
            user: given(texts.user).into_iter().collect(),
            stock: given(texts.stock),
            command: read("command", texts.command, parse_command)?,
            outcome: read("outcome", texts.outcome, str::parse)?,
            tx: read("tx", texts.tx, parse_transactions)?,
            since: read("since", texts.since, str::parse)?,
            until: read("until", texts.until, str::parse)?,
            amount: read("amount", texts.amount, parse_amounts)?,
            text: given(texts.text),
        })
    }
}

impl FilterArgs {
    /// Whether an index saves reading most of the log.
    pub fn is_narrow(&self) -> bool {
        !self.user.is_empty() || self.tx.is_some() || self.since.is_some() || self.until.is_some()
    }

    /// The filter in the words of the command line; empty for everything.
    pub fn as_given(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut put = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{name} {value}")));
        };
        self.user.iter().for_each(|user| put("user", Some(user.clone())));
        put("stock", self.stock.clone());
        put("command", self.command.map(|command| command.to_string()));
        put("outcome", self.outcome.map(told_outcome));
        put("tx", self.tx.as_ref().map(|range| format!("{}..{}", range.start(), range.end())));
        put("since", self.since.map(When::told));
        put("until", self.until.map(When::told));
        let cents =
            |range: &RangeInclusive<i64>| format!("{}..{} cents", range.start(), range.end());
        put("amount", self.amount.as_ref().map(cents));
        put("text", self.text.clone());
        words.join(" ")
    }

    /// The filter that is meant, in the log of `source`.
    pub fn filter(self, source: &Source) -> anyhow::Result<Filter> {
        let relative = |when: &Option<When>| matches!(when, Some(When::BeforeTheEnd(_)));
        let end_ms = match relative(&self.since) || relative(&self.until) {
            true => end_ms(source)?,
            false => 0,
        };
        let since = self.since.map_or(0, |when| when.ms(end_ms));
        let until = self.until.map_or(u64::MAX, |when| when.ms(end_ms));
        if since > until {
            return Err(anyhow!("--since is later than --until"));
        }
        let all_times = self.since.is_none() && self.until.is_none();
        Ok(Filter {
            users: self.user,
            stock: self.stock,
            command: self.command,
            outcome: self.outcome,
            transactions: self.tx,
            time_ms: (!all_times).then_some(since..=until),
            amount_cents: self.amount,
            text: self.text,
            ..Filter::default()
        })
    }
}

/// The time of the last entry.
fn end_ms(source: &Source) -> anyhow::Result<u64> {
    let newest = source
        .collect(&Filter::default(), Order::NewestFirst, 1)
        .context("looking for the last entry")?;
    Ok(newest.first().map_or(0, |(_, entry)| time_ms(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_three_ways() {
        for (text, when) in [
            ("1767225600000", When::At(1_767_225_600_000)),
            ("2026-01-01T00:00:00Z", When::At(1_767_225_600_000)),
            ("2026-01-01T01:00:00.007+01:00", When::At(1_767_225_600_007)),
            ("-5m", When::BeforeTheEnd(300_000)),
            ("-2d", When::BeforeTheEnd(172_800_000)),
        ] {
            assert_eq!(text.parse(), Ok(when), "{text}");
        }
        for text in ["", "-", "-5", "-m", "-5x", "-99999999999999999d", "yesterday", "2026-01-01"] {
            assert!(text.parse::<When>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn ranges_are_open_where_nothing_stands() {
        assert_eq!(parse_transactions("7"), Ok(7..=7));
        assert_eq!(parse_transactions("7.."), Ok(7..=u64::MAX));
        assert_eq!(parse_transactions("..9"), Ok(0..=9));
        assert_eq!(parse_amounts("10.5..20"), Ok(1050..=2000));
        assert_eq!(parse_amounts("-5..-1"), Ok(-500..=-100));
        for text in ["", "9..7", "a", "1..b", "1...2", "1; DROP TABLE entries"] {
            assert!(parse_transactions(text).is_err(), "{text:?}");
        }
        for text in ["", "2..1", "1.234", "1e3"] {
            assert!(parse_amounts(text).is_err(), "{text:?}");
        }
    }
}
