//! An engine on a clock that the test moves, and what came out of it in words.
//!
//! | in words | |
//! |---|---|
//! | `#3 BUY a accepted at 3.00` | the command of that number, its user, its outcome, the price it used |
//! | `#3 BUY a accepted at 3.00 (cached)` | a price that another command had asked for |
//! | `expired #2 of a` | a pending buy or sell was released |
//! | `filled #3 of a: 2 at 1.50, cash 1.00` | the order that that command left armed fired |
//! | `S for #3 BUY a` | a price is asked for |
//! | `armed #3 of a: buy S at 1.50` | an order is told of to the AutoTX manager |
//! | `gone #3: buy S at 1.50` | it is no longer armed as it was |

use bus::{
    Clock, CommandBatch, Firing, FreshQuote, Moment, OrderChange, QuoteAsk, QuoteResult, Reply,
    ReplyTo,
};
use domain::trading::parse::parse_action;
use domain::trading::verbs::expiry::Side;
use domain::trading::{
    Account, Action, Command, CommandName, Entry, Price, RulesVersion, Stock, TransactionNum,
    UserName, codec,
};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use worker::Engine;

pub(crate) struct Desk {
    pub(crate) engine: Engine,
    clock: Clock,
    client: ReplyTo,
    commands: u64,
    /// The last decided command of each user.
    last: HashMap<String, TransactionNum>,
    /// The last command that asked for a stock.
    asked: HashMap<Stock, TransactionNum>,
    /// All entries so far.
    pub(crate) entries: Vec<Entry>,
}

/// The price of a stock, asked for at a moment.
pub(crate) struct Quoted<'a>(pub(crate) &'a str, pub(crate) &'a str, pub(crate) Moment);

/// What came out of the engine in one go.
#[derive(Debug)]
pub(crate) struct Happened {
    /// The entries in words.
    pub(crate) log: Vec<String>,
    /// The questions for prices in words.
    pub(crate) asks: Vec<String>,
    /// The questions as they are.
    pub(crate) quote_asks: Vec<QuoteAsk>,
    /// The news of orders in words.
    pub(crate) orders: Vec<String>,
    /// The replies, by client.
    pub(crate) replies: Vec<(ReplyTo, Vec<Reply>)>,
}

/// A client; its replies are looked at before they leave.
pub(crate) fn client() -> ReplyTo {
    ReplyTo::new(mpsc::channel(1).0)
}

pub(crate) fn stock_of(text: &str) -> Stock {
    Stock::parse(text.as_bytes()).unwrap()
}

pub(crate) fn user_of(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

impl Desk {
    /// An engine without accounts. The runtime's time must be paused.
    pub(crate) fn open() -> Desk {
        Desk::with([])
    }

    pub(crate) fn with(accounts: impl IntoIterator<Item = (UserName, Account)>) -> Desk {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        Desk {
            engine: Engine::new(clock.clone(), RulesVersion::CURRENT, accounts),
            clock,
            client: client(),
            commands: 0,
            last: HashMap::new(),
            asked: HashMap::new(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.unix_ms(self.clock.now())
    }

    /// Sends `lines` in one batch, numbered on from the last.
    pub(crate) fn run(&mut self, lines: &[&str]) -> Happened {
        let client = self.client.clone();
        self.send(client.clone(), lines);
        self.take()
    }

    /// Sends a batch from `client` and leaves what comes of it in the engine.
    pub(crate) fn send(&mut self, client: ReplyTo, lines: &[&str]) {
        self.send_received(client, lines, self.clock.now());
    }

    /// Sends a batch that claims to have been received at `received`.
    pub(crate) fn send_received(&mut self, client: ReplyTo, lines: &[&str], received: Moment) {
        let received_ms = self.clock.unix_ms(received);
        let commands = lines.iter().map(|line| {
            self.commands += 1;
            let transaction = TransactionNum(self.commands);
            Command::new(transaction, received_ms, action_of(line))
        });
        let batch = CommandBatch { commands: commands.collect(), received, reply_to: client };
        self.engine.run(batch);
    }

    /// The answer to the question that is open for `stock`: its price, asked for just now.
    pub(crate) fn price(&mut self, stock: &str, price: &str) -> Happened {
        let sent = self.now();
        self.price_sent(stock, price, sent)
    }

    /// The same, of a request that was sent at `sent`.
    pub(crate) fn price_sent(&mut self, stock: &str, price: &str, sent: Moment) -> Happened {
        let stock = stock_of(stock);
        let asked_by = self.asked.get(&stock).copied().unwrap_or_default();
        let price = Price::parse(price.as_bytes()).unwrap();
        self.hear(QuoteResult::Fresh(FreshQuote { stock, price, sent, asked_by }))
    }

    /// No price of `stock` can be had.
    pub(crate) fn no_price(&mut self, stock: &str) -> Happened {
        self.hear(QuoteResult::Unavailable(stock_of(stock)))
    }

    /// The user of a command has spent their share of the quote budget.
    pub(crate) fn over_share(&mut self, stock: &str, transaction: u64) -> Happened {
        let transaction = TransactionNum(transaction);
        self.hear(QuoteResult::OverShare { stock: stock_of(stock), transaction })
    }

    pub(crate) fn hear(&mut self, news: QuoteResult) -> Happened {
        self.engine.hear(&[news]);
        self.take()
    }

    /// The AutoTX manager says that a price has met the order that the command left armed.
    pub(crate) fn fire(
        &mut self,
        user: &str,
        side: Side,
        armed_by: u64,
        quote: Quoted,
    ) -> Happened {
        let Quoted(stock, price, sent) = quote;
        let quote = FreshQuote {
            stock: stock_of(stock),
            price: Price::parse(price.as_bytes()).unwrap(),
            sent,
            asked_by: TransactionNum(armed_by),
        };
        let armed_by = TransactionNum(armed_by);
        self.engine.fire(vec![Firing { user: user_of(user), side, armed_by, quote }]);
        self.take()
    }

    /// The timer looks.
    pub(crate) fn expire(&mut self) -> Happened {
        self.engine.expire();
        self.take()
    }

    pub(crate) fn account(&self, user: &str) -> Option<Account> {
        let user = user_of(user);
        self.engine.accounts().find(|(name, _)| **name == user).map(|(_, account)| account.clone())
    }

    /// Free and reserved cash in dollars.
    pub(crate) fn money(&self, user: &str) -> (String, String) {
        let account = self.account(user).unwrap();
        (account.cash.to_string(), account.reserved.to_string())
    }

    /// Takes what came out, and checks what always holds: the entries are whole, each command's
    /// has exactly one reply that points to it, and each user's come in the order of sending.
    pub(crate) fn take(&mut self) -> Happened {
        let output = self.engine.take_output();
        let mut entries = Vec::new();
        let mut rest = output.entries.bytes();
        while !rest.is_empty() {
            let (entry, behind) = codec::decode(rest).unwrap();
            entries.push(entry);
            rest = behind;
        }
        assert_eq!(entries.len(), output.entries.count() as usize);

        let replies: Vec<&Reply> = output.replies.iter().flat_map(|(_, replies)| replies).collect();
        let mut replied = replies.iter();
        for (number, entry) in entries.iter().enumerate() {
            let Entry::Command(decided) = entry else { continue };
            let reply = replied.next().unwrap();
            assert_eq!((reply.entry, &reply.decided), (number as u64, decided));
            let transaction = decided.command.transaction;
            if let Some(user) = decided.command.action.user() {
                let last = self.last.insert(user.to_string(), transaction);
                assert!(last < Some(transaction), "{last:?} was decided before {entry:?}");
            }
        }
        assert!(replied.next().is_none(), "a reply without an entry");
        for pair in output.replies.windows(2) {
            assert!(!pair[0].0.same_client(&pair[1].0), "two messages where one would do");
        }

        for ask in &output.asks {
            self.asked.insert(ask.stock, ask.transaction);
        }
        let ask = |ask: &QuoteAsk| {
            format!("{} for #{} {} {}", ask.stock, ask.transaction, ask.name, ask.user)
        };
        let happened = Happened {
            log: entries.iter().map(in_words).collect(),
            asks: output.asks.iter().map(ask).collect(),
            quote_asks: output.asks,
            orders: output.orders.iter().map(order_in_words).collect(),
            replies: output.replies,
        };
        self.entries.append(&mut entries);
        happened
    }
}

fn action_of(line: &str) -> Action {
    let (name, arguments) = line.split_once(',').unwrap();
    let name = CommandName::named(name.as_bytes()).expect(line);
    parse_action(name, Some(arguments.as_bytes()))
}

fn in_words(entry: &Entry) -> String {
    match entry {
        Entry::Command(decided) => {
            let name = decided.command.action.name();
            let user = decided.command.action.user().unwrap_or("everyone");
            let code = decided.reject_code().unwrap_or("accepted");
            let price = decided.price.map_or(String::new(), |used| {
                format!(" at {}{}", used.price, if used.cached { " (cached)" } else { "" })
            });
            format!("#{} {name} {user} {code}{price}", decided.command.transaction)
        }
        Entry::Expired(expired) => format!("expired #{} of {}", expired.transaction, expired.user),
        Entry::Filled(filled) => {
            let fill = filled.fill;
            format!(
                "filled #{} of {}: {} at {}, cash {}",
                filled.transaction,
                filled.user,
                fill.shares.count(),
                fill.price,
                fill.cash
            )
        }
        other => panic!("an engine does not write {other:?}"),
    }
}

fn order_in_words(change: &OrderChange) -> String {
    let side = |side: Side| if side == Side::Buy { "buy" } else { "sell" };
    match change {
        OrderChange::Armed(order) => format!(
            "armed #{} of {}: {} {} at {}",
            order.armed_by.transaction,
            order.user,
            side(order.side),
            order.stock,
            order.limit
        ),
        OrderChange::Gone(key) => {
            format!("gone #{}: {} {} at {}", key.armed_by, side(key.side), key.stock, key.limit)
        }
    }
}

/// Milliseconds pass.
pub(crate) async fn wait(ms: u64) {
    tokio::time::advance(Duration::from_millis(ms)).await;
}
