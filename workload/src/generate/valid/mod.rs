//! The `valid` profile: users who mostly do what they can afford.
//!
//! Prices are not known when a file is made, so every choice is made for all
//! prices from 1.00 to 5,000.00 at once (the range seen on the real quote
//! server), as long as the price of a stock does not halve between a buy and
//! a later sell. The [`account`] model says how. Three of 100 commands are
//! careless on purpose, so that a run has rejects to show.
//!
//! A run that is so slow that a user's next command comes more than a minute
//! later sees more rejects: the pending buys and sells have expired by then.

mod account;

use super::chain::{Chain, Command, Row, Rows, Verb, dollars};
use super::course::deposit;
use super::prng::Prng;
use account::Account;

//                  ADD  QU BUY COB CAB SEL COS CAS SBA SBT CSB SSA SST CSS DIS
const ADD: Row = [1, 38, 40, 0, 0, 6, 0, 0, 5, 1, 1, 4, 1, 1, 2];
const QUOTE: Row = [10, 18, 30, 2, 2, 8, 2, 2, 7, 3, 2, 6, 2, 2, 4];
const BUY: Row = [1, 4, 2, 68, 14, 2, 0, 0, 2, 1, 1, 1, 1, 1, 2];
const SELL: Row = [1, 4, 2, 0, 0, 2, 66, 16, 2, 1, 1, 1, 1, 1, 2];
const SET_BUY_AMOUNT: Row = [0, 4, 3, 0, 0, 3, 0, 0, 0, 74, 13, 0, 0, 0, 3];
const SET_SELL_AMOUNT: Row = [0, 4, 3, 0, 0, 3, 0, 0, 0, 0, 0, 0, 74, 13, 3];
const OTHERWISE: Row = [15, 9, 11, 4, 2, 13, 4, 2, 8, 4, 3, 8, 3, 3, 11];

const ROWS: Rows = Rows {
    after_add: ADD,
    after_quote: QUOTE,
    after_buy: BUY,
    after_sell: SELL,
    after_set_buy_amount: SET_BUY_AMOUNT,
    after_set_sell_amount: SET_SELL_AMOUNT,
    otherwise: OTHERWISE,
};

/// How many of 100 commands are sent without a look at the account.
const CARELESS_PERCENT: u64 = 3;
/// More than any user ever has: 1,000,000,000.00.
const TOO_MUCH_CENTS: i64 = dollars(1_000_000_000);
/// Draws that the account may turn down before the user adds money instead.
const TRIES: u32 = 8;

#[derive(Debug, Clone)]
struct User {
    last: Verb,
    account: Account,
}

/// What the users of a file do next.
#[derive(Debug)]
pub(super) struct Valid {
    chain: Chain,
    users: Vec<User>,
    stocks: u32,
}

impl Valid {
    /// Nobody has done anything yet.
    pub(super) fn new(users: u32, stocks: u32) -> Self {
        let user = User { last: Verb::Dumplog, account: Account::default() };
        Self { chain: Chain::new(&ROWS), users: vec![user; users as usize], stocks }
    }

    /// The next command of a user.
    pub(super) fn next(&mut self, user: u32, rng: &mut Prng) -> Command {
        let User { last, account } = &mut self.users[user as usize];
        let command = if *last == Verb::Dumplog {
            account.add(deposit(rng))
        } else if rng.percent(CARELESS_PERCENT) {
            // The chain goes on as if nothing had been said.
            return careless(account, self.stocks, rng);
        } else {
            let mut drawn = None;
            for _ in 0..TRIES {
                let verb = self.chain.next(*last, rng);
                drawn = considered(verb, account, self.stocks, rng);
                if drawn.is_some() {
                    break;
                }
            }
            drawn.unwrap_or_else(|| account.add(deposit(rng)))
        };
        *last = command.verb;
        command
    }
}

/// The command, if the account can be sure of it.
fn considered(verb: Verb, account: &mut Account, stocks: u32, rng: &mut Prng) -> Option<Command> {
    match verb {
        Verb::Add => Some(account.add(deposit(rng))),
        Verb::Quote => Some(Command::about(verb, rng.below_u32(stocks))),
        Verb::Buy => account.buy(stocks, rng),
        Verb::CommitBuy => account.commit_buy(),
        Verb::CancelBuy => account.cancel_buy(),
        Verb::Sell => account.sell(rng),
        Verb::CommitSell => account.commit_sell(),
        Verb::CancelSell => account.cancel_sell(),
        Verb::SetBuyAmount => account.set_buy_amount(stocks, rng),
        Verb::SetBuyTrigger => account.set_buy_trigger(rng),
        Verb::CancelSetBuy => account.cancel_set_buy(rng),
        Verb::SetSellAmount => account.set_sell_amount(rng),
        Verb::SetSellTrigger => account.set_sell_trigger(rng),
        Verb::CancelSetSell => account.cancel_set_sell(rng),
        Verb::DisplaySummary => Some(Command::bare(verb)),
        Verb::Dumplog => None,
    }
}

/// A command that is refused, or changes nothing the model counts on: for a
/// stock that the user does not trade in, or for an amount that cannot be.
fn careless(account: &Account, stocks: u32, rng: &mut Prng) -> Command {
    let stock = rng.below_u32(stocks);
    let cents = rng.between(dollars(1), dollars(500));
    match rng.below(10) {
        0 if !account.has_pending_buy() => Command::bare(Verb::CommitBuy),
        1 if !account.has_pending_buy() => Command::bare(Verb::CancelBuy),
        2 if !account.has_pending_sell() => Command::bare(Verb::CommitSell),
        3 if !account.has_pending_sell() => Command::bare(Verb::CancelSell),
        4 => Command::priced(Verb::Buy, stock, TOO_MUCH_CENTS),
        5 => Command::priced(Verb::Buy, stock, rng.between(1, 99)),
        _ if account.trades_in(stock) => Command::bare(Verb::DisplaySummary),
        6 => Command::about(Verb::CancelSetBuy, stock),
        7 => Command::about(Verb::CancelSetSell, stock),
        8 => Command::priced(Verb::SetSellTrigger, stock, cents),
        _ => Command::priced(Verb::Sell, stock, cents),
    }
}
