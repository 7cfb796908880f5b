//! The prices that the log shows: which a command may have used, and which it cannot have.

use super::words::Stock;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// A price is good for this long after the request for it was sent. The log has the time at which
/// the answer came, so this much after that is the outer bound.
pub(super) const PRICE_MS: u64 = 60_000;

/// Newest prices of a stock that are looked through when all of them matter.
const REMEMBERED: usize = 64;

/// Prices that are this much older than the newest are forgotten: the order of a log is not quite
/// that of its timestamps.
const FORGOTTEN_MS: u64 = 15 * 60_000;

/// An answer of the quote server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    /// In cents.
    pub(super) price: i64,
    /// When the answer came, in Unix milliseconds.
    pub(super) at: u64,
}

impl Quote {
    /// Whether its price may still have been good at `time`.
    pub(super) const fn good_at(self, time: u64) -> bool {
        self.at.saturating_add(PRICE_MS) >= time
    }
}

/// Where a price in the log comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// From a quote that may still have been good.
    Fresh,
    /// From a quote so many milliseconds before.
    Stale(u64),
    /// From no quote of the stock.
    Unknown,
}

/// All quotes so far.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    stocks: FxHashMap<Stock, History>,
}

#[derive(Debug, Default)]
struct History {
    /// When each price was last quoted.
    latest: FxHashMap<i64, u64>,
    recent: VecDeque<Quote>,
    newest: u64,
    /// Prices at which the old ones are dropped.
    prune_at: usize,
}

impl Quotes {
    pub(super) fn add(&mut self, stock: Stock, quote: Quote) {
        let history = self.stocks.entry(stock).or_default();
        history.newest = history.newest.max(quote.at);
        let latest = history.latest.entry(quote.price).or_insert(quote.at);
        *latest = quote.at.max(*latest);
        if history.recent.len() == REMEMBERED {
            history.recent.pop_front();
        }
        history.recent.push_back(quote);
        if history.latest.len() > history.prune_at {
            let bound = history.newest.saturating_sub(FORGOTTEN_MS);
            history.latest.retain(|_, at| *at >= bound);
            history.prune_at = 2 * history.latest.len() + REMEMBERED;
        }
    }

    /// How many stocks have been quoted.
    pub(super) fn stocks(&self) -> usize {
        self.stocks.len()
    }

    /// Where a price that was used at `time` comes from.
    pub(super) fn trace(&self, stock: Stock, price: i64, time: u64) -> Trace {
        let latest = self.stocks.get(&stock).and_then(|history| history.latest.get(&price));
        match latest {
            Some(&at) if (Quote { price, at }).good_at(time) => Trace::Fresh,
            Some(&at) => Trace::Stale(time - at),
            None => Trace::Unknown,
        }
    }

    /// The quotes of a stock that may still have been good at `time`, newest first, and whether
    /// these are all of them.
    pub(super) fn good_at(
        &self,
        stock: Stock,
        time: u64,
    ) -> (impl Iterator<Item = Quote> + '_, bool) {
        let history = self.stocks.get(&stock);
        let all = history.is_none_or(|history| {
            history.recent.len() < REMEMBERED
                || history.recent.front().is_some_and(|oldest| !oldest.good_at(time))
        });
        let quotes = history.into_iter().flat_map(|history| history.recent.iter().rev().copied());
        (quotes.filter(move |quote| quote.good_at(time)), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_good_for_sixty_seconds() {
        let stock = Stock::parse(b"ABC").unwrap();
        let mut quotes = Quotes::default();
        quotes.add(stock, Quote { price: 100, at: 1_000 });
        assert_eq!(quotes.trace(stock, 100, 61_000), Trace::Fresh);
        assert_eq!(quotes.trace(stock, 100, 61_001), Trace::Stale(60_001));
        assert_eq!(quotes.trace(stock, 101, 1_000), Trace::Unknown);
        quotes.add(stock, Quote { price: 100, at: 50_000 });
        assert_eq!(quotes.trace(stock, 100, 110_000), Trace::Fresh);
        let (good, all) = quotes.good_at(stock, 110_000);
        assert_eq!((good.count(), all), (1, true));
    }

    #[test]
    fn old_prices_are_forgotten() {
        let stock = Stock::parse(b"ABC").unwrap();
        let mut quotes = Quotes::default();
        for step in 0..100_000_u64 {
            quotes.add(stock, Quote { price: 1 + step as i64, at: step * 1_000 });
        }
        let history = &quotes.stocks[&stock];
        assert!(history.latest.len() < 3_000, "{}", history.latest.len());
        assert_eq!(history.recent.len(), REMEMBERED);
    }
}
