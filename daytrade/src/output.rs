//! Where commands write the files that their users name.

use crate::Failure;
use anyhow::anyhow;
use audit_logger::log::segments;
use audit_logger::proof::key;
use clap::Args;
use files::{OutputError, OutputFile};
use std::path::{Path, PathBuf};

/// Whether files that exist may be overwritten.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// Overwrite output files that exist. Inputs, signing keys and the files of a log are never
    /// overwritten
    #[arg(long)]
    pub force: bool,
}

/// Where a command that reads `inputs` writes if the user names `path`; none for standard output,
/// which `-` and `/dev/stdout` name.
pub fn target(
    path: Option<&Path>,
    inputs: &[impl AsRef<Path>],
    overwrite: Overwrite,
) -> Result<Option<OutputFile>, Failure> {
    let standard = ["-", "/dev/stdout"].map(Path::new);
    match path.filter(|path| !standard.contains(path)) {
        Some(path) => Ok(Some(check(path, inputs, overwrite)?)),
        None => Ok(None),
    }
}

/// Decides whether a command that reads `inputs` may write the file at `path`.
pub fn check(
    path: &Path,
    inputs: &[impl AsRef<Path>],
    overwrite: Overwrite,
) -> Result<OutputFile, Failure> {
    if let Some(log) = folder_of(path).and_then(|folder| log_around(&folder)) {
        return Err(Failure::Usage(anyhow!(
            "{}: {} is the folder of a log; name an output file elsewhere",
            path.display(),
            log.display()
        )));
    }
    let file = OutputFile::check(path, inputs, overwrite.force).map_err(|error| match error {
        OutputError::Io { .. } => Failure::Fault(error.into()),
        _ => Failure::Usage(error.into()),
    })?;
    if path.is_file() && key::holds_key(path) {
        return Err(Failure::Usage(anyhow!(
            "{}: it holds a signing key, which is never overwritten; name another output file",
            path.display()
        )));
    }
    Ok(file)
}

/// Decides whether a command may use `folder` for its output: not that of a log, nor one in it.
pub fn check_folder(folder: &Path) -> Result<(), Failure> {
    let real = folder_of(&folder.join("file"));
    if let Some(log) = real.and_then(|real| log_around(&real)) {
        return Err(Failure::Usage(anyhow!(
            "{}: {} is the folder of a log; name an output folder elsewhere",
            folder.display(),
            log.display()
        )));
    }
    Ok(())
}

/// The folder that the file at `path` is in, through links; if it is not there yet, the next one
/// above that is.
fn folder_of(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return real.parent().map(Path::to_path_buf);
    }
    path.ancestors().skip(1).find_map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new(".").canonicalize().ok(),
        false => folder.canonicalize().ok(),
    })
}

/// The log that `folder` holds or is inside of.
fn log_around(folder: &Path) -> Option<PathBuf> {
    // Programs of others lock folders by a file of the same name.
    let locked = segments::has_lock_file(folder).then_some(folder);
    locked.or_else(|| folder.ancestors().find(|above| holds_segments(above))).map(Path::to_path_buf)
}

fn holds_segments(folder: &Path) -> bool {
    segments::list(folder).is_ok_and(|segments| !segments.is_empty())
}
