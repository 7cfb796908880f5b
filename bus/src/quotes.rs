//! Quotes: workers ask for prices by stock, and hear of every fresh one.

use crate::Moment;
use actix::{Message, Recipient};
use domain::trading::{CommandName, Price, Stock, TransactionNum, UserName};
use std::sync::Arc;
use std::time::Duration;

/// How long a price may be used, from the moment its request was sent.
pub const QUOTE_TTL: Duration = Duration::from_secs(60);

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

/// The way to the quote manager.
#[derive(Clone)]
pub struct QuoteClient(Recipient<AskQuotes>);

impl QuoteClient {
    /// The quote manager behind `manager`.
    pub fn new(manager: Recipient<AskQuotes>) -> QuoteClient {
        QuoteClient(manager)
    }

    /// Asks. The future ends when the manager has taken the question up.
    pub fn ask(
        &self,
        asks: Vec<QuoteAsk>,
        reply_to: Recipient<QuoteNews>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let sent = self.0.send(AskQuotes { asks, reply_to });
        async move {
            // A manager that is gone answers nothing; the system is being shut down then.
            let _ = sent.await;
        }
    }
}
