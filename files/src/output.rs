//! Where a command may write.

use crate::atomic::AtomicFile;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a command does not write to a path.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It would destroy what the command reads.
    #[error("{} is also an input ({}); name another output file", path.display(), input.display())]
    IsInput {
        /// The output.
        path: PathBuf,
        /// The input, as it was given.
        input: PathBuf,
    },
    /// There is a file already.
    #[error("{} exists; --force overwrites it", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// There is a folder.
    #[error("{} is a folder; a file name is expected", path.display())]
    IsFolder {
        /// The output.
        path: PathBuf,
    },
    /// The path cannot be looked at.
    #[error("{}", path.display())]
    Io {
        /// The output.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// A path that a command may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    /// Decides whether a command that reads `inputs` may write to `path`: not if it is one of the
    /// inputs, by whatever name (compared by device and inode), and not if a file with contents is
    /// there, unless `overwrite`. An input `-` is standard input. Devices and pipes are always
    /// allowed.
    ///
    /// # Errors
    /// The path must not be written to, or cannot be looked at.
    pub fn check(
        path: &Path,
        inputs: &[impl AsRef<Path>],
        overwrite: bool,
    ) -> Result<OutputFile, OutputError> {
        let path = path.to_path_buf();
        let existing = match fs::metadata(&path) {
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(OutputFile { path });
            }
            Err(source) => return Err(OutputError::Io { path, source }),
        };
        if existing.is_dir() {
            return Err(OutputError::IsFolder { path });
        }
        if !existing.is_file() {
            return Ok(OutputFile { path });
        }
        if let Some(input) = inputs.iter().find(|input| same_file(&path, input.as_ref())) {
            return Err(OutputError::IsInput { path, input: input.as_ref().to_path_buf() });
        }
        // An empty file holds nothing to lose: `mktemp` makes such.
        if !overwrite && existing.len() > 0 {
            return Err(OutputError::Exists { path });
        }
        Ok(OutputFile { path })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts writing.
    ///
    /// # Errors
    /// The folder takes no new file.
    pub fn create(&self) -> io::Result<AtomicFile> {
        AtomicFile::create(&self.path)
    }
}

/// Whether both paths lead to the same regular file, through links too. An `input` of `-` is
/// standard input.
pub fn same_file(path: &Path, input: &Path) -> bool {
    let input = if input == Path::new("-") { Path::new("/dev/stdin") } else { input };
    match (fs::metadata(path), fs::metadata(input)) {
        (Ok(one), Ok(other)) => one.is_file() && identity(&one) == identity(&other),
        _ => false,
    }
}

/// What tells one file from another.
#[cfg(unix)]
pub(crate) fn identity(file: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// What tells one file from another, as far as it can be known.
#[cfg(not(unix))]
pub(crate) fn identity(file: &Metadata) -> impl PartialEq + use<> {
    (file.len(), file.modified().ok(), file.created().ok())
}
