//! A resumed run whose log holds every command already: nothing is played and the log stays as it is.

use super::outputs::{self, Dumps};
use super::unreadable::{self, Unreadable};
use super::{conclude, console, unpriced};
use crate::Failure;
use crate::audit::retain::retain;
use crate::cli::ReplayOptions;
use crate::followers::{self, Store};
use crate::keys;
use crate::restore::Restored;
use crate::terminal::{say, width};
use ::workload::input::{Input, InputError};
use ::workload::report::{self, RunReport};
use ::workload::resumed::{Contents, contents_if_played};
use anyhow::anyhow;
use audit_logger::log::LogEnd;
use frontend::StateView;
use std::process::ExitCode;
use std::time::Instant;

/// What the workload holds, if `restored` holds all of it. A pipe can be read only once, so a run
/// from one is never known to be complete before it is played.
pub fn contents(
    options: &ReplayOptions,
    inputs: &[Input],
    restored: &Restored,
) -> Result<Option<Contents>, InputError> {
    if restored.played.is_empty() || inputs.iter().any(|input| input.size().is_none()) {
        return Ok(None);
    }
    let again = options.files.iter().map(|path| Input::open(path));
    contents_if_played(again, &restored.played, |_, _, _| {})
}

/// Writes the outputs that are missing, and brings the stores that are named up to the log.
pub fn finish(
    dumps: &Dumps<'_>,
    contents: &Contents,
    restored: Restored,
    end: &LogEnd,
) -> Result<ExitCode, Failure> {
    let Dumps { options, out, .. } = *dumps;
    let last = end.position.next - 1;
    let missing = |name: &str| !out.path().join(name).exists();
    let mut written = Vec::new();
    let mut failed = Vec::new();
    let mut note = |name: &str, failure: Option<anyhow::Error>| match failure {
        Some(failure) => failed.push(failure),
        None => written.push(name.to_string()),
    };
    // The process can be killed between its last entry and its signature.
    if !keys::is_signed(&out.log(), last, &options.key.trusted())?
        && let Some(key) = keys::of_run(&options.key, &out.log())?
    {
        restored.save(&out.log(), end, Some(&key))?;
        note("the signature of the log", None);
    }
    if contents.unreadable > 0 && missing(unreadable::FILE) {
        let mut lines = Unreadable::new(out);
        let again = options.files.iter().map(|path| Input::open(path));
        contents_if_played(again, &restored.played, |file, line, fault| {
            lines.add(file, line, fault.column, fault.expected);
        })?;
        note(unreadable::FILE, lines.finish().err());
    }
    if missing("state.json") {
        let accounts = restored.ledger.accounts().iter();
        note("state.json", out.write_json("state.json", &StateView::new(accounts)).err());
    }
    let report_is_missing = missing("report.json") || missing("report.html");
    let mut requests = restored.dumps;
    if !report_is_missing {
        requests.retain(|request| !dumps.is_written(request));
    }
    let (facts, refused) = dumps.write(dumps.possible(requests)?)?;
    facts.iter().for_each(|dump| note(&dump.file, None));
    refused.into_iter().for_each(|failure| note("", Some(failure)));
    let mut shown = None;
    if report_is_missing {
        // Nothing of it was measured by this process.
        let mut report = RunReport {
            users: restored.ledger.accounts().len() as u64,
            unreadable: contents.unreadable,
            skipped: contents.commands,
            log: outputs::log_facts(out, last, end.position.chain.to_string())?,
            dumps: facts,
            ..outputs::report(options)
        };
        outputs::count_whole_run(&mut report, out, last)?;
        let failures = outputs::write_report(out, &report);
        match failures.is_empty() {
            true => note("report.json, report.html", None),
            false => failures.into_iter().for_each(|failure| note("", Some(failure))),
        }
        shown = Some(report);
    }
    if let Some(report) = &shown {
        say(report::table(report, width().unwrap_or(100)));
    }
    let report = shown.or_else(|| {
        let bytes = std::fs::read(out.path().join("report.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    });
    let imperfect = contents.unreadable > 0 || report.as_ref().is_some_and(|it| unpriced(it) > 0);
    say(format_args!(
        "already complete: the log holds all {} commands; {}",
        contents.commands,
        match written.is_empty() {
            true => "nothing was changed".to_string(),
            false => format!("wrote what was missing: {}", written.join(", ")),
        }
    ));
    console::tell_files(out);
    follow(options, dumps, last)?;
    if let (Some(keep), true) = (options.retain, failed.is_empty()) {
        let key = keys::of_run(&options.key, &out.log())?
            .ok_or_else(|| Failure::Usage(anyhow!("--retain needs a key: --key names its file")))?;
        let stores = Store::given(options.audit.as_ref(), options.search.as_ref());
        say(retain(&out.log(), keep, &key, &stores)?);
    }
    conclude(options, out, &failed, contents.commands, imperfect)
}

/// Brings the stores that the command line names up to the log.
fn follow(options: &ReplayOptions, dumps: &Dumps<'_>, last: u64) -> anyhow::Result<()> {
    let log = dumps.out.log();
    let begun = Instant::now();
    let followers = Store::given(options.audit.as_ref(), options.search.as_ref())
        .iter()
        .map(|store| store.follow(&log, &options.server, None))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let complete = followers::watch_until(&followers, Some(last + 1))?;
    for (follower, status) in followers.into_iter().zip(complete) {
        say(followers::completed(follower.name(), &status, begun));
        follower.stop();
    }
    if options.search.is_some() {
        followers::warn_of_dead_letters(&log)?;
    }
    Ok(())
}
