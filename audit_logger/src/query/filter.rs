//! Which entries are asked for.

use domain::trading::codec::Peek;
use domain::trading::command::{Action, CommandName, MalformedCode};
use domain::trading::{Entry, Outcome, Reject, Stock};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Entries that have all that is asked for; what is not set is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// About one of these users.
    pub users: Vec<String>,
    /// About this stock, as it is written.
    pub stock: Option<String>,
    /// Of this command.
    pub command: Option<CommandName>,
    /// With this outcome.
    pub outcome: Option<OutcomeIs>,
    /// Of a transaction in this range.
    pub transactions: Option<RangeInclusive<u64>>,
    /// At a time in this range, in Unix milliseconds.
    pub time_ms: Option<RangeInclusive<u64>>,
    /// With an amount in this range, in cents.
    pub amount_cents: Option<RangeInclusive<i64>>,
    /// With this text in the message, in capitals or not.
    pub text: Option<String>,
    /// With a number in this range.
    pub entries: RangeInclusive<u64>,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            users: Vec::new(),
            stock: None,
            command: None,
            outcome: None,
            transactions: None,
            time_ms: None,
            amount_cents: None,
            text: None,
            entries: 0..=u64::MAX,
        }
    }
}

/// What came of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeIs {
    /// A command was carried out.
    Accepted,
    /// A command was refused, whatever for.
    Rejected,
    /// A command was refused with this code.
    Code(&'static str),
    /// The quote server answered.
    Quote,
    /// The quote server failed.
    QuoteRefused,
    /// A pending buy or sell expired.
    Expired,
    /// An armed order fired on a later price.
    Filled,
}

/// The codes of refused commands. One with arguments that are no good has a code of its own kind.
pub fn codes() -> impl Iterator<Item = &'static str> {
    let coarse = Reject::Malformed.code();
    let rejects = Reject::CODES.into_iter().map(|(_, code)| code);
    let malformed = MalformedCode::ALL.into_iter().map(MalformedCode::as_str);
    rejects.filter(move |code| *code != coarse).chain(malformed)
}

impl FromStr for OutcomeIs {
    type Err = String;

    fn from_str(text: &str) -> Result<OutcomeIs, String> {
        Ok(match text {
            "accepted" => OutcomeIs::Accepted,
            "rejected" => OutcomeIs::Rejected,
            "quote" => OutcomeIs::Quote,
            "quote_refused" => OutcomeIs::QuoteRefused,
            "expired" => OutcomeIs::Expired,
            "filled" => OutcomeIs::Filled,
            code => match codes().find(|known| *known == code) {
                Some(known) => OutcomeIs::Code(known),
                None => {
                    let known: Vec<&str> = codes().collect();
                    return Err(format!(
                        "accepted, rejected, quote, quote_refused, expired, filled or one of the \
                         codes {} is expected",
                        known.join(", ")
                    ));
                }
            },
        })
    }
}

impl OutcomeIs {
    fn fits(self, entry: &Entry) -> bool {
        match (self, entry) {
            (OutcomeIs::Accepted, Entry::Command(decided)) => {
                matches!(decided.outcome, Outcome::Accepted(_))
            }
            (OutcomeIs::Rejected, Entry::Command(decided)) => {
                matches!(decided.outcome, Outcome::Rejected(_))
            }
            (OutcomeIs::Code(code), Entry::Command(decided)) => decided.reject_code() == Some(code),
            (OutcomeIs::Quote, Entry::Quote(_))
            | (OutcomeIs::QuoteRefused, Entry::QuoteRefused(_))
            | (OutcomeIs::Expired, Entry::Expired(_))
            | (OutcomeIs::Filled, Entry::Filled(_)) => true,
            _ => false,
        }
    }
}

impl Filter {
    /// Whether an index saves reading most of the log.
    pub fn is_narrow(&self) -> bool {
        !self.users.is_empty() || self.transactions.is_some() || self.time_ms.is_some()
    }

    /// Whether entry `number`, of which only the front is known, can fit.
    pub fn front(&self, number: u64, front: &Peek<'_>) -> bool {
        let about = |user: &[u8]| self.users.iter().any(|wanted| wanted.as_bytes() == user);
        self.entries.contains(&number)
            && (self.users.is_empty() || front.user.is_some_and(about))
            && self.transactions.as_ref().is_none_or(|range| range.contains(&front.transaction.0))
            && self.time_ms.as_ref().is_none_or(|range| range.contains(&front.at_ms))
            && (self.command.is_none() || front.name.is_none() || front.name == self.command)
    }

    /// Whether `entry`, whose front fits, fits as a whole.
    pub fn rest(&self, entry: &Entry) -> bool {
        self.outcome.is_none_or(|outcome| outcome.fits(entry))
            && self.command.is_none_or(|command| command_of(entry) == Some(command))
            && self.stock.as_ref().is_none_or(|stock| is_about(entry, stock))
            && self
                .amount_cents
                .as_ref()
                .is_none_or(|range| amount_cents(entry).is_some_and(|cents| range.contains(&cents)))
            && self.text.as_ref().is_none_or(|text| {
                super::record::message(entry).is_some_and(|message| holds(&message, text))
            })
    }
}

/// Whether `message` holds `text`, in capitals or not.
fn holds(message: &str, text: &str) -> bool {
    if !text.is_ascii() {
        return message.to_lowercase().contains(&text.to_lowercase());
    }
    // Millions of messages are looked at, so nothing is copied for it.
    let (message, text) = (message.as_bytes(), text.as_bytes());
    text.is_empty() || message.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
}

/// The command that an entry is part of, where the entry itself says so.
pub(super) fn command_of(entry: &Entry) -> Option<CommandName> {
    use domain::trading::verbs::expiry::Side;
    match entry {
        Entry::Command(decided) => Some(decided.command.action.name()),
        Entry::Quote(_) => None,
        Entry::QuoteRefused(refused) => Some(refused.name),
        Entry::Expired(expired) => Some(match expired.side {
            Side::Buy => CommandName::Buy,
            Side::Sell => CommandName::Sell,
        }),
        Entry::Filled(filled) => Some(filled.name),
    }
}

/// The stock that an entry is about: that of the command, or of what it took off a stack.
pub(super) enum StockOf<'a> {
    Stock(Stock),
    AsGiven(&'a str),
}

pub(super) fn stock_of(entry: &Entry) -> Option<StockOf<'_>> {
    use domain::trading::Accepted;
    Some(StockOf::Stock(match entry {
        Entry::Command(decided) => match (&decided.command.action, &decided.outcome) {
            (Action::Malformed(malformed), _) => {
                return malformed.stock.as_deref().map(StockOf::AsGiven);
            }
            (
                _,
                Outcome::Accepted(
                    Accepted::BuyCommitted(taken)
                    | Accepted::BuyCancelled(taken)
                    | Accepted::SellCommitted(taken)
                    | Accepted::SellCancelled(taken),
                ),
            ) => taken.stock,
            (Action::User { verb, .. }, _) => verb.stock()?,
            _ => return None,
        },
        Entry::Quote(quote) => quote.stock,
        Entry::QuoteRefused(refused) => refused.stock,
        Entry::Expired(expired) => expired.stock,
        Entry::Filled(filled) => filled.stock,
    }))
}

fn is_about(entry: &Entry, wanted: &str) -> bool {
    match stock_of(entry) {
        Some(StockOf::Stock(stock)) => stock.letters().as_str() == wanted,
        Some(StockOf::AsGiven(text)) => text == wanted,
        None => false,
    }
}

/// The amount that a command names, in cents, where it is a sum at all.
fn amount_cents(entry: &Entry) -> Option<i64> {
    let Entry::Command(decided) = entry else { return None };
    match &decided.command.action {
        Action::User { verb, .. } => Some(verb.amount()?.money().cents()),
        Action::Malformed(malformed) => parse_cents(malformed.funds.as_deref()?),
        Action::DumpAll(_) => None,
    }
}

/// Cents of an amount such as `12`, `12.5` or `-73280.58`; none where it is no sum of whole cents
/// that 64 bits hold.
pub fn parse_cents(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() == 0 || fraction.len() > 2
    {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: i64 = format!("{fraction:0<2}").parse().ok()?;
    whole.checked_mul(100)?.checked_add(fraction)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_cent_or_not_at_all() {
        for (text, cents) in
            [("12", 1200), ("12.5", 1250), ("-73280.58", -7_328_058), (".05", 5), ("0", 0)]
        {
            assert_eq!(parse_cents(text), Some(cents), "{text}");
        }
        for text in ["", ".", "-", "1.234", "1e3", "12 ", "99999999999999999999", "--1"] {
            assert_eq!(parse_cents(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_entry_is_found_by_the_outcome_it_shows() {
        for entry in Entry::examples() {
            let shown = super::super::Record::of(1, &entry).outcome;
            let asked: OutcomeIs = shown.parse().unwrap();
            assert!(asked.fits(&entry), "{shown}: {entry:?}");
        }
    }

    #[test]
    fn every_word_and_code_is_an_outcome() {
        for code in codes() {
            assert_eq!(code.parse(), Ok(OutcomeIs::Code(code)));
        }
        assert_eq!("filled".parse(), Ok(OutcomeIs::Filled));
        assert!("' OR 1=1 --".parse::<OutcomeIs>().unwrap_err().contains("no_pending_buy"));
    }
}
