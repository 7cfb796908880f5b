//! When the price of each stock with armed orders is asked for next. Pure: time comes in.
//!
//! One question a stock, however many orders wait for it, when its last price runs out. Questions
//! have turns: many stocks whose prices run out at once, as they do behind a start, are spread
//! over half the life of a price, and stay spread from then on.

use bus::quotes::{ASK_AGAIN, QUOTE_TTL};
use bus::{FreshQuote, Moment};
use domain::trading::Stock;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The longest time between two turns: a few stocks need not be spread over half a minute.
const LONGEST_TURN: Duration = Duration::from_millis(50);

/// How long to wait after the first time that no price could be had; each further time doubles
/// it, up to the life of a price.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// How often stocks are asked for whose orders all are far from the price: quotes cost money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarPolicy {
    /// Orders farther from the price than this many millionths of it are far.
    pub beyond_ppm: u64,
    /// How long after a price of such a stock the next one is asked for; no less than
    /// [`QUOTE_TTL`].
    pub every: Duration,
}

/// When to ask for which stock.
#[derive(Debug, Default)]
pub struct Schedule {
    stocks: FxHashMap<Stock, Due>,
    /// Times of the past may be in here: the one in `stocks` counts.
    queue: BinaryHeap<Reverse<(Moment, Stock)>>,
    next_turn: Moment,
    far: Option<FarPolicy>,
}

#[derive(Debug)]
struct Due {
    at: Moment,
    /// How often in a row no price could be had.
    failures: u32,
}

impl Schedule {
    /// A schedule that asks at each expiry, but of stocks whose orders are far as `far` says.
    pub fn new(far: Option<FarPolicy>) -> Schedule {
        Schedule { far, ..Schedule::default() }
    }

    /// A price of `stock` has come, whose next order is `distance_ppm` away: the next one is asked
    /// for when it runs out, or later if the order is far.
    pub fn priced(&mut self, stock: Stock, quote: &FreshQuote, distance_ppm: u64) {
        let life = match self.far {
            Some(far) if distance_ppm > far.beyond_ppm => far.every.max(QUOTE_TTL),
            _ => QUOTE_TTL,
        };
        self.set(stock, quote.sent.plus(life), 0);
    }

    /// No price of `stock` is known: it is asked for now, in its turn, unless that is on its way.
    pub fn wanted(&mut self, stock: Stock, now: Moment) {
        if !self.stocks.contains_key(&stock) {
            self.set(stock, now, 0);
        }
    }

    /// No price of `stock` could be had: it is asked for again later.
    pub fn failed(&mut self, stock: Stock, now: Moment) {
        let Some(due) = self.stocks.get(&stock) else { return };
        let failures = due.failures.saturating_add(1);
        let wait = FIRST_RETRY.saturating_mul(1 << (failures - 1).min(8)).min(QUOTE_TTL);
        self.set(stock, now.plus(wait), failures);
    }

    /// The price of `stock` is asked for once more, in its turn.
    pub fn again(&mut self, stock: Stock, now: Moment) {
        if let Some(due) = self.stocks.get(&stock) {
            self.set(stock, now, due.failures);
        }
    }

    /// No order of `stock` is armed any more.
    pub fn forget(&mut self, stock: Stock) {
        self.stocks.remove(&stock);
        if self.stocks.is_empty() {
            self.queue.clear();
        }
    }

    /// The next stock to ask for, if one is due and has its turn. It counts as asked for.
    pub fn take_due(&mut self, now: Moment) -> Option<Stock> {
        let (at, stock) = self.first()?;
        if at > now || self.next_turn > now {
            return None;
        }
        self.queue.pop();
        // Turns that were missed because the timer came late are made up for, one of them.
        self.next_turn = self.next_turn.max(now.minus(self.turn())).plus(self.turn());
        let failures = self.stocks.get(&stock).map_or(0, |due| due.failures);
        self.set(stock, now.plus(ASK_AGAIN), failures);
        Some(stock)
    }

    /// When [`take_due`](Self::take_due) has something to give next.
    pub fn next_due(&mut self) -> Option<Moment> {
        self.first().map(|(at, _)| at.max(self.next_turn))
    }

    /// The time between two questions: all stocks have a turn in half the life of a price.
    fn turn(&self) -> Duration {
        let stocks = u32::try_from(self.stocks.len().max(1)).unwrap_or(u32::MAX);
        (QUOTE_TTL / 2 / stocks).min(LONGEST_TURN)
    }

    fn set(&mut self, stock: Stock, at: Moment, failures: u32) {
        let before = self.stocks.insert(stock, Due { at, failures });
        if before.is_none_or(|before| before.at != at) {
            self.queue.push(Reverse((at, stock)));
        }
        if self.queue.len() > 4 * self.stocks.len() + 1024 {
            // Orders that are armed and cancelled in turn would leave a time of the past each.
            let stocks = &self.stocks;
            self.queue
                .retain(|Reverse((at, stock))| stocks.get(stock).is_some_and(|due| due.at == *at));
            let mut kept = std::mem::take(&mut self.queue).into_vec();
            kept.sort_unstable();
            kept.dedup();
            self.queue = kept.into();
        }
    }

    /// The first that is due, past times left out.
    fn first(&mut self) -> Option<(Moment, Stock)> {
        while let Some(&Reverse((at, stock))) = self.queue.peek() {
            if self.stocks.get(&stock).is_some_and(|due| due.at == at) {
                return Some((at, stock));
            }
            self.queue.pop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::trading::{Price, TransactionNum};

    fn at(ms: u64) -> Moment {
        Moment::from_nanos((100_000 + ms) * 1_000_000)
    }

    fn stock(number: u16) -> Stock {
        let letter = |digit: u16| b'A' + (digit % 26) as u8;
        Stock::parse(&[letter(number / 676), letter(number / 26), letter(number)]).unwrap()
    }

    fn quote(number: u16, sent_ms: u64) -> FreshQuote {
        let price = Price::from_cents(100).unwrap();
        FreshQuote { stock: stock(number), price, sent: at(sent_ms), asked_by: TransactionNum(1) }
    }

    /// Runs the schedule from `from` for so long, a millisecond a step; every question is answered
    /// at once. Returns when what was asked for.
    fn run(schedule: &mut Schedule, from: u64, ms: u64) -> Vec<(u64, Stock)> {
        let mut asked = Vec::new();
        for now in from..from + ms {
            while let Some(stock) = schedule.take_due(at(now)) {
                asked.push((now, stock));
                let sent = at(now);
                let quote = FreshQuote { stock, sent, ..quote(0, 0) };
                schedule.priced(stock, &quote, 0);
            }
        }
        asked
    }

    #[test]
    fn one_stock_is_asked_for_at_once_and_at_each_expiry() {
        let mut schedule = Schedule::default();
        schedule.wanted(stock(1), at(5));
        schedule.wanted(stock(1), at(6));
        let asked = run(&mut schedule, 5, 180_000);
        assert_eq!(asked, [5, 60_005, 120_005].map(|ms| (ms, stock(1))));
        assert_eq!(schedule.next_due(), Some(at(180_005)));
        schedule.forget(stock(1));
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn a_thousand_stocks_at_once_never_come_in_a_burst_and_each_once_a_minute() {
        let mut schedule = Schedule::default();
        (0..1000).for_each(|number| schedule.wanted(stock(number), at(0)));
        let asked = run(&mut schedule, 0, 120_000);
        assert_eq!(asked.len(), 2_000);
        let first: Vec<u64> = asked.iter().map(|(ms, _)| *ms).take(1000).collect();
        assert!(first[999] <= 30_000, "{}", first[999]);
        for second in asked.chunk_by(|a, b| a.0 / 1000 == b.0 / 1000) {
            assert!(second.len() <= 35, "{} in second {}", second.len(), second[0].0 / 1000);
        }
    }

    #[test]
    fn a_question_nobody_answers_and_one_without_a_price_are_asked_again_later() {
        let mut schedule = Schedule::default();
        schedule.wanted(stock(1), at(0));
        assert_eq!(schedule.take_due(at(0)), Some(stock(1)));
        assert_eq!(schedule.take_due(at(14_999)), None);
        assert_eq!(schedule.take_due(at(15_000)), Some(stock(1)));
        let mut now = 15_100;
        for wait in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
            schedule.failed(stock(1), at(now));
            assert_eq!(schedule.next_due(), Some(at(now + wait)));
            now += wait;
            assert_eq!(schedule.take_due(at(now)), Some(stock(1)));
        }
        schedule.priced(stock(1), &quote(1, now), 0);
        schedule.failed(stock(1), at(now));
        assert_eq!(schedule.next_due(), Some(at(now + 5_000)), "a price ends the row of failures");
    }

    #[test]
    fn arming_and_cancelling_in_turn_takes_no_memory() {
        let mut schedule = Schedule::default();
        schedule.wanted(stock(2), at(0));
        for _ in 0..100_000 {
            schedule.priced(stock(1), &quote(1, 0), 0);
            schedule.forget(stock(1));
        }
        assert!(schedule.queue.len() <= 2_000, "{}", schedule.queue.len());
        assert_eq!(run(&mut schedule, 0, 100), [(0, stock(2))]);
    }

    #[test]
    fn far_orders_cost_fewer_quotes_and_near_ones_do_not_wait() {
        let far = FarPolicy { beyond_ppm: 100_000, every: Duration::from_secs(300) };
        let mut schedule = Schedule::new(Some(far));
        schedule.wanted(stock(1), at(0));
        assert_eq!(schedule.take_due(at(0)), Some(stock(1)));
        schedule.priced(stock(1), &quote(1, 0), 100_001);
        assert_eq!(schedule.next_due(), Some(at(300_000)));
        schedule.priced(stock(1), &quote(1, 0), 100_000);
        assert_eq!(schedule.next_due(), Some(at(60_000)), "one that is near was armed");
    }
}
