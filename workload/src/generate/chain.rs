//! The commands of a generated file, and chains of them: which command a user
//! sends next depends on the one before.

use super::prng::Prng;

/// A command name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Verb {
    Add,
    Quote,
    Buy,
    CommitBuy,
    CancelBuy,
    Sell,
    CommitSell,
    CancelSell,
    SetBuyAmount,
    SetBuyTrigger,
    CancelSetBuy,
    SetSellAmount,
    SetSellTrigger,
    CancelSetSell,
    DisplaySummary,
    Dumplog,
}

/// The verbs of a user, in the order of the columns of a [`Row`].
pub(super) const USER_VERBS: [Verb; 15] = [
    Verb::Add,
    Verb::Quote,
    Verb::Buy,
    Verb::CommitBuy,
    Verb::CancelBuy,
    Verb::Sell,
    Verb::CommitSell,
    Verb::CancelSell,
    Verb::SetBuyAmount,
    Verb::SetBuyTrigger,
    Verb::CancelSetBuy,
    Verb::SetSellAmount,
    Verb::SetSellTrigger,
    Verb::CancelSetSell,
    Verb::DisplaySummary,
];

impl Verb {
    /// As it is written in a workload file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Quote => "QUOTE",
            Self::Buy => "BUY",
            Self::CommitBuy => "COMMIT_BUY",
            Self::CancelBuy => "CANCEL_BUY",
            Self::Sell => "SELL",
            Self::CommitSell => "COMMIT_SELL",
            Self::CancelSell => "CANCEL_SELL",
            Self::SetBuyAmount => "SET_BUY_AMOUNT",
            Self::SetBuyTrigger => "SET_BUY_TRIGGER",
            Self::CancelSetBuy => "CANCEL_SET_BUY",
            Self::SetSellAmount => "SET_SELL_AMOUNT",
            Self::SetSellTrigger => "SET_SELL_TRIGGER",
            Self::CancelSetSell => "CANCEL_SET_SELL",
            Self::DisplaySummary => "DISPLAY_SUMMARY",
            Self::Dumplog => "DUMPLOG",
        }
    }
}

/// One command of a user, ready to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) stock: Option<u32>,
    pub(super) cents: Option<i64>,
}

impl Command {
    /// A command with no argument but the user.
    pub(super) fn bare(verb: Verb) -> Self {
        Self { verb, stock: None, cents: None }
    }

    /// A command about a stock.
    pub(super) fn about(verb: Verb, stock: u32) -> Self {
        Self { stock: Some(stock), ..Self::bare(verb) }
    }

    /// A command about a stock and an amount.
    pub(super) fn priced(verb: Verb, stock: u32, cents: i64) -> Self {
        Self { cents: Some(cents), ..Self::about(verb, stock) }
    }

    /// `ADD`.
    pub(super) fn add(cents: i64) -> Self {
        Self { cents: Some(cents), ..Self::bare(Verb::Add) }
    }
}

/// Whole dollars in cents.
pub(super) const fn dollars(whole: i64) -> i64 {
    whole * 100
}

/// What follows one command: chances in percent, in the order of
/// [`USER_VERBS`], 100 in all.
pub(super) type Row = [u8; 15];

/// The rows of a chain. Five commands have a say in what comes next; after
/// every other one the user starts on something new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) after_add: Row,
    pub(super) after_quote: Row,
    pub(super) after_buy: Row,
    pub(super) after_sell: Row,
    pub(super) after_set_buy_amount: Row,
    pub(super) after_set_sell_amount: Row,
    pub(super) otherwise: Row,
}

/// A chain with its rows laid out, so that a draw is a look-up.
#[derive(Debug)]
pub(super) struct Chain {
    table: [[Verb; 100]; 7],
}

impl Chain {
    /// Lays out the rows.
    pub(super) fn new(rows: &Rows) -> Self {
        Self {
            table: [
                &rows.after_add,
                &rows.after_quote,
                &rows.after_buy,
                &rows.after_sell,
                &rows.after_set_buy_amount,
                &rows.after_set_sell_amount,
                &rows.otherwise,
            ]
            .map(lay_out),
        }
    }

    /// Draws the command that follows `last`.
    pub(super) fn next(&self, last: Verb, rng: &mut Prng) -> Verb {
        let row = match last {
            Verb::Add => 0,
            Verb::Quote => 1,
            Verb::Buy => 2,
            Verb::Sell => 3,
            Verb::SetBuyAmount => 4,
            Verb::SetSellAmount => 5,
            _ => 6,
        };
        self.table[row][rng.below(100) as usize]
    }
}

fn lay_out(row: &Row) -> [Verb; 100] {
    let mut laid = [Verb::Add; 100];
    let mut at = 0;
    for (verb, &percent) in USER_VERBS.iter().zip(row) {
        for _ in 0..percent {
            laid[at] = *verb;
            at += 1;
        }
    }
    debug_assert_eq!(at, 100, "a row of chances must add up to 100: {row:?}");
    laid
}
