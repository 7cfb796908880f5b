//! Puts a server of `daytrade up` under load and tells how it does.
//!
//! ```sh
//! cargo build --release -p daytrade && cargo build --release -p frontend --example load
//! target/release/examples/load commands --rate 5000 --seconds 20
//! ```
//!
//! Without `--address` it starts a server of its own, with its data in a temporary folder. Users
//! are signed up from addresses of the loopback network (127.0.0.0/8), each within the limits of
//! the server: nothing is turned off for the test, but that a user may have as many websockets as
//! share one (`--user-streams`; a server that runs is to be started so).
#![allow(clippy::print_stdout, reason = "a program that prints what it measured")]

mod commands;
mod fanout;
mod people;
mod plain;
mod report;
mod server;
mod sign_ins;
mod sockets;
mod wire;

use clap::{Args, Parser, Subcommand};
use report::Report;
use server::Server;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a scenario ends with.
type Done = Result<Report, Box<dyn Error>>;

/// Puts a server of `daytrade up` under load and tells how it does.
#[derive(Parser)]
#[command(name = "load")]
struct Options {
    #[command(flatten)]
    common: Common,

    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Args)]
struct Common {
    /// A server that runs; one is started if not given
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    address: Option<SocketAddr>,

    /// The process of that server, for its memory and processor time
    #[arg(long, global = true, value_name = "PID", requires = "address")]
    pid: Option<u32>,

    /// The program to start [default: `daytrade` of the same build]
    #[arg(long, global = true, value_name = "FILE")]
    daytrade: Option<PathBuf>,

    /// Print one object of JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many open websockets that each hear of a price now and then
    Sockets(sockets::Options),
    /// Many pushes: accounts that change, each watched by many websockets
    Fanout(fanout::Options),
    /// Commands over websockets at a steady rate, each timed from when it was due
    Commands(commands::Options),
    /// Commands alone, then beside a flood of sign-ins
    SignIns(sign_ins::Options),
}

fn main() -> ExitCode {
    let Options { common, scenario } = Options::parse();
    match run(&common, scenario) {
        Ok(report) => {
            report.print(common.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(common: &Common, scenario: Scenario) -> Done {
    let files = wire::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    // What they share, and one that drives.
    let streams = match &scenario {
        Scenario::Sockets(options) => options.of_a_user() + 1,
        Scenario::Fanout(options) => options.of_a_user() + 1,
        Scenario::Commands(_) | Scenario::SignIns(_) => 1,
    };
    let server = Server::of(common, streams)?;
    tasks.block_on(&runtime, async {
        match scenario {
            Scenario::Sockets(options) => sockets::run(&server, &options, files).await,
            Scenario::Fanout(options) => fanout::run(&server, &options, files).await,
            Scenario::Commands(options) => commands::run(&server, &options).await,
            Scenario::SignIns(options) => sign_ins::run(&server, &options).await,
        }
    })
}
