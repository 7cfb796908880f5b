//! What the AutoTX manager knows and decides: news of orders and prices go in, firings and
//! questions for prices come out. Synchronous, without IO: the [`AutoTxActor`](crate::AutoTxActor)
//! around it does the waiting.

use crate::book::TriggerBook;
use crate::schedule::{FarPolicy, Schedule};
use bus::{ArmedOrder, Firing, FreshQuote, Moment, OrderChange, QuoteAsk, QuoteResult};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Stock, TransactionNum, UserName};
use rustc_hash::FxHashMap;

/// All armed orders, and the prices they wait for.
#[derive(Debug, Default)]
pub struct AutoTx {
    book: TriggerBook,
    schedule: Schedule,
    /// The newest price of every stock that was heard of.
    prices: FxHashMap<Stock, FreshQuote>,
    /// In whose name the price of a stock is not asked for next: their share of the quote budget
    /// is spent.
    over_share: FxHashMap<Stock, UserName>,
    firings: Vec<Firing>,
    stats: AutoTxStats,
}

/// What an AutoTX manager has and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AutoTxStats {
    /// Orders that are armed now.
    pub armed: u64,
    /// Stocks with armed orders.
    pub stocks: u64,
    /// Orders that a price met; their workers decide whether they fire.
    pub met: u64,
    /// Prices asked for.
    pub asks: u64,
}

impl AutoTx {
    /// A manager without orders. `far` says how often stocks are asked for whose orders all are far
    /// from the price; without it, whenever their price runs out.
    pub fn new(far: Option<FarPolicy>) -> AutoTx {
        AutoTx { schedule: Schedule::new(far), ..AutoTx::default() }
    }

    /// Hears what has become of orders.
    pub fn hear_orders(&mut self, changes: Vec<OrderChange>, now: Moment) {
        for change in changes {
            match change {
                OrderChange::Armed(order) => self.arm(order, now),
                OrderChange::Gone(key) => {
                    self.book.remove(&key);
                    if !self.book.holds(key.stock) {
                        self.schedule.forget(key.stock);
                        self.over_share.remove(&key.stock);
                    }
                }
            }
        }
    }

    /// Hears of prices: the orders that they meet are taken out of the book and fired.
    pub fn hear_prices(&mut self, news: &[QuoteResult], now: Moment) {
        for result in news {
            match result {
                QuoteResult::Fresh(quote) => self.hear_price(quote, now),
                QuoteResult::Unavailable(stock) => self.schedule.failed(*stock, now),
                QuoteResult::OverShare { stock, transaction } => {
                    self.hear_over_share(*stock, *transaction, now);
                }
            }
        }
    }

    /// The prices that are to be asked for now.
    pub fn take_asks(&mut self, now: Moment) -> Vec<QuoteAsk> {
        let mut asks = Vec::new();
        while let Some(stock) = self.schedule.take_due(now) {
            // In the name of one who waits for it: every request stands in the log with its user.
            let spared = self.over_share.get(&stock);
            let Some((user, armed_by)) = self.book.next_to_fire(stock, spared) else { continue };
            asks.push(QuoteAsk {
                stock,
                transaction: armed_by.transaction,
                name: armed_by.name,
                user: user.clone(),
                refresh: false,
            });
        }
        self.stats.asks += asks.len() as u64;
        asks
    }

    /// When [`take_asks`](Self::take_asks) has something to give next.
    pub fn next_ask(&mut self) -> Option<Moment> {
        self.schedule.next_due()
    }

    /// The orders that prices have met since the last time, in price-time order within each stock
    /// and side.
    pub fn take_firings(&mut self) -> Vec<Firing> {
        std::mem::take(&mut self.firings)
    }

    /// What it has and did.
    pub fn stats(&self) -> AutoTxStats {
        let (armed, stocks) = (self.book.len() as u64, self.book.stocks() as u64);
        AutoTxStats { armed, stocks, ..self.stats }
    }

    fn arm(&mut self, order: ArmedOrder, now: Moment) {
        let stock = order.stock;
        let Some(quote) = self.prices.get(&stock).copied().filter(|quote| quote.is_fresh(now))
        else {
            self.book.arm(order);
            self.schedule.wanted(stock, now);
            return;
        };
        // A price may have come while the news of the order was on its way.
        let is_newer = order.compared.is_none_or(|compared| quote.sent > compared);
        if is_newer && meets(&quote, &order) {
            self.stats.met += 1;
            self.firings.push(Firing {
                user: order.user,
                side: order.side,
                armed_by: order.armed_by.transaction,
                quote,
            });
            return;
        }
        self.book.arm(order);
        self.next_price(stock, &quote);
    }

    /// Whoever armed by `transaction` is over their share. If that was asked here, the price is
    /// asked for in the name of somebody else with an order, or later where there is nobody. The
    /// question of a command in the meantime is asked again after
    /// [`ASK_AGAIN`](bus::quotes::ASK_AGAIN).
    fn hear_over_share(&mut self, stock: Stock, transaction: TransactionNum, now: Moment) {
        let spared = self.over_share.get(&stock);
        let Some((user, armed_by)) = self.book.next_to_fire(stock, spared) else { return };
        if armed_by.transaction != transaction {
            return;
        }
        let user = user.clone();
        let other = self.book.next_to_fire(stock, Some(&user));
        let nobody_else = other.is_none_or(|(other, _)| *other == user);
        let was_tried = self.over_share.insert(stock, user).is_some();
        match nobody_else || was_tried {
            true => self.schedule.failed(stock, now),
            false => self.schedule.again(stock, now),
        }
    }

    fn hear_price(&mut self, quote: &FreshQuote, now: Moment) {
        let stock = quote.stock;
        let known = self.prices.get(&stock);
        if !quote.is_fresh(now) || known.is_some_and(|known| known.sent >= quote.sent) {
            return;
        }
        self.prices.insert(stock, *quote);
        self.over_share.remove(&stock);
        let crossed = self.book.cross(stock, quote.price);
        self.stats.met += crossed.len() as u64;
        self.firings.extend(crossed.into_iter().map(|order| Firing {
            user: order.user,
            side: order.side,
            armed_by: order.armed_by,
            quote: *quote,
        }));
        self.next_price(stock, quote);
    }

    /// Sees to it that the next price of a stock is asked for, if any order waits for it.
    fn next_price(&mut self, stock: Stock, quote: &FreshQuote) {
        match self.book.distance_ppm(stock, quote.price) {
            Some(distance_ppm) => self.schedule.priced(stock, quote, distance_ppm),
            None => self.schedule.forget(stock),
        }
    }
}

fn meets(quote: &FreshQuote, order: &ArmedOrder) -> bool {
    match order.side {
        Side::Buy => quote.price.money() <= order.limit,
        Side::Sell => quote.price.money() >= order.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::account::ArmedBy;
    use domain::trading::{CommandName, Money, Price, TransactionNum, UserName};

    fn at(seconds: u64) -> Moment {
        Moment::from_nanos((100 + seconds) * 1_000_000_000)
    }

    fn stock() -> Stock {
        Stock::parse(b"S").unwrap()
    }

    fn buy(limit: i64, number: u64, compared: Option<Moment>) -> ArmedOrder {
        ArmedOrder {
            user: UserName::parse(b"u").unwrap(),
            stock: stock(),
            side: Side::Buy,
            limit: Money::from_cents(limit),
            armed_by: ArmedBy {
                transaction: TransactionNum(number),
                name: CommandName::SetBuyTrigger,
            },
            compared,
        }
    }

    fn quote(cents: i64, sent: u64) -> FreshQuote {
        let price = Price::from_cents(cents).unwrap();
        FreshQuote { stock: stock(), price, sent: at(sent), asked_by: TransactionNum(1) }
    }

    fn fired(manager: &mut AutoTx) -> Vec<(u64, i64)> {
        let firings = manager.take_firings();
        firings.iter().map(|of| (of.armed_by.0, of.quote.price.cents())).collect()
    }

    #[test]
    fn a_price_that_overtook_the_news_of_an_order_fires_it_and_the_one_it_was_compared_with_not() {
        let mut manager = AutoTx::default();
        manager.hear_prices(&[QuoteResult::Fresh(quote(100, 0))], at(0));
        // The price that the arming command used, though it is good enough: the worker knows
        // better (an order that it could not fire would come back for ever).
        manager.hear_orders(vec![OrderChange::Armed(buy(100, 2, Some(at(0))))], at(1));
        assert_eq!(fired(&mut manager), []);
        manager.hear_prices(&[QuoteResult::Fresh(quote(90, 2))], at(2));
        assert_eq!(fired(&mut manager), [(2, 90)]);
        manager.hear_orders(vec![OrderChange::Armed(buy(100, 3, Some(at(0))))], at(3));
        assert_eq!(fired(&mut manager), [(3, 90)]);
        // After a restart nobody knows what it was compared with.
        manager.hear_orders(vec![OrderChange::Armed(buy(100, 4, None))], at(3));
        assert_eq!(fired(&mut manager), [(4, 90)]);
        assert_eq!(manager.next_ask(), None, "nobody waits any more");
    }

    #[test]
    fn an_order_of_another_user_asks_when_one_is_over_their_share() {
        let mut manager = AutoTx::default();
        let mut other = buy(90, 3, None);
        other.user = UserName::parse(b"other").unwrap();
        let armed = [buy(100, 2, None), other].map(OrderChange::Armed);
        manager.hear_orders(armed.to_vec(), at(0));
        let asks = |manager: &mut AutoTx, now: u64| {
            let asks = manager.take_asks(at(now));
            asks.iter().map(|ask| ask.transaction.0).collect::<Vec<_>>()
        };
        let over_share = |manager: &mut AutoTx, transaction: u64, now: u64| {
            let transaction = TransactionNum(transaction);
            manager.hear_prices(&[QuoteResult::OverShare { stock: stock(), transaction }], at(now));
        };
        assert_eq!(asks(&mut manager, 0), [2]);
        // A command's question, which is not ours.
        over_share(&mut manager, 77, 1);
        assert_eq!(asks(&mut manager, 1), []);
        over_share(&mut manager, 2, 1);
        assert_eq!(asks(&mut manager, 1), [3]);
        // Both are over it: later.
        over_share(&mut manager, 3, 2);
        assert_eq!(asks(&mut manager, 2), []);
        assert_eq!(asks(&mut manager, 7), [2]);
        manager.hear_prices(&[QuoteResult::Fresh(quote(150, 8))], at(8));
        assert_eq!(asks(&mut manager, 68), [2], "a price was had: it begins anew");
    }

    #[test]
    fn neither_a_price_that_ran_out_nor_an_older_one_fires() {
        let mut manager = AutoTx::default();
        manager.hear_orders(vec![OrderChange::Armed(buy(100, 2, None))], at(0));
        manager.hear_prices(&[QuoteResult::Fresh(quote(50, 0))], at(60));
        assert_eq!(fired(&mut manager), []);
        manager.hear_prices(&[QuoteResult::Fresh(quote(150, 61))], at(61));
        manager.hear_prices(&[QuoteResult::Fresh(quote(50, 60))], at(62));
        assert_eq!(fired(&mut manager), []);
        // Armed anew when the price that is known has run out: it is asked for.
        manager.hear_orders(vec![OrderChange::Armed(buy(200, 3, Some(at(61))))], at(122));
        assert_eq!(fired(&mut manager), []);
        assert_eq!(manager.take_asks(at(122)).len(), 1);
    }

    #[test]
    fn a_cancelled_order_neither_fires_nor_costs_quotes() {
        let mut manager = AutoTx::default();
        let (first, second) = (buy(100, 2, None), buy(90, 3, None));
        let armed = [&first, &second].map(|order| OrderChange::Armed(order.clone()));
        manager.hear_orders(armed.to_vec(), at(0));
        let asks = manager.take_asks(at(0));
        assert_eq!(asks.len(), 1, "one question for both");
        assert_eq!(
            (asks[0].transaction, asks[0].name),
            (TransactionNum(2), CommandName::SetBuyTrigger)
        );
        manager.hear_orders(vec![OrderChange::Gone(first.key())], at(1));
        manager.hear_prices(&[QuoteResult::Fresh(quote(95, 1))], at(1));
        assert_eq!(fired(&mut manager), []);
        assert_eq!(manager.next_ask(), Some(at(61)));
        manager.hear_orders(vec![OrderChange::Gone(second.key())], at(2));
        assert_eq!(manager.next_ask(), None);
        assert_eq!(manager.stats(), AutoTxStats { asks: 1, ..AutoTxStats::default() });
    }
}
