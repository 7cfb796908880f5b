//! The `course` profile: commands as in the course's 100-user file.
//!
//! The chances and ranges below are measured on that file (100,000 lines).
//! They include its oddities, because they decide what is refused: a trigger
//! for buying is set on another stock than the amount just before it, `SELL`
//! and the amounts of orders draw from a short list of stocks that all users
//! share and that grows through the file, and nobody looks at what they hold.

use super::chain::{Chain, Command, Row, Rows, Verb, dollars};
use super::prng::Prng;

//                  ADD  QU BUY COB CAB SEL COS CAS SBA SBT CSB SSA SST CSS DIS
const ADD: Row = [1, 40, 40, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 2];
const QUOTE: Row = [10, 20, 30, 2, 2, 3, 2, 2, 7, 7, 2, 3, 2, 2, 6];
const BUY: Row = [2, 5, 3, 50, 10, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3];
const SELL: Row = [2, 5, 3, 3, 3, 3, 48, 10, 3, 3, 4, 3, 3, 4, 3];
const SET_BUY_AMOUNT: Row = [0, 5, 5, 0, 0, 5, 0, 0, 0, 70, 10, 0, 0, 0, 5];
const SET_SELL_AMOUNT: Row = [0, 5, 5, 0, 0, 5, 0, 0, 0, 0, 0, 0, 70, 10, 5];
const OTHERWISE: Row = [20, 10, 10, 1, 1, 10, 1, 1, 7, 7, 1, 7, 7, 2, 15];

const ROWS: Rows = Rows {
    after_add: ADD,
    after_quote: QUOTE,
    after_buy: BUY,
    after_sell: SELL,
    after_set_buy_amount: SET_BUY_AMOUNT,
    after_set_sell_amount: SET_SELL_AMOUNT,
    otherwise: OTHERWISE,
};

/// Deposits are a bell around 70,000.00.
const ADD_MEAN_CENTS: i64 = dollars(70_000);
/// Standard deviation of deposits.
const ADD_DEVIATION_CENTS: i64 = dollars(14_900);
/// Amounts to buy or sell for are even from one cent up to this.
const AMOUNT_MAX_CENTS: i64 = dollars(750);
/// Triggers that do not follow an amount are even from one cent up to this.
const TRIGGER_MAX_CENTS: i64 = dollars(200);
/// The official files hold a negative `ADD` now and then.
const ONE_NEGATIVE_ADD_IN: u64 = 4_000;

#[derive(Debug, Clone, Copy)]
struct User {
    last: Verb,
    /// Stock and amount of the last `SET_*_AMOUNT`.
    stock: u32,
    amount_cents: u32,
    started: bool,
}

/// What the users of a file do next.
#[derive(Debug)]
pub(super) struct Course {
    chain: Chain,
    users: Vec<User>,
    stocks: u32,
    /// The stocks that `SELL` and the amounts of orders share.
    shared: Vec<u32>,
}

impl Course {
    /// Nobody has done anything yet.
    pub(super) fn new(users: u32, stocks: u32) -> Self {
        let user = User { last: Verb::Dumplog, stock: 0, amount_cents: 1, started: false };
        Self {
            chain: Chain::new(&ROWS),
            users: vec![user; users as usize],
            stocks,
            shared: Vec::new(),
        }
    }

    /// The next command of a user.
    pub(super) fn next(&mut self, user: u32, rng: &mut Prng) -> Command {
        let before = self.users[user as usize];
        if !before.started {
            let this = &mut self.users[user as usize];
            this.started = true;
            this.last = Verb::Add;
            return Command::add(deposit(rng));
        }
        let verb = self.chain.next(before.last, rng);
        self.users[user as usize].last = verb;
        match verb {
            Verb::Add if rng.one_in(ONE_NEGATIVE_ADD_IN) => Command::add(-deposit(rng)),
            Verb::Add => Command::add(deposit(rng)),
            Verb::Quote | Verb::CancelSetBuy => Command::about(verb, rng.below_u32(self.stocks)),
            Verb::Buy => Command::priced(verb, rng.below_u32(self.stocks), amount(rng)),
            Verb::Sell => Command::priced(verb, self.shared_stock(rng), amount(rng)),
            Verb::SetBuyAmount | Verb::SetSellAmount => {
                let stock = self.shared_stock(rng);
                let cents = amount(rng);
                let this = &mut self.users[user as usize];
                this.stock = stock;
                this.amount_cents = cents as u32;
                Command::priced(verb, stock, cents)
            }
            Verb::SetBuyTrigger => {
                let stock = rng.below_u32(self.stocks);
                Command::priced(verb, stock, trigger(before, Verb::SetBuyAmount, rng))
            }
            Verb::SetSellTrigger => {
                let stock = self.stock_of_sell_order(before, rng);
                Command::priced(verb, stock, trigger(before, Verb::SetSellAmount, rng))
            }
            Verb::CancelSetSell => Command::about(verb, self.stock_of_sell_order(before, rng)),
            Verb::CommitBuy
            | Verb::CancelBuy
            | Verb::CommitSell
            | Verb::CancelSell
            | Verb::DisplaySummary
            | Verb::Dumplog => Command::bare(verb),
        }
    }

    /// Right after the amount of a sell order, the same stock; else any.
    fn stock_of_sell_order(&self, before: User, rng: &mut Prng) -> u32 {
        if before.last == Verb::SetSellAmount { before.stock } else { rng.below_u32(self.stocks) }
    }

    /// Draws from the shared list, which takes in new stocks quickly at first
    /// and ever more slowly: about 20 after 1,000 draws, 80 after 15,000.
    fn shared_stock(&mut self, rng: &mut Prng) -> u32 {
        let len = self.shared.len() as u64;
        if rng.one_in(1 + 20 * len.min(1) + 4 * len) {
            let stock = rng.below_u32(self.stocks);
            self.shared.push(stock);
            return stock;
        }
        self.shared[rng.below(len) as usize]
    }
}

/// What an `ADD` brings.
pub(super) fn deposit(rng: &mut Prng) -> i64 {
    rng.bell(ADD_MEAN_CENTS, ADD_DEVIATION_CENTS).max(1)
}

fn amount(rng: &mut Prng) -> i64 {
    rng.between(1, AMOUNT_MAX_CENTS)
}

/// Right after its amount, a trigger is even up to that amount; else even up
/// to 200.00, with a thin tail above.
fn trigger(before: User, amount_verb: Verb, rng: &mut Prng) -> i64 {
    if before.last == amount_verb {
        rng.between(1, i64::from(before.amount_cents))
    } else if rng.percent(4) {
        let up_to = amount(rng);
        rng.between(1, up_to)
    } else {
        rng.between(1, TRIGGER_MAX_CENTS)
    }
}
