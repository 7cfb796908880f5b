//! Counts replies and measures how long they took.

use crate::report::{CommandLatency, Interval, Quantiles, RunReport};
use bus::{Moment, Reply};
use domain::trading::command::{Action, CommandName, Verb};
use domain::trading::{DumpFile, Outcome};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Length of the intervals of [`RunReport::series`] at the start of a run. It doubles whenever
/// there are more than [`MOST_INTERVALS`].
const FIRST_INTERVAL: Duration = Duration::from_millis(25);

const MOST_INTERVALS: usize = 400;

/// The longest time that is told apart: an hour, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// What is known of a run so far.
pub struct Scoreboard {
    started: Moment,
    commands: u64,
    accepted: u64,
    rejected: BTreeMap<&'static str, u64>,
    cache_hits: u64,
    timings: Vec<Timing>,
    series: Vec<Interval>,
    interval: Duration,
    last_durable: Moment,
    dumps: Vec<DumpReply>,
}

struct Timing {
    execution: Histogram<u64>,
    durable: Histogram<u64>,
}

/// A DUMPLOG that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpReply {
    /// The number of its entry.
    pub entry: u64,
    /// Whose log is to be written; all users' if none.
    pub user: Option<String>,
    /// The file it named.
    pub file: DumpFile,
}

impl Scoreboard {
    /// A scoreboard of a run that begins at `started`.
    pub fn new(started: Moment) -> Scoreboard {
        // Two significant digits: no figure is off by more than one percent.
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, 2).ok();
        let timings = CommandName::ALL
            .iter()
            .filter_map(|_| Some(Timing { execution: histogram()?, durable: histogram()? }))
            .collect();
        Scoreboard {
            started,
            commands: 0,
            accepted: 0,
            rejected: BTreeMap::new(),
            cache_hits: 0,
            timings,
            series: Vec::new(),
            interval: FIRST_INTERVAL,
            last_durable: started,
            dumps: Vec::new(),
        }
    }

    /// Counts replies that were released at `now`.
    pub fn record(&mut self, replies: &[Reply], now: Moment) {
        self.last_durable = now;
        let mut within = Interval::default();
        for reply in replies {
            let decided = &reply.decided;
            within.commands += 1;
            match decided.reject_code() {
                None => self.accepted += 1,
                Some(code) => {
                    within.rejected += 1;
                    *self.rejected.entry(code).or_default() += 1;
                }
            }
            match decided.price {
                Some(used) if used.cached => within.quote_cache_hits += 1,
                Some(_) => within.quote_requests += 1,
                None => {}
            }
            if let Some(timing) = self.timings.get_mut(decided.command.action.name() as usize) {
                let nanos = |time: Duration| (time.as_nanos() as u64).clamp(1, LONGEST_NS);
                timing.execution.saturating_record(nanos(reply.execution));
                timing.durable.saturating_record(nanos(now.since(reply.received)));
            }
            self.note_dump(reply);
        }
        self.commands += within.commands;
        self.cache_hits += within.quote_cache_hits;
        self.note_interval(within, now);
    }

    fn note_dump(&mut self, reply: &Reply) {
        if !matches!(reply.decided.outcome, Outcome::Accepted(_)) {
            return;
        }
        let (user, file) = match &reply.decided.command.action {
            Action::DumpAll(file) => (None, file),
            Action::User { user, verb: Verb::DumpLog(file) } => (Some(user.to_string()), file),
            _ => return,
        };
        self.dumps.push(DumpReply { entry: reply.entry, user, file: file.clone() });
    }

    fn note_interval(&mut self, within: Interval, now: Moment) {
        let mut at = (now.since(self.started).as_nanos() / self.interval.as_nanos()) as usize;
        while at >= MOST_INTERVALS {
            self.interval *= 2;
            at /= 2;
            self.series = self.series.chunks(2).map(merge).collect();
        }
        if at >= self.series.len() {
            self.series.resize(at + 1, Interval::default());
        }
        self.series[at] = merge(&[self.series[at], within]);
    }

    /// Commands answered so far.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// The DUMPLOGs that were accepted, in the order of their replies.
    pub fn dumps(&self) -> &[DumpReply] {
        &self.dumps
    }

    /// Puts the figures into a report.
    pub fn fill(&self, report: &mut RunReport) {
        let wall = self.last_durable.since(self.started);
        report.commands = self.commands;
        report.accepted = self.accepted;
        report.rejected =
            self.rejected.iter().map(|(code, count)| ((*code).to_string(), *count)).collect();
        report.wall_s = wall.as_secs_f64();
        report.commands_per_s =
            if wall.is_zero() { 0.0 } else { self.commands as f64 / wall.as_secs_f64() };
        report.quote_cache_hits = self.cache_hits;
        for (name, timing) in CommandName::ALL.iter().zip(&self.timings) {
            if timing.execution.is_empty() {
                continue;
            }
            let latency = CommandLatency {
                count: timing.execution.len(),
                execution_us: Quantiles::of_nanoseconds(&timing.execution),
                durable_us: Quantiles::of_nanoseconds(&timing.durable),
            };
            report.latency.insert(name.to_string(), latency);
        }
        report.series = self.series_until(wall);
    }

    /// The intervals with their ends. The last one may have been cut short by the end of the run;
    /// if little is left of it, it joins the one before: a rate over a moment says nothing.
    fn series_until(&self, wall: Duration) -> Vec<Interval> {
        let mut series = self.series.clone();
        for (at, interval) in series.iter_mut().enumerate() {
            interval.t_s = (self.interval * (at as u32 + 1)).min(wall).as_secs_f64();
        }
        let last = wall.saturating_sub(self.interval * series.len().saturating_sub(1) as u32);
        if series.len() > 1
            && last < self.interval / 2
            && let (Some(end), Some(before)) = (series.pop(), series.last_mut())
        {
            *before = Interval { t_s: end.t_s, ..merge(&[*before, end]) };
        }
        series
    }
}

fn merge(parts: &[Interval]) -> Interval {
    parts.iter().fold(Interval::default(), |sum, part| Interval {
        t_s: 0.0,
        commands: sum.commands + part.commands,
        rejected: sum.rejected + part.rejected,
        quote_requests: sum.quote_requests + part.quote_requests,
        quote_cache_hits: sum.quote_cache_hits + part.quote_cache_hits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(count: u64) -> Interval {
        Interval { commands: count, ..Interval::default() }
    }

    #[test]
    fn a_sliver_at_the_end_does_not_show_as_a_peak() {
        let at = |ms: u64| Moment::from_nanos(ms * 1_000_000);
        let mut board = Scoreboard::new(at(0));
        for (ms, count) in [(10, 100), (30, 100), (51, 5)] {
            board.note_interval(commands(count), at(ms));
        }
        let series = board.series_until(Duration::from_millis(51));
        let shown: Vec<_> = series.iter().map(|part| (part.t_s, part.commands)).collect();
        assert_eq!(shown, [(0.025, 100), (0.051, 105)]);
    }

    #[test]
    fn a_long_run_keeps_a_bounded_series_and_loses_no_command() {
        let mut board = Scoreboard::new(Moment::from_nanos(0));
        for second in 0..3_600 {
            board.note_interval(commands(10), Moment::from_nanos(second * 1_000_000_000));
        }
        let series = board.series_until(Duration::from_secs(3_600));
        assert!(series.len() <= MOST_INTERVALS);
        assert_eq!(series.iter().map(|part| part.commands).sum::<u64>(), 36_000);
    }
}
