//! Where the delays come from: a file, a server, or the built-in model.

use super::super::options::QuoteDelayOptions;
use super::super::runtime;
use crate::Failure;
use crate::terminal::warn;
use anyhow::anyhow;
use domain::trading::{Stock, UserName};
use futures_util::stream::{StreamExt, iter};
use indicatif::{ProgressBar, ProgressStyle};
use quote_manager::experiment::delays::Delays;
use quote_manager::simulator::DelayModel;
use quote_manager::source::{Connect, LegacyClient};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The longest that an answer is waited for: what a quote is good for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that fails so often in a row is not measured any further.
const FAILURES_IN_A_ROW: usize = 20;

/// Delays, and where they are from.
pub struct Sampled {
    /// The delays.
    pub delays: Delays,
    /// Where they are from.
    pub from: String,
    /// Requests that brought no quote.
    pub failures: usize,
    /// Whether they are real ones, so that a comparison with the built-in model tells something.
    pub measured: bool,
}

/// Takes the sample that was asked for.
pub fn take(options: &QuoteDelayOptions) -> Result<Sampled, Failure> {
    if let Some(file) = &options.file {
        let delays = read(file)?;
        return Ok(Sampled {
            delays,
            from: file.display().to_string(),
            failures: 0,
            measured: true,
        });
    }
    if let Some((address, connect)) = &options.server {
        let (delays, failures) = measure(connect.clone(), address, options)?;
        return Ok(Sampled { delays, from: address.clone(), failures, measured: true });
    }
    let delays = Delays::draw(&DelayModel::Measured, options.samples as usize, options.seed);
    let from = "the built-in model of the course’s server".to_string();
    Ok(Sampled { delays, from, failures: 0, measured: false })
}

/// Reads a file in its own order: whether slow answers follow each other lies in it.
fn read(file: &Path) -> anyhow::Result<Delays> {
    DelayModel::read_csv(file)?;
    let text = std::fs::read_to_string(file)?;
    let seconds = text.lines().filter_map(|line| line.trim().parse::<f64>().ok());
    Delays::new(seconds.map(Duration::from_secs_f64).collect())
        .ok_or_else(|| anyhow!("{}: the delays are gone", file.display()))
}

/// Sends requests to a server, one after the other or a few at once, each for another stock.
fn measure(
    connect: Connect,
    address: &str,
    options: &QuoteDelayOptions,
) -> Result<(Delays, usize), Failure> {
    let client = LegacyClient::new(connect);
    let user = UserName::parse(b"experiment").ok_or_else(|| anyhow!("no user name"))?;
    let bar = ProgressBar::new(u64::from(options.samples));
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar:.cyan/blue} {pos} of {len} requests, {eta} left")
    {
        bar.set_style(style);
    }
    let measured = runtime(false)?.block_on(async {
        let ask = async |nth: u32| {
            let letter = |at: u32| b'A' + (at % 26) as u8;
            let stock = Stock::parse(&[letter(nth / 676), letter(nth / 26), letter(nth)])?;
            let sent = Instant::now();
            let asked = timeout(PATIENCE, client.ask_once(stock, &user)).await;
            bar.inc(1);
            Some(match asked {
                Ok(Ok(_)) => Ok(sent.elapsed()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
            })
        };
        let mut answers = std::pin::pin!(
            iter(0..options.samples).map(ask).buffered(usize::from(options.at_once))
        );
        let (mut delays, mut failures, mut in_a_row) = (Vec::new(), 0, 0);
        while let Some(answer) = answers.next().await {
            match answer {
                Some(Ok(took)) => {
                    delays.push(took);
                    in_a_row = 0;
                }
                Some(Err(error)) => {
                    failures += 1;
                    in_a_row += 1;
                    if failures == 1 {
                        bar.suspend(|| warn(format_args!("warning: {address}: {error}")));
                    }
                    if in_a_row == FAILURES_IN_A_ROW {
                        return Err(anyhow!("{address} fails again and again, at last: {error}"));
                    }
                }
                None => {}
            }
        }
        Ok((delays, failures))
    });
    bar.finish_and_clear();
    let (delays, failures) = measured?;
    let delays = Delays::new(delays).ok_or_else(|| anyhow!("{address} gave no quote"))?;
    Ok((delays, failures))
}
