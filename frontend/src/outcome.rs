//! What came of a command, and what happened to an account, as JSON.

use bus::Reply;
use domain::trading::entry::{CashChange, CommandDecided};
use domain::trading::outcome::PendingTaken;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Accepted, Action, Entry, Fill, Money, Outcome, Shares};
use serde::Serialize;
use utoipa::ToSchema;

/// What came of a command. Sums are dollars.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OutcomeView {
    /// What the client called the request.
    pub request_id: String,
    #[serde(flatten)]
    pub(crate) told: Told,
}

/// What a command came to.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Told {
    /// The command's number among all.
    pub transaction: u64,
    /// The number of its entry in the log.
    pub entry: u64,
    /// The command.
    pub name: String,
    /// Whether it was carried out.
    pub accepted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why not, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// The amount or trigger price that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The price of a share that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// How old that price was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_age_ms: Option<u64>,
    /// Whether another command had asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    /// Shares bought, sold, reserved or released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// What the shares of a buy cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// What the shares of a sell bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proceeds: Option<String>,
    /// What joined the free cash, or left it (negative).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_change: Option<String>,
    /// The order fired at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<FillView>,
    /// The BUY or SELL that a commit or cancel took up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<u64>,
    /// When it took effect, in Unix milliseconds.
    pub applied_ms: u64,
}

/// The execution of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FillView {
    /// The price of a share.
    pub price: String,
    /// Shares bought or sold.
    pub shares: u64,
    /// What joined the cash.
    pub cash: String,
}

/// Something that happened to an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// `command`, `filled` or `expired`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `buy` or `sell`, where it is about either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<&'static str>,
    /// What joined the cash, or left it (negative).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash: Option<String>,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    #[serde(flatten)]
    pub(crate) told: Told,
}

impl OutcomeView {
    /// What `reply` says to `request_id`.
    pub fn of(request_id: String, reply: &Reply) -> OutcomeView {
        let mut outcome = OutcomeView::logged(request_id, reply.entry, &reply.decided);
        outcome.told.price_age_ms = reply.price_age.map(|age| age.as_millis() as u64);
        outcome
    }

    /// What entry `number` says to `request_id`.
    pub fn logged(request_id: String, number: u64, decided: &CommandDecided) -> OutcomeView {
        OutcomeView { request_id, told: Told::of(number, decided) }
    }
}

impl Told {
    fn of(entry: u64, decided: &CommandDecided) -> Told {
        let action = &decided.command.action;
        let mut told = Told {
            transaction: decided.command.transaction.0,
            entry,
            name: action.name().to_string(),
            code: decided.reject_code(),
            price: decided.price.map(|used| used.price.to_string()),
            cached: decided.price.map(|used| used.cached),
            fill: decided.fill().map(FillView::of),
            applied_ms: decided.applied_ms,
            ..Told::default()
        };
        match action {
            Action::User { verb, .. } => {
                told.stock = verb.stock().map(|stock| stock.to_string());
                told.amount = verb.amount().map(|amount| amount.money().to_string());
            }
            Action::Malformed(malformed) => {
                told.stock = malformed.stock.as_deref().map(str::to_string);
                told.amount = malformed.funds.as_deref().map(str::to_string);
            }
            Action::DumpAll(_) => {}
        }
        match &decided.outcome {
            Outcome::Accepted(accepted) => {
                told.accepted = true;
                told.accepted(accepted);
            }
            Outcome::Rejected(reject) => {
                told.message = Some(match action {
                    Action::Malformed(malformed) => malformed.message.to_string(),
                    _ => reject.to_string(),
                });
            }
        }
        let moved = match decided.cash_change() {
            CashChange::None => 0,
            CashChange::Add(sum) => sum.cents(),
            CashChange::Remove(sum) => -sum.cents(),
        } + decided.fill().map_or(0, |fill| fill.cash.cents());
        told.cash_change = (moved != 0).then(|| Money::from_cents(moved).to_string());
        told
    }

    fn accepted(&mut self, accepted: &Accepted) {
        let shares = |shares: &Shares| Some(shares.count()).filter(|&count| count > 0);
        match accepted {
            Accepted::BuyPending { shares: count, cost } => {
                (self.shares, self.cost) = (shares(count), Some(cost.to_string()));
            }
            Accepted::SellPending { shares: count, proceeds } => {
                (self.shares, self.proceeds) = (shares(count), Some(proceeds.to_string()));
            }
            Accepted::BuyCommitted(taken) | Accepted::BuyCancelled(taken) => {
                self.cost = Some(taken.cash.to_string());
                self.taken(taken);
            }
            Accepted::SellCommitted(taken) | Accepted::SellCancelled(taken) => {
                self.proceeds = Some(taken.cash.to_string());
                self.taken(taken);
            }
            Accepted::SellAmountSet { reserved, .. }
            | Accepted::SellArmed { reserved, .. }
            | Accepted::SellOrderDropped { reserved } => self.shares = shares(reserved),
            _ => {}
        }
        if let Some(fill) = &self.fill {
            self.shares = Some(fill.shares);
        }
    }

    fn taken(&mut self, taken: &PendingTaken) {
        self.opened_by = Some(taken.opened_by.0);
        self.stock = Some(taken.stock.to_string());
        self.shares = Some(taken.shares.count());
    }
}

impl FillView {
    fn of(fill: Fill) -> FillView {
        FillView {
            price: fill.price.to_string(),
            shares: fill.shares.count(),
            cash: fill.cash.to_string(),
        }
    }
}

fn side_of(side: Side) -> Option<&'static str> {
    Some(match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    })
}

impl EventView {
    /// What entry `number` is to the user whose account it is about; none for what is not about
    /// an account.
    pub fn of(number: u64, entry: &Entry) -> Option<EventView> {
        Some(match entry {
            Entry::Command(decided) => {
                let told = Told::of(number, decided);
                let side = match told.name.as_str() {
                    name if name.contains("BUY") => Some("buy"),
                    name if name.contains("SELL") => Some("sell"),
                    _ => None,
                };
                let (cash, at_ms) = (told.cash_change.clone(), decided.applied_ms);
                EventView { kind: "command", side, cash, at_ms, told }
            }
            Entry::Filled(filled) => EventView {
                kind: "filled",
                side: side_of(filled.side),
                cash: Some(filled.fill.cash.to_string()),
                at_ms: filled.filled_ms,
                told: Told {
                    transaction: filled.transaction.0,
                    entry: number,
                    name: filled.name.to_string(),
                    accepted: true,
                    stock: Some(filled.stock.to_string()),
                    price: Some(filled.fill.price.to_string()),
                    shares: Some(filled.fill.shares.count()),
                    applied_ms: filled.filled_ms,
                    ..Told::default()
                },
            },
            Entry::Expired(expired) => EventView {
                kind: "expired",
                side: side_of(expired.side),
                cash: (expired.side == Side::Buy).then(|| expired.cash.to_string()),
                at_ms: expired.expired_ms,
                told: Told {
                    transaction: expired.transaction.0,
                    entry: number,
                    name: if expired.side == Side::Buy { "BUY" } else { "SELL" }.to_string(),
                    accepted: true,
                    stock: Some(expired.stock.to_string()),
                    shares: Some(expired.shares.count()),
                    applied_ms: expired.expired_ms,
                    ..Told::default()
                },
            },
            Entry::Quote(_) | Entry::QuoteRefused(_) => return None,
        })
    }

    /// Whether it is about an order or what a pending buy or sell came to, not about money or
    /// reading alone.
    pub fn is_about_orders(&self) -> bool {
        self.side.is_some()
    }
}
