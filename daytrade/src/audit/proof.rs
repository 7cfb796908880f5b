//! `daytrade audit prove`, `check` and `compress`.

use super::snapshots::{self, SnapshotAnswer};
use super::{AnswerForm, Data, no_entry};
use crate::Failure;
use crate::keys::{KeyArgs, now_ms, public_key};
use crate::terminal::{during, say};
use anyhow::anyhow;
use audit_logger::log::{compress, segments};
use audit_logger::proof::export::proof_path;
use audit_logger::proof::{self, Check, ExportCheck, Finding, PublicKey};
use audit_logger::query::record::time_text;
use clap::Args;
use console::style;
use domain::text::visible;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct ProveOptions {
    #[command(flatten)]
    data: Data,

    #[command(flatten)]
    key: KeyArgs,

    /// A text, or the checkpoint as JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

pub fn prove(options: &ProveOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let key = options.key.load_for(&folder)?;
    let proven = during("checking the log", || proof::prove(&folder, &key, now_ms()))?;
    if options.format == AnswerForm::Json {
        say(proven.to_json().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let file = proof::checkpoint::path_of(&folder, proven.entries);
    say(format_args!("checkpoint  entries 1 to {}", HumanCount(proven.entries)));
    say(format_args!("chain       {}", proven.chain));
    say(format_args!("signed      {}", time_text(proven.time_ms)));
    say(format_args!("public key  {}", proven.key));
    say(format_args!("file        {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

#[derive(Args)]
pub struct CheckOptions {
    #[command(flatten)]
    data: Data,

    /// Check this exported file against its proof, without any log
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    export: Option<PathBuf>,

    /// The proof of the export; `FILE.proof` if not given
    #[arg(long, value_name = "FILE", requires = "export")]
    proof: Option<PathBuf>,

    /// The public key that must have signed: the text `ed25519:…`, or a file that holds it. If not
    /// given, that of this installation's signing key; where there is none either, a log that is
    /// whole ends with exit code 4, since anybody could have signed it, and an export is not checked
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    public_key: Option<PublicKey>,

    /// How many findings are shown
    #[arg(long, default_value_t = 20, value_name = "N")]
    findings: usize,

    /// A text, or JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

pub fn check(options: &CheckOptions) -> Result<ExitCode, Failure> {
    // What cannot be found or read is not a log that is not proven.
    match &options.export {
        Some(export) => check_export(options, export),
        None => check_log(options),
    }
    .map_err(Failure::Usage)
}

fn check_log(options: &CheckOptions) -> anyhow::Result<ExitCode> {
    let folder = options.data.log()?;
    let ours = crate::keys::own_public_key();
    let key = options.public_key.or(ours);
    let (checked, snapshots) = during("checking the log", || {
        let mut checked = proof::check(&folder, key)?;
        let snapshots = snapshots::compare(&folder, key, &mut checked)?;
        Ok::<_, audit_logger::LogError>((checked, snapshots))
    })?;
    if checked.segments == 0 && checked.found == 0 {
        return Err(no_entry(&folder));
    }
    let verdict = Verdict::of(checked.found, key.is_some());
    if options.format == AnswerForm::Json {
        let answer = LogAnswer { verdict, checked: &checked, snapshots: &snapshots };
        say(serde_json::to_string_pretty(&answer)?);
        return Ok(verdict.code());
    }
    say(format_args!("{}  {}", verdict.told(), folder.display()));
    tell_log(&checked, key.is_some());
    for snapshot in &snapshots {
        say(format_args!("snapshot    {snapshot}"));
    }
    tell_findings(&checked.findings, checked.found, options.findings);
    Ok(verdict.code())
}

/// What a check comes to.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// It is what the holder of the expected key signed.
    Proven,
    /// Nothing contradicts it, but no key was expected: whoever can write it can have signed it.
    ConsistentSignerUnknown,
    NotProven,
}

/// The exit code where a log is whole, and nobody said who should have signed it.
const SIGNER_UNKNOWN: u8 = 4;

impl Verdict {
    fn of(found: u64, key_known: bool) -> Verdict {
        match (found, key_known) {
            (0, true) => Verdict::Proven,
            (0, false) => Verdict::ConsistentSignerUnknown,
            _ => Verdict::NotProven,
        }
    }

    fn code(self) -> ExitCode {
        match self {
            Verdict::Proven => ExitCode::SUCCESS,
            Verdict::ConsistentSignerUnknown => ExitCode::from(SIGNER_UNKNOWN),
            Verdict::NotProven => ExitCode::from(1),
        }
    }

    fn told(self) -> impl std::fmt::Display {
        match self {
            Verdict::Proven => style("PROVEN").green().bold(),
            Verdict::ConsistentSignerUnknown => style("CONSISTENT, SIGNER UNKNOWN").yellow().bold(),
            Verdict::NotProven => style("NOT PROVEN").red().bold(),
        }
    }
}

/// What is told of a log as JSON.
#[derive(Serialize)]
struct LogAnswer<'a> {
    verdict: Verdict,
    #[serde(flatten)]
    checked: &'a Check,
    snapshots: &'a [SnapshotAnswer],
}

/// What is told of an export as JSON.
#[derive(Serialize)]
struct ExportAnswer<'a> {
    verdict: Verdict,
    #[serde(flatten)]
    checked: &'a ExportCheck,
}

fn tell_log(checked: &Check, key_given: bool) {
    if checked.removed > 0 {
        say(format_args!(
            "removed     entries 1 to {}; their end is vouched for",
            HumanCount(checked.removed)
        ));
    }
    let count = HumanCount;
    say(format_args!("entries     {} to {}", count(checked.first), count(checked.last)));
    if let Some(at_ms) = checked.vouched_ms {
        let behind = match checked.unvouched {
            0 => String::new(),
            behind => format!("; {} behind them not yet", count(behind)),
        };
        let vouched = count(checked.vouched);
        say(format_args!("vouched for 1 to {vouched}, {}{behind}", time_text(at_ms)));
    }
    if checked.tail_bytes > 0 {
        say(format_args!(
            "left out    {} bytes at the end: no whole batch (a write under way, or a torn one)",
            checked.tail_bytes
        ));
    }
    let several = |count: u64, name: &str| match count {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    };
    say(format_args!(
        "read        {}, {}, {}",
        HumanBytes(checked.bytes),
        several(checked.segments, "segment"),
        several(checked.checkpoints, "checkpoint")
    ));
    if let Some(key) = checked.key {
        let told = match key_given {
            true => "",
            false => {
                " (named by the log itself; with --public-key KEY, the key that you were given, the \
                 log is proven)"
            }
        };
        say(format_args!("public key  {key}{told}"));
    }
}

fn check_export(options: &CheckOptions, export: &Path) -> anyhow::Result<ExitCode> {
    let proof = options.proof.clone().unwrap_or_else(|| proof_path(export));
    let key = options
        .public_key
        .or_else(crate::keys::own_public_key)
        .ok_or_else(|| anyhow!("--public-key: whose proof is expected? this machine has no key"))?;
    let checked = during("checking the export", || proof::check_export(export, &proof, &key))?;
    let verdict = Verdict::of(checked.found, true);
    if options.format == AnswerForm::Json {
        say(serde_json::to_string_pretty(&ExportAnswer { verdict, checked: &checked })?);
        return Ok(verdict.code());
    }
    say(format_args!("{}  {}", verdict.told(), export.display()));
    tell_export(&checked);
    tell_findings(&checked.findings, checked.found, options.findings);
    Ok(verdict.code())
}

fn tell_export(checked: &ExportCheck) {
    let Some(statement) = &checked.statement else { return };
    let which = match statement.filter.as_str() {
        "" => "all of".to_string(),
        filter => format!("with {}, of", visible(filter)),
    };
    say(format_args!(
        "entries     {} as {}, {which} 1 to {}",
        HumanCount(statement.entries),
        visible(&statement.form),
        HumanCount(statement.log_entries)
    ));
    say(format_args!("log         {}", statement.log));
    say(format_args!("chain       {}", statement.chain));
    say(format_args!("signed      {}", time_text(statement.time_ms)));
    say(format_args!("public key  {}", statement.key));
}

fn tell_findings(findings: &[Finding], found: u64, shown: usize) {
    for finding in findings.iter().take(shown) {
        say(finding);
    }
    let hidden = found.saturating_sub(shown.min(findings.len()) as u64);
    if hidden > 0 {
        say(format_args!("and {} more", HumanCount(hidden)));
    }
}

#[derive(Args)]
pub struct CompressOptions {
    #[command(flatten)]
    data: Data,
}

pub fn compress(options: &CompressOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    let _lock = segments::lock(&folder)?;
    if segments::list(&folder)?.is_empty() {
        return Err(no_entry(&folder).into());
    }
    let (mut count, mut plain, mut compressed) = (0, 0, 0);
    during("compressing", || {
        for path in compress::waiting(&folder)? {
            let squeezed = compress::compress(&path)?;
            count += 1;
            plain += squeezed.plain;
            compressed += squeezed.compressed;
        }
        Ok::<_, audit_logger::LogError>(())
    })?;
    match count {
        0 => say("nothing to compress: the last segment stays as it is, and all others are"),
        count => say(format_args!(
            "{count} segments: {} are {} now",
            HumanBytes(plain),
            HumanBytes(compressed)
        )),
    }
    Ok(ExitCode::SUCCESS)
}
