//! What happens to an account without its user's doing at that moment: an order fires, a pending
//! buy or sell expires. The user is told once it is durable.

use crate::Moment;
use domain::trading::entry::{OrderFilled, PendingExpired};
use tokio::sync::mpsc;

/// Something that happened to an account by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// An armed order fired.
    Filled(OrderFilled),
    /// A pending buy or sell ran out.
    Expired(PendingExpired),
}

/// An event, told when its entry is durable and not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountNews {
    /// The number of its entry in the log.
    pub entry: u64,
    /// When the price that fired it was asked for.
    pub quoted: Option<Moment>,
    /// What happened.
    pub event: AccountEvent,
}

/// The events of one durable batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsBatch {
    /// Events of this worker that the listener has missed before these, because it did not keep
    /// up: the log has them.
    pub missed: u64,
    /// The events, in the order of the log.
    pub news: Vec<AccountNews>,
}

/// A listener to the events of all accounts of one worker. It is never waited for.
#[derive(Debug)]
pub struct NewsTo {
    listener: mpsc::Sender<NewsBatch>,
    missed: u64,
}

impl NewsTo {
    /// News goes to `listener`.
    pub fn new(listener: mpsc::Sender<NewsBatch>) -> NewsTo {
        NewsTo { listener, missed: 0 }
    }

    /// Sends without waiting; what a listener that does not keep up misses is counted, and it is
    /// told how much that was.
    pub fn send(&mut self, news: Vec<AccountNews>) {
        let count = news.len() as u64;
        match self.listener.try_send(NewsBatch { missed: self.missed, news }) {
            Ok(()) => self.missed = 0,
            Err(_) => self.missed += count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::verbs::expiry::Side;
    use domain::trading::{Money, Shares, Stock, TransactionNum, UserName};

    #[test]
    fn a_listener_that_does_not_keep_up_knows_how_much_it_missed() {
        let event = AccountEvent::Expired(PendingExpired {
            transaction: TransactionNum(1),
            user: UserName::parse(b"u").unwrap(),
            expired_ms: 1,
            side: Side::Buy,
            stock: Stock::parse(b"S").unwrap(),
            shares: Shares::new(1),
            cash: Money::from_cents(1),
        });
        let news = |entry| AccountNews { entry, quoted: None, event: event.clone() };
        let (sender, mut listener) = mpsc::channel(1);
        let mut told = NewsTo::new(sender);
        told.send(vec![news(1)]);
        told.send(vec![news(2), news(3)]);
        told.send(vec![news(4)]);
        assert_eq!(listener.try_recv().unwrap(), NewsBatch { missed: 0, news: vec![news(1)] });
        told.send(vec![news(5)]);
        assert_eq!(listener.try_recv().unwrap(), NewsBatch { missed: 3, news: vec![news(5)] });
        told.send(vec![news(6)]);
        assert_eq!(listener.try_recv().unwrap().missed, 0);
    }
}
