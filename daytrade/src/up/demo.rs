//! The demo: a user with money, and a market that moves because somebody asks for its prices.

use anyhow::{Context as _, anyhow};
use bus::{AccountDesk, Clock};
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

/// How long passes between two questions: each price runs out as its turn comes again.
const PAUSE: Duration = Duration::from_millis(5100);

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
/// out.
pub async fn trade(door: Door, clock: Clock) {
    let Some(user) = UserName::parse(MARKET) else { return };
    let stocks: Vec<Stock> =
        WATCHED.iter().filter_map(|stock| Stock::parse(stock.as_bytes())).collect();
    for round in 0.. {
        for stock in &stocks {
            let verb = Verb::Quote(*stock);
            if let Ok(replied) = door.enter(Action::User { user: user.clone(), verb }) {
                let _ = replied.await;
            }
            if round > 0 {
                sleep(clock.to_wait(PAUSE)).await;
            }
        }
    }
}
