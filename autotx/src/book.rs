//! The trigger book: for each stock its armed buys and sells, ordered by limit and, at one limit,
//! by age. A price takes out exactly the orders that it meets, in time proportional to how many
//! they are.

use bus::{ArmedOrder, OrderKey};
use domain::trading::account::ArmedBy;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Money, Price, Stock, TransactionNum, UserName};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The armed orders of all stocks.
#[derive(Debug, Default)]
pub struct TriggerBook {
    stocks: FxHashMap<Stock, StockBook>,
    len: usize,
}

#[derive(Debug, Default)]
struct StockBook {
    /// The highest limit comes first: it is the first that a falling price meets.
    buys: BTreeMap<(Reverse<Money>, TransactionNum), Owner>,
    /// The lowest limit comes first.
    sells: BTreeMap<(Money, TransactionNum), Owner>,
}

/// Whose order it is, and the name of the command that left it armed.
#[derive(Debug)]
struct Owner {
    user: UserName,
    name: domain::trading::CommandName,
}

/// An order that a price has met, and that is no longer in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Whose it is.
    pub user: UserName,
    /// Whether it buys or sells.
    pub side: Side,
    /// The command that left it armed.
    pub armed_by: TransactionNum,
}

impl TriggerBook {
    /// Adds an order. Armed anew, an order has a new [`ArmedBy`]; the one before it is to be
    /// [removed](Self::remove).
    pub fn arm(&mut self, order: ArmedOrder) {
        let ArmedOrder { user, stock, side, limit, armed_by, .. } = order;
        let owner = Owner { user, name: armed_by.name };
        let book = self.stocks.entry(stock).or_default();
        let replaced = match side {
            Side::Buy => book.buys.insert((Reverse(limit), armed_by.transaction), owner),
            Side::Sell => book.sells.insert((limit, armed_by.transaction), owner),
        };
        self.len += usize::from(replaced.is_none());
    }

    /// Removes an order; says whether it was there.
    pub fn remove(&mut self, key: &OrderKey) -> bool {
        let OrderKey { stock, side, limit, armed_by } = *key;
        let Some(book) = self.stocks.get_mut(&stock) else { return false };
        let removed = match side {
            Side::Buy => book.buys.remove(&(Reverse(limit), armed_by)),
            Side::Sell => book.sells.remove(&(limit, armed_by)),
        };
        if book.is_empty() {
            self.stocks.remove(&stock);
        }
        self.len -= usize::from(removed.is_some());
        removed.is_some()
    }

    /// Takes out the orders of `stock` that `price` meets: buys from the highest limit down, then
    /// sells from the lowest limit up, the older first at one limit.
    pub fn cross(&mut self, stock: Stock, price: Price) -> Vec<Crossed> {
        let mut crossed = Vec::new();
        let Some(book) = self.stocks.get_mut(&stock) else { return crossed };
        let price = price.money();
        while let Some(first) = book.buys.first_entry()
            && first.key().0.0 >= price
        {
            let ((_, armed_by), owner) = first.remove_entry();
            crossed.push(Crossed { user: owner.user, side: Side::Buy, armed_by });
        }
        while let Some(first) = book.sells.first_entry()
            && first.key().0 <= price
        {
            let ((_, armed_by), owner) = first.remove_entry();
            crossed.push(Crossed { user: owner.user, side: Side::Sell, armed_by });
        }
        if book.is_empty() {
            self.stocks.remove(&stock);
        }
        self.len -= crossed.len();
        crossed
    }

    /// An order of `stock` in whose name its price can be asked for: one of the next to fire, of
    /// another user than `spared` where there is one. A user has one order a side at most.
    pub fn next_to_fire(
        &self,
        stock: Stock,
        spared: Option<&UserName>,
    ) -> Option<(&UserName, ArmedBy)> {
        let book = self.stocks.get(&stock)?;
        let buys = || book.buys.iter().map(|((_, armed_by), owner)| (owner, *armed_by));
        let sells = || book.sells.iter().map(|((_, armed_by), owner)| (owner, *armed_by));
        let others = || buys().chain(sells()).find(|(owner, _)| spared != Some(&owner.user));
        let (owner, transaction) = others().or_else(|| buys().chain(sells()).next())?;
        Some((&owner.user, ArmedBy { transaction, name: owner.name }))
    }

    /// How far `price` is from the order of `stock` that is nearest to it, in millionths of the
    /// price; `None` where no order of the stock is armed.
    pub fn distance_ppm(&self, stock: Stock, price: Price) -> Option<u64> {
        let book = self.stocks.get(&stock)?;
        let buy = book.buys.first_key_value().map(|((Reverse(limit), _), _)| *limit);
        let sell = book.sells.first_key_value().map(|((limit, _), _)| *limit);
        let ppm = |limit: Money| {
            let apart = limit.cents().abs_diff(price.cents());
            u64::try_from(
                u128::from(apart) * 1_000_000 / u128::from(price.cents().unsigned_abs().max(1)),
            )
            .unwrap_or(u64::MAX)
        };
        [buy, sell].into_iter().flatten().map(ppm).min()
    }

    /// Whether an order of `stock` is armed: its price is worth asking for then.
    pub fn holds(&self, stock: Stock) -> bool {
        self.stocks.contains_key(&stock)
    }

    /// How many stocks have armed orders.
    pub fn stocks(&self) -> usize {
        self.stocks.len()
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

impl StockBook {
    fn is_empty(&self) -> bool {
        self.buys.is_empty() && self.sells.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::CommandName;
    use proptest::prelude::*;

    fn order(stock: u8, side: Side, limit: i64, armed_by: u64) -> ArmedOrder {
        ArmedOrder {
            user: UserName::parse(format!("u{armed_by}").as_bytes()).unwrap(),
            stock: Stock::parse(&[b'A' + stock]).unwrap(),
            side,
            limit: Money::from_cents(limit),
            armed_by: ArmedBy {
                transaction: TransactionNum(armed_by),
                name: CommandName::SetBuyTrigger,
            },
            compared: None,
        }
    }

    fn crossed_of(order: ArmedOrder) -> Crossed {
        Crossed { user: order.user, side: order.side, armed_by: order.armed_by.transaction }
    }

    #[test]
    fn a_price_on_the_trigger_fires_both_sides() {
        let mut book = TriggerBook::default();
        book.arm(order(0, Side::Buy, 500, 1));
        book.arm(order(0, Side::Sell, 500, 2));
        book.arm(order(1, Side::Buy, 500, 3));
        let crossed = book.cross(Stock::parse(b"A").unwrap(), Price::from_cents(500).unwrap());
        let expected = [order(0, Side::Buy, 500, 1), order(0, Side::Sell, 500, 2)];
        assert_eq!(crossed, expected.map(crossed_of));
        assert_eq!((book.len(), book.stocks()), (1, 1));
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
                        prop_assert!(!book.remove(&gone.key()));
                    }
                    Step::Remove(nth) => {
                        let gone = list.swap_remove(nth % list.len());
                        prop_assert!(book.remove(&gone.key()));
                        prop_assert!(!book.remove(&gone.key()));
                    }
                    Step::Cross(stock, cents) => {
                        let price = Price::from_cents(cents).unwrap();
                        let stock = Stock::parse(&[b'A' + stock]).unwrap();
                        let crosses = |order: &ArmedOrder| order.stock == stock && match order.side {
                            Side::Buy => price.money() <= order.limit,
                            Side::Sell => price.money() >= order.limit,
                        };
                        let (mut expected, rest): (Vec<_>, Vec<_>) = list.into_iter().partition(crosses);
                        list = rest;
                        expected.sort_by_key(|order| match order.side {
                            Side::Buy => (0, -order.limit.cents(), order.armed_by.transaction),
                            Side::Sell => (1, order.limit.cents(), order.armed_by.transaction),
                        });
                        let expected: Vec<Crossed> = expected.into_iter().map(crossed_of).collect();
                        prop_assert_eq!(book.cross(stock, price), expected);
                        let next = list.iter().filter(|order| order.stock == stock).min_by_key(|order| match order.side {
                            Side::Buy => (0, -order.limit.cents(), order.armed_by.transaction),
                            Side::Sell => (1, order.limit.cents(), order.armed_by.transaction),
                        });
                        prop_assert_eq!(book.next_to_fire(stock, None), next.map(|order| (&order.user, order.armed_by)));
                        prop_assert_eq!(book.holds(stock), next.is_some());
                        // What is left lies beyond the price: its distance is that of the nearest.
                        let apart = |order: &ArmedOrder| order.limit.cents().abs_diff(cents) * 1_000_000 / cents as u64;
                        let left = list.iter().filter(|order| order.stock == stock).map(apart).min();
                        prop_assert_eq!(book.distance_ppm(stock, price), left);
                    }
                }
                prop_assert_eq!(book.len(), list.len());
            }
        }
    }
}
