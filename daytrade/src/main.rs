//! The one binary: command line, wiring, shutdown. It alone knows all services.
#![allow(unreachable_pub, reason = "a binary exports nothing")]

mod audit;
mod cli;
mod experiment;
mod followers;
mod keys;
mod orders;
mod output;
mod quote_server;
mod replay;
mod restore;
mod setup;
mod system;
mod terminal;
mod up;
mod urls;
mod usage;
mod verify;
mod workload_files;

#[cfg(test)]
#[path = "../tests/seeds/mod.rs"]
mod seeds;

use clap::Parser;
use cli::{Cli, Command, WorkloadCommand};
use std::process::ExitCode;

/// Why a command ended without doing what was asked.
enum Failure {
    /// The command line asks for what cannot be, or there is nothing to give a verdict on: exit
    /// code 2.
    Usage(anyhow::Error),
    /// Something went wrong: exit code 1.
    Fault(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Fault(error.into())
    }
}

fn main() -> ExitCode {
    let colored = terminal::set_colors();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Also `--help` and `--version`.
        Err(stop) => return after_output(usage::tell(&stop)),
    };
    tracing_subscriber::fmt()
        .with_writer(move || terminal::LogLines { colored })
        .with_ansi(colored)
        .with_max_level(cli.log_level())
        .with_target(false)
        .init();
    let done = match cli.command {
        Command::Up(options) => up::run(*options),
        Command::User(command) => up::user(command),
        Command::Replay(options) => replay::run(*options),
        Command::Verify(options) => verify::run(options),
        Command::Audit(command) => audit::run(*command),
        Command::Orders(options) => orders::run(&options),
        Command::QuoteServer(options) => quote_server::run(options),
        Command::Experiment(command) => experiment::run(command),
        Command::Workload(WorkloadCommand::Generate(options)) => workload_files::generate(options),
    };
    match done {
        Ok(code) => after_output(code),
        Err(Failure::Usage(error)) => {
            terminal::warn(format_args!("error: {}", terminal::with_causes(&error)));
            ExitCode::from(2)
        }
        Err(Failure::Fault(error)) => {
            terminal::warn(format_args!("error: {}", terminal::with_causes(&error)));
            ExitCode::from(1)
        }
    }
}

/// The exit code of a command that ends with `code`: 1 if not all of its results could be written.
fn after_output(code: ExitCode) -> ExitCode {
    match terminal::output_error() {
        None => code,
        Some(error) => {
            terminal::warn(format_args!("error: failed to write to standard output: {error}"));
            ExitCode::from(1)
        }
    }
}
