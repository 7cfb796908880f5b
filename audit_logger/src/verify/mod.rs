//! The independent checker of audit logs, behind `daytrade verify`.
//!
//! It reads a log as a stranger would: with its own reading of the schema, of amounts, of workload
//! lines and of the rules of trading, none of which it shares with the services that write logs.
//! From every command, the prices that the log shows and its times it derives what had to happen,
//! and compares: outcomes and their codes, every cent that moved, every event. See
//! `docs/audit-xml.md` for the conventions it holds a log to.
//!
//! It reads a log once, one element at a time, and keeps accounts, a few bytes a transaction and
//! the prices of the last minutes: not the log. No content makes it fail: what cannot be read is a
//! finding.
//!
//! What it deliberately does not do: decide between two readings that the conventions leave open.
//! Where the log does not show enough to tell, it stays silent.

mod account;
mod arguments;
mod audit;
mod codes;
mod command;
mod element;
mod findings;
mod later;
mod line;
mod money;
mod names;
mod pricing;
mod quotes;
mod report;
mod rules;
mod schema;
mod source;
mod transactions;
mod verdict;
mod words;
mod workload;
mod xml;

pub use findings::{Finding, FindingKind};
pub use report::{CommandCount, LogScope, VerifyReport};

use std::io::{self, BufRead};
use std::ops::RangeInclusive;

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// The timestamps that are allowed, in Unix milliseconds; any sane one without.
    pub timestamps: Option<RangeInclusive<u64>>,
    /// How many findings are kept. All are counted.
    pub max_findings: usize,
    /// Whether accounts may have been registered elsewhere, which a log does not show: a user
    /// without an accepted ADD may then have an account with nothing in it.
    pub registrations: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { timestamps: None, max_findings: 100, registrations: false }
    }
}

/// The log or the workload could not be read. Bad content is never a fault.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFault {
    /// The log could not be read.
    #[error("cannot read the log: {0}")]
    Log(#[source] io::Error),
    /// The workload could not be read.
    #[error("cannot read the workload: {0}")]
    Workload(#[source] io::Error),
}

/// The codes of refusals and failures that the checker knows.
pub fn known_codes() -> impl Iterator<Item = &'static str> {
    codes::Code::ALL.iter().map(|code| code.as_str())
}

/// The commands that the checker knows.
pub fn known_commands() -> impl Iterator<Item = &'static str> {
    words::Verb::ALL.into_iter().map(words::Verb::name)
}

/// Checks `log`, and, where there is one, against the `workload` that it is the log of (several
/// files one behind the other are one workload).
///
/// # Errors
/// Where `log` or `workload` cannot be read.
pub fn verify(
    log: impl BufRead,
    workload: Option<&mut dyn BufRead>,
    options: &Options,
) -> Result<VerifyReport, VerifyFault> {
    let mut audit = audit::Audit::new(options);
    if let Some(reader) = workload {
        let workload = workload::Workload::read(reader, &mut audit.names);
        audit.workload = Some(workload.map_err(VerifyFault::Workload)?);
    }
    let mut elements = xml::Elements::new(log);
    let mut element = element::Element::new();
    while elements.next(&mut element, &mut audit.findings)? {
        audit.take(&element);
    }
    if elements.closed() {
        audit.settle();
    }
    Ok(audit.verdict(elements.bytes(), elements.line(), elements.stopped()))
}
