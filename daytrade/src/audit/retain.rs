//! `daytrade audit retain`.

use super::Data;
use crate::Failure;
use crate::keys::{KeyArgs, now_ms};
use crate::terminal::{during, say};
use audit_logger::log::segments;
use audit_logger::proof::{self, InstallationKey, Retained};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
pub struct RetainOptions {
    #[command(flatten)]
    data: Data,

    /// Keep at least the newest N entries; older segments go as a whole, once every store that
    /// follows the log and a snapshot have passed them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep: u64,

    #[command(flatten)]
    key: KeyArgs,
}

pub fn run(options: &RetainOptions) -> Result<ExitCode, Failure> {
    let folder = options.data.log()?;
    say(retain(&folder, options.keep, &options.key.load()?)?);
    Ok(ExitCode::SUCCESS)
}

/// Removes what is not to be kept of the log in `folder`; returns what to say of it.
pub fn retain(folder: &Path, keep: u64, key: &InstallationKey) -> anyhow::Result<String> {
    let _lock = segments::lock(folder)?;
    let done = during("checking the log", || proof::retain::retain(folder, keep, key, now_ms()))?;
    Ok(told(&done))
}

fn told(done: &Retained) -> String {
    let left = format!("entries {} to {} are left", HumanCount(done.first), HumanCount(done.last));
    let mut text = match done.segments {
        0 => format!("retain   nothing to remove: {left}"),
        segments => {
            format!("retain   {segments} segments removed, {}: {left}", HumanBytes(done.bytes))
        }
    };
    for holder in &done.held_by {
        text.push_str(&format!("\n         more is needed by {holder}"));
    }
    text
}
