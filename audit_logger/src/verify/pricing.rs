//! The price that a command used: told, its own, or any that was good.

use super::account::{Moment, shares_for, worth};
use super::audit::{Audit, Group, Head, Item};
use super::codes::Code;
use super::findings::FindingKind;
use super::money::Dollars;
use super::quotes::{PRICE_MS, Trace};
use super::rules::{self, Call};
use super::words::{Movement, Verb};

impl Audit<'_> {
    /// The price that a `systemEvent` tells, checked against the quotes.
    pub(super) fn told_price(&mut self, group: &Group, head: Head, event: &Item) -> Option<i64> {
        let price = event.cents.filter(|&cents| cents > 0)?;
        self.counts.cached += 1;
        if let (Some(_), Some(at)) = (head.stock, event.at) {
            self.trace(event, price, at, group.transaction);
        }
        Some(price)
    }

    /// A price in the log repeats a quote of the last 60 s.
    pub(super) fn trace(&mut self, event: &Item, price: i64, at: u64, number: u64) {
        let Some(stock) = event.stock else { return };
        let shown = Dollars::of(price);
        match self.quotes.trace(stock, price, at) {
            Trace::Fresh => {}
            Trace::Stale(age) => self.findings.add_if_complete(
                FindingKind::PriceStale,
                event.line,
                Some(number),
                || format!("the price {shown} of {stock} is {age} ms old"),
            ),
            Trace::Unknown => self.findings.add_if_complete(
                FindingKind::PriceInvented,
                event.line,
                Some(number),
                || format!("no quote of {stock} before has the price {shown}"),
            ),
        }
    }

    /// The price that came under the command's own transaction.
    pub(super) fn own_price(
        &mut self,
        group: &Group,
        head: Head,
        call: Call,
        moment: Moment,
        logged: Option<Movement>,
    ) -> Option<i64> {
        // Of several answers the log does not say which was used: it is one that fits.
        let cost = |price| Movement::remove(worth(shares_for(call.cents, price), price));
        let fits = group.own.iter().rev().find(|quote| {
            call.verb == Verb::Buy && logged.is_some() && cost(quote.price) == logged
        });
        let Some(quote) = fits.or(group.own.last()) else {
            self.findings.add(FindingKind::PriceUntraced, head.line, head.transaction, || {
                format!("{} used a price that the log does not show", call.verb.name())
            });
            return None;
        };
        if !quote.good_at(moment.low) {
            self.findings.add(FindingKind::PriceStale, head.line, head.transaction, || {
                format!("its price came more than {PRICE_MS} ms before")
            });
        }
        Some(quote.price)
    }

    /// A command that is refused before its price is asked for has no quotes. (A trigger may have
    /// asked while its order still stood.)
    pub(super) fn unneeded_quotes(&mut self, group: &Group, head: Head, code: Code) {
        let arms = head.verb.is_some_and(Verb::arms) && !code.blames_arguments();
        if !group.own.is_empty() && !arms {
            self.findings.add(FindingKind::QuoteNotNeeded, head.line, head.transaction, || {
                format!("a price was asked for, and {code} does not depend on it")
            });
        }
    }

    /// The right code for a command that nothing but its price or a limit can stop: `None` where
    /// the log does not show enough to tell, `Some(None)` where it had to be carried out.
    pub(super) fn refusal_with_price(
        &mut self,
        group: &Group,
        head: Head,
        call: Call,
        code: Code,
        told: Option<i64>,
        wanted: bool,
    ) -> Option<Option<Code>> {
        if wanted && code == Code::QuoteUnavailable {
            return Some(Some(code));
        }
        let user = head.user.map(|user| user as usize);
        if code == Code::BalanceLimit
            && user.is_some_and(|user| rules::may_pass_limit(&self.accounts[user], call))
        {
            return Some(Some(code));
        }
        let Some(user) = user.filter(|_| matches!(call.verb, Verb::Buy | Verb::Sell)) else {
            return Some(None);
        };
        let account = &self.accounts[user];
        let right = |price| rules::at_price(account, call, price);
        if let Some(price) = told {
            return Some(right(price));
        }
        if !group.own.is_empty() {
            // Of several answers the log does not say which was used: it is one that fits.
            let mut codes = group.own.iter().rev().map(|quote| right(quote.price));
            let newest = codes.next().flatten();
            let fits = newest == Some(code) || codes.any(|right| right == Some(code));
            return Some(if fits { Some(code) } else { newest });
        }
        // A price that another transaction had asked for, and that is not told: any will do.
        let time = group.items.first().and_then(|item| item.at).unwrap_or(0);
        let (mut good, all) = self.quotes.good_at(call.stock, time);
        if good.any(|quote| right(quote.price) == Some(code)) || !all {
            return Some(Some(code));
        }
        self.findings.add_if_complete(
            FindingKind::WronglyRefused,
            head.line,
            head.transaction,
            || format!("refused with {code}, and no price of the last 60 s is a reason for it"),
        );
        None
    }
}
