//! The demo: a user with money, and a market that moves because somebody asks for its prices.

use anyhow::{Context as _, anyhow};
use bus::quotes::QUOTE_TTL;
use bus::{AccountDesk, Clock, Moment};
use console::style;
use domain::trading::command::{Action, Verb};
use domain::trading::{Amount, Money, Stock, UserName};
use frontend::Frontend;
use frontend::door::Door;
use frontend::people::{AccessEvent, AccessLog, PasswordHash, Role, UserStore};
use std::fmt;
use std::time::Duration;
use tokio::time::sleep;

/// Its name.
const USER: &[u8] = b"demo";

/// Who asks for prices. Nobody can sign up under a name that begins like this.
const MARKET: &[u8] = b"_market";

/// What is asked for.
const WATCHED: [&str; 12] =
    ["ABC", "ACE", "BIG", "CAT", "DAY", "FOX", "GEM", "ICE", "OAK", "SKY", "TEA", "ZEN"];

/// What the account begins with.
const MONEY: Money = Money::from_cents(1_000_000);

/// By how much later than in the round before a price is asked for, at most and for the last of
/// them: at the start all are asked for at once, so all run out at once. Drawn apart by and by, none
/// is old for long, and in the end one comes after the other all the time.
const DRAWN_APART: Duration = Duration::from_millis(400);

/// How long before it runs out a price of the built-in quote server is asked for again, where the
/// options say nothing of it: as early as may be, because there it costs nothing and moves more.
pub const REFRESH: Duration = Duration::from_secs(30);

/// How long a price that could not be had is waited for.
const AGAIN: Duration = Duration::from_secs(5);

/// The demo user.
pub struct Demo {
    /// None where the user is there from before, with the password it had.
    password: Option<String>,
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.password {
            Some(password) => write!(
                f,
                "{} with password {}, as trader, analyst and operator",
                style("demo").bold(),
                style(password).bold()
            ),
            None => f.write_str(
                "demo, with the password it was given before (`daytrade user password demo` \
                 gives it another)",
            ),
        }
    }
}

impl Demo {
    /// Makes the user and its account where they are not there.
    pub async fn make(
        users: &UserStore,
        access: &AccessLog,
        frontend: &Frontend,
        accounts: &AccountDesk,
        clock: &Clock,
    ) -> anyhow::Result<Demo> {
        let user = UserName::parse(USER).context("the demo's name")?;
        let mut demo = Demo { password: None };
        if !users.has(&user) {
            let password = frontend::secret()?[..16].to_string();
            let roles = vec![Role::Trader, Role::Analyst, Role::Operator];
            let at_ms = clock.unix_ms(clock.now());
            users.add(&user, PasswordHash::of(password.as_bytes())?, roles, at_ms)?;
            access.record(AccessEvent {
                at_ms,
                event: "user_added",
                user: Some(user.to_string()),
                address: None,
                agent: None,
                detail: Some("--seed-demo: trader, analyst, operator".to_string()),
            });
            demo.password = Some(password);
        }
        if accounts.read(&user).await?.account.is_none() {
            let amount = Amount::new(MONEY).context("the demo's money")?;
            let added = frontend.door().enter(Action::User { user, verb: Verb::Add(amount) });
            added?.await.map_err(|_| anyhow!("the log has halted"))?;
        }
        Ok(demo)
    }
}

/// Asks for the prices of the watched stocks for ever: first for all, then for each as it runs
/// out, or `refresh` before that where it is asked for again then.
pub async fn trade(door: Door, clock: Clock, refresh: Option<Duration>) {
    let Some(user) = UserName::parse(MARKET) else { return };
    let stocks = WATCHED.iter().filter_map(|stock| Stock::parse(stock.as_bytes()));
    let stands = QUOTE_TTL.saturating_sub(refresh.unwrap_or_default());
    let mut turns = Turns::of(stocks.collect(), stands);
    while let Some((at, stock)) = turns.next() {
        sleep(clock.to_wait(at.since(clock.now()))).await;
        let verb = Verb::Quote(stock);
        let reply = match door.enter(Action::User { user: user.clone(), verb }) {
            Ok(replied) => replied.await.ok(),
            Err(_) => None,
        };
        let good_for = match reply.filter(|reply| reply.decided.price.is_some()) {
            // Somebody else may have asked for it earlier. One that has stood is replaced just now.
            Some(reply) => match stands.saturating_sub(reply.price_age.unwrap_or_default()) {
                Duration::ZERO => stands,
                left => left,
            },
            None => AGAIN,
        };
        let now = clock.now();
        turns.asked(stock, now, now.plus(good_for));
    }
}

/// Whose turn it is, and when.
struct Turns {
    /// When the price of each is to be asked for again.
    due: Vec<(Moment, Stock)>,
    /// How long a price stands before that.
    stands: Duration,
    questions: u32,
    last: Moment,
}

impl Turns {
    fn of(stocks: Vec<Stock>, stands: Duration) -> Turns {
        let due = stocks.into_iter().map(|stock| (Moment::default(), stock)).collect();
        Turns { due, stands, questions: 0, last: Moment::default() }
    }

    /// The stock whose turn is next, and when.
    fn next(&self) -> Option<(Moment, Stock)> {
        let (due, stock) = *self.due.iter().min_by_key(|(due, _)| *due)?;
        let stocks = self.due.len() as u32;
        let round = self.questions / stocks;
        let apart = (DRAWN_APART * round).min(self.stands / stocks);
        Some((due.max(self.last.plus(apart)), stock))
    }

    /// It was asked for at `now`, and is to be again at `until`.
    fn asked(&mut self, stock: Stock, now: Moment, until: Moment) {
        self.questions += 1;
        self.last = now;
        self.due.iter_mut().filter(|(_, known)| *known == stock).for_each(|turn| turn.0 = until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_price_is_old_for_long_and_they_come_one_after_the_other() {
        come_one_after_the_other(QUOTE_TTL);
        come_one_after_the_other(QUOTE_TTL - REFRESH);
    }

    fn come_one_after_the_other(stands: Duration) {
        let stocks = WATCHED.iter().filter_map(|stock| Stock::parse(stock.as_bytes()));
        let mut turns = Turns::of(stocks.collect(), stands);
        let (mut now, mut asked, mut oldest) = (Moment::default(), Vec::new(), Duration::ZERO);
        for question in 0..WATCHED.len() * 20 {
            let (at, stock) = turns.next().unwrap();
            let ran_out = turns.due.iter().find(|(_, known)| *known == stock).unwrap().0;
            if question >= WATCHED.len() {
                oldest = oldest.max(at.since(ran_out));
            }
            now = now.max(at).plus(Duration::from_millis(3));
            asked.push(now);
            turns.asked(stock, now, now.plus(stands));
        }
        assert!(asked[WATCHED.len() - 1] < Moment::default().plus(Duration::from_secs(1)));
        assert!(oldest < Duration::from_secs(5), "{oldest:?}");
        let apart = asked.windows(2).rev().take(WATCHED.len() * 2);
        let least = apart.map(|two| two[1].since(two[0])).min().unwrap();
        assert!(least >= stands / 15, "{least:?}");
    }
}
