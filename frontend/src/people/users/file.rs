//! The file of the users: JSON lines that are only ever appended to, each on disk before it counts,
//! and rewritten with one line a user when the server starts. `docs/adr/0013-users-in-a-file.md`
//! says why it is this and no database.
//!
//! More than one process writes it. Whoever changes it holds an exclusive lock on it (`flock`), and
//! whoever reads it a shared one:
//! * A rewritten file replaces the one before by a rename. So a lock counts only if, once it is
//!   held, the path still leads to the locked file; else it is taken again.
//! * Whoever holds the exclusive lock first reads what others have written, and decides by that.
//! * A rewritten file is locked before it is renamed and until its folder is on disk: nobody appends
//!   to a file that a power cut could undo.
//! * Where a write or flush fails, the file is never flushed again: the next change rewrites it.

use super::{Identity, Known, Role, Roles, User, UsersError};
use crate::people::passwords::PasswordHash;
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A line of the file: what is given replaces what stood before.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<PasswordHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<Roles>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) identity: Option<Identity>,
    pub(super) at_ms: u64,
}

/// The file, and how far it has been read.
pub(super) struct UsersFile {
    path: PathBuf,
    read: Option<ReadFile>,
    bytes: u64,
    lines: usize,
    steps: Steps,
}

/// The file that was read last.
struct ReadFile {
    /// Open, so that no other file is given its number.
    _file: File,
    id: FileId,
    /// Whether the folder's entry of it is on disk.
    in_folder: bool,
    /// Whether a write or flush of it failed.
    failed: bool,
}

/// Which file it is that a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> io::Result<FileId> {
        use std::os::unix::fs::MetadataExt;
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> io::Result<FileId> {
        let made = metadata.created()?.duration_since(std::time::UNIX_EPOCH);
        Ok(FileId(0, made.unwrap_or_default().as_nanos() as u64))
    }
}

/// All users, one a line.
pub(super) struct Lines {
    bytes: Vec<u8>,
    lines: usize,
}

/// What was read.
pub(super) struct Read {
    /// Users as they are changed.
    pub(super) lines: Vec<(UserName, Line)>,
    /// Whether these are all lines of another file than before.
    pub(super) anew: bool,
    /// What is wrong with the line behind them.
    pub(super) fault: Option<UsersError>,
}

impl UsersFile {
    pub(super) fn new(path: &Path, steps: Steps) -> UsersFile {
        UsersFile { path: path.to_path_buf(), read: None, bytes: 0, lines: 0, steps }
    }

    pub(super) fn fault(&self, why: io::Error) -> UsersError {
        UsersError::Io { path: self.path.clone(), why }
    }

    /// Lines that were read.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Whether the file is as it was read last, as far as a look at it tells.
    pub(super) fn is_read(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(found) => {
                let id = FileId::of(&found)?;
                let same = self.read.as_ref().is_some_and(|read| read.id == id);
                Ok(same && found.len() == self.bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The file with a shared lock, which keeps it from being changed; none where it is not there.
    pub(super) fn open_shared(&self) -> io::Result<Option<File>> {
        loop {
            self.steps.at("open")?;
            let file = match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            self.steps.lock(&file, true)?;
            if self.leads_to(&file)? {
                return Ok(Some(file));
            }
        }
    }

    /// The file, made where it is not there, with an exclusive lock: nobody else reads or changes
    /// it.
    pub(super) fn open_exclusive(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        for_the_owner(&mut options);
        loop {
            self.steps.at("open")?;
            let file = options.open(&self.path)?;
            self.steps.lock(&file, false)?;
            if self.leads_to(&file)? {
                return Ok(file);
            }
        }
    }

    /// Whether the path still leads to `file`, which is locked.
    fn leads_to(&self, file: &File) -> io::Result<bool> {
        self.steps.at("locked")?;
        match fs::metadata(&self.path) {
            Ok(found) => Ok(FileId::of(&found)? == FileId::of(&file.metadata()?)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the lines of the locked file behind those that were read before. The rest of a line
    /// that a crash cut short is left out; with an exclusive lock it is cut off: it never counted.
    pub(super) fn read(&mut self, file: &mut File, exclusive: bool) -> io::Result<Read> {
        self.steps.at("read")?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata)?;
        let same = self.read.as_ref().is_some_and(|read| read.id == id);
        let anew = !same || metadata.len() < self.bytes;
        if !same {
            // Not a clone of the file: that would share its lock, and keep it.
            let _file = File::open(&self.path)?;
            self.read = Some(ReadFile { _file, id, in_folder: false, failed: false });
        }
        if anew {
            (self.bytes, self.lines) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut read = Read { lines: Vec::new(), anew, fault: None };
        let mut reader = BufReader::new(&*file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(read);
            }
            if line.last() != Some(&b'\n') {
                if exclusive {
                    file.set_len(self.bytes)?;
                }
                return Ok(read);
            }
            match parse(&line) {
                Ok(parsed) => read.lines.push(parsed),
                Err(reason) => {
                    let (path, line) = (self.path.clone(), self.lines + 1);
                    read.fault = Some(UsersError::Line { path, line, reason });
                    return Ok(read);
                }
            }
            self.bytes += length as u64;
            self.lines += 1;
        }
    }

    /// Appends a line to the locked file, which is read to its end; on disk when this returns.
    /// `all` is asked for where the file is to be rewritten first.
    pub(super) fn append(
        &mut self,
        file: &mut File,
        line: &Line,
        all: impl FnOnce() -> io::Result<Lines>,
    ) -> io::Result<()> {
        let mut rewritten;
        let file = match self.read.as_ref().is_some_and(|read| read.failed) {
            true => {
                rewritten = self.rewrite(all()?)?;
                &mut rewritten
            }
            false => file,
        };
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.steps.at("write")?;
        let written = file.write_all(&bytes).and_then(|()| self.steps.sync(file));
        let written = written.and_then(|()| self.sync_folder());
        if written.is_err() {
            if let Some(read) = &mut self.read {
                read.failed = true;
            }
            // What is there of the line is no line.
            let _ = file.set_len(self.bytes);
            return written;
        }
        self.bytes += bytes.len() as u64;
        self.lines += 1;
        Ok(())
    }

    /// Puts a file with one line a user in the place of the one that is locked; returns the new
    /// one, which is locked too.
    pub(super) fn rewrite(&mut self, all: Lines) -> io::Result<File> {
        let Lines { bytes, lines } = all;
        let fresh = self.path.with_extension("fresh");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        for_the_owner(&mut options);
        let mut file = options.open(&fresh)?;
        file.lock()?;
        self.steps.at("rewrite")?;
        file.write_all(&bytes)?;
        self.steps.sync(&file)?;
        self.steps.at("rename")?;
        fs::rename(&fresh, &self.path)?;
        let (_file, id) = (File::open(&self.path)?, FileId::of(&file.metadata()?)?);
        self.read = Some(ReadFile { _file, id, in_folder: false, failed: false });
        (self.bytes, self.lines) = (bytes.len() as u64, lines);
        self.sync_folder()?;
        Ok(file)
    }

    /// Puts the folder's entry of the file on disk, once.
    fn sync_folder(&mut self) -> io::Result<()> {
        let Some(read) = self.read.as_mut().filter(|read| !read.in_folder) else { return Ok(()) };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        self.steps.sync(&File::open(folder.unwrap_or(Path::new(".")))?)?;
        read.in_folder = true;
        Ok(())
    }

    /// The lock of `file` is given up.
    pub(super) fn close(&self, file: File) {
        drop(file);
        let _ = self.steps.at("unlocked");
    }
}

/// Only the owner reads the file: it holds the hashes of passwords.
fn for_the_owner(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

fn parse(line: &[u8]) -> Result<(UserName, Line), String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let user = UserName::parse(line.user.as_bytes()).ok_or("the user is no user name")?;
    Ok((user, line))
}

impl Known {
    /// Takes what a line says.
    pub(super) fn apply(&mut self, user: UserName, line: Line) {
        if let Some(identity) = &line.identity {
            self.by_identity.insert(identity.clone(), user.clone());
        }
        let Line { password, identity, roles, at_ms, .. } = line;
        match self.users.get_mut(&user) {
            Some(there) => {
                there.password = password.or_else(|| there.password.take());
                there.identity = identity.or_else(|| there.identity.take());
                there.roles = roles.unwrap_or_else(|| there.roles.clone());
            }
            None if password.is_none() && identity.is_none() => {
                tracing::warn!(%user, "ignored a change of a user that nobody added");
            }
            None => {
                let roles = roles.unwrap_or_else(|| vec![Role::Trader]);
                self.users.insert(user, User { password, identity, roles, at_ms });
            }
        }
    }

    /// All users as lines, one each, sorted.
    pub(super) fn to_lines(&self) -> io::Result<Lines> {
        let mut bytes = Vec::new();
        let mut users: Vec<_> = self.users.iter().collect();
        users.sort_by_key(|(user, _)| *user);
        for (user, known) in users {
            let User { password, identity, roles, at_ms } = known.clone();
            let line =
                Line { user: user.to_string(), password, identity, roles: Some(roles), at_ms };
            serde_json::to_writer(&mut bytes, &line)?;
            bytes.push(b'\n');
        }
        Ok(Lines { bytes, lines: self.users.len() })
    }

    /// The passwords of all users.
    pub(super) fn passwords(&self) -> HashMap<UserName, Option<PasswordHash>> {
        self.users.iter().map(|(user, known)| (user.clone(), known.password.clone())).collect()
    }
}

/// What happens between the steps of a change: nothing, but in tests.
#[derive(Clone, Default)]
pub(super) struct Steps(#[cfg(test)] pub(super) Option<tests::Hook>);

impl Steps {
    fn at(&self, step: &'static str) -> io::Result<()> {
        #[cfg(test)]
        if let Some(hook) = &self.0 {
            return hook(step);
        }
        let _ = step;
        Ok(())
    }

    fn lock(&self, file: &File, shared: bool) -> io::Result<()> {
        #[cfg(test)]
        if let Some(hook) = &self.0 {
            let lock = if shared { File::try_lock_shared } else { File::try_lock };
            loop {
                match lock(file) {
                    Ok(()) => return Ok(()),
                    Err(fs::TryLockError::WouldBlock) => hook("blocked")?,
                    Err(fs::TryLockError::Error(error)) => return Err(error),
                }
            }
        }
        if shared { file.lock_shared() } else { file.lock() }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if let Some(hook) = &self.0 {
            return hook("sync");
        }
        file.sync_all()
    }
}

#[cfg(test)]
pub(super) mod tests;
