//! The elements of a log, gathered by transaction: which belong together, and do they agree?

use super::Options;
use super::account::{Account, Moment};
use super::codes::Code;
use super::element::Element;
use super::findings::{FindingKind, Findings, quoted};
use super::names::Names;
use super::quotes::{Quote, Quotes};
use super::report::Counts;
use super::schema::{self, ElementKind, Field, Record};
use super::transactions::{Transaction, Transactions};
use super::words::{Movement, Stock, Verb, Way};
use super::workload::{Wanted, Workload};
use rustc_hash::FxHashMap;

/// How far apart the clocks of the machines that write a log may be: an effect may seem that much
/// older than its command.
const CLOCKS_APART_MS: u64 = 1_000;

/// The checker at work: everything it knows of the log so far.
pub(super) struct Audit<'o> {
    pub(super) options: &'o Options,
    pub(super) findings: Findings,
    pub(super) names: Names,
    pub(super) accounts: Vec<Account>,
    pub(super) quotes: Quotes,
    pub(super) transactions: Transactions,
    pub(super) workload: Option<Workload>,
    pub(super) counts: Counts,
    /// Answers of the quote server to commands that are not in the log yet.
    pub(super) early: FxHashMap<u64, Vec<Early>>,
    group: Group,
    /// The last `userCommand`.
    pub(super) last: Option<Head>,
    /// The latest time in the log, quotes aside.
    pub(super) now: u64,
}

/// A `quoteServer`, or the `errorEvent` of a failed one, before its command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Early {
    pub(super) line: u64,
    user: Option<u32>,
    stock: Option<Stock>,
    at: Option<u64>,
    answer: Option<Quote>,
}

/// The `userCommand` that the elements behind it belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) line: u64,
    pub(super) at: Option<u64>,
    pub(super) transaction: Option<u64>,
    pub(super) user: Option<u32>,
    pub(super) verb: Option<Verb>,
    pub(super) stock: Option<Stock>,
    /// Its line in the workload.
    pub(super) claimed: Option<u32>,
}

/// An effect: an `accountTransaction`, `systemEvent` or `errorEvent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) kind: ElementKind,
    pub(super) line: u64,
    pub(super) at: Option<u64>,
    pub(super) verb: Option<Verb>,
    pub(super) stock: Option<Stock>,
    pub(super) cents: Option<i64>,
    pub(super) way: Option<Way>,
    pub(super) code: Option<Code>,
}

impl Item {
    /// The movement of cash that it tells, if it does.
    pub(super) fn movement(&self) -> Option<Movement> {
        Some(Movement { way: self.way?, cents: self.cents.filter(|&cents| cents > 0)? })
    }

    /// Whether it tells of the event that `verb` names.
    pub(super) fn tells(&self, verb: Verb) -> bool {
        self.kind == ElementKind::SystemEvent && self.verb == Some(verb)
    }
}

/// Elements that stand together: of one transaction, with or without its `userCommand`.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) transaction: u64,
    pub(super) head: Option<Head>,
    /// The `userCommand` as text.
    pub(super) command: Element,
    /// Prices that came under this transaction.
    pub(super) own: Vec<Quote>,
    /// How many of them stand before the `userCommand`: the command itself waited for them.
    pub(super) awaited: usize,
    pub(super) items: Vec<Item>,
}

impl<'o> Audit<'o> {
    pub(super) fn new(options: &'o Options) -> Audit<'o> {
        Audit {
            options,
            findings: Findings::new(options.max_findings),
            names: Names::default(),
            accounts: Vec::new(),
            quotes: Quotes::default(),
            transactions: Transactions::default(),
            workload: None,
            counts: Counts::default(),
            early: FxHashMap::default(),
            group: Group::new(),
            last: None,
            now: 0,
        }
    }

    /// Takes the next element of the log.
    pub(super) fn take(&mut self, element: &Element) {
        let record = schema::read(element, self.options.timestamps.as_ref(), &mut self.findings);
        self.counts.elements[record.kind as usize] += 1;
        match record.kind {
            ElementKind::UserCommand => {
                self.settle();
                self.open(record, element);
            }
            ElementKind::QuoteServer => self.answered(record, element),
            ElementKind::ErrorEvent if record.code == Some(Code::QuoteRefused) => {
                self.answered(record, element);
            }
            ElementKind::DebugEvent => {}
            _ => self.effect(record, element),
        }
    }

    /// Ends the group at hand.
    pub(super) fn settle(&mut self) {
        let group = std::mem::replace(&mut self.group, Group::new());
        let used = match group.head {
            Some(head) => self.command(&group, head),
            None => 0,
        };
        self.later(&group, used);
        self.group = group;
        self.group.clear();
    }

    fn user(&mut self, element: &Element) -> Option<u32> {
        let number = self.names.number(element.field(Field::Username)?);
        if self.accounts.len() <= number as usize {
            self.accounts.resize_with(number as usize + 1, Account::default);
        }
        Some(number)
    }

    fn open(&mut self, record: Record, element: &Element) {
        let mut head = Head {
            line: record.line,
            at: record.at,
            transaction: record.transaction,
            user: self.user(element),
            verb: record.verb,
            stock: record.stock,
            claimed: None,
        };
        let (line, transaction) = (record.line, record.transaction);
        self.now = self.now.max(record.at.unwrap_or(0));
        if let (Some(workload), Some(verb)) = (&mut self.workload, head.verb) {
            let wanted = Wanted { user: head.user, verb, transaction, element };
            head.claimed = workload.claim(wanted, &mut self.findings);
        }
        if let Some(user) = head.user {
            let account = &mut self.accounts[user as usize];
            account.commands += 1;
            let (before, before_line) = account.last;
            if let Some(number) = transaction {
                if number < before {
                    self.findings.add(FindingKind::UserOrder, line, transaction, || {
                        format!(
                            "the user's transaction {before} stands before, in line {before_line}"
                        )
                    });
                }
                account.last = (number.max(before), line);
            }
        } else {
            self.counts.nameless += 1;
        }
        self.group.head = Some(head);
        self.group.transaction = transaction.unwrap_or(0);
        self.group.command.copy_from(element);
        self.last = Some(head);
        let Some(number) = transaction else { return };
        let noted = Transaction { line, user: head.user, stock: head.stock, verb: head.verb };
        if let Some(first) = self.transactions.insert(number, noted) {
            self.findings.add(FindingKind::DuplicateTransaction, line, transaction, || {
                format!("its userCommand stands in line {} already", first.line)
            });
        }
        for early in self.early.remove(&number).unwrap_or_default() {
            self.agrees(noted, number, early.line, early.user, Some(early.stock));
            // A process that died before it could log the command had asked for it: the command was
            // received again behind the restart, and has a price of its own.
            let received = head.at.unwrap_or(0);
            if early.at.is_none_or(|at| at.saturating_add(CLOCKS_APART_MS) >= received) {
                self.group.own.extend(early.answer);
            }
        }
        self.group.awaited = self.group.own.len();
    }

    /// A `quoteServer` or `quote_refused`: it may stand before its command, or long after it.
    fn answered(&mut self, record: Record, element: &Element) {
        let user = self.user(element);
        let mut answer = None;
        if let (Some(stock), Some(price), Some(at)) = (record.stock, record.price, record.at) {
            let quote = Quote { price, at };
            self.quotes.add(stock, quote);
            answer = Some(quote);
        }
        let Some(number) = record.transaction else { return };
        if number != self.group.transaction {
            self.settle();
        }
        let Some(noted) = self.transactions.get(number) else {
            let (line, stock, at) = (record.line, record.stock, record.at);
            self.early.entry(number).or_default().push(Early { line, user, stock, at, answer });
            return;
        };
        self.agrees(noted, number, record.line, user, Some(record.stock));
        if self.group.head.is_some() && number == self.group.transaction {
            self.group.own.extend(answer);
        } else if let Some(verb) = noted.verb
            && !verb.tells_price()
            && !verb.arms()
        {
            self.findings.add(FindingKind::QuoteNotNeeded, record.line, Some(number), || {
                format!("{} needs no price", verb.name())
            });
        }
    }

    fn effect(&mut self, record: Record, element: &Element) {
        let user = self.user(element);
        let Some(number) = record.transaction else { return };
        if number != self.group.transaction {
            self.settle();
            self.group.transaction = number;
        }
        self.now = self.now.max(record.at.unwrap_or(0));
        self.not_before(record.at, record.line);
        if let Some(noted) = self.transactions.get(number) {
            let stock = match record.kind {
                ElementKind::SystemEvent => noted.stock.map(|_| record.stock),
                _ => None,
            };
            self.agrees(noted, number, record.line, user, stock);
        }
        if record.kind == ElementKind::ErrorEvent && self.group.head.is_some() {
            self.repeats(element, number);
        }
        self.group.items.push(Item {
            kind: record.kind,
            line: record.line,
            at: record.at,
            verb: record.verb,
            stock: record.stock,
            cents: record.funds.and_then(|funds| funds.cents),
            way: record.way,
            code: record.code,
        });
    }

    /// An effect is not older than its command.
    fn not_before(&mut self, at: Option<u64>, line: u64) {
        let Some(Head { at: Some(received), transaction, .. }) = self.group.head else { return };
        if let Some(at) = at
            && at.saturating_add(CLOCKS_APART_MS) < received
        {
            self.findings.add(FindingKind::TimeReversed, line, transaction, || {
                format!("its time is {} ms before that of its userCommand", received - at)
            });
        }
    }

    /// Username and stock of an element are those of its transaction.
    fn agrees(
        &mut self,
        noted: Transaction,
        number: u64,
        line: u64,
        user: Option<u32>,
        stock: Option<Option<Stock>>,
    ) {
        if user != noted.user {
            let shown = |user: Option<u32>| match user {
                Some(user) => quoted(self.names.text(user)),
                None => "nobody".to_string(),
            };
            let message = format!(
                "username {} contradicts {} of the userCommand in line {}",
                shown(user),
                shown(noted.user),
                noted.line
            );
            self.findings.add(FindingKind::Disagreement, line, Some(number), || message);
        }
        if let Some(stock) = stock
            && stock != noted.stock
        {
            self.findings.add(FindingKind::Disagreement, line, Some(number), || {
                format!("stockSymbol contradicts that of the userCommand in line {}", noted.line)
            });
        }
    }

    /// The `errorEvent` of a refusal has the fields of its command.
    fn repeats(&mut self, element: &Element, number: u64) {
        const FIELDS: [Field; 4] =
            [Field::Command, Field::StockSymbol, Field::Filename, Field::Funds];
        for field in FIELDS {
            if element.field(field) != self.group.command.field(field) {
                let line = self.group.command.line;
                self.findings.add(FindingKind::Disagreement, element.line, Some(number), || {
                    let name = field.name();
                    format!("{name} contradicts that of the userCommand in line {line}")
                });
            }
        }
    }

    /// Carries out a movement of the log.
    pub(super) fn move_cash(&mut self, user: Option<u32>, number: u64, item: &Item) {
        let Some(movement) = item.movement() else { return };
        self.counts.movement(movement);
        let Some(user) = user else { return };
        let (before, after) = self.accounts[user as usize].move_cash(movement);
        if after < 0 && before >= 0 {
            self.findings.add(FindingKind::NegativeCash, item.line, Some(number), || {
                format!("cash falls to {}", super::money::Dollars::of(after))
            });
        }
    }

    /// Notes when an effect of the user took place.
    pub(super) fn tick(&mut self, user: Option<u32>, moment: Moment) {
        if let Some(user) = user {
            let account = &mut self.accounts[user as usize];
            account.clock = account.clock.max(moment.low);
        }
    }
}

impl Group {
    const fn new() -> Group {
        let command = Element::new();
        let own = Vec::new();
        Group { transaction: 0, head: None, command, own, awaited: 0, items: Vec::new() }
    }

    fn clear(&mut self) {
        self.transaction = 0;
        self.head = None;
        self.own.clear();
        self.awaited = 0;
        self.items.clear();
    }
}
