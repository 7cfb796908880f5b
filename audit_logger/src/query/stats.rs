//! Counts over the entries: commands, refusals and why, users, quotes and what they cost.

use super::record::time_ms;
use domain::trading::command::CommandName;
use domain::trading::{Entry, Outcome, Stock, UserName};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of entries. Those of parts of a log add up ([`Stats::merge`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries counted.
    pub entries: u64,
    /// The earliest and the latest time, in Unix milliseconds.
    pub times: Option<(u64, u64)>,
    /// By command: how many were carried out and how many refused.
    pub commands: BTreeMap<CommandName, Decided>,
    /// By code: how many commands were refused.
    pub rejects: BTreeMap<&'static str, u64>,
    /// By user: how many commands were received.
    pub users: FxHashMap<UserName, u64>,
    /// By stock: what prices were asked for.
    pub stocks: FxHashMap<Stock, Asked>,
    /// Pending buys and sells that expired.
    pub expired: u64,
    /// Armed orders that fired on a later price.
    pub filled: u64,
    /// Armed orders that fired inside the command that armed them.
    pub fired_at_once: u64,
}

/// Commands of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Carried out.
    pub accepted: u64,
    /// Refused.
    pub rejected: u64,
}

/// Prices of one stock, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Answers of the quote server: each is charged for.
    pub answers: u64,
    /// Requests that brought no usable answer.
    pub refused: u64,
    /// Commands that were served a price that another had asked for.
    pub cached: u64,
}

impl Asked {
    fn add(&mut self, other: Asked) {
        self.answers += other.answers;
        self.refused += other.refused;
        self.cached += other.cached;
    }
}

impl Stats {
    /// Counts one more entry.
    pub fn count(&mut self, entry: &Entry) {
        self.entries += 1;
        let at = time_ms(entry);
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        match entry {
            Entry::Command(decided) => {
                let action = &decided.command.action;
                let counted = self.commands.entry(action.name()).or_default();
                match decided.outcome {
                    Outcome::Accepted(_) => counted.accepted += 1,
                    Outcome::Rejected(_) => counted.rejected += 1,
                }
                if let Some(code) = decided.reject_code() {
                    *self.rejects.entry(code).or_default() += 1;
                }
                if let Some(user) = action.user().map(str::as_bytes).and_then(UserName::parse) {
                    *self.users.entry(user).or_default() += 1;
                }
                if decided.price.is_some_and(|used| used.cached)
                    && let domain::trading::Action::User { verb, .. } = action
                    && let Some(stock) = verb.stock()
                {
                    self.stocks.entry(stock).or_default().cached += 1;
                }
                self.fired_at_once += u64::from(decided.fill().is_some());
            }
            Entry::Quote(quote) => self.stocks.entry(quote.stock).or_default().answers += 1,
            Entry::QuoteRefused(refused) => {
                self.stocks.entry(refused.stock).or_default().refused += 1;
            }
            Entry::Expired(_) => self.expired += 1,
            Entry::Filled(_) => self.filled += 1,
        }
    }

    /// Adds the counts of another part of the log.
    pub fn merge(&mut self, other: Stats) {
        self.entries += other.entries;
        self.times = match (self.times, other.times) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        for (name, decided) in other.commands {
            let counted = self.commands.entry(name).or_default();
            counted.accepted += decided.accepted;
            counted.rejected += decided.rejected;
        }
        for (code, count) in other.rejects {
            *self.rejects.entry(code).or_default() += count;
        }
        for (user, count) in other.users {
            *self.users.entry(user).or_default() += count;
        }
        for (stock, asked) in other.stocks {
            self.stocks.entry(stock).or_default().add(asked);
        }
        self.expired += other.expired;
        self.filled += other.filled;
        self.fired_at_once += other.fired_at_once;
    }

    /// The users with the most commands, at most `most` of them, first by count and then by name.
    pub fn top_users(&self, most: usize) -> Vec<(&str, u64)> {
        let mut users: Vec<_> =
            self.users.iter().map(|(user, count)| (user.as_str(), *count)).collect();
        users.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(two.0)));
        users.truncate(most);
        users
    }

    /// The stocks, those with the most answers first, then by name.
    pub fn stocks(&self) -> Vec<(Stock, Asked)> {
        let mut stocks: Vec<_> =
            self.stocks.iter().map(|(stock, asked)| (*stock, *asked)).collect();
        stocks.sort_by(|one, two| two.1.answers.cmp(&one.1.answers).then(one.0.cmp(&two.0)));
        stocks
    }

    /// The prices of all stocks together.
    pub fn quotes(&self) -> Asked {
        let mut all = Asked::default();
        self.stocks.values().for_each(|asked| all.add(*asked));
        all
    }
}
