//! Entries that say something else than what happened.

use domain::trading::{
    Accepted, Entry, Fill, Money, Outcome, PendingTaken, Reject, Shares, TransactionNum,
};

/// False versions of an entry: each differs in one word or number of what came of it.
pub(crate) fn tampered(entry: &Entry) -> Vec<Entry> {
    match entry {
        Entry::Command(decided) => outcomes(&decided.outcome)
            .into_iter()
            .map(|outcome| {
                let mut decided = decided.clone();
                decided.outcome = outcome;
                Entry::Command(decided)
            })
            .collect(),
        Entry::Expired(expired) => {
            let mut all = vec![expired.clone(); 4];
            all[0].transaction.0 += 1;
            all[1].shares = more_shares(expired.shares);
            all[2].cash = more_money(expired.cash);
            // Before its 60 s were over: no wait of the test is longer than 62 s.
            all[3].expired_ms -= 70_000;
            all.into_iter().map(Entry::Expired).collect()
        }
        Entry::Filled(filled) => {
            let mut all = vec![filled.clone(); 3];
            all[0].transaction.0 += 1;
            all[1].fill.shares = more_shares(filled.fill.shares);
            all[2].fill.cash = more_money(filled.fill.cash);
            all.into_iter().map(Entry::Filled).collect()
        }
        Entry::Quote(_) | Entry::QuoteRefused(_) => Vec::new(),
    }
}

fn outcomes(outcome: &Outcome) -> Vec<Outcome> {
    let accepted = match outcome {
        Outcome::Accepted(accepted) => accepted,
        Outcome::Rejected(reject) => {
            let other = match reject {
                Reject::InsufficientFunds { available } => {
                    Reject::InsufficientFunds { available: more_money(*available) }
                }
                Reject::BalanceLimit => Reject::NoPendingBuy,
                _ => Reject::BalanceLimit,
            };
            return vec![Outcome::Accepted(Accepted::Dumped), Outcome::Rejected(other)];
        }
    };
    let taken = |of: &PendingTaken| {
        let mut all = [*of; 3];
        all[0].opened_by = TransactionNum(of.opened_by.0 + 1);
        all[1].shares = more_shares(of.shares);
        all[2].cash = more_money(of.cash);
        all
    };
    let no_fill = |fill: &Option<Fill>| match fill {
        None => Some(Fill {
            price: domain::trading::Price::from_cents(1).unwrap(),
            shares: Shares::new(1),
            cash: Money::ZERO,
        }),
        Some(_) => None,
    };
    let false_ones: Vec<Accepted> = match accepted {
        Accepted::Added => vec![Accepted::Quoted],
        Accepted::Quoted | Accepted::Summarised | Accepted::Dumped | Accepted::Registered => {
            vec![Accepted::Added]
        }
        Accepted::BuyPending { shares, cost } => vec![
            Accepted::BuyPending { shares: more_shares(*shares), cost: *cost },
            Accepted::BuyPending { shares: *shares, cost: more_money(*cost) },
        ],
        Accepted::SellPending { shares, proceeds } => vec![
            Accepted::SellPending { shares: more_shares(*shares), proceeds: *proceeds },
            Accepted::SellPending { shares: *shares, proceeds: more_money(*proceeds) },
        ],
        Accepted::BuyCommitted(of) => taken(of).map(Accepted::BuyCommitted).into(),
        Accepted::BuyCancelled(of) => taken(of).map(Accepted::BuyCancelled).into(),
        Accepted::SellCommitted(of) => taken(of).map(Accepted::SellCommitted).into(),
        Accepted::SellCancelled(of) => taken(of).map(Accepted::SellCancelled).into(),
        Accepted::BuyAmountSet { previous, fill } => vec![
            Accepted::BuyAmountSet { previous: more_money(*previous), fill: *fill },
            Accepted::BuyAmountSet { previous: *previous, fill: no_fill(fill) },
        ],
        Accepted::BuyArmed { fill } => vec![Accepted::BuyArmed { fill: no_fill(fill) }],
        Accepted::BuyOrderDropped { reserve } => {
            vec![Accepted::BuyOrderDropped { reserve: more_money(*reserve) }]
        }
        Accepted::SellAmountSet { reserved, fill } => vec![
            Accepted::SellAmountSet { reserved: more_shares(*reserved), fill: *fill },
            Accepted::SellAmountSet { reserved: *reserved, fill: no_fill(fill) },
        ],
        Accepted::SellArmed { reserved, fill } => vec![
            Accepted::SellArmed { reserved: more_shares(*reserved), fill: *fill },
            Accepted::SellArmed { reserved: *reserved, fill: no_fill(fill) },
        ],
        Accepted::SellOrderDropped { reserved } => {
            vec![Accepted::SellOrderDropped { reserved: more_shares(*reserved) }]
        }
    };
    let refused = Outcome::Rejected(Reject::AmountTooSmall);
    false_ones.into_iter().map(Outcome::Accepted).chain([refused]).collect()
}

fn more_shares(shares: Shares) -> Shares {
    Shares::new(shares.count() + 1)
}

fn more_money(money: Money) -> Money {
    Money::from_cents(money.cents() + 1)
}
