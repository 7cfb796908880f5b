//! The key of this installation, as the command line names it.

use crate::terminal::{during, warn, with_causes};
use anyhow::{Context as _, anyhow};
use audit_logger::LogError;
use audit_logger::follow::LogId;
use audit_logger::log::actor::LogSummary;
use audit_logger::log::snapshot::SnapshotHash;
use audit_logger::proof::{
    self, Checkpoint, InstallationKey, KeyError, PublicKey, checkpoint, key,
};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which key signs.
#[derive(Args, Clone, Debug, Default)]
pub struct KeyArgs {
    /// Key file for signing checkpoints; created if it does not exist and nobody else has signed the
    /// log. If not given, `$XDG_DATA_HOME/daytrade/signing.key` or
    /// `~/.local/share/daytrade/signing.key`
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl KeyArgs {
    fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(match &self.key {
            Some(path) => path.clone(),
            None => key::default_path()?,
        })
    }

    /// The key that is meant; it is made if it is not there.
    pub fn load(&self) -> anyhow::Result<InstallationKey> {
        Ok(InstallationKey::load_or_make(&self.path()?)?)
    }

    /// The key that is meant, if it is there.
    pub fn existing(&self) -> anyhow::Result<Option<InstallationKey>> {
        let path = self.path()?;
        Ok(if path.exists() { Some(InstallationKey::load(&path)?) } else { None })
    }

    /// The key that is to sign the log in `folder`. It is made only for a log that it may sign: one
    /// that is refused leaves no key behind.
    pub fn load_for(&self, folder: &Path) -> anyhow::Result<InstallationKey> {
        if let Some(key) = self.existing()? {
            return Ok(key);
        }
        during("checking the log", || proof::signable_by_a_new_key(folder))?;
        self.load()
    }

    /// The file that is named.
    pub fn file(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    /// Whether a file is named.
    pub fn is_given(&self) -> bool {
        self.key.is_some()
    }

    /// The public keys whose snapshots are used: that of the key that is meant, and this
    /// installation's own. A key that cannot be loaded, because others may read it for example, is
    /// not trusted.
    pub fn trusted(&self) -> Vec<PublicKey> {
        let meant = self.existing().ok().flatten().map(|key| key.public());
        meant.into_iter().chain(own_public_key().filter(|own| Some(*own) != meant)).collect()
    }
}

/// The public key of this installation, if it has one: of its private key, or, where only checks are
/// made, the public half that somebody put in its place.
pub fn own_public_key() -> Option<PublicKey> {
    let path = key::default_path().ok()?;
    if path.exists() {
        match InstallationKey::load(&path) {
            Ok(key) => return Some(key.public()),
            // What others could have signed proves nothing.
            Err(KeyError::Open { .. }) => return None,
            // It belongs to another user: the public half is there for everybody.
            Err(_) => {}
        }
    }
    fs::read_to_string(key::public_path(&path)).ok()?.parse().ok()
}

/// Whether a key of `trusted` has signed the log in `folder` up to entry `last`.
///
/// # Errors
/// The checkpoints cannot be read.
pub fn is_signed(folder: &Path, last: u64, trusted: &[PublicKey]) -> Result<bool, LogError> {
    let mut checkpoints =
        checkpoint::list(folder)?.into_iter().filter_map(|kept| kept.checkpoint.ok());
    Ok(checkpoints.any(|it| it.entries == last && trusted.contains(&it.key) && it.is_signed()))
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

/// The key that signs the log in `folder`, if it may: a log that somebody else has signed is not
/// signed with another key, so that whoever trusts that signature can still check it. A run that
/// named no key continues without one.
pub fn of_run(args: &KeyArgs, folder: &Path) -> anyhow::Result<Option<InstallationKey>> {
    match of_log(args, folder) {
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

fn of_log(args: &KeyArgs, folder: &Path) -> anyhow::Result<InstallationKey> {
    let signers = signers(folder)?;
    let existing = args.existing()?;
    if signers.is_empty() {
        return existing.map_or_else(|| args.load(), Ok);
    }
    existing
        .filter(|key| signers.contains(&key.public()))
        .ok_or_else(|| anyhow!("the log is signed with another key, {}", signers[0]))
}

/// The keys that have signed the log in `folder`, the one that signed last first.
fn signers(folder: &Path) -> Result<Vec<PublicKey>, LogError> {
    let checkpoints = checkpoint::list(folder)?.into_iter().rev();
    let signed = checkpoints.filter_map(|kept| kept.checkpoint.ok()).filter(Checkpoint::is_signed);
    Ok(signed.map(|checkpoint| checkpoint.key).collect())
}

/// Signs what a run leaves in the log in `folder`, with the snapshot of it if there is one. A log
/// that nobody vouches for is as good: it can be vouched for later.
pub fn vouch(
    key: &InstallationKey,
    folder: &Path,
    log: &LogSummary,
    snapshot: Option<SnapshotHash>,
    now_ms: u64,
) {
    let vouched = LogId::of(folder).map_err(anyhow::Error::from).and_then(|id| {
        let id = id.ok_or_else(|| anyhow!("the log is gone"))?;
        let checkpoint = Checkpoint::sign(key, id, log.last, log.chain, now_ms);
        let checkpoint = match snapshot {
            Some(hash) => checkpoint.with_snapshot(key, hash),
            None => checkpoint,
        };
        Ok(checkpoint.renew(folder, key)?)
    });
    if let Err(error) = vouched {
        warn(format_args!(
            "note: no checkpoint was signed ({}); daytrade audit prove does",
            with_causes(&error)
        ));
    }
}
