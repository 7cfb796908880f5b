//! What is certain about an account, whatever the prices are.
//!
//! Two lower bounds carry the model. *Cash* counts a buy at its full amount
//! and a sell at half of it. The *value* of a holding is shares times the
//! price they were bought at, less than which it cannot be: a buy for an
//! amount `A` leaves at most one share's price of it unspent, so its value is
//! at least `A` − 5,000.00. From there:
//!
//! * a value of `V` is at least `V / 5,000.00` shares;
//! * selling for `B` ≥ 5,000.00 is at least one share, at most `B` in value,
//!   and at most 2 `B` in bought value unless the price has halved;
//! * an order that never fires (to buy below 1.00, to sell above 5,000.00)
//!   can be changed and cancelled; one that may have fired is given up,
//!   together with what it holds.

use super::super::chain::{Command, Verb, dollars};
use super::super::prng::Prng;

/// The highest price that is planned for.
const PRICE_MAX_CENTS: i64 = dollars(5_000);
/// What a user trades in at a time.
const POSITIONS: usize = 6;
/// Pending buys, and pending sells, that a user leaves standing.
const PENDING_MAX: usize = 3;

/// An order of a position, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Order {
    #[default]
    None,
    /// Its amount is set; perhaps it is armed as well.
    Amount { cents: i64 },
    /// Armed, and no price fires it. `shares` are reserved by a sell order.
    Resting { cents: i64, shares: i64 },
    /// Armed at a price that may have been met.
    MayHaveFired { trigger_cents: i64, shares: i64 },
}

/// One stock of a user.
#[derive(Debug, Clone)]
struct Position {
    stock: u32,
    /// Lower bound of free shares times the price they were bought at.
    value_cents: i64,
    buying: Order,
    selling: Order,
}

/// A buy or a sell that waits for its commit.
#[derive(Debug, Clone, Copy)]
struct Pending {
    position: usize,
    cents: i64,
}

/// One user's certain means.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    cash_cents: i64,
    positions: Vec<Position>,
    buys: Vec<Pending>,
    sells: Vec<Pending>,
}

impl Account {
    pub(super) fn has_pending_buy(&self) -> bool {
        !self.buys.is_empty()
    }

    pub(super) fn has_pending_sell(&self) -> bool {
        !self.sells.is_empty()
    }

    pub(super) fn trades_in(&self, stock: u32) -> bool {
        self.positions.iter().any(|position| position.stock == stock)
    }

    pub(super) fn add(&mut self, cents: i64) -> Command {
        self.cash_cents += cents;
        Command::add(cents)
    }

    /// Spends 10,000.00 to 30,000.00, so at least half of it at any price.
    pub(super) fn buy(&mut self, stocks: u32, rng: &mut Prng) -> Option<Command> {
        let cents = rng.between(dollars(10_000), dollars(30_000));
        if self.cash_cents < cents || self.buys.len() == PENDING_MAX {
            return None;
        }
        let position = self.some_position(stocks, rng);
        self.cash_cents -= cents;
        self.buys.push(Pending { position, cents });
        Some(Command::priced(Verb::Buy, self.positions[position].stock, cents))
    }

    pub(super) fn commit_buy(&mut self) -> Option<Command> {
        let Pending { position, cents } = self.buys.pop()?;
        self.positions[position].value_cents += cents - PRICE_MAX_CENTS;
        Some(Command::bare(Verb::CommitBuy))
    }

    pub(super) fn cancel_buy(&mut self) -> Option<Command> {
        self.cash_cents += self.buys.pop()?.cents;
        Some(Command::bare(Verb::CancelBuy))
    }

    pub(super) fn sell(&mut self, rng: &mut Prng) -> Option<Command> {
        if self.sells.len() == PENDING_MAX {
            return None;
        }
        let position = self.find(rng, |position| position.value_cents >= 2 * PRICE_MAX_CENTS)?;
        let this = &mut self.positions[position];
        let most = (this.value_cents / 2).min(2 * PRICE_MAX_CENTS);
        let cents = rng.between(PRICE_MAX_CENTS, most);
        this.value_cents -= 2 * cents;
        self.sells.push(Pending { position, cents });
        Some(Command::priced(Verb::Sell, this.stock, cents))
    }

    pub(super) fn commit_sell(&mut self) -> Option<Command> {
        self.cash_cents += self.sells.pop()?.cents / 2;
        Some(Command::bare(Verb::CommitSell))
    }

    pub(super) fn cancel_sell(&mut self) -> Option<Command> {
        let Pending { position, cents } = self.sells.pop()?;
        self.positions[position].value_cents += 2 * cents;
        Some(Command::bare(Verb::CancelSell))
    }

    pub(super) fn set_buy_amount(&mut self, stocks: u32, rng: &mut Prng) -> Option<Command> {
        let cents = rng.between(PRICE_MAX_CENTS, 3 * PRICE_MAX_CENTS);
        if self.cash_cents < cents {
            return None;
        }
        let position = self.some_position(stocks, rng);
        let this = &mut self.positions[position];
        // What a standing order had reserved comes back with the change.
        let (back, order) = match this.buying {
            Order::None | Order::MayHaveFired { .. } => (0, Order::Amount { cents }),
            Order::Amount { cents: old } => (old, Order::Amount { cents }),
            Order::Resting { cents: old, shares } => (old, Order::Resting { cents, shares }),
        };
        self.cash_cents += back - cents;
        this.buying = order;
        Some(Command::priced(Verb::SetBuyAmount, this.stock, cents))
    }

    /// Two of five triggers are below any price; the others are where prices
    /// are, and fire at once or later or not at all.
    pub(super) fn set_buy_trigger(&mut self, rng: &mut Prng) -> Option<Command> {
        let position = self.find(rng, |position| standing(position.buying).is_some())?;
        let this = &mut self.positions[position];
        let cents = standing(this.buying)?;
        let trigger_cents = if rng.percent(40) {
            this.buying = Order::Resting { cents, shares: 0 };
            rng.between(1, 99)
        } else {
            let trigger_cents = rng.between(dollars(1), dollars(500));
            this.buying = Order::MayHaveFired { trigger_cents, shares: 0 };
            trigger_cents
        };
        Some(Command::priced(Verb::SetBuyTrigger, this.stock, trigger_cents))
    }

    pub(super) fn cancel_set_buy(&mut self, rng: &mut Prng) -> Option<Command> {
        let position = self.find(rng, |position| standing(position.buying).is_some())?;
        let this = &mut self.positions[position];
        self.cash_cents += standing(this.buying)?;
        this.buying = Order::None;
        Some(Command::about(Verb::CancelSetBuy, this.stock))
    }

    /// Needs a free share for certain. An order that may still be armed keeps
    /// its trigger, so its new amount must fit the shares it has reserved.
    pub(super) fn set_sell_amount(&mut self, rng: &mut Prng) -> Option<Command> {
        let position = self.find(rng, |position| {
            position.value_cents >= PRICE_MAX_CENTS
                && !matches!(position.selling, Order::Resting { .. })
        })?;
        let this = &mut self.positions[position];
        let cents = match this.selling {
            Order::MayHaveFired { trigger_cents, shares } => {
                rng.between(trigger_cents, trigger_cents * (shares + 1) - 1)
            }
            _ if rng.percent(40) => {
                rng.between(PRICE_MAX_CENTS + dollars(1), 2 * PRICE_MAX_CENTS - 1)
            }
            _ => rng.between(dollars(100), dollars(2_000)),
        };
        this.selling = Order::Amount { cents };
        Some(Command::priced(Verb::SetSellAmount, this.stock, cents))
    }

    /// Chooses how many shares to reserve, then a trigger that makes it so.
    pub(super) fn set_sell_trigger(&mut self, rng: &mut Prng) -> Option<Command> {
        let position = self.find(rng, |position| {
            matches!(position.selling, Order::Amount { .. })
                && position.value_cents >= PRICE_MAX_CENTS
        })?;
        let this = &mut self.positions[position];
        let Order::Amount { cents } = this.selling else {
            return None;
        };
        let rests = cents > PRICE_MAX_CENTS;
        let sure = this.value_cents / PRICE_MAX_CENTS;
        let shares =
            if rests { 1 } else { rng.between(1, sure.min(8).min(cents / dollars(10)).max(1)) };
        let least = (cents / (shares + 1) + 1).max(if rests { PRICE_MAX_CENTS + 1 } else { 1 });
        let trigger_cents = rng.between(least, cents / shares);
        this.value_cents -= shares * PRICE_MAX_CENTS;
        this.selling = if rests {
            Order::Resting { cents, shares }
        } else {
            Order::MayHaveFired { trigger_cents, shares }
        };
        Some(Command::priced(Verb::SetSellTrigger, this.stock, trigger_cents))
    }

    pub(super) fn cancel_set_sell(&mut self, rng: &mut Prng) -> Option<Command> {
        let position = self.find(rng, |position| standing(position.selling).is_some())?;
        let this = &mut self.positions[position];
        if let Order::Resting { shares, .. } = this.selling {
            this.value_cents += shares * PRICE_MAX_CENTS;
        }
        this.selling = Order::None;
        Some(Command::about(Verb::CancelSetSell, this.stock))
    }

    /// A position that fits, looked for from a random one on.
    fn find(&self, rng: &mut Prng, fits: impl Fn(&Position) -> bool) -> Option<usize> {
        let len = self.positions.len();
        let start = rng.below(len as u64) as usize;
        (0..len).map(|step| (start + step) % len).find(|&at| fits(&self.positions[at]))
    }

    /// Any position; a new one as long as there is room and stock for it.
    fn some_position(&mut self, stocks: u32, rng: &mut Prng) -> usize {
        let len = self.positions.len();
        let room = POSITIONS.min(stocks as usize);
        let drawn = rng.below(room as u64) as usize;
        if drawn < len {
            return drawn;
        }
        let mut stock = rng.below_u32(stocks);
        while self.trades_in(stock) {
            stock = (stock + 1) % stocks;
        }
        self.positions.push(Position {
            stock,
            value_cents: 0,
            buying: Order::None,
            selling: Order::None,
        });
        len
    }
}

/// The amount of an order that stands for certain.
fn standing(order: Order) -> Option<i64> {
    match order {
        Order::Amount { cents } | Order::Resting { cents, .. } => Some(cents),
        Order::None | Order::MayHaveFired { .. } => None,
    }
}
