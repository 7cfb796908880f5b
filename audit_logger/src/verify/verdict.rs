//! The end of a log: what is missing, what does not add up, and the report.

use super::audit::{Audit, Early, Head};
use super::codes::Code;
use super::findings::{FindingKind, quoted};
use super::money::Dollars;
use super::report::{CommandCount, LogScope, VerifyReport};
use super::schema::ElementKind;
use super::words::Verb;
use super::workload::Scope;

impl Audit<'_> {
    /// Judges the log as a whole.
    pub(super) fn verdict(mut self, bytes: u64, lines: u64, stopped: bool) -> VerifyReport {
        let scope = self.scope();
        if !stopped {
            self.incomplete(&scope, lines);
            self.overdue(lines);
        }
        self.conservation();
        let Audit { findings, accounts, quotes, counts, workload, .. } = self;
        let one_user = matches!(scope, LogScope::User(_));
        let (kept, by_kind) = findings.finish(one_user);
        let commands_by_name = Verb::ALL.into_iter().map(|verb| CommandCount {
            name: verb.name(),
            accepted: counts.accepted[verb as usize],
            refused: counts.refused[verb as usize],
        });
        let codes = Code::ALL.iter().map(|code| code.as_str()).zip(counts.by_code.iter().copied());
        let elements = ElementKind::ALL.into_iter().map(ElementKind::name).zip(counts.elements);
        let open = accounts.iter().filter(|account| account.open);
        VerifyReport {
            findings_total: by_kind.iter().map(|&(_, count)| count).sum(),
            findings: kept,
            findings_by_kind: by_kind,
            scope,
            stopped,
            bytes,
            lines,
            elements: elements.collect(),
            commands: counts.elements[ElementKind::UserCommand as usize],
            accepted: counts.accepted.iter().sum(),
            rejected: counts.refused.iter().sum(),
            rejected_by_code: codes.filter(|&(_, count)| count > 0).collect(),
            commands_by_name: commands_by_name
                .filter(|count| count.accepted + count.refused > 0)
                .collect(),
            users: accounts.iter().filter(|account| account.commands > 0).count() as u64,
            accounts: open.count() as u64,
            registered: counts.registered,
            stocks: quotes.stocks() as u64,
            quotes: counts.elements[ElementKind::QuoteServer as usize],
            cached_prices: counts.cached,
            fired: counts.fired,
            expired: counts.expired,
            latest_expiry_ms: counts.latest_expiry_ms,
            cash_in: counts.movements[0],
            cash_out: counts.movements[1],
            added_cents: accounts.iter().map(|account| account.added).sum(),
            cash_cents: accounts.iter().map(|account| i128::from(account.cash)).sum(),
            reserved_cents: accounts.iter().map(super::account::Account::reserved).sum(),
            workload: workload.map(|workload| (workload.readable(), workload.unreadable())),
        }
    }

    /// What the log is taken to hold, by its last command.
    fn scope(&self) -> LogScope {
        let Some(Head { verb: Some(Verb::DumpLog), user, .. }) = self.last else {
            return LogScope::Open;
        };
        let Some(user) = user else {
            return LogScope::Complete;
        };
        let all = self.counts.elements[ElementKind::UserCommand as usize];
        if self.accounts[user as usize].commands < all {
            return LogScope::Open;
        }
        LogScope::User(String::from_utf8_lossy(self.names.text(user)).into_owned())
    }

    /// Reports commands that are missing.
    fn incomplete(&mut self, scope: &LogScope, lines: u64) {
        let Some(last) = self.last else {
            if let Some(workload) = &self.workload {
                workload.finish(Scope::Everything, lines, &mut self.findings);
            }
            return;
        };
        let number = last.transaction.unwrap_or(0);
        if *scope == LogScope::Complete {
            for (from, to, line) in self.transactions.gaps(number) {
                self.findings.add(FindingKind::TransactionGap, line, None, || match to - from {
                    0 => format!("transaction {from} is not in the log"),
                    more => format!(
                        "transactions {from} to {to} ({} in all) are not in the log",
                        more + 1
                    ),
                });
            }
        }
        if *scope != LogScope::Open {
            self.orphans(number);
        }
        self.invented(scope, last);
        if let Some(workload) = &self.workload {
            let scope = match (scope, last.user, last.claimed) {
                (LogScope::Complete, _, Some(line)) => Scope::UpTo(line),
                (LogScope::User(_), Some(user), line) => Scope::User(user, line),
                _ => Scope::Everything,
            };
            workload.finish(scope, lines, &mut self.findings);
        }
    }

    /// Quotes without a command. Those of later commands were only under way.
    fn orphans(&mut self, last: u64) {
        let mut orphans: Vec<(u64, Early)> = self
            .early
            .iter()
            .filter(|&(&number, _)| number <= last)
            .flat_map(|(&number, early)| early.iter().map(move |early| (number, *early)))
            .collect();
        orphans.sort_unstable_by_key(|(_, early)| early.line);
        for (number, early) in orphans {
            self.findings.add(FindingKind::NoUserCommand, early.line, Some(number), || {
                "a quote whose userCommand is not in the log".to_string()
            });
        }
    }

    /// A log of several users that ends in the DUMPLOG of a user of whom there is nothing else:
    /// the complete log, with a username that nobody gave.
    fn invented(&mut self, scope: &LogScope, last: Head) {
        let Some(user) = last.user else { return };
        let ends_so = *scope == LogScope::Open && last.verb == Some(Verb::DumpLog);
        if ends_so && last.claimed.is_none() && self.accounts[user as usize].commands == 1 {
            self.findings.add(FindingKind::UsernameInvented, last.line, last.transaction, || {
                let name = quoted(self.names.text(user));
                format!(
                    "the log of all users ends in a DUMPLOG of {name}, who has no other command"
                )
            });
        }
    }

    /// Per user: cash + reserved + what buys cost − what sells brought = Σ ADD.
    fn conservation(&mut self) {
        for (user, account) in self.accounts.iter().enumerate() {
            let sum = i128::from(account.cash) + account.reserved() + account.spent;
            if sum == account.added {
                continue;
            }
            let (number, line) = account.last;
            let number = Some(number).filter(|&number| number > 0);
            self.findings.add(FindingKind::NotConserved, line, number, || {
                let name = quoted(self.names.text(user as u32));
                let (sum, added) = (Dollars(sum), Dollars(account.added));
                format!("cash, reserves and trades of {name} add up to {sum}, and ADD to {added}")
            });
        }
    }
}
