//! `daytrade experiment`: measurements that explain a choice, each with one command.
//!
//! Every experiment prints a table and writes two files into its folder: `result.json`, the
//! figures, and `index.html`, one page that shows them and needs nothing else.

mod chart;
mod logging;
mod options;
mod page;
mod quote_delay;
mod quote_timeout;
mod sockets;
mod text;
mod triggers;

use crate::Failure;
use crate::output::{self, Overwrite};
use crate::replay::folder::OutFolder;
use crate::terminal::say;
pub use options::ExperimentCommand;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// The files of an experiment.
const RESULT: &str = "result.json";
const PAGE: &str = "index.html";

pub fn run(command: ExperimentCommand) -> Result<ExitCode, Failure> {
    match command {
        ExperimentCommand::Logging(options) => logging::run(options),
        ExperimentCommand::QuoteDelay(options) => quote_delay::run(options),
        ExperimentCommand::QuoteTimeout(options) => quote_timeout::run(options),
        ExperimentCommand::Triggers(options) => triggers::run(&options),
    }
}

/// A runtime of one thread; in virtual time it waits for nothing.
fn runtime(virtual_time: bool) -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().start_paused(virtual_time).build()
}

/// Writes both files and says where they are.
fn write(out: &OutFolder, result: &impl Serialize, page: &str) -> anyhow::Result<()> {
    out.write_json(RESULT, result)?;
    out.write(PAGE, page)?;
    say(format_args!("\nthe page: {}", out.path().join(PAGE).display()));
    Ok(())
}

/// Decides whether an experiment that reads `input` may write to the folder `named`: before it
/// measures, which takes a while.
fn check_folder(
    named: Option<&Path>,
    input: Option<&Path>,
    overwrite: Overwrite,
) -> Result<(), Failure> {
    let Some(named) = named else { return Ok(()) };
    output::check_folder(named)?;
    for name in [RESULT, PAGE] {
        output::check(&named.join(name), input.as_slice(), overwrite)?;
    }
    Ok(())
}
