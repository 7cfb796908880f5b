//! The file of the users: JSON lines that are only ever added to, each on disk before it counts;
//! gathered into one line a user when the server starts.
//!
//! It is locked while a line is added, so that the command line can add users and change roles
//! while a server runs; the server reads what was added ([`UserStore::refresh`]).

use super::{Identity, Known, Role, Roles, User, UserStore, UsersError};
use crate::people::passwords::PasswordHash;
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};

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

impl UserStore {
    /// Opens the file and locks it against other processes.
    pub(super) fn locked_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        file.lock()?;
        Ok(file)
    }

    /// Reads the lines behind those that are known. One that a crash cut short is cut off: it
    /// never counted.
    pub(super) fn read(&self, file: &mut File, known: &mut Known) -> Result<(), UsersError> {
        let length = file.metadata().map_err(|why| self.fault(why))?.len();
        if length < known.bytes {
            // Another server has gathered the lines.
            *known = Known::default();
        }
        file.seek(SeekFrom::Start(known.bytes)).map_err(|why| self.fault(why))?;
        let mut lines = BufReader::new(&*file);
        loop {
            let mut line = Vec::new();
            let read = lines.read_until(b'\n', &mut line).map_err(|why| self.fault(why))?;
            if read == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') {
                drop(lines);
                return file.set_len(known.bytes).map_err(|why| self.fault(why));
            }
            let fault = |reason: String| UsersError::Line {
                path: self.path.clone(),
                line: known.lines + 1,
                reason,
            };
            let line: Line =
                serde_json::from_slice(&line).map_err(|error| fault(error.to_string()))?;
            let user = UserName::parse(line.user.as_bytes())
                .ok_or_else(|| fault("the user is no user name".to_string()))?;
            if let Some(identity) = &line.identity {
                known.by_identity.insert(identity.clone(), user.clone());
            }
            match known.users.get_mut(&user) {
                Some(there) => {
                    if line.password.is_some() && !known.new_passwords.contains(&user) {
                        known.new_passwords.push(user.clone());
                    }
                    there.password = line.password.or_else(|| there.password.take());
                    there.identity = line.identity.or_else(|| there.identity.take());
                    there.roles = line.roles.unwrap_or_else(|| there.roles.clone());
                }
                None if line.password.is_none() && line.identity.is_none() => {
                    return Err(fault("the user has no password and no identity".to_string()));
                }
                None => {
                    let Line { password, identity, roles, at_ms, .. } = line;
                    let roles = roles.unwrap_or_else(|| vec![Role::Trader]);
                    known.users.insert(user, User { password, identity, roles, at_ms });
                }
            }
            known.bytes += read as u64;
            known.lines += 1;
        }
    }

    pub(super) fn compact(&self, known: &mut Known) -> io::Result<()> {
        let _locked = self.locked_file()?;
        let mut bytes = Vec::new();
        let mut users: Vec<_> = known.users.iter().collect();
        users.sort_by_key(|(user, _)| *user);
        for (user, known) in users {
            let User { password, identity, roles, at_ms } = known.clone();
            let line =
                Line { user: user.to_string(), password, identity, roles: Some(roles), at_ms };
            serde_json::to_writer(&mut bytes, &line)?;
            bytes.push(b'\n');
        }
        let fresh = self.path.with_extension("fresh");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        known.bytes = bytes.len() as u64;
        known.lines = known.users.len();
        Ok(())
    }

    /// Adds a line, once `allowed` by what all processes have written.
    pub(super) fn append(
        &self,
        line: &Line,
        allowed: impl FnOnce(&Known) -> Result<(), UsersError>,
    ) -> Result<(), UsersError> {
        let mut known = self.lock();
        let mut file = self.locked_file().map_err(|why| self.fault(why))?;
        self.read(&mut file, &mut known)?;
        allowed(&known)?;
        let mut bytes = serde_json::to_vec(line).map_err(|error| self.fault(error.into()))?;
        bytes.push(b'\n');
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        if let Err(why) = written {
            // What is there of the line is no line.
            let _ = file.set_len(known.bytes);
            return Err(self.fault(why));
        }
        self.read(&mut file, &mut known)
    }
}
