//! An example of everything that an entry can be, for tests that must leave nothing out.

use super::field::Field;
use crate::trading::command::{Action, Command, Malformed, Verb};
use crate::trading::entry::{
    CommandDecided, OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused,
};
use crate::trading::{
    Accepted, DumpFile, Entry, Outcome, Reject, RequestId, TransactionNum, UserName,
};

impl Entry {
    /// Entries of every kind, with every command, outcome and code there is and fields of every
    /// form, for tests. Which outcome stands beside which command means nothing.
    pub fn examples() -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        let prices: Vec<Option<PriceUsed>> = Field::examples();
        for (action, price) in actions().zip(prices.into_iter().cycle()) {
            let dumped = Outcome::Accepted(Accepted::Dumped);
            all.push(command(all.len(), action, price, dumped));
        }
        let outcomes = Accepted::examples().into_iter().map(Outcome::Accepted);
        for outcome in outcomes.chain(Reject::examples().into_iter().map(Outcome::Rejected)) {
            // Only arguments that are no good are refused for being so.
            let action = match outcome {
                Outcome::Rejected(Reject::Malformed) => actions().last(),
                _ => actions().next(),
            };
            all.extend(action.map(|action| command(all.len(), action, None, outcome)));
        }
        all.extend(QuoteReceived::examples().into_iter().map(Entry::Quote));
        all.extend(QuoteRefused::examples().into_iter().map(Entry::QuoteRefused));
        all.extend(PendingExpired::examples().into_iter().map(Entry::Expired));
        all.extend(OrderFilled::examples().into_iter().map(Entry::Filled));
        all
    }
}

fn actions() -> impl Iterator<Item = Action> {
    let of_users = Verb::examples().into_iter().zip(UserName::examples().into_iter().cycle());
    let of_users = of_users.map(|(verb, user)| Action::User { user, verb });
    let dumps = DumpFile::examples().into_iter().map(Action::DumpAll);
    let malformed = Malformed::examples().into_iter();
    of_users.chain(dumps).chain(malformed.map(|malformed| Action::Malformed(Box::new(malformed))))
}

/// The `nth` command: some have waited, and some have a number of their client's own.
fn command(nth: usize, action: Action, price: Option<PriceUsed>, outcome: Outcome) -> Entry {
    let received_ms = 1_767_225_600_000;
    let mut command = Command::new(TransactionNum(nth as u64 + 1), received_ms, action);
    if nth % 3 == 2 {
        command.request = Some(RequestId::from_bytes([nth as u8; 16]));
    }
    let applied_ms = received_ms + [0, 9, 4_000, u64::MAX - received_ms][nth % 4];
    Entry::Command(CommandDecided { command, applied_ms, price, outcome })
}
