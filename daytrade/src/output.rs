//! Where commands write the files that their users name.

use crate::Failure;
use anyhow::anyhow;
use audit_logger::log::segments;
use clap::Args;
use files::{OutputError, OutputFile};
use std::path::{Path, PathBuf};

/// Whether files that exist may be overwritten.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// Overwrite output files that exist. Inputs and the files of a log are never overwritten
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
    if let Some(log) = folder_of(path).filter(|folder| holds_log(folder)) {
        return Err(Failure::Usage(anyhow!(
            "{}: {} is the folder of a log; name an output file elsewhere",
            path.display(),
            log.display()
        )));
    }
    OutputFile::check(path, inputs, overwrite.force).map_err(|error| match error {
        OutputError::Io { .. } => Failure::Fault(error.into()),
        _ => Failure::Usage(error.into()),
    })
}

/// Decides whether a command may use `folder` for its output: not that of a log, nor one in it.
pub fn check_folder(folder: &Path) -> Result<(), Failure> {
    let above = folder_of(folder);
    for log in [Some(folder.to_path_buf()), above].into_iter().flatten() {
        if holds_log(&log) {
            return Err(Failure::Usage(anyhow!(
                "{}: {} is the folder of a log; name an output folder elsewhere",
                folder.display(),
                log.display()
            )));
        }
    }
    Ok(())
}

/// The folder that the file at `path` is in, through links.
fn folder_of(path: &Path) -> Option<PathBuf> {
    // Where there is no such file yet, its folder is what counts.
    let real = path.canonicalize().or_else(|_| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok::<_, std::io::Error>(folder.unwrap_or(Path::new(".")).canonicalize()?.join("file"))
    });
    real.ok()?.parent().map(Path::to_path_buf)
}

fn holds_log(folder: &Path) -> bool {
    segments::has_lock_file(folder)
        || segments::list(folder).is_ok_and(|segments| !segments.is_empty())
}
