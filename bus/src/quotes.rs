//! Quotes: workers ask for prices by stock, and hear of every fresh one.

use crate::Moment;
use actix::{Message, Recipient};
use domain::trading::{CommandName, Price, Stock, TransactionNum, UserName};
use std::sync::Arc;
use std::time::Duration;

/// How long a price may be used, from the moment its request was sent.
pub const QUOTE_TTL: Duration = Duration::from_secs(60);

/// A question that has not been answered for so long is asked again: the quote manager that took
/// it may have died. Every manager gives up sooner.
pub const ASK_AGAIN: Duration = Duration::from_secs(15);

/// A price that may be used for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshQuote {
    /// The stock.
    pub stock: Stock,
    /// Its price.
    pub price: Price,
    /// When the request was sent: the price is good for [`QUOTE_TTL`] from here.
    pub sent: Moment,
    /// The command that asked.
    pub asked_by: TransactionNum,
}

impl FreshQuote {
    /// Whether the price may be used at `now`.
    pub fn is_fresh(&self, now: Moment) -> bool {
        now < self.sent.plus(QUOTE_TTL)
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteResult {
    /// A price.
    Fresh(FreshQuote),
    /// The quote server gave no usable price of the stock.
    Unavailable(Stock),
    /// The server was not asked: the user of this command has spent their share of the budget.
    /// Others who wait for the stock ask again, in their own name.
    OverShare {
        /// The stock.
        stock: Stock,
        /// The command that asked.
        transaction: TransactionNum,
    },
}

/// A command that needs the price of a stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteAsk {
    /// The stock.
    pub stock: Stock,
    /// The command.
    pub transaction: TransactionNum,
    /// Its name.
    pub name: CommandName,
    /// Its user.
    pub user: UserName,
    /// Whether the price that is known is still good, and a newer one is wanted before it is not.
    pub refresh: bool,
}

/// Asks for prices; the answers come as [`QuoteNews`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct AskQuotes {
    /// Who asks for what.
    pub asks: Vec<QuoteAsk>,
    /// Hears of prices that are in the cache already. What has to be asked for is told to all.
    pub reply_to: Recipient<QuoteNews>,
}

/// News of prices.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct QuoteNews(pub Arc<[QuoteResult]>);

/// The way to the quote managers. They share the stocks among them, so that however many there
/// are, one price is asked for once.
#[derive(Clone)]
pub struct QuoteClient {
    managers: Arc<[Recipient<AskQuotes>]>,
}

impl QuoteClient {
    /// The quote managers behind `managers`, in an order that is the same for all who ask.
    pub fn new(managers: Vec<Recipient<AskQuotes>>) -> QuoteClient {
        QuoteClient { managers: managers.into() }
    }

    /// Asks. The questions are in the managers' mailboxes before this returns; the future ends
    /// when they have been taken up.
    pub fn ask(
        &self,
        asks: Vec<QuoteAsk>,
        reply_to: Recipient<QuoteNews>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut shares: Vec<Vec<QuoteAsk>> = self.managers.iter().map(|_| Vec::new()).collect();
        let alive: Vec<bool> = self.managers.iter().map(Recipient::connected).collect();
        for ask in asks {
            // Where no manager is left the system is being shut down, and nobody waits any more.
            if let Some(manager) = manager_of(ask.stock, &alive) {
                shares[manager].push(ask);
            }
        }
        let mut sent = Vec::new();
        for (manager, asks) in self.managers.iter().zip(shares) {
            if !asks.is_empty() {
                sent.push(manager.send(AskQuotes { asks, reply_to: reply_to.clone() }));
            }
        }
        async move {
            for taken_up in sent {
                // A manager that has just died answers nothing: whoever waits asks again.
                let _ = taken_up.await;
            }
        }
    }
}

/// Which of the managers that are alive is asked for `stock`: rendezvous hashing. When one dies,
/// its stocks are spread over the others, and no other stock moves.
fn manager_of(stock: Stock, alive: &[bool]) -> Option<usize> {
    let weight = |manager: usize| {
        let letters = stock.letters();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ (manager as u64).wrapping_mul(0x9e37_79b9);
        for &byte in letters.as_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // The finaliser of MurmurHash3: neighbours in, strangers out.
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    };
    (0..alive.len()).filter(|&manager| alive[manager]).max_by_key(|&manager| weight(manager))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stocks() -> impl Iterator<Item = Stock> {
        (b'A'..=b'Z').flat_map(|first| {
            (b'A'..=b'Z').filter_map(move |second| Stock::parse(&[first, second]))
        })
    }

    #[test]
    fn managers_share_the_stocks_evenly() {
        let mut shares = [0; 4];
        stocks().for_each(|stock| shares[manager_of(stock, &[true; 4]).unwrap()] += 1);
        assert!(shares.iter().all(|share| (120..220).contains(share)), "{shares:?}");
    }

    #[test]
    fn only_the_stocks_of_a_dead_manager_move() {
        for stock in stocks() {
            let before = manager_of(stock, &[true; 4]).unwrap();
            let after = manager_of(stock, &[true, false, true, true]).unwrap();
            assert!(after == before || before == 1);
            assert_ne!(after, 1);
        }
        assert_eq!(manager_of(Stock::parse(b"A").unwrap(), &[false; 4]), None);
    }
}
