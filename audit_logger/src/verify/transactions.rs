//! What is remembered of every transaction: a few bytes, for as long as its elements may come.

use super::words::{Stock, Verb};
use rustc_hash::FxHashMap;

const PAGE: u64 = 16;

/// The `userCommand` of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    pub(super) line: u64,
    pub(super) user: Option<u32>,
    pub(super) stock: Option<Stock>,
    pub(super) verb: Option<Verb>,
}

/// Transactions by number, in pages: numbers mostly stand close together.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    pages: FxHashMap<u64, Page>,
}

type Page = Box<[Option<Transaction>; PAGE as usize]>;

impl Transactions {
    pub(super) fn get(&self, number: u64) -> Option<Transaction> {
        self.pages.get(&(number / PAGE))?[(number % PAGE) as usize]
    }

    /// Notes a transaction. Returns the one that stood under its number before.
    pub(super) fn insert(&mut self, number: u64, transaction: Transaction) -> Option<Transaction> {
        let page = self.pages.entry(number / PAGE);
        let page = page.or_insert_with(|| Box::new([None; PAGE as usize]));
        let place = &mut page[(number % PAGE) as usize];
        let before = *place;
        if before.is_none() {
            *place = Some(transaction);
        }
        before
    }

    /// The numbers from 1 to `last` that are not there: first, last, and the line of the
    /// transaction behind them.
    pub(super) fn gaps(&self, last: u64) -> Vec<(u64, u64, u64)> {
        let mut pages: Vec<_> = self.pages.iter().collect();
        pages.sort_unstable_by_key(|&(&page, _)| page);
        let mut gaps = Vec::new();
        let mut expected = 1;
        for (&page, transactions) in pages {
            for (at, transaction) in transactions.iter().enumerate() {
                let number = page * PAGE + at as u64;
                let Some(transaction) = transaction else { continue };
                if number > last {
                    return gaps;
                }
                if number > expected {
                    gaps.push((expected, number - 1, transaction.line));
                }
                expected = number.saturating_add(1);
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_across_pages() {
        let mut transactions = Transactions::default();
        for number in (2..=130).filter(|number| ![64, 65, 100].contains(number)).chain([u64::MAX]) {
            let transaction = Transaction { line: number, user: None, stock: None, verb: None };
            assert!(transactions.insert(number, transaction).is_none());
        }
        assert_eq!(transactions.gaps(130), [(1, 1, 2), (64, 65, 66), (100, 100, 101)]);
        assert_eq!(transactions.gaps(u64::MAX).len(), 4);
        assert!(transactions.get(64).is_none());
        assert_eq!(transactions.get(66).unwrap().line, 66);
    }
}
