//! What a run did, as figures, as a page and as a table.
//!
//! [`RunReport`] holds every figure and is `report.json` as it stands;
//! [`html`] makes `report.html` of it, one file that needs nothing else;
//! [`table`] makes the summary that a run prints last. Both only render: a
//! figure that is not in [`RunReport`] appears in neither.

mod figures;
mod html;
#[cfg(test)]
mod samples;
mod table;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

pub use html::{BASE_STYLE, escape, html};
pub use table::table;

/// One run of one or more workload files.
///
/// Serialised, it is `report.json`. Fields that a report lacks are read as
/// their defaults, so that reports of older versions can still be shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunReport {
    /// Version of the program that ran.
    pub version: String,
    /// When the run started, in Unix milliseconds.
    pub started_at_ms: u64,
    /// Names of the workload files, in the order they were given.
    pub files: Vec<String>,
    /// Which clock the run went by, for example `real` or `virtual`.
    pub clock: String,
    /// Where prices came from, for example `sim, no delay`.
    pub quotes: String,
    /// Seed of everything random in the run, if it had one.
    pub seed: Option<u64>,
    /// How many users appear in the files.
    pub users: u64,

    /// Commands answered: `accepted` and all of `rejected`.
    pub commands: u64,
    /// Commands that were accepted.
    pub accepted: u64,
    /// Commands that were refused, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Lines that hold no command at all.
    pub unreadable: u64,
    /// Commands that earlier, interrupted parts of the run had already answered. All counts are those
    /// of the whole run; of a resumed run `wall_s`, `commands_per_s`, `latency`, `series`,
    /// `quote_abandoned`, `quote_shared_hits`, `orders_asked` and `peak_memory_bytes` are of the last
    /// part alone.
    pub skipped: u64,

    /// How long it took, in seconds, from the first command sent to the
    /// last one durable.
    pub wall_s: f64,
    /// Commands (without those `skipped`) over `wall_s`.
    pub commands_per_s: f64,
    /// Prices asked of the quote server, and charged for; of earlier parts of a resumed run, those that
    /// were answered.
    pub quote_requests: u64,
    /// Of those, requests given up before an answer came; the server may charge for them all the
    /// same.
    pub quote_abandoned: u64,
    /// Prices answered from the cache.
    pub quote_cache_hits: u64,
    /// Prices found in the cache that processes share.
    pub quote_shared_hits: u64,
    /// Armed orders that fired on a later price.
    pub orders_fired: u64,
    /// Orders that are armed at the end.
    pub orders_armed: u64,
    /// Prices that were asked for because orders wait for them; among `quote_requests`.
    pub orders_asked: u64,
    /// Pending buys and sells that expired.
    pub pending_expired: u64,
    /// Most memory the process held, in bytes; 0 if it is not known.
    pub peak_memory_bytes: u64,

    /// Latency by command name.
    pub latency: BTreeMap<String, CommandLatency>,
    /// The run over time, oldest first.
    pub series: Vec<Interval>,
    /// The audit log at the end.
    pub log: LogFacts,
    /// Audit files written by `DUMPLOG`.
    pub dumps: Vec<DumpFacts>,
}

impl RunReport {
    /// All refused commands.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The commands that were measured: all but those that earlier parts of the run answered.
    pub fn measured(&self) -> u64 {
        self.commands.saturating_sub(self.skipped)
    }
}

/// How long the commands of one name took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandLatency {
    /// How many there were.
    pub count: u64,
    /// From the moment the command was taken up to its outcome, in microseconds.
    pub execution_us: Quantiles,
    /// From the moment the command was taken up until its outcome could not be
    /// lost any more, in microseconds.
    pub durable_us: Quantiles,
}

/// A distribution of durations in a few figures, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 9,999 of 10,000 took no longer.
    pub p99_99: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Quantiles {
    /// The figures of a histogram of **nanoseconds**; all zero if it is empty.
    pub fn of_nanoseconds(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            p50: us(0.50),
            p95: us(0.95),
            p99: us(0.99),
            p99_99: us(0.9999),
            max: histogram.max() as f64 / 1_000.0,
            mean: histogram.mean() / 1_000.0,
        }
    }
}

/// One stretch of a run. It begins where the one before ended (the first at
/// the start of the run); the counts are those within it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interval {
    /// End of the interval, in seconds since the start of the run.
    pub t_s: f64,
    /// Commands answered.
    pub commands: u64,
    /// Commands refused, out of `commands`.
    pub rejected: u64,
    /// Prices asked of the quote server.
    pub quote_requests: u64,
    /// Prices answered from the cache.
    pub quote_cache_hits: u64,
}

/// The audit log at the end of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFacts {
    /// Entries in the log.
    pub entries: u64,
    /// Size of the log in bytes.
    pub bytes: u64,
    /// Segment files of the log.
    pub segments: u64,
    /// Hash of the whole chain of entries, in hexadecimal: two runs with the
    /// same head did the same.
    pub head: String,
}

/// An audit file that a `DUMPLOG` wrote.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DumpFacts {
    /// Name of the file.
    pub file: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Elements within the root element.
    pub elements: u64,
    /// How long it took to write, in seconds.
    pub wall_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_report_json_are_a_promise() {
        let json = serde_json::to_string_pretty(&samples::small()).unwrap();
        let expected = r#"{
  "version": "",
  "started_at_ms": 0,
  "files": [],
  "clock": "",
  "quotes": "",
  "seed": null,
  "users": 1,
  "commands": 3,
  "accepted": 2,
  "rejected": {
    "insufficient_funds": 1
  },
  "unreadable": 1,
  "skipped": 0,
  "wall_s": 0.0015,
  "commands_per_s": 2000.0,
  "quote_requests": 1,
  "quote_abandoned": 0,
  "quote_cache_hits": 1,
  "quote_shared_hits": 0,
  "orders_fired": 0,
  "orders_armed": 0,
  "orders_asked": 0,
  "pending_expired": 0,
  "peak_memory_bytes": 0,
  "latency": {
    "BUY": {
      "count": 3,
      "execution_us": {
        "p50": 12.0,
        "p95": 80.5,
        "p99": 80.5,
        "p99_99": 80.5,
        "max": 80.5,
        "mean": 34.8
      },
      "durable_us": {
        "p50": 12.0,
        "p95": 80.5,
        "p99": 80.5,
        "p99_99": 80.5,
        "max": 80.5,
        "mean": 34.8
      }
    }
  },
  "series": [
    {
      "t_s": 0.0015,
      "commands": 3,
      "rejected": 1,
      "quote_requests": 1,
      "quote_cache_hits": 1
    }
  ],
  "log": {
    "entries": 3,
    "bytes": 412,
    "segments": 1,
    "head": "c0ffee"
  },
  "dumps": []
}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_old_ones_are_read_at_all() {
        let report = samples::small();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<RunReport>(&json).unwrap(), report);
        let old: RunReport = serde_json::from_str(r#"{"commands": 5, "later": true}"#).unwrap();
        assert_eq!(old.commands, 5);
    }

    #[test]
    fn quantiles_are_microseconds_of_a_histogram_of_nanoseconds() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(Quantiles::of_nanoseconds(&histogram), Quantiles::default());
        for ns in 1..=10_000 {
            histogram.record(ns * 100).unwrap();
        }
        let quantiles = Quantiles::of_nanoseconds(&histogram);
        for (value, expected) in [
            (quantiles.p50, 500.0),
            (quantiles.p95, 950.0),
            (quantiles.p99, 990.0),
            (quantiles.p99_99, 999.9),
            (quantiles.max, 1_000.0),
            (quantiles.mean, 500.0),
        ] {
            assert!((value - expected).abs() / expected < 0.002, "{value} is not {expected}");
        }
    }
}
