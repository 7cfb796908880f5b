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
use crate::replay::folder::OutFolder;
use crate::terminal::say;
use anyhow::Context;
pub use options::ExperimentCommand;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

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
    let mut json = serde_json::to_string_pretty(result)?;
    json.push('\n');
    put(&out.path().join("result.json"), &json)?;
    let page_path = out.path().join("index.html");
    put(&page_path, page)?;
    say(format_args!("\nthe page: {}", page_path.display()));
    Ok(())
}

/// A file that is there is there whole, whenever the process is killed.
fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| path.display().to_string())
}
