//! One worker's accounts and what happens to them: commands, quotes, firings and the passing of
//! time go in, entries, replies, questions for prices and news of orders come out. Synchronous,
//! without IO: the [`ShardActor`](crate::ShardActor) around it does the waiting.

mod output;
mod unattended;

pub use output::Output;
pub use unattended::Unattended;

use crate::accounts::{Accounts, Parked, SlotId, Waiting};
use crate::armed_orders;
use crate::prices::{Found, Prices};
use bus::{Clock, CommandBatch, Moment, QuoteAsk, QuoteResult, Reply, ReplyTo};
use domain::trading::command::{Action, Verb};
use domain::trading::entry::{self, CommandDecided};
use domain::trading::verbs::{self, Stamp};
use domain::trading::{
    Accepted, Account, Command, Entry, Outcome, Reject, RulesVersion, Stock, TransactionNum,
    UserName,
};
use output::note_watched;
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// The accounts of one worker and the rules that run on them.
pub struct Engine {
    clock: Clock,
    rules: RulesVersion,
    accounts: Accounts,
    prices: Prices,
    /// When the oldest pending of an account runs out (Unix milliseconds): one timer an account.
    timers: BinaryHeap<Reverse<(u64, SlotId)>>,
    tells_news: bool,
    watched: FxHashSet<UserName>,
    unattended: Unattended,
    output: Output,
}

/// Whether a command was decided, or its account was parked for a quote.
#[derive(PartialEq, Eq)]
enum Step {
    Decided,
    Parked,
}

/// What is known of the price that a command waited for.
#[derive(Clone, Copy)]
enum Priced {
    /// Nothing: it has not waited, or the price is among the fresh ones.
    No,
    /// It cannot be had.
    Unavailable,
}

/// A command that is being decided. Clients are borrowed: to clone one for every command would
/// have all workers count references to the same few.
struct Asked<'a> {
    command: Command,
    received: Moment,
    reply_to: &'a ReplyTo,
}

impl Asked<'_> {
    fn wait(self) -> Waiting {
        let Asked { command, received, reply_to } = self;
        Waiting::Command { command, received, reply_to: reply_to.clone() }
    }
}

impl Engine {
    /// An engine that owns `accounts` and decides by `rules`. Their armed orders are the first
    /// news.
    pub fn new(
        clock: Clock,
        rules: RulesVersion,
        accounts: impl IntoIterator<Item = (UserName, Account)>,
    ) -> Engine {
        let mut engine = Engine {
            clock,
            rules,
            accounts: Accounts::default(),
            prices: Prices::default(),
            timers: BinaryHeap::new(),
            tells_news: false,
            watched: FxHashSet::default(),
            unattended: Unattended::default(),
            output: Output::default(),
        };
        for (user, account) in accounts {
            armed_orders::all(&user, &account, &mut engine.output.orders);
            let id = engine.accounts.insert(user, account);
            engine.set_timer(id);
        }
        engine
    }

    /// From now on what accounts do by themselves is told.
    pub fn tell_news(&mut self) {
        self.tells_news = true;
    }

    /// From now on entries about the account of `user` are put out once more for whoever watches.
    pub fn watch(&mut self, user: UserName) {
        self.watched.insert(user);
    }

    /// From now on they are not.
    pub fn unwatch(&mut self, user: &UserName) {
        self.watched.remove(user);
    }

    /// The account of `user`, if it is open.
    pub fn account(&mut self, user: &UserName) -> Option<&Account> {
        let id = self.accounts.find(user)?;
        Some(&self.accounts.slot(id).account).filter(|account| account.open)
    }

    /// From now on a price that is used in the last `before` of its life is asked for again.
    pub fn refresh_before(&mut self, before: Option<Duration>) {
        self.prices.refresh_before(before);
    }

    /// Asks once more what has not been answered for [`ASK_AGAIN`](bus::quotes::ASK_AGAIN).
    pub fn ask_again(&mut self) {
        let overdue = self.prices.overdue(self.clock.now());
        self.output.asks.extend(overdue);
    }

    /// Whether an account waits for a price.
    pub fn awaits_prices(&self) -> bool {
        self.prices.is_waited_for()
    }

    /// Takes what came out since the last time.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// Runs a batch of commands. One that claims to have been received later than now counts as
    /// received now: whatever a sender's clock says, nothing takes effect before it was received.
    pub fn run(&mut self, batch: CommandBatch) {
        let CommandBatch { commands, received, reply_to } = batch;
        let mut now = self.clock.now();
        let (received, now_ms) = (received.min(now), self.clock.unix_ms(now));
        for mut command in commands {
            command.received_ms = command.received_ms.min(now_ms);
            now = self.receive(Asked { command, received, reply_to: &reply_to }, now);
        }
    }

    /// Hears of prices: they are remembered while they are fresh, and the accounts that wait for
    /// them go on.
    pub fn hear(&mut self, news: &[QuoteResult]) {
        for result in news {
            let (stock, priced) = match result {
                QuoteResult::Fresh(quote) => {
                    self.prices.learn(*quote);
                    (quote.stock, Priced::No)
                }
                QuoteResult::Unavailable(stock) => (*stock, Priced::Unavailable),
                QuoteResult::OverShare { stock, transaction } => {
                    self.refuse_price(*stock, *transaction);
                    continue;
                }
            };
            for id in self.prices.take_waiting(stock) {
                self.resume(id, priced);
            }
        }
    }

    /// All open accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = (&UserName, &Account)> {
        self.accounts.open()
    }

    /// Gives all open accounts away, in no order: the engine owns none afterwards.
    pub fn take_accounts(&mut self) -> Vec<(UserName, Account)> {
        self.timers.clear();
        self.prices = Prices::default();
        self.accounts.take_open()
    }

    /// How many users it has made room for so far: those with an account, and as many more as
    /// ever waited for a quote at once without one.
    pub fn slots(&self) -> usize {
        self.accounts.slots()
    }

    /// Decides a command or lets it wait; returns the time afterwards.
    fn receive(&mut self, asked: Asked<'_>, now: Moment) -> Moment {
        let Action::User { user, verb } = &asked.command.action else {
            return self.receive_unowned(asked, now);
        };
        let id = match self.accounts.find(user) {
            Some(id) => id,
            // A user without an account: only what may open one, or may have to wait, needs room.
            None if matches!(verb, Verb::Add(_) | Verb::Quote(_) | Verb::Register) => {
                self.accounts.find_or_make(user)
            }
            None => return self.decide_without_account(asked, now),
        };
        if let Some(parked) = &mut self.accounts.slot(id).parked {
            parked.queue.push_back(asked.wait());
            return now;
        }
        let (step, after) = self.step(id, asked, now, now, Priced::No);
        if step == Step::Decided {
            self.settle(id);
        }
        after
    }

    /// A command that is nobody's (a global DUMPLOG) or whose arguments are no good. The latter
    /// keeps its place among its user's commands, should they be waiting.
    fn receive_unowned(&mut self, asked: Asked<'_>, now: Moment) -> Moment {
        let user = asked.command.action.user();
        if let Some(user) = user.and_then(|user| UserName::parse(user.as_bytes()))
            && let Some(id) = self.accounts.find(&user)
            && let Some(parked) = &mut self.accounts.slot(id).parked
        {
            parked.queue.push_back(asked.wait());
            return now;
        }
        self.decide_unowned(asked, now)
    }

    fn decide_unowned(&mut self, asked: Asked<'_>, now: Moment) -> Moment {
        let outcome = match asked.command.action {
            Action::Malformed(_) => Outcome::Rejected(Reject::Malformed),
            _ => Outcome::Accepted(Accepted::Dumped),
        };
        self.conclude(asked, outcome, None, now, now)
    }

    fn decide_without_account(&mut self, asked: Asked<'_>, now: Moment) -> Moment {
        let outcome = match asked.command.action {
            Action::User { verb: Verb::DumpLog(_), .. } => Outcome::Accepted(Accepted::Dumped),
            _ => Outcome::Rejected(Reject::UnknownAccount),
        };
        self.conclude(asked, outcome, None, now, now)
    }

    /// Takes up the commands of a parked account again; the first of them has its price now, or
    /// will never have one.
    fn resume(&mut self, id: SlotId, mut priced: Priced) {
        let Some(mut parked) = self.accounts.slot(id).parked.take() else { return };
        let mut now = self.clock.now();
        let mut since = parked.since;
        while let Some(waiting) = parked.queue.pop_front() {
            let (command, received, reply_to) = match waiting {
                Waiting::Command { command, received, reply_to } => (command, received, reply_to),
                Waiting::Firing(firing) => {
                    self.fire_one(id, &firing, now);
                    continue;
                }
            };
            let asked = Asked { command, received, reply_to: &reply_to };
            let (step, after) = self.step(id, asked, since, now, priced);
            if step == Step::Parked {
                // The step has parked the account anew; what is left waits behind it.
                if let Some(again) = &mut self.accounts.slot(id).parked {
                    again.queue.append(&mut parked.queue);
                }
                // What was decided before it may have left a pending buy or sell.
                self.set_timer(id);
                return;
            }
            (now, since, priced) = (after, after, Priced::No);
        }
        self.settle(id);
    }

    /// Decides a command of the account in slot `id`, taken up at `since`, or parks the account
    /// for a quote.
    fn step(
        &mut self,
        id: SlotId,
        asked: Asked<'_>,
        since: Moment,
        now: Moment,
        priced: Priced,
    ) -> (Step, Moment) {
        let Action::User { verb, .. } = &asked.command.action else {
            return (Step::Decided, self.decide_unowned(asked, now));
        };
        let now_ms = self.clock.unix_ms(now);
        let transaction = asked.command.transaction;
        self.expire_account(id, now_ms);
        let account = &self.accounts.slot(id).account;
        let wanted = verbs::price_wanted(account, self.rules, verb).unwrap_or(None);
        // The log shows the price that these use, so an answer that comes later under the same
        // number is not taken for it.
        let may_refresh = matches!(verb, Verb::Buy(..) | Verb::Sell(..) | Verb::Quote(..));
        let found = match (wanted, priced) {
            (None, _) | (Some(_), Priced::Unavailable) => None,
            (Some(stock), Priced::No) => {
                match self.prices.find(stock, now, transaction, may_refresh) {
                    Some(found) => Some(found),
                    None => {
                        self.park(id, stock, since, now, asked);
                        return (Step::Parked, now);
                    }
                }
            }
        };
        if let (Some(stock), Some(Found { refresh: true, .. })) = (wanted, found) {
            let ask = self.question(id, stock, &asked.command);
            self.output.asks.push(QuoteAsk { refresh: true, ..ask });
        }
        let Action::User { verb, .. } = &asked.command.action else {
            return (Step::Decided, self.decide_unowned(asked, now));
        };
        let stamp = Stamp { transaction, now_ms, rules: self.rules };
        let slot = self.accounts.slot(id);
        let account = &mut slot.account;
        let order = verb.order();
        let before = order.and_then(|(side, stock)| armed_orders::key(account, side, stock));
        let outcome = entry::decide(account, stamp, verb, found.map(|found| found.used.price));
        if let Some((side, stock)) = order {
            let compared = found.map(|found| now.minus(found.age));
            let after = armed_orders::one(&slot.user, account, side, stock, compared);
            armed_orders::change(before, after, &mut self.output.orders);
        }
        let summary = matches!(outcome, Outcome::Accepted(Accepted::Summarised))
            .then(|| Box::new(account.clone()));
        let after = self.conclude_priced(asked, outcome, found, summary, since, now_ms);
        (Step::Decided, after)
    }

    fn park(&mut self, id: SlotId, stock: Stock, since: Moment, now: Moment, asked: Asked<'_>) {
        let ask = self.question(id, stock, &asked.command);
        let queue = VecDeque::from([asked.wait()]);
        self.accounts.slot(id).parked = Some(Box::new(Parked { since, queue }));
        // Whoever waits for the stock already has asked.
        self.output.asks.extend(self.prices.wait(id, ask, now));
    }

    /// The command `transaction` gets no price of `stock`; the others that wait for it ask again,
    /// each user in their own name, before the user who is refused asks for anything more.
    fn refuse_price(&mut self, stock: Stock, transaction: TransactionNum) {
        let now = self.clock.now();
        let mut refused = None;
        for id in self.prices.take_waiting(stock) {
            let slot = self.accounts.slot(id);
            let first = slot.parked.as_ref().and_then(|parked| parked.queue.front());
            let Some(Waiting::Command { command, .. }) = first else { continue };
            if command.transaction == transaction {
                refused = Some(id);
                continue;
            }
            let ask = QuoteAsk {
                stock,
                transaction: command.transaction,
                name: command.action.name(),
                user: slot.user.clone(),
                refresh: false,
            };
            self.output.asks.extend(self.prices.wait(id, ask, now));
        }
        if let Some(id) = refused {
            self.resume(id, Priced::Unavailable);
        }
    }

    fn question(&mut self, id: SlotId, stock: Stock, command: &Command) -> QuoteAsk {
        QuoteAsk {
            stock,
            transaction: command.transaction,
            name: command.action.name(),
            user: self.accounts.slot(id).user.clone(),
            refresh: false,
        }
    }

    /// After commands of an account were decided: its timer, or an end to its slot.
    fn settle(&mut self, id: SlotId) {
        if self.accounts.slot(id).account.open {
            self.set_timer(id);
        } else {
            self.accounts.drop_if_empty(id);
        }
    }

    fn conclude(
        &mut self,
        asked: Asked<'_>,
        outcome: Outcome,
        summary: Option<Box<Account>>,
        since: Moment,
        now: Moment,
    ) -> Moment {
        let now_ms = self.clock.unix_ms(now);
        self.conclude_priced(asked, outcome, None, summary, since, now_ms)
    }

    /// Logs what came of a command and keeps its reply until the log has it; returns the time
    /// afterwards.
    fn conclude_priced(
        &mut self,
        asked: Asked<'_>,
        outcome: Outcome,
        found: Option<Found>,
        summary: Option<Box<Account>>,
        since: Moment,
        applied_ms: u64,
    ) -> Moment {
        let Asked { command, received, reply_to } = asked;
        let price = found.map(|found| found.used);
        let price_age = found.map(|found| found.age);
        let entry = Entry::Command(CommandDecided { command, applied_ms, price, outcome });
        // Counted within the batch; the log tells where the batch stands.
        let number = u64::from(self.output.entries.count());
        note_watched(&self.watched, &mut self.output, &entry);
        self.output.entries.push(&entry);
        let after = self.clock.now();
        let Entry::Command(decided) = entry else { return after };
        let execution = after.since(since);
        let reply = Reply { decided, entry: number, received, execution, price_age, summary };
        match self.output.replies.last_mut() {
            Some((last, replies)) if last.same_client(reply_to) => replies.push(reply),
            _ => self.output.replies.push((reply_to.clone(), vec![reply])),
        }
        after
    }
}
