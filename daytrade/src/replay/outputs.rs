//! What a run leaves beside its log: dumps, accounts and the report.

use super::folder::{self, OutFolder, RESERVED};
use super::origin::{self, Origin};
use crate::cli::{ClockKind, QuoteSource, ReplayOptions};
use crate::terminal::{during, warn, with_causes};
use ::workload::report::{self, DumpFacts, LogFacts, RunReport};
use anyhow::anyhow;
use audit_logger::dumplog::{self, DumpRequest};
use audit_logger::log::segments;
use audit_logger::proof::key;
use audit_logger::query::stats::Stats;
use audit_logger::query::{Catalogue, Filter, Source};
use domain::trading::Entry;
use files::same_file;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// The report of a run, as far as its command line tells.
pub fn report(options: &ReplayOptions) -> RunReport {
    RunReport {
        version: env!("CARGO_PKG_VERSION").to_string(),
        files: options.files.iter().map(|path| path.display().to_string()).collect(),
        clock: match options.clock {
            ClockKind::Real => "real".to_string(),
            ClockKind::Virtual => "virtual".to_string(),
        },
        quotes: describe_quotes(options),
        seed: Some(options.setup.seed),
        ..RunReport::default()
    }
}

/// What the log comes to, whose last entry is `last` and whose hash is `head`.
pub fn log_facts(out: &OutFolder, last: u64, head: String) -> anyhow::Result<LogFacts> {
    Ok(LogFacts {
        entries: last,
        bytes: out.log_bytes()?,
        segments: segments::list(&out.log())?.len() as u64,
        head,
    })
}

/// What the entries of a log come to.
#[derive(Default)]
struct Counted {
    stats: Stats,
    /// Answers of the quote server in the earlier parts of the run.
    answers_before: u64,
}

/// Makes the counts of `report` those of the whole run, as its log has them. `earlier` is the last
/// entry of the parts before this one; what those measured is not known.
pub fn count_whole_run(
    report: &mut RunReport,
    out: &OutFolder,
    earlier: u64,
) -> anyhow::Result<()> {
    let catalogue = Catalogue::open(&out.log(), false)?;
    if catalogue.first() > 1 {
        warn(format_args!(
            "note: the report counts from entry {} on: what stood before was removed (--retain)",
            catalogue.first()
        ));
    }
    let mut all = Counted::default();
    Source::from(catalogue).gather(
        &Filter::default(),
        |part: &mut Counted, number, entry| {
            let is_answer = matches!(entry, Entry::Quote(_) | Entry::QuoteRefused(_));
            part.answers_before += u64::from(is_answer && number <= earlier);
            part.stats.count(&entry);
        },
        |part| {
            all.answers_before += part.answers_before;
            all.stats.merge(part.stats);
        },
    )?;
    let stats = all.stats;
    let decided = || stats.commands.values();
    report.accepted = decided().map(|decided| decided.accepted).sum();
    report.commands = report.accepted + decided().map(|decided| decided.rejected).sum::<u64>();
    report.rejected =
        stats.rejects.iter().map(|(code, count)| ((*code).to_string(), *count)).collect();
    report.orders_fired = stats.filled;
    report.pending_expired = stats.expired;
    report.quote_cache_hits = stats.quotes().cached;
    // Requests that were given up leave no entry; those of this part are known nevertheless.
    report.quote_requests += all.answers_before;
    Ok(())
}

/// Writes a run's dumps; never over an input of the run, nor over a file that it did not make.
pub struct Dumps<'a> {
    pub options: &'a ReplayOptions,
    pub out: &'a OutFolder,
    /// Names that were in the folder before the run.
    pub foreign: BTreeSet<String>,
}

impl Dumps<'_> {
    /// Where the dump of `request` goes.
    pub fn path(&self, request: &DumpRequest) -> std::path::PathBuf {
        dumplog::path_in(self.out.path(), &RESERVED, &request.file)
    }

    /// Whether the dump of `request` is there.
    pub fn is_written(&self, request: &DumpRequest) -> bool {
        let path = self.path(request);
        path.exists() && !self.is_foreign(&path)
    }

    fn is_foreign(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| self.foreign.contains(&*name)) && path.is_file()
    }

    /// Those of `requests` that can be written: a dump needs the whole log. What an earlier run wrote
    /// is left as it is.
    pub fn possible(&self, requests: Vec<DumpRequest>) -> anyhow::Result<Vec<DumpRequest>> {
        let first = segments::list(&self.out.log())?.first().map_or(1, |(first, _)| *first);
        if first == 1 {
            return Ok(requests);
        }
        for request in requests.iter().filter(|request| !self.path(request).exists()) {
            warn(format_args!(
                "note: the DUMPLOG {} is not written: the log begins with entry {first}, what stood \
                 before was removed (--retain)",
                request.file.as_given()
            ));
        }
        Ok(Vec::new())
    }

    /// Writes the dumps of `requests`; returns what was written, and why the others were not.
    pub fn write(
        &self,
        requests: Vec<DumpRequest>,
    ) -> anyhow::Result<(Vec<DumpFacts>, Vec<anyhow::Error>)> {
        let started = Instant::now();
        let (mut allowed, mut failed) = (Vec::new(), Vec::new());
        for request in requests {
            match self.refusal(&self.path(&request)) {
                Some(refusal) => failed.push(refusal),
                None => allowed.push(request),
            }
        }
        let (log, server) = (self.out.log(), &self.options.server);
        let written = during("writing dumps", || {
            dumplog::write(&log, self.out.path(), server, &RESERVED, &allowed)
        })?;
        // All dumps of a pass are written together.
        let wall_s = started.elapsed().as_secs_f64();
        failed.extend(written.failed.into_iter().map(anyhow::Error::from));
        failed.extend(self.take_over(&written.dumps).err());
        let facts = |dump: dumplog::Dump| DumpFacts {
            file: dump.path.display().to_string(),
            bytes: dump.bytes,
            elements: dump.elements,
            wall_s,
        };
        Ok((written.dumps.into_iter().map(facts).collect(), failed))
    }

    /// Why no dump may be written to `path`, if none may.
    fn refusal(&self, path: &Path) -> Option<anyhow::Error> {
        let inputs = self.options.files.iter().chain(&self.options.acknowledgements);
        if let Some(input) = inputs.into_iter().find(|input| same_file(path, input)) {
            return Some(anyhow!(
                "{}: a DUMPLOG names it, but it is {}; choose another --out",
                path.display(),
                input.display()
            ));
        }
        if key::holds_key(path) {
            return Some(anyhow!(
                "{}: a DUMPLOG names it, but it holds a signing key",
                path.display()
            ));
        }
        (self.is_foreign(path) && !self.options.overwrite.force).then(|| {
            anyhow!("{}: it was there before the run; --force overwrites it", path.display())
        })
    }

    /// Notes that files which were there before are the run's own now.
    fn take_over(&self, dumps: &[dumplog::Dump]) -> anyhow::Result<()> {
        let own: Vec<&str> = dumps
            .iter()
            .filter_map(|dump| dump.path.file_name()?.to_str())
            .filter(|name| self.foreign.contains(*name))
            .collect();
        if own.is_empty() {
            return Ok(());
        }
        let Some(mut origin) = Origin::read(self.out)? else { return Ok(()) };
        origin.foreign.retain(|name| !own.contains(&name.as_str()));
        self.out.write_json(origin::FILE, &origin)
    }
}

/// Writes the report in both forms; why one could not be written.
pub fn write_report(out: &OutFolder, report: &RunReport) -> Vec<anyhow::Error> {
    let json = out.write_json("report.json", report).err();
    json.into_iter().chain(out.write("report.html", &report::html(report)).err()).collect()
}

/// Tells of every output that is missing.
pub fn not_written(failed: &[anyhow::Error], out: &OutFolder) -> anyhow::Error {
    let each: String = failed.iter().map(|error| format!("\n  {}", with_causes(error))).collect();
    let what = match failed.len() {
        1 => "this could".to_string(),
        several => format!("these {several} could"),
    };
    anyhow!(
        "{what} not be written; the log is whole, and all else is there:{each}\nonce the cause is \
         gone, write it with: {}",
        folder::resume_command(out)
    )
}

/// Tells where the XML log is to be had, if the workload asked for none.
pub fn tell_of_missing_dump(out: &OutFolder, requests: &[DumpRequest]) {
    if requests.is_empty() {
        let out = out.path().display();
        warn(format_args!(
            "note: the workload has no DUMPLOG, so no XML log was written. To write one: \
             daytrade audit export --data {out} --format xml --out {out}/log.xml"
        ));
    }
}

/// A workload without a single command is a mistake.
pub fn no_command(options: &ReplayOptions) -> anyhow::Error {
    let names: Vec<String> = options.files.iter().map(|path| path.display().to_string()).collect();
    anyhow!(
        "no line of {} holds a command; `[1] ADD,user,10.00` is one, and docs/workloads.md \
         describes the format",
        names.join(", ")
    )
}

/// Where prices come from, in words.
pub fn describe_quotes(options: &ReplayOptions) -> String {
    match &options.setup.quotes {
        QuoteSource::Simulator => {
            format!("built-in quote server, delay {}", options.setup.quote_delay)
        }
        QuoteSource::Fixed(price) => format!("{price} for every stock"),
        QuoteSource::Server { address, .. } => format!("quote server at {address}"),
    }
}
