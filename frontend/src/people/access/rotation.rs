//! A file that is continued under other names when it is long: `access.jsonl`, `access.jsonl.1`,
//! and so on to the oldest, which is removed. Several processes may append to it at once.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The longest file, in bytes.
pub const LONGEST_FILE: u64 = 16 << 20;

/// Older files that are kept.
pub const KEPT_FILES: u32 = 4;

/// The file.
pub(super) struct RotatedFile {
    path: PathBuf,
    longest: u64,
}

impl RotatedFile {
    /// The file at `path`, made where there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<RotatedFile> {
        open(path)?;
        Ok(RotatedFile { path: path.to_path_buf(), longest: LONGEST_FILE })
    }

    /// Appends `lines` and flushes them.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut file = self.locked()?;
        let length = file.metadata()?.len();
        if length > 0 && length + lines.len() as u64 > self.longest {
            self.rotate()?;
            // The lock of the old file is held until here: nobody else renames meanwhile.
            file = self.locked()?;
        }
        file.write_all(lines)?;
        file.sync_data()
    }

    /// The file, locked: the one that has the name now, not one that was renamed meanwhile.
    fn locked(&self) -> io::Result<File> {
        loop {
            let file = open(&self.path)?;
            file.lock()?;
            if is_at(&file, &self.path)? {
                return Ok(file);
            }
        }
    }

    fn rotate(&self) -> io::Result<()> {
        for nth in (1..KEPT_FILES).rev() {
            match fs::rename(self.older(nth), self.older(nth + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.older(1))
    }

    fn older(&self, nth: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{nth}"));
        PathBuf::from(name)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether `file` is the one that has this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_files_never_exceed_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.jsonl");
        let mut file = RotatedFile::open(&path).unwrap();
        file.longest = 1000;
        for nth in 0..2000 {
            file.append(format!("line {nth}\n").as_bytes()).unwrap();
        }
        let files: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1 + KEPT_FILES as usize);
        assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() <= 1000));
        // Names go from newest to oldest, and nothing is missing between.
        let older: String = (1..=KEPT_FILES)
            .rev()
            .map(|nth| fs::read_to_string(file.older(nth)).unwrap())
            .collect();
        let all = older + &fs::read_to_string(&path).unwrap();
        let numbers: Vec<u32> =
            all.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|one, next| one + 1 == *next), "{numbers:?}");
        assert_eq!(numbers.last(), Some(&1999));
    }

    #[test]
    fn two_processes_rotate_without_losing_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut file = RotatedFile::open(path).unwrap();
                    file.longest = 2000;
                    for nth in 0..100 {
                        file.append(format!("{writer} {nth}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        let files = fs::read_dir(folder.path()).unwrap();
        let text: String =
            files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        assert_eq!(text.lines().collect::<BTreeSet<_>>().len(), 400);
    }
}
