//! Files that are complete or absent.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Ends the name of every temporary file.
const EXTENSION: &str = ".unfinished";

/// Temporary files for one target at the same time; more writers than that are an error.
const MOST_WRITERS: u32 = 64;

/// Longest part of a target's name, in bytes, that its temporary file repeats: file systems allow
/// 255 bytes for the whole name.
const LONGEST_STEM: usize = 200;

/// Writes the file at `path` with `write`, which gets a buffered writer.
///
/// The contents go to a temporary file beside the target, are flushed to the disk and then renamed,
/// so whoever opens `path` sees either what was there before or all of the new contents, also after
/// a crash. A file that exists keeps its permissions. A path that names a device or a pipe, such as
/// `/dev/null`, is written to directly.
///
/// # Errors
/// The file could not be created or written, or `write` failed; what was at `path` is unchanged.
pub fn write_atomically<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<AtomicFile>) -> io::Result<T>,
) -> io::Result<T> {
    let mut out = BufWriter::new(AtomicFile::create(path)?);
    let written = write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
    Ok(written)
}

/// A file being written; it appears under its name when it is [committed](AtomicFile::commit).
/// Dropped before that, it leaves nothing.
///
/// Writes are not buffered.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    /// None where the target is written to directly.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Starts writing the file at `path`. A symbolic link is followed: what it points to is replaced.
    ///
    /// # Errors
    /// The folder takes no new file, or `path` is a folder.
    pub fn create(path: &Path) -> io::Result<AtomicFile> {
        let existing = match fs::metadata(path) {
            Ok(existing) if !existing.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(AtomicFile { file, pending: None });
            }
            Ok(existing) => Some(existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let target = match existing {
            Some(_) => fs::canonicalize(path)?,
            None => path.to_path_buf(),
        };
        let (file, temporary) = create_temporary(&target, existing.is_some())?;
        let file = AtomicFile { file, pending: Some(Pending { temporary, target }) };
        if let Some(existing) = existing {
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt as _;
                // Only root may give a file to somebody else.
                let (owner, group) = (existing.uid(), existing.gid());
                let _ = std::os::unix::fs::fchown(&file.file, Some(owner), Some(group));
            }
            file.file.set_permissions(existing.permissions())?;
        }
        Ok(file)
    }

    /// Flushes the contents to the disk and puts the file in its place.
    ///
    /// # Errors
    /// Flushing or renaming failed; what was at the path is unchanged.
    pub fn commit(mut self) -> io::Result<()> {
        let Some(pending) = &self.pending else { return Ok(()) };
        self.file.sync_all()?;
        fs::rename(&pending.temporary, &pending.target)?;
        let folder = folder_of(&pending.target).to_path_buf();
        self.pending = None;
        File::open(folder)?.sync_all()
    }

    /// Puts the file in its place without waiting for the disk: for files that can be made again.
    /// After a power failure the file may be empty.
    ///
    /// # Errors
    /// Renaming failed; what was at the path is unchanged.
    pub fn commit_unsynced(mut self) -> io::Result<()> {
        let Some(pending) = &self.pending else { return Ok(()) };
        fs::rename(&pending.temporary, &pending.target)?;
        self.pending = None;
        Ok(())
    }

    /// Where the contents are until they are committed: to read them back, for example. None for a
    /// device or a pipe.
    pub fn temporary(&self) -> Option<&Path> {
        self.pending.as_ref().map(|pending| pending.temporary.as_path())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.file.write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(pending) = &self.pending {
            let _ = fs::remove_file(&pending.temporary);
        }
    }
}

/// Whether `name` is that of a temporary file, which the next write of its target may remove.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(EXTENSION)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates the temporary file for `target` and locks it for as long as it is open. A file of the
/// same name that nobody has locked was left by a process that died, and is removed. A `private`
/// file can be opened by its owner only.
fn create_temporary(target: &Path, private: bool) -> io::Result<(File, PathBuf)> {
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    for nth in 0..MOST_WRITERS {
        let path = target.with_file_name(temporary_name(name, nth));
        // Somebody else may be removing the same leftover: the second look decides.
        for _ in 0..2 {
            match options.open(&path) {
                Ok(file) => {
                    // A file system without locks only lacks the removal of leftovers.
                    let locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    if locked && is_at(&file, &path) {
                        return Ok((file, path));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !remove_leftover(&path) {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        format!("{MOST_WRITERS} temporary files for it exist already, named .*{EXTENSION}"),
    ))
}

/// `.NAME.unfinished`, `.NAME.1.unfinished` and so on; a long name is cut.
fn temporary_name(name: &OsStr, nth: u32) -> OsString {
    let mut temporary = OsString::from(".");
    if name.len() <= LONGEST_STEM {
        temporary.push(name);
    } else {
        temporary.push(name.to_string_lossy().chars().take(LONGEST_STEM / 4).collect::<String>());
    }
    if nth > 0 {
        temporary.push(format!(".{nth}"));
    }
    temporary.push(EXTENSION);
    temporary
}

/// Removes the temporary file at `path` if no process holds it.
fn remove_leftover(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
    file.try_lock().is_ok() && is_at(&file, path) && fs::remove_file(path).is_ok()
}

/// Whether `path` itself, and no link at it, is the open `file`.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    named.is_file() && crate::output::identity(&open) == crate::output::identity(&named)
}
