//! `daytrade verify`: exit code 0 for a good log, 1 for a bad one, 2 where there is no verdict.

use crate::Failure;
use crate::cli::VerifyOptions;
use crate::terminal::say;
use anyhow::Context;
use audit_logger::verify::{Options, verify};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

const READ_BUFFER: usize = 1 << 20;

pub fn run(options: VerifyOptions) -> Result<ExitCode, Failure> {
    // A log that cannot be read is not a bad one.
    check(options).map_err(Failure::Usage)
}

fn check(options: VerifyOptions) -> anyhow::Result<ExitCode> {
    let log = BufReader::with_capacity(READ_BUFFER, open(&options.log)?);
    let mut workload = chain(&options.workload)?;
    let settings = Options {
        timestamps: options.timestamps,
        max_findings: options.findings,
        registrations: options.registrations,
    };
    let workload = workload.as_mut().map(|reader| reader as &mut dyn BufRead);
    let report = verify(log, workload, &settings)?;
    say(&report);
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    anyhow::ensure!(!file.metadata()?.is_dir(), "{}: is a folder", path.display());
    Ok(Box::new(file))
}

/// The workload files one behind the other, decompressed, each ending its last line.
fn chain(paths: &[std::path::PathBuf]) -> anyhow::Result<Option<Box<dyn BufRead>>> {
    let mut all: Option<Box<dyn Read>> = None;
    for path in paths {
        let input = workload::input::plain_reader(path)?;
        all = Some(match all {
            None => input,
            Some(before) => Box::new(before.chain(&b"\n"[..]).chain(input)),
        });
    }
    Ok(all.map(|all| Box::new(BufReader::with_capacity(READ_BUFFER, all)) as Box<dyn BufRead>))
}
