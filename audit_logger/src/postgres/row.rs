//! An entry as the columns that analysts ask for.

use crate::follow::{Record, time_of};
use domain::trading::command::{Action, CommandName, Verb};
use domain::trading::entry::{CashChange, CommandDecided};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Accepted, Amount, Entry, Fill, Money, Outcome, Price, Shares, Stock};
use std::borrow::Cow;

/// The columns in the order in which [`copy`](super::copy) writes them.
pub const COLUMNS: [&str; 24] = [
    "entry",
    "transaction_num",
    "at",
    "received_at",
    "amount_cents",
    "price_cents",
    "shares",
    "cash_change_cents",
    "opened_by",
    "fill_price_cents",
    "fill_shares",
    "fill_cash_cents",
    "quote_server_time_ms",
    "log",
    "cached",
    "kind",
    "command",
    "username",
    "stock",
    "code",
    "message",
    "filename",
    "cryptokey",
    "body",
];

/// Bytes of a user's name in its column. Names that are good have 64 at most; what somebody else gave
/// for one can have thousands, and a key of the index takes 2704 bytes at most, of which the stand-in
/// for a NUL takes three.
const NAME_BYTES: usize = 512;

/// A user's name as its column has it: all of it, or as much as the index takes. `body` has it all.
pub(super) fn indexable(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// A row. Money is in cents, times in Unix milliseconds. Numbers are as the log has them: what 64
/// bits with a sign do not hold is written as the most that they do, and `body` has it exactly.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the columns are described where the table is made")]
pub struct Row<'a> {
    pub entry: u64,
    pub transaction: u64,
    pub at_ms: u64,
    pub received_ms: Option<u64>,
    pub amount: Option<Money>,
    pub price: Option<Price>,
    pub shares: Option<Shares>,
    pub cash_change_cents: Option<i64>,
    pub opened_by: Option<u64>,
    pub fill: Option<Fill>,
    pub quote_server_time_ms: Option<u64>,
    pub cached: Option<bool>,
    pub kind: &'static str,
    pub command: Option<CommandName>,
    pub user: Option<&'a str>,
    pub stock: Option<Symbol<'a>>,
    pub code: Option<&'static str>,
    pub message: Option<Cow<'a, str>>,
    pub filename: Option<&'a str>,
    pub cryptokey: Option<&'a str>,
    pub body: &'a [u8],
}

/// A stock, or what was given for one.
#[derive(Clone, Copy, Debug)]
pub enum Symbol<'a> {
    /// A stock.
    Stock(Stock),
    /// What is none.
    AsGiven(&'a str),
}

impl<'a> Row<'a> {
    /// The row of an entry.
    pub fn of(record: &Record<'a>) -> Row<'a> {
        let row = Row {
            entry: record.number,
            transaction: record.entry.transaction().0,
            at_ms: time_of(record.entry),
            user: record.entry.user().map(indexable),
            body: record.bytes,
            ..Row::default()
        };
        match record.entry {
            Entry::Command(decided) => row.with_command(decided),
            Entry::Quote(quote) => Row {
                kind: "quote",
                stock: Some(Symbol::Stock(quote.stock)),
                price: Some(quote.price),
                quote_server_time_ms: Some(quote.server_time_ms),
                cryptokey: Some(&quote.cryptokey),
                ..row
            },
            Entry::QuoteRefused(refused) => Row {
                kind: "quote_refused",
                command: Some(refused.name),
                stock: Some(Symbol::Stock(refused.stock)),
                code: Some("quote_refused"),
                message: Some(Cow::Borrowed(&*refused.message)),
                ..row
            },
            Entry::Expired(expired) => Row {
                kind: "expired",
                command: Some(match expired.side {
                    Side::Buy => CommandName::CancelBuy,
                    Side::Sell => CommandName::CancelSell,
                }),
                stock: Some(Symbol::Stock(expired.stock)),
                shares: Some(expired.shares),
                amount: Some(expired.cash),
                cash_change_cents: (expired.side == Side::Buy).then_some(expired.cash.cents()),
                ..row
            },
            Entry::Filled(filled) => Row {
                kind: "filled",
                command: Some(filled.name),
                stock: Some(Symbol::Stock(filled.stock)),
                fill: Some(filled.fill),
                cash_change_cents: Some(filled.fill.cash.cents()).filter(|cents| *cents != 0),
                ..row
            },
        }
    }

    fn with_command(self, decided: &'a CommandDecided) -> Row<'a> {
        let mut row = Row {
            kind: "command",
            received_ms: Some(decided.command.received_ms),
            command: Some(decided.command.action.name()),
            price: decided.price.map(|used| used.price),
            cached: decided.price.map(|used| used.cached),
            cash_change_cents: match decided.cash_change() {
                CashChange::None => None,
                CashChange::Add(sum) => Some(sum.cents()),
                CashChange::Remove(sum) => Some(-sum.cents()),
            },
            fill: decided.fill(),
            code: decided.reject_code(),
            ..self
        };
        match &decided.command.action {
            Action::User { verb, .. } => {
                row.stock = verb.stock().map(Symbol::Stock);
                row.amount = verb.amount().map(Amount::money);
                if let Verb::DumpLog(file) = verb {
                    row.filename = Some(file.as_given());
                }
            }
            Action::DumpAll(file) => row.filename = Some(file.as_given()),
            Action::Malformed(malformed) => {
                row.stock = malformed.stock.as_deref().map(Symbol::AsGiven);
                let given = malformed.funds.as_deref();
                row.amount =
                    given.and_then(|text| Amount::parse(text.as_bytes())).map(Amount::money);
                row.filename = malformed.file.as_deref();
                row.message = Some(Cow::Borrowed(&*malformed.message));
            }
        }
        match &decided.outcome {
            Outcome::Accepted(accepted) => row.with_accepted(accepted),
            Outcome::Rejected(reject) => {
                row.message.get_or_insert_with(|| Cow::Owned(reject.to_string()));
                row
            }
        }
    }

    fn with_accepted(mut self, accepted: &Accepted) -> Row<'a> {
        match accepted {
            Accepted::BuyPending { shares, .. } | Accepted::SellPending { shares, .. } => {
                self.shares = Some(*shares);
            }
            Accepted::BuyCommitted(taken)
            | Accepted::BuyCancelled(taken)
            | Accepted::SellCommitted(taken)
            | Accepted::SellCancelled(taken) => {
                self.stock = Some(Symbol::Stock(taken.stock));
                self.shares = Some(taken.shares);
                self.amount = Some(taken.cash);
                self.opened_by = Some(taken.opened_by.0);
            }
            Accepted::SellAmountSet { reserved, .. }
            | Accepted::SellArmed { reserved, .. }
            | Accepted::SellOrderDropped { reserved } => self.shares = Some(*reserved),
            Accepted::BuyOrderDropped { reserve } => self.amount = Some(*reserve),
            Accepted::Added
            | Accepted::Quoted
            | Accepted::BuyAmountSet { .. }
            | Accepted::BuyArmed { .. }
            | Accepted::Summarised
            | Accepted::Dumped
            | Accepted::Registered => {}
        }
        self
    }
}
