//! `daytrade experiment quote-delay`: takes the delays of a quote server apart, and finds out what
//! each way to ask makes of them, calculated and tried out.

mod curve;
mod result;
mod sample;
mod show;

use super::options::QuoteDelayOptions;
use super::write;
use crate::Failure;
use crate::replay::folder::OutFolder;
use crate::terminal::say;
use result::Findings;
use std::process::ExitCode;

pub fn run(options: QuoteDelayOptions) -> Result<ExitCode, Failure> {
    super::check_folder(options.out.as_deref(), options.file.as_deref(), options.overwrite)?;
    // A file that cannot be read is told before a folder is made.
    let sampled = sample::take(&options)?;
    let out = OutFolder::make(options.out.as_deref())?;
    let curve = curve::draw(&sampled.delays, &options)?;
    let findings = Findings::of(&sampled, curve, options.seed);
    say(show::report(&findings));
    write(&out, &findings, &show::page::page(&findings))?;
    Ok(ExitCode::SUCCESS)
}
