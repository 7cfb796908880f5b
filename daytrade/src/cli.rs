//! The command line.

use crate::audit::AuditCommand;
use crate::experiment::ExperimentCommand;
use crate::keys::KeyArgs;
use crate::orders::OrdersOptions;
use crate::output::Overwrite;
use crate::setup::SetupArgs;
use crate::up::{UpOptions, UserCommand};
use crate::urls::UrlParser;
use audit_logger::elasticsearch::SearchUrl;
use audit_logger::postgres::PostgresUrl;
use clap::{Args, Parser, Subcommand, ValueEnum};
use quote_manager::simulator::{DelayModel, Faults};
use quote_manager::source::Connect;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use workload::player::Rate;

/// A trading simulator: replays course workloads into a verified audit log, and serves a trading screen.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Say more about what happens inside; twice for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Cli {
    pub fn log_level(&self) -> LevelFilter {
        match self.verbose {
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        }
    }
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the whole system with its trading screen, and print the address to open
    Up(Box<UpOptions>),
    /// Add users that may sign in, give them roles and passwords
    #[command(subcommand)]
    User(UserCommand),
    /// Run the commands of workload files and write the audit log, the accounts and a report
    Replay(Box<ReplayOptions>),
    /// Check an XML audit log: its form, every rule, every cent
    ///
    /// Exit codes: 0 the log is good, 1 it is bad, 2 it or a workload cannot be read, or the
    /// command line is wrong.
    Verify(VerifyOptions),
    /// Look at the log of a run: find entries, tell a transaction, tell an account as it was
    #[command(subcommand)]
    Audit(Box<AuditCommand>),
    /// List the armed orders of a run by stock, with their distance to the price
    Orders(OrdersOptions),
    /// Be a quote server like the course's: its protocol, its delays and its faults
    QuoteServer(QuoteServerOptions),
    /// Measure what quotes and stores take and cost, and draw it
    #[command(subcommand)]
    Experiment(ExperimentCommand),
    /// Make workload files
    #[command(subcommand)]
    Workload(WorkloadCommand),
}

#[derive(Subcommand)]
pub enum WorkloadCommand {
    /// Write a workload file in the form of the course's to standard output or to a file
    Generate(GenerateOptions),
}

#[derive(Args)]
pub struct ReplayOptions {
    /// Workload files, plain or gzip-compressed, played one after the other; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub setup: SetupArgs,

    /// A Postgres that follows the log while the run goes on:
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`. The run waits at its end until every
    /// entry is there; a server that is slow or gone never holds it up before
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    pub audit: Option<PostgresUrl>,

    /// An Elasticsearch that follows the log in the same way: `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    pub search: Option<SearchUrl>,

    /// Play so many commands a second, also fewer than one (`0.1`); as fast as they are taken if
    /// not given. A command that cannot be sent in time counts as received when it was due
    #[arg(long, value_name = "N")]
    pub rate: Option<Rate>,

    /// `real` time, or `virtual` time: one thread, waiting takes no time, and the same files and
    /// seed give the same log to the byte
    #[arg(long, default_value = "real")]
    pub clock: ClockKind,

    /// The folder for everything that the run writes; a new numbered folder under `out` if not
    /// given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on with the run whose log is in the folder: what the log holds is left out
    #[arg(long, requires = "out")]
    pub resume: bool,

    /// End with exit code 3 if a line of the files holds no command, or if a command was rejected
    /// because no price could be fetched; do not begin (exit code 1) if a quote server at
    /// `tcp://HOST:PORT` takes no connection
    #[arg(long)]
    pub strict: bool,

    /// Write the number of every transaction to this file as soon as it is durable; with --resume,
    /// append to it
    #[arg(long, value_name = "FILE")]
    pub acknowledgements: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,

    /// The name of this server in the XML log
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    pub server: String,

    #[command(flatten)]
    pub key: KeyArgs,

    /// Begin a new segment of the log once one has so many MiB; complete ones are signed and
    /// compressed beside the run
    #[arg(long, default_value_t = 256, value_name = "MIB",
          value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub segment_mib: u64,

    /// Leave complete segments as they are
    #[arg(long)]
    pub no_compress: bool,

    /// At the end, keep at least the newest N entries of the log: older segments go as a whole,
    /// once every store that follows the log and a snapshot have passed them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub retain: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClockKind {
    Real,
    Virtual,
}

/// Where prices come from.
#[derive(Clone, Debug)]
pub enum QuoteSource {
    /// The simulator, inside this process.
    Simulator,
    /// One price for all.
    Fixed(domain::trading::Price),
    /// A server.
    Server { address: String, connect: Connect },
}

impl FromStr for QuoteSource {
    type Err = String;

    fn from_str(text: &str) -> Result<QuoteSource, String> {
        if text == "sim" {
            return Ok(QuoteSource::Simulator);
        }
        if let Some(price) = text.strip_prefix("fixed:") {
            return domain::trading::Price::parse(price.as_bytes())
                .map(QuoteSource::Fixed)
                .ok_or("a price is a decimal from 0.01 to 1000000.00".to_string());
        }
        if let Some(address) = text.strip_prefix("tcp://") {
            let connect = Connect::parse(address).map_err(|error| error.to_string())?;
            return Ok(QuoteSource::Server { address: address.to_string(), connect });
        }
        Err("`sim`, `fixed:PRICE` or `tcp://HOST:PORT` is expected".to_string())
    }
}

#[derive(Args)]
pub struct VerifyOptions {
    /// The XML log
    #[arg(value_name = "LOG.xml")]
    pub log: PathBuf,

    /// The workload file that was played; more than one in the order they were played
    #[arg(long, value_name = "FILE")]
    pub workload: Vec<PathBuf>,

    /// The timestamps that the log may have, in Unix milliseconds (the course's schema bounds
    /// them to its semester)
    #[arg(long, value_name = "MIN..MAX", value_parser = parse_range)]
    pub timestamps: Option<RangeInclusive<u64>>,

    /// Take it that users sign up, which an XML log does not show: one without an accepted ADD may
    /// have an account with nothing in it. For logs of `daytrade up`
    #[arg(long)]
    pub registrations: bool,

    /// How many findings are shown
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub findings: usize,
}

fn parse_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let expected = || "two Unix times in milliseconds with `..` between them".to_string();
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let from = from.parse().map_err(|_| expected())?;
    let to = to.parse().map_err(|_| expected())?;
    if from > to {
        return Err("the first time is later than the last".to_string());
    }
    Ok(from..=to)
}

#[derive(Args)]
pub struct QuoteServerOptions {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:4444", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,

    /// How long answers take: `none`, `measured` (like the course's server) or a CSV file with a
    /// delay in seconds on each line
    #[arg(long, default_value = "measured", value_name = "DELAY")]
    pub delay: DelayModel,

    /// What goes wrong, as shares of the answers, for example `na=0.05,garbage=0.01,silence=0.02`
    #[arg(long, default_value = "none", value_name = "FAULTS")]
    pub faults: Faults,

    /// Prices and delays follow from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// Asking again for a stock while a slow request for it is on its way brings nothing
    #[arg(long)]
    pub sticky: bool,

    /// How far the server's clock is off
    #[arg(long, default_value_t = 0, value_name = "MS", allow_negative_numbers = true)]
    pub skew_ms: i64,

    /// With more requests than this at once cryptokeys come out broken
    #[arg(long, value_name = "N")]
    pub corrupts_above: Option<u32>,
}

#[derive(Args)]
pub struct GenerateOptions {
    /// How many users there are
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub users: u32,

    /// How many commands the file has, the final DUMPLOG included
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub commands: u64,

    /// How many stocks are traded
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub stocks: u32,

    /// `course`: the mix and the rejects of the official files; `valid`: most commands are
    /// accepted
    #[arg(long, default_value_t = workload::generate::Profile::Course, value_name = "PROFILE")]
    pub profile: workload::generate::Profile,

    /// The file follows from this number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The file to write; standard output if not given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overwrite: Overwrite,
}
