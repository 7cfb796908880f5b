//! What a worker knows of prices, and who waits for those it does not know.

use crate::accounts::SlotId;
use bus::quotes::{ASK_AGAIN, QUOTE_TTL};
use bus::{FreshQuote, Moment, QuoteAsk};
use domain::trading::entry::PriceUsed;
use domain::trading::{Stock, TransactionNum};
use rustc_hash::FxHashMap;
use std::time::Duration;

/// A price for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The price, and where it is from.
    pub used: PriceUsed,
    /// How old it is.
    pub age: Duration,
    /// Whether it is in demand and runs out soon, so that a new one should be asked for. Said
    /// once of each price.
    pub refresh: bool,
}

/// The prices that one worker knows.
#[derive(Debug, Default)]
pub struct Prices {
    known: FxHashMap<Stock, Known>,
    /// Accounts parked for a stock, in the order they came.
    waiting: FxHashMap<Stock, Waiters>,
    /// How long before its end a price in use is asked for again.
    refresh_before: Option<Duration>,
}

#[derive(Debug)]
struct Known {
    quote: FreshQuote,
    refresh_asked: bool,
}

#[derive(Debug)]
struct Waiters {
    slots: Vec<SlotId>,
    ask: QuoteAsk,
    asked: Moment,
}

impl Prices {
    /// From now on a price that is used in the last `refresh_before` of its life is asked for
    /// again.
    pub fn refresh_before(&mut self, refresh_before: Option<Duration>) {
        self.refresh_before = refresh_before;
    }

    /// Remembers a price, unless it is older than the one that is known.
    pub fn learn(&mut self, quote: FreshQuote) {
        if self.known.get(&quote.stock).is_none_or(|known| known.quote.sent <= quote.sent) {
            self.known.insert(quote.stock, Known { quote, refresh_asked: false });
        }
    }

    /// A fresh price of `stock` for the command `transaction`, which `may_refresh` it.
    pub fn find(
        &mut self,
        stock: Stock,
        now: Moment,
        transaction: TransactionNum,
        may_refresh: bool,
    ) -> Option<Found> {
        let known = self.known.get_mut(&stock)?;
        let quote = known.quote;
        if !quote.is_fresh(now) {
            return None;
        }
        let age = now.since(quote.sent);
        let cached = quote.asked_by != transaction;
        let ending = self.refresh_before.is_some_and(|before| age + before >= QUOTE_TTL);
        let refresh = may_refresh && ending && cached && !known.refresh_asked;
        known.refresh_asked |= refresh;
        Some(Found { used: PriceUsed { price: quote.price, cached }, age, refresh })
    }

    /// Notes that an account waits for a price; returns the question, if it has not been asked.
    pub fn wait(&mut self, slot: SlotId, ask: QuoteAsk, now: Moment) -> Option<QuoteAsk> {
        match self.waiting.get_mut(&ask.stock) {
            Some(waiters) => {
                waiters.slots.push(slot);
                None
            }
            None => {
                let waiters = Waiters { slots: vec![slot], ask: ask.clone(), asked: now };
                self.waiting.insert(ask.stock, waiters);
                Some(ask)
            }
        }
    }

    /// The accounts that wait for `stock`: they do no longer.
    pub fn take_waiting(&mut self, stock: Stock) -> Vec<SlotId> {
        self.waiting.remove(&stock).map(|waiters| waiters.slots).unwrap_or_default()
    }

    /// Whether any account waits.
    pub fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The questions that have waited for [`ASK_AGAIN`]; they count as asked anew.
    pub fn overdue(&mut self, now: Moment) -> Vec<QuoteAsk> {
        let mut overdue: Vec<QuoteAsk> = Vec::new();
        for waiters in self.waiting.values_mut() {
            if now.since(waiters.asked) >= ASK_AGAIN {
                waiters.asked = now;
                overdue.push(waiters.ask.clone());
            }
        }
        overdue.sort_by_key(|ask| ask.transaction);
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::{CommandName, Price, UserName};

    fn at(seconds: u64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    fn stock() -> Stock {
        Stock::parse(b"S").unwrap()
    }

    fn quote(sent: u64) -> FreshQuote {
        let price = Price::from_cents(100).unwrap();
        FreshQuote { stock: stock(), price, sent: at(sent), asked_by: TransactionNum(1) }
    }

    #[test]
    fn a_price_in_use_is_refreshed_once_and_only_near_its_end() {
        let mut prices = Prices::default();
        prices.refresh_before(Some(Duration::from_secs(10)));
        prices.learn(quote(0));
        let mut find = |seconds, transaction, may| {
            prices.find(stock(), at(seconds), TransactionNum(transaction), may)
        };
        assert!(!find(49, 2, true).unwrap().refresh, "too early");
        assert!(!find(50, 1, true).unwrap().refresh, "its own command asks nothing");
        assert!(!find(50, 2, false).unwrap().refresh, "this one may not ask");
        let found = find(50, 2, true).unwrap();
        assert_eq!((found.refresh, found.age), (true, Duration::from_secs(50)));
        assert!(!find(51, 3, true).unwrap().refresh, "it has been asked");
        assert_eq!(find(60, 3, true), None);
        prices.learn(quote(52));
        assert!(!prices.find(stock(), at(60), TransactionNum(4), true).unwrap().refresh);
    }

    #[test]
    fn an_older_price_never_takes_the_place_of_a_newer_one() {
        let mut prices = Prices::default();
        prices.learn(quote(10));
        prices.learn(quote(5));
        assert!(prices.find(stock(), at(66), TransactionNum(2), true).is_some());
        prices.learn(quote(20));
        assert!(prices.find(stock(), at(79), TransactionNum(2), true).is_some());
    }

    #[test]
    fn without_being_told_so_nothing_is_refreshed() {
        let mut prices = Prices::default();
        prices.learn(quote(0));
        assert!(!prices.find(stock(), at(59), TransactionNum(2), true).unwrap().refresh);
    }

    #[test]
    fn a_question_nobody_answers_is_asked_again() {
        let mut prices = Prices::default();
        let ask = QuoteAsk {
            stock: stock(),
            transaction: TransactionNum(1),
            name: CommandName::Buy,
            user: UserName::parse(b"u").unwrap(),
            refresh: false,
        };
        assert!(prices.wait(0, ask.clone(), at(0)).is_some());
        assert!(prices.wait(1, ask.clone(), at(5)).is_none(), "one asks for all");
        assert_eq!(prices.overdue(at(14)), []);
        assert_eq!(prices.overdue(at(15)), [ask]);
        assert_eq!(prices.overdue(at(16)), [], "it counts as asked anew");
        assert_eq!(prices.take_waiting(stock()), [0, 1]);
        assert_eq!(prices.overdue(at(100)), []);
    }
}
