//! The trigger book: for each stock its armed buys and sells, ordered by trigger and, at one
//! trigger, by age. A price takes out exactly the orders that it crosses, in time proportional to
//! how many they are.

use domain::trading::verbs::expiry::Side;
use domain::trading::{Money, Price, Stock, TransactionNum, UserName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// An armed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmedOrder {
    /// Whose it is.
    pub user: UserName,
    /// The stock.
    pub stock: Stock,
    /// Whether it buys or sells.
    pub side: Side,
    /// It fires at this price and below (buy) or above (sell).
    pub trigger: Money,
    /// The command that last left it armed. No two orders share one, and an older one is served
    /// first.
    pub armed_by: TransactionNum,
}

/// The armed orders of all stocks.
#[derive(Debug, Default)]
pub struct TriggerBook {
    stocks: HashMap<Stock, StockBook>,
    len: usize,
}

#[derive(Debug, Default)]
struct StockBook {
    /// The highest trigger comes first: it is the first that a falling price crosses.
    buys: BTreeMap<(Reverse<Money>, TransactionNum), UserName>,
    /// The lowest trigger comes first.
    sells: BTreeMap<(Money, TransactionNum), UserName>,
}

impl TriggerBook {
    /// Adds an order. Armed anew, an order has a new [`ArmedOrder::armed_by`]; the one before it
    /// is to be [removed](Self::remove).
    pub fn arm(&mut self, order: ArmedOrder) {
        let ArmedOrder { user, stock, side, trigger, armed_by } = order;
        let book = self.stocks.entry(stock).or_default();
        let replaced = match side {
            Side::Buy => book.buys.insert((Reverse(trigger), armed_by), user),
            Side::Sell => book.sells.insert((trigger, armed_by), user),
        };
        self.len += usize::from(replaced.is_none());
    }

    /// Removes the order that `armed_by` left armed; says whether it was there.
    pub fn remove(
        &mut self,
        stock: Stock,
        side: Side,
        trigger: Money,
        armed_by: TransactionNum,
    ) -> bool {
        let Some(book) = self.stocks.get_mut(&stock) else { return false };
        let removed = match side {
            Side::Buy => book.buys.remove(&(Reverse(trigger), armed_by)),
            Side::Sell => book.sells.remove(&(trigger, armed_by)),
        };
        if book.buys.is_empty() && book.sells.is_empty() {
            self.stocks.remove(&stock);
        }
        self.len -= usize::from(removed.is_some());
        removed.is_some()
    }

    /// Takes out the orders of `stock` that `price` crosses: buys from the highest trigger down,
    /// then sells from the lowest trigger up, the older first at one trigger.
    pub fn cross(&mut self, stock: Stock, price: Price) -> Vec<ArmedOrder> {
        let mut crossed = Vec::new();
        let Some(book) = self.stocks.get_mut(&stock) else { return crossed };
        let price = price.money();
        while let Some(first) = book.buys.first_entry()
            && first.key().0.0 >= price
        {
            let ((Reverse(trigger), armed_by), user) = first.remove_entry();
            crossed.push(ArmedOrder { user, stock, side: Side::Buy, trigger, armed_by });
        }
        while let Some(first) = book.sells.first_entry()
            && first.key().0 <= price
        {
            let ((trigger, armed_by), user) = first.remove_entry();
            crossed.push(ArmedOrder { user, stock, side: Side::Sell, trigger, armed_by });
        }
        if book.buys.is_empty() && book.sells.is_empty() {
            self.stocks.remove(&stock);
        }
        self.len -= crossed.len();
        crossed
    }

    /// The stocks that have armed orders: those whose price is worth asking for.
    pub fn stocks(&self) -> impl Iterator<Item = Stock> {
        self.stocks.keys().copied()
    }

    /// How many orders are armed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(stock: u8, side: Side, trigger: i64, armed_by: u64) -> ArmedOrder {
        ArmedOrder {
            user: UserName::parse(format!("u{armed_by}").as_bytes()).unwrap(),
            stock: Stock::parse(&[b'A' + stock]).unwrap(),
            side,
            trigger: Money::from_cents(trigger),
            armed_by: TransactionNum(armed_by),
        }
    }

    #[test]
    fn a_price_on_the_trigger_fires_both_sides() {
        let mut book = TriggerBook::default();
        book.arm(order(0, Side::Buy, 500, 1));
        book.arm(order(0, Side::Sell, 500, 2));
        book.arm(order(1, Side::Buy, 500, 3));
        let crossed = book.cross(Stock::parse(b"A").unwrap(), Price::from_cents(500).unwrap());
        assert_eq!(crossed, [order(0, Side::Buy, 500, 1), order(0, Side::Sell, 500, 2)]);
        assert_eq!((book.len(), book.stocks().count()), (1, 1));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm(ArmedOrder),
        Remove(usize),
        Cross(u8, i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
        prop_oneof![
            4 => (0u8..3, side, 1i64..40, any::<u32>())
                .prop_map(|(stock, side, trigger, by)| Step::Arm(order(stock, side, trigger, u64::from(by)))),
            1 => any::<usize>().prop_map(Step::Remove),
            2 => (0u8..3, 1i64..40).prop_map(|(stock, price)| Step::Cross(stock, price)),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_list_does(steps in proptest::collection::vec(step(), 0..200)) {
            let mut book = TriggerBook::default();
            let mut list: Vec<ArmedOrder> = Vec::new();
            for step in steps {
                match step {
                    Step::Arm(order) if list.iter().all(|other| other.armed_by != order.armed_by) => {
                        list.push(order.clone());
                        book.arm(order);
                    }
                    Step::Arm(_) => {}
                    Step::Remove(nth) if list.is_empty() => {
                        let gone = order(0, Side::Buy, 1, nth as u64);
                        prop_assert!(!book.remove(gone.stock, gone.side, gone.trigger, gone.armed_by));
                    }
                    Step::Remove(nth) => {
                        let gone = list.swap_remove(nth % list.len());
                        prop_assert!(book.remove(gone.stock, gone.side, gone.trigger, gone.armed_by));
                        prop_assert!(!book.remove(gone.stock, gone.side, gone.trigger, gone.armed_by));
                    }
                    Step::Cross(stock, cents) => {
                        let price = Price::from_cents(cents).unwrap();
                        let stock = Stock::parse(&[b'A' + stock]).unwrap();
                        let crosses = |order: &ArmedOrder| order.stock == stock && match order.side {
                            Side::Buy => price.money() <= order.trigger,
                            Side::Sell => price.money() >= order.trigger,
                        };
                        let (mut expected, rest): (Vec<_>, Vec<_>) = list.into_iter().partition(crosses);
                        list = rest;
                        expected.sort_by_key(|order| match order.side {
                            Side::Buy => (0, -order.trigger.cents(), order.armed_by),
                            Side::Sell => (1, order.trigger.cents(), order.armed_by),
                        });
                        prop_assert_eq!(book.cross(stock, price), expected);
                    }
                }
                prop_assert_eq!(book.len(), list.len());
            }
        }
    }
}
