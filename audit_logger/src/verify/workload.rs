//! The commands that a log must hold: a workload file, in a queue a user.

use super::arguments::{Arguments, expected, field_of};
use super::element::Element;
use super::findings::{FindingKind, Findings, quoted};
use super::line::{self, Holds, equal, holds, without_blanks};
use super::names::Names;
use super::schema::Field;
use super::words::{Argument, Verb};
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// A longer line in bytes is no command, whatever it begins with: its arguments would fit into no
/// log.
const MAX_LINE: usize = 64 << 10;

/// How far behind the expected line a command's own line is looked for.
const LOOK_AHEAD: usize = 256;

/// A command of the workload. Its place among the readable lines is its number in our log.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Where its arguments begin in the text, and how long they are.
    start: usize,
    len: u32,
    verb: Verb,
    /// The number of its user, if the log can hold one.
    owner: Option<u32>,
    /// Its number in the file.
    number: u64,
}

/// The lines of a user (or of none) that are still to come.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<u32>,
    /// Lines that were passed over, and where in the log.
    passed: Vec<(u32, u64)>,
}

/// A workload.
#[derive(Debug, Default)]
pub(super) struct Workload {
    text: Vec<u8>,
    lines: Vec<Line>,
    /// By the number of the user.
    queues: Vec<Queue>,
    /// Commands without a user.
    nobody: Queue,
    unreadable: u64,
}

/// A `userCommand` that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'e> {
    pub(super) user: Option<u32>,
    pub(super) verb: Verb,
    pub(super) transaction: Option<u64>,
    pub(super) element: &'e Element,
}

/// Which lines the log must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of them.
    Everything,
    /// All up to the line of the DUMPLOG that wrote it.
    UpTo(u32),
    /// Those of one user, up to the line of the DUMPLOG, if it has one.
    User(u32, Option<u32>),
}

impl Workload {
    /// Reads the lines of one or several workload files.
    pub(super) fn read(reader: &mut dyn BufRead, names: &mut Names) -> io::Result<Workload> {
        let mut workload = Workload::default();
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(workload);
            }
            number += 1;
            if line.strip_suffix(b"\n").unwrap_or(&line).len() > MAX_LINE {
                workload.unreadable += 1;
            } else {
                workload.add(&line, number, names);
            }
        }
    }

    /// Lines that are commands.
    pub(super) fn readable(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Lines that are neither commands nor blank.
    pub(super) const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn add(&mut self, line: &[u8], number: u64, names: &mut Names) {
        let (verb, arguments) = match line::read(line) {
            line::Line::Blank => return,
            line::Line::Unreadable => {
                self.unreadable += 1;
                return;
            }
            line::Line::Command(verb, arguments) => (verb, arguments),
        };
        let index = self.lines.len() as u32;
        let start = self.text.len();
        if let Some(arguments) = arguments {
            // Each behind a comma: `ADD,` has one argument, `ADD` has none.
            for argument in arguments.split(|&byte| byte == b',').map(without_blanks) {
                self.text.push(b',');
                self.text.extend_from_slice(argument);
            }
        }
        let len = (self.text.len() - start) as u32;
        let mut line = Line { start, len, verb, owner: None, number };
        line.owner = self.user(line).map(|name| names.number(name));
        self.lines.push(line);
        if let Some(user) = line.owner
            && self.queues.len() <= user as usize
        {
            self.queues.resize_with(user as usize + 1, Queue::default);
        }
        self.queue(line.owner).waiting.push_back(index);
    }

    fn line(&self, index: u32) -> Line {
        self.lines[index as usize]
    }

    fn arguments(&self, line: Line) -> impl Iterator<Item = &[u8]> + Clone {
        let text = &self.text[line.start..line.start + line.len as usize];
        text.split(|&byte| byte == b',').skip(1)
    }

    /// The user of a line, where the log can hold it.
    fn user(&self, line: Line) -> Option<&[u8]> {
        let count = self.arguments(line).count();
        let first = self.arguments(line).next()?;
        let is_user = expected(line.verb, count).first() == Some(&Argument::User);
        (is_user && holds(Argument::User, first) == Holds::Must).then_some(first)
    }

    fn queue(&mut self, user: Option<u32>) -> &mut Queue {
        match user.map(|user| user as usize) {
            Some(user) if user < self.queues.len() => &mut self.queues[user],
            Some(_) | None => &mut self.nobody,
        }
    }

    /// The line as it stands in the file, for messages.
    pub(super) fn place(&self, index: u32) -> String {
        let line = self.line(index);
        let arguments = &self.text[line.start..line.start + line.len as usize];
        let text = [line.verb.name().as_bytes(), arguments].concat();
        format!("workload line {} {}", line.number, quoted(&text))
    }

    /// What the arguments of a line allow for.
    pub(super) fn judged(&self, index: u32) -> Arguments {
        let line = self.line(index);
        Arguments::of_line(line.verb, self.arguments(line))
    }

    /// Whether a `userCommand` says what the line says.
    fn same(&self, index: u32, wanted: Wanted<'_>) -> bool {
        self.same_but(None, index, wanted)
    }

    /// Whether it does so in all but one argument.
    fn same_but(&self, but: Option<Argument>, index: u32, wanted: Wanted<'_>) -> bool {
        let line = self.line(index);
        if line.verb != wanted.verb {
            return false;
        }
        let count = self.arguments(line).count();
        let expected = expected(line.verb, count);
        let exact = count == expected.len();
        let mut arguments = self.arguments(line);
        let agree = expected.iter().all(|&argument| {
            let shown = wanted.element.field(field_of(argument));
            match (arguments.next(), shown) {
                _ if but == Some(argument) => true,
                (Some(given), Some(shown)) => equal(argument, given, shown),
                (Some(given), None) => !exact || holds(argument, given) != Holds::Must,
                (None, shown) => shown.is_none(),
            }
        });
        agree && (but.is_some() || !self.invented(line, wanted))
    }

    /// Finds the line of a `userCommand`, and says what differs.
    pub(super) fn claim(&mut self, wanted: Wanted<'_>, findings: &mut Findings) -> Option<u32> {
        let in_log = wanted.element.line;
        if let Some(index) = self.take_equal(wanted, findings) {
            return Some(index);
        }
        let numbered = wanted.transaction.and_then(|number| u32::try_from(number - 1).ok());
        let numbered = numbered.filter(|&index| {
            // Another log may number its commands in another way.
            self.lines.get(index as usize).is_some_and(|line| {
                (line.verb == wanted.verb && line.owner == wanted.user)
                    || self.same_but(Some(Argument::User), index, wanted)
            })
        });
        if let Some(index) = numbered
            && self.take_at(self.line(index).owner, index, in_log)
        {
            self.altered(index, wanted, findings);
            return Some(index);
        }
        // The DUMPLOG of the complete log with a user that nobody gave.
        let front = self.nobody.waiting.front().copied();
        if let Some(index) = front
            && self.invented(self.line(index), wanted)
            && self.same_but(Some(Argument::User), index, wanted)
        {
            self.nobody.waiting.pop_front();
            self.altered(index, wanted, findings);
            return Some(index);
        }
        let front = self.queue(wanted.user).waiting.front().copied();
        if let Some(index) = front.filter(|&index| self.line(index).verb == wanted.verb) {
            self.queue(wanted.user).waiting.pop_front();
            self.altered(index, wanted, findings);
            return Some(index);
        }
        findings.add(FindingKind::WorkloadExtra, in_log, wanted.transaction, || {
            format!("no workload line for this {}", wanted.verb.name())
        });
        None
    }

    /// Takes the next line that says the same, at its place, further on, or passed before.
    fn take_equal(&mut self, wanted: Wanted<'_>, findings: &mut Findings) -> Option<u32> {
        let in_log = wanted.element.line;
        let user = wanted.user.filter(|&user| (user as usize) < self.queues.len());
        if wanted.user.is_some() && user.is_none() {
            return None;
        }
        let queue = match user {
            Some(user) => &self.queues[user as usize],
            None => &self.nobody,
        };
        let ahead = queue.waiting.iter().take(LOOK_AHEAD);
        if let Some(at) = ahead.copied().position(|index| self.same(index, wanted)) {
            let index = queue.waiting[at];
            self.take_at(user, index, in_log);
            return Some(index);
        }
        let mut passed = queue.passed.iter().enumerate().rev().take(LOOK_AHEAD);
        let (at, _) = passed.find(|&(_, &(index, _))| self.same(index, wanted))?;
        let (index, _) = self.queue(user).passed.remove(at);
        findings.add(FindingKind::WorkloadOrder, in_log, wanted.transaction, || {
            format!("{} stands too late in the log", self.place(index))
        });
        Some(index)
    }

    /// Takes a waiting line; those before it are passed over.
    fn take_at(&mut self, user: Option<u32>, index: u32, in_log: u64) -> bool {
        let queue = self.queue(user);
        let Ok(at) = queue.waiting.binary_search(&index) else {
            return false;
        };
        queue.passed.extend(queue.waiting.drain(..at).map(|index| (index, in_log)));
        queue.waiting.pop_front();
        true
    }

    /// Whether the log gives the DUMPLOG of the complete log a user.
    fn invented(&self, line: Line, wanted: Wanted<'_>) -> bool {
        line.verb == Verb::DumpLog
            && self.arguments(line).count() == 1
            && wanted.element.field(Field::Username).is_some()
    }

    fn altered(&self, index: u32, wanted: Wanted<'_>, findings: &mut Findings) {
        let kind = if self.invented(self.line(index), wanted) {
            FindingKind::UsernameInvented
        } else {
            FindingKind::WorkloadAltered
        };
        findings.add(kind, wanted.element.line, wanted.transaction, || {
            let fields = Field::ALL.iter().filter_map(|&field| {
                let shown = matches!(
                    field,
                    Field::Command
                        | Field::Username
                        | Field::StockSymbol
                        | Field::Filename
                        | Field::Funds
                );
                let text = wanted.element.field(field).filter(|_| shown)?;
                Some(format!("{} {}", field.name(), quoted(text)))
            });
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("{} stands in the log as {fields}", self.place(index))
        });
    }

    /// Reports the lines that are not in the log, which ends at line `last`.
    pub(super) fn finish(&self, scope: Scope, last: u64, findings: &mut Findings) {
        let limit = match scope {
            Scope::Everything => u32::MAX,
            Scope::UpTo(index) => index,
            Scope::User(_, index) => index.unwrap_or(u32::MAX),
        };
        let everyone = self.queues.iter().chain([&self.nobody]);
        let of_one = match scope {
            Scope::User(user, _) => Some(self.queues.get(user as usize)),
            _ => None,
        };
        let mut missing: Vec<(u32, u64)> = Vec::new();
        let mut add = |queue: &Queue| {
            missing.extend(queue.passed.iter().copied());
            missing.extend(queue.waiting.iter().map(|&index| (index, last)));
        };
        match of_one {
            Some(queue) => queue.into_iter().for_each(&mut add),
            None => everyone.for_each(&mut add),
        }
        missing.retain(|&(index, _)| index < limit);
        missing.sort_unstable_by_key(|&(index, line)| (line, index));
        for (index, line) in missing {
            findings.add(FindingKind::WorkloadMissing, line, None, || {
                format!("{} is not in the log up to here", self.place(index))
            });
        }
    }
}
