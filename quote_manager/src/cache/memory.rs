//! The prices that this process knows.

use bus::{FreshQuote, Moment};
use domain::trading::Stock;
use rustc_hash::FxHashMap;

/// The newest price of each stock: at most one for each of the 143,364 symbols.
#[derive(Debug, Default)]
pub struct Prices(FxHashMap<Stock, FreshQuote>);

impl Prices {
    /// The price of `stock` that may be used at `now`.
    pub fn get(&self, stock: Stock, now: Moment) -> Option<&FreshQuote> {
        self.0.get(&stock).filter(|quote| quote.is_fresh(now))
    }

    /// Keeps `quote`, unless a newer one is here already. Returns whether it does.
    pub fn put(&mut self, quote: &FreshQuote) -> bool {
        let kept = self.0.entry(quote.stock).or_insert(*quote);
        if kept.sent < quote.sent {
            *kept = *quote;
        }
        kept == quote
    }
}
