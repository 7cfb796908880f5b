//! What the checker hands back, and how it reads in a terminal.

use super::codes::Code;
use super::findings::{Finding, FindingKind, quoted};
use super::money::Dollars;
use super::schema::ElementKind;
use super::words::{Movement, Verb, Way};
use std::fmt;

/// Running counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) elements: [u64; ElementKind::ALL.len()],
    pub(super) accepted: [u64; Verb::ALL.len()],
    pub(super) refused: [u64; Verb::ALL.len()],
    pub(super) by_code: Vec<u64>,
    pub(super) nameless: u64,
    pub(super) registered: u64,
    pub(super) cached: u64,
    pub(super) fired: u64,
    pub(super) expired: u64,
    pub(super) latest_expiry_ms: u64,
    pub(super) movements: [(u64, i128); 2],
}

impl Counts {
    pub(super) fn command(&mut self, verb: Verb, error: Option<Option<Code>>) {
        match error {
            None => self.accepted[verb as usize] += 1,
            Some(code) => {
                self.refused[verb as usize] += 1;
                self.by_code.resize(Code::ALL.len(), 0);
                if let Some(code) = code {
                    self.by_code[code as usize] += 1;
                }
            }
        }
    }

    pub(super) fn movement(&mut self, movement: Movement) {
        let (count, sum) = &mut self.movements[usize::from(movement.way == Way::Remove)];
        *count += 1;
        *sum += i128::from(movement.cents);
    }
}

/// Which commands a log is taken to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogScope {
    /// It ends in the DUMPLOG of the complete log: no transaction may be missing.
    Complete,
    /// It ends in the DUMPLOG of this user, and holds no other's commands. Prices that others
    /// asked for are not in it, so their use cannot be checked.
    User(String),
    /// It ends otherwise: commands may still have been under way.
    Open,
}

/// How often a command stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandCount {
    /// The command's name.
    pub name: &'static str,
    /// How many were carried out.
    pub accepted: u64,
    /// How many were refused.
    pub refused: u64,
}

/// What a log holds, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The findings that were kept, by line.
    pub findings: Vec<Finding>,
    /// All findings, kept or not.
    pub findings_total: u64,
    /// How many findings there are of each kind that was found.
    pub findings_by_kind: Vec<(FindingKind, u64)>,
    /// Which commands the log is taken to hold.
    pub scope: LogScope,
    /// Whether reading stopped before the end of the log: what follows is not checked.
    pub stopped: bool,
    /// Bytes read.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// How many there are of each element, by its name.
    pub elements: Vec<(&'static str, u64)>,
    /// Commands in the log: its `userCommand` elements.
    pub commands: u64,
    /// Commands that were carried out.
    pub accepted: u64,
    /// Commands that were refused.
    pub rejected: u64,
    /// Refused commands by their code.
    pub rejected_by_code: Vec<(&'static str, u64)>,
    /// Commands by name, those that occur.
    pub commands_by_name: Vec<CommandCount>,
    /// Users with a command in the log.
    pub users: u64,
    /// Accounts with money put in.
    pub accounts: u64,
    /// Accounts that were taken to be registered elsewhere: see [`super::Options::registrations`].
    pub registered: u64,
    /// Stocks with a quote.
    pub stocks: u64,
    /// Answers of the quote server.
    pub quotes: u64,
    /// Commands that used a price which another transaction had asked for: a BUY, SELL or QUOTE
    /// with its price event, and a command that armed an order without a quote of its own.
    pub cached_prices: u64,
    /// Armed orders that fired.
    pub fired: u64,
    /// Pending buys and sells that expired.
    pub expired: u64,
    /// How long after its 60 seconds the slowest of them expired, in milliseconds.
    pub latest_expiry_ms: u64,
    /// Movements into accounts: how many, and their sum in cents.
    pub cash_in: (u64, i128),
    /// Movements out of accounts: how many, and their sum in cents.
    pub cash_out: (u64, i128),
    /// Σ ADD in cents.
    pub added_cents: i128,
    /// Cash of all accounts at the end, in cents.
    pub cash_cents: i128,
    /// Cash reserved for pending buys and buy orders at the end, in cents.
    pub reserved_cents: i128,
    /// Lines of the workload: commands, and unreadable ones. `None` without a workload.
    pub workload: Option<(u64, u64)>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings_total == 0
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verdict(f)?;
        self.list(f)?;
        self.summary(f)
    }
}

impl VerifyReport {
    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = Count(self.commands, "command");
        if self.is_good() {
            write!(f, "GOOD: {commands} checked, nothing is wrong")?;
        } else {
            write!(f, "BAD: {} in {commands}", Count(self.findings_total, "finding"))?;
        }
        if self.stopped {
            write!(f, "; reading stopped in line {}", grouped(self.lines.into()))?;
        }
        writeln!(f)
    }

    fn list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_good() {
            return Ok(());
        }
        writeln!(f)?;
        let width = self.findings.iter().map(|finding| finding.line.to_string().len()).max();
        let width = width.unwrap_or(0);
        for finding in &self.findings {
            write!(f, "  line {:>width$}  {:<21}", finding.line, finding.kind)?;
            if let Some(transaction) = finding.transaction {
                write!(f, "  [{transaction}]")?;
            }
            writeln!(f, "  {}", finding.message)?;
        }
        let more = self.findings_total - self.findings.len() as u64;
        if more > 0 {
            writeln!(f, "  … and {} more", grouped(more.into()))?;
        }
        if self.findings_total > 1 {
            writeln!(f, "\nFindings by kind")?;
            for &(kind, count) in &self.findings_by_kind {
                writeln!(f, "  {kind:<21}  {:>13}", grouped(count.into()))?;
            }
        }
        Ok(())
    }

    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: String, note: String| {
            let note = if note.is_empty() { note } else { format!("  {note}") };
            writeln!(f, "  {name:<21}  {value:>22}{note}")
        };
        let count = |count: u64| grouped(count.into());
        writeln!(f, "\nLog")?;
        let scope = match &self.scope {
            LogScope::Complete => "complete: ends in a global DUMPLOG".to_string(),
            LogScope::User(user) => format!("of the user {} alone", quoted(user.as_bytes())),
            LogScope::Open => {
                "does not end in a global DUMPLOG: gaps are not looked for".to_string()
            }
        };
        row(f, "bytes", count(self.bytes), scope)?;
        row(f, "lines", count(self.lines), String::new())?;
        for &(name, number) in &self.elements {
            row(f, name, count(number), String::new())?;
        }
        if let Some((readable, unreadable)) = self.workload {
            let note = match unreadable {
                0 => String::new(),
                number => format!("and {} unreadable", grouped(number.into())),
            };
            row(f, "workload lines", count(readable), note)?;
        }

        writeln!(f, "\nCommands                          carried out       refused")?;
        for CommandCount { name, accepted, refused } in &self.commands_by_name {
            let (accepted, refused) = (count(*accepted), count(*refused));
            writeln!(f, "  {name:<21}  {accepted:>20}  {refused:>12}")?;
        }
        let (accepted, rejected) = (count(self.accepted), count(self.rejected));
        writeln!(f, "  {:<21}  {accepted:>20}  {rejected:>12}", "all")?;
        if !self.rejected_by_code.is_empty() {
            writeln!(f, "\nRefused")?;
            for &(code, number) in &self.rejected_by_code {
                row(f, code, count(number), String::new())?;
            }
        }

        writeln!(f, "\nTrading")?;
        row(f, "users", count(self.users), String::new())?;
        row(f, "accounts", count(self.accounts), String::new())?;
        if self.registered > 0 {
            row(f, "registered elsewhere", count(self.registered), String::new())?;
        }
        row(f, "stocks quoted", count(self.stocks), String::new())?;
        row(f, "quotes", count(self.quotes), String::new())?;
        row(f, "prices from cache", count(self.cached_prices), String::new())?;
        row(f, "orders fired", count(self.fired), String::new())?;
        let slowest = match self.latest_expiry_ms {
            0 => String::new(),
            ms => format!("the slowest {} ms late", grouped(ms.into())),
        };
        row(f, "expired", count(self.expired), slowest)?;

        writeln!(f, "\nCash")?;
        let money = |cents: i128| {
            let text = Dollars(cents).to_string();
            let (dollars, rest) = text.split_at(text.len() - 3);
            let dollars = dollars.parse().map_or_else(|_| dollars.to_string(), grouped);
            format!("{dollars}{rest}")
        };
        let movements = |number: u64| format!("in {}", Count(number, "movement"));
        row(f, "put in by ADD", money(self.added_cents), String::new())?;
        row(f, "into accounts", money(self.cash_in.1), movements(self.cash_in.0))?;
        row(f, "out of accounts", money(self.cash_out.1), movements(self.cash_out.0))?;
        row(f, "cash at the end", money(self.cash_cents), String::new())?;
        row(f, "reserved at the end", money(self.reserved_cents), String::new())
    }
}

/// A number of things, with the right ending.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{ending}", grouped(self.0.into()), self.1)
    }
}

/// A number with its thousands set apart.
fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
