//! The key of this installation, as the command line names it.

use crate::terminal::{warn, with_causes};
use anyhow::{Context as _, anyhow};
use audit_logger::follow::LogId;
use audit_logger::log::actor::LogSummary;
use audit_logger::proof::{Checkpoint, InstallationKey, PublicKey, key};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which key signs.
#[derive(Args, Clone, Debug, Default)]
pub struct KeyArgs {
    /// The file of the key that signs checkpoints; it is made if it is not there. If not given,
    /// `$XDG_DATA_HOME/daytrade/signing.key` or `~/.local/share/daytrade/signing.key`
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl KeyArgs {
    /// The key that is meant.
    pub fn load(&self) -> anyhow::Result<InstallationKey> {
        let path = match &self.key {
            Some(path) => path.clone(),
            None => key::default_path()?,
        };
        Ok(InstallationKey::load_or_make(&path)?)
    }

    /// Whether a file is named.
    pub fn is_given(&self) -> bool {
        self.key.is_some()
    }
}

/// The public key of this installation, if it has one.
pub fn own_public_key() -> Option<PublicKey> {
    let path = key::public_path(&key::default_path().ok()?);
    fs::read_to_string(path).ok()?.parse().ok()
}

/// A public key, or the file that holds one.
pub fn public_key(text: &str) -> Result<PublicKey, String> {
    text.parse().or_else(|wrong| match fs::read_to_string(text) {
        Ok(held) => held.parse(),
        Err(_) => Err(wrong),
    })
}

/// Now, in Unix milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The key of a run, which goes on without one where none was asked for and none can be had.
pub fn of_run(args: &KeyArgs) -> anyhow::Result<Option<InstallationKey>> {
    match args.load() {
        Ok(key) => Ok(Some(key)),
        Err(error) if args.is_given() => Err(error).context("--key"),
        Err(error) => {
            warn(format_args!(
                "note: this run signs no checkpoints ({}); --key names the file of a key",
                with_causes(&error)
            ));
            Ok(None)
        }
    }
}

/// Signs what a run leaves in the log in `folder`. A log that nobody vouches for is as good: it can
/// be vouched for later.
pub fn vouch(key: Option<&InstallationKey>, folder: &Path, log: &LogSummary, now_ms: u64) {
    let Some(key) = key.filter(|_| log.last > 0) else { return };
    let vouched = LogId::of(folder).map_err(anyhow::Error::from).and_then(|id| {
        let id = id.ok_or_else(|| anyhow!("the log is gone"))?;
        Ok(Checkpoint::sign(key, id, log.last, log.chain, now_ms).save(folder)?)
    });
    if let Err(error) = vouched {
        warn(format_args!(
            "note: no checkpoint was signed ({}); daytrade audit prove does",
            with_causes(&error)
        ));
    }
}
