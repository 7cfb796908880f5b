//! The users that may sign in: JSON lines that are only ever added to, each on disk before it
//! counts; gathered into one line a user when the server starts.
//!
//! The file is locked while a line is added, so that the command line can add users and change
//! roles while a server runs; the server reads what was added ([`UserStore::refresh`]).

use super::passwords::PasswordHash;
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// What somebody may do beside trading for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Trades.
    Trader,
    /// Searches the whole log.
    Analyst,
    /// Sees how the system is doing.
    Operator,
}

impl Role {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Trader => "trader",
            Role::Analyst => "analyst",
            Role::Operator => "operator",
        }
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Role> {
        [Role::Trader, Role::Analyst, Role::Operator].into_iter().find(|role| role.as_str() == text)
    }
}

/// The roles of a user.
pub type Roles = Vec<Role>;

/// What is wrong with the store, or with what is asked of it.
#[derive(Debug, Error)]
pub enum UsersError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the file is not one of a user.
    #[error("{path}:{line}: this is no line about a user: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The name is another's.
    #[error("user {0} is there already")]
    Taken(UserName),
    /// Nobody has that name.
    #[error("there is no user {0}")]
    Unknown(UserName),
}

/// Who somebody is to a provider of sign-ins: the same for ever, whatever they are called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The provider, by the address that names it.
    pub issuer: String,
    /// The provider's own name for them.
    pub subject: String,
}

/// A line of the file: what is given replaces what stood before.
#[derive(Serialize, Deserialize)]
struct Line {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<PasswordHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Roles>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    identity: Option<Identity>,
    at_ms: u64,
}

/// Signs in with the password, or as the identity: one of them is there.
#[derive(Clone)]
struct User {
    password: Option<PasswordHash>,
    identity: Option<Identity>,
    roles: Roles,
    at_ms: u64,
}

/// The store.
pub struct UserStore {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    users: HashMap<UserName, User>,
    by_identity: HashMap<Identity, UserName>,
    /// Who has another password than before, for [`UserStore::take_new_passwords`].
    new_passwords: Vec<UserName>,
    /// Bytes and lines of the file that are known.
    bytes: u64,
    lines: usize,
}

impl UserStore {
    /// The store in the file at `path`, which is made where it is not there.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no line of it.
    pub fn open(path: &Path) -> Result<UserStore, UsersError> {
        let store = UserStore { path: path.to_path_buf(), known: Mutex::default() };
        store.refresh()?;
        // Nobody was signed in before.
        store.take_new_passwords();
        Ok(store)
    }

    /// As [`open`](Self::open), and gathers the file into one line a user.
    ///
    /// # Errors
    /// As [`open`](Self::open), and the file cannot be written.
    pub fn open_compacted(path: &Path) -> Result<UserStore, UsersError> {
        let store = UserStore::open(path)?;
        let mut known = store.lock();
        if known.lines > known.users.len() {
            store.compact(&mut known).map_err(|source| store.fault(source))?;
        }
        drop(known);
        Ok(store)
    }

    fn fault(&self, source: io::Error) -> UsersError {
        UsersError::Io { path: self.path.clone(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file and locks it against other processes.
    fn locked_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        file.lock()?;
        Ok(file)
    }

    /// Reads what others have added.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no line of it.
    pub fn refresh(&self) -> Result<(), UsersError> {
        let mut known = self.lock();
        match fs::metadata(&self.path) {
            Ok(found) if found.len() == known.bytes => Ok(()),
            Ok(_) => {
                let mut file = self.locked_file().map_err(|source| self.fault(source))?;
                self.read(&mut file, &mut known)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(self.fault(source)),
        }
    }

    /// Who was given another password since this was asked last: whoever is signed in as one of them
    /// may be somebody else.
    pub fn take_new_passwords(&self) -> Vec<UserName> {
        std::mem::take(&mut self.lock().new_passwords)
    }

    /// Reads the lines behind those that are known. One that a crash cut short is cut off: it
    /// never counted.
    fn read(&self, file: &mut File, known: &mut Known) -> Result<(), UsersError> {
        let length = file.metadata().map_err(|source| self.fault(source))?.len();
        if length < known.bytes {
            // Another server has gathered the lines.
            *known = Known::default();
        }
        file.seek(SeekFrom::Start(known.bytes)).map_err(|source| self.fault(source))?;
        let mut lines = BufReader::new(&*file);
        loop {
            let mut line = Vec::new();
            let read = lines.read_until(b'\n', &mut line).map_err(|source| self.fault(source))?;
            if read == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') {
                drop(lines);
                return file.set_len(known.bytes).map_err(|source| self.fault(source));
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

    fn compact(&self, known: &mut Known) -> io::Result<()> {
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
    fn append(
        &self,
        line: &Line,
        allowed: impl FnOnce(&Known) -> Result<(), UsersError>,
    ) -> Result<(), UsersError> {
        let mut known = self.lock();
        let mut file = self.locked_file().map_err(|source| self.fault(source))?;
        self.read(&mut file, &mut known)?;
        allowed(&known)?;
        let mut bytes = serde_json::to_vec(line).map_err(|error| self.fault(error.into()))?;
        bytes.push(b'\n');
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // What is there of the line is no line.
            let _ = file.set_len(known.bytes);
            return Err(self.fault(source));
        }
        self.read(&mut file, &mut known)
    }

    /// Adds a user. On disk when this returns.
    ///
    /// # Errors
    /// The name is another's, or the file cannot be written.
    pub fn add(
        &self,
        user: &UserName,
        password: PasswordHash,
        roles: Roles,
        at_ms: u64,
    ) -> Result<(), UsersError> {
        let (password, roles) = (Some(password), Some(roles));
        let line = Line { user: user.to_string(), password, identity: None, roles, at_ms };
        self.append(&line, |known| match known.users.contains_key(user) {
            true => Err(UsersError::Taken(user.clone())),
            false => Ok(()),
        })
    }

    /// Adds a user that a provider vouches for. On disk when this returns.
    ///
    /// # Errors
    /// The name is another's, or the identity has one already, or the file cannot be written.
    pub fn add_identity(
        &self,
        user: &UserName,
        identity: Identity,
        roles: Roles,
        at_ms: u64,
    ) -> Result<(), UsersError> {
        let line = Line {
            user: user.to_string(),
            password: None,
            identity: Some(identity.clone()),
            roles: Some(roles),
            at_ms,
        };
        self.append(&line, |known| {
            let taken = known.users.contains_key(user) || known.by_identity.contains_key(&identity);
            if taken { Err(UsersError::Taken(user.clone())) } else { Ok(()) }
        })
    }

    /// Gives a user these roles, or this password, or both. On disk when this returns.
    ///
    /// # Errors
    /// Nobody has that name, or the file cannot be written.
    pub fn change(
        &self,
        user: &UserName,
        password: Option<PasswordHash>,
        roles: Option<Roles>,
        at_ms: u64,
    ) -> Result<(), UsersError> {
        let line = Line { user: user.to_string(), password, identity: None, roles, at_ms };
        self.append(&line, |known| match known.users.contains_key(user) {
            true => Ok(()),
            false => Err(UsersError::Unknown(user.clone())),
        })
    }

    /// Whether there is such a user.
    pub fn has(&self, user: &UserName) -> bool {
        self.lock().users.contains_key(user)
    }

    /// The password of a user, if they have one.
    pub fn password(&self, user: &UserName) -> Option<PasswordHash> {
        self.lock().users.get(user)?.password.clone()
    }

    /// The user that a provider calls so.
    pub fn of_identity(&self, identity: &Identity) -> Option<UserName> {
        self.lock().by_identity.get(identity).cloned()
    }

    /// Where each user signs in who does so with a provider: its address.
    pub fn provider(&self, user: &UserName) -> Option<String> {
        let known = self.lock();
        Some(known.users.get(user)?.identity.as_ref()?.issuer.clone())
    }

    /// The roles of a user; none for nobody.
    pub fn roles(&self, user: &UserName) -> Roles {
        self.lock().users.get(user).map(|user| user.roles.clone()).unwrap_or_default()
    }

    /// All users with their roles, sorted.
    pub fn list(&self) -> Vec<(UserName, Roles)> {
        let known = self.lock();
        let mut all: Vec<_> =
            known.users.iter().map(|(user, it)| (user.clone(), it.roles.clone())).collect();
        all.sort();
        all
    }
}

impl PartialOrd for Role {
    fn partial_cmp(&self, other: &Role) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Role {
    fn cmp(&self, other: &Role) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text.as_bytes()).unwrap()
    }

    fn hash() -> PasswordHash {
        PasswordHash::of(b"a password of somebody").unwrap()
    }

    #[test]
    fn users_and_roles_outlive_the_process_and_a_line_that_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.jsonl");
        let store = UserStore::open(&path).unwrap();
        store.add(&name("ann"), hash(), vec![Role::Trader], 1).unwrap();
        store.add(&name("bob"), hash(), vec![Role::Trader], 2).unwrap();
        store.change(&name("bob"), None, Some(vec![Role::Trader, Role::Analyst]), 3).unwrap();
        assert!(matches!(store.add(&name("ann"), hash(), vec![], 4), Err(UsersError::Taken(_))));
        let whole = fs::read(&path).unwrap();
        for cut in 1..40 {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut]);
            fs::write(&path, &torn).unwrap();
            let store = UserStore::open_compacted(&path).unwrap();
            assert_eq!(store.roles(&name("bob")), [Role::Trader, Role::Analyst]);
            assert_eq!(store.list().len(), 2);
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
        }
    }

    #[test]
    fn an_identity_is_one_user_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.jsonl");
        let identity = |subject: &str| Identity {
            issuer: "https://sso.example.com".to_string(),
            subject: subject.to_string(),
        };
        let store = UserStore::open(&path).unwrap();
        store.add(&name("ann"), hash(), vec![Role::Trader], 1).unwrap();
        let taken = |done| matches!(done, Err(UsersError::Taken(_)));
        assert!(taken(store.add_identity(&name("ann"), identity("1"), vec![], 2)));
        store.add_identity(&name("bob"), identity("1"), vec![Role::Trader], 2).unwrap();
        assert!(taken(store.add_identity(&name("cat"), identity("1"), vec![], 3)));
        assert!(taken(store.add(&name("bob"), hash(), vec![], 3)));
        store.change(&name("bob"), None, Some(vec![Role::Analyst]), 4).unwrap();
        for store in [store, UserStore::open_compacted(&path).unwrap()] {
            assert_eq!(store.of_identity(&identity("1")), Some(name("bob")));
            assert_eq!(store.of_identity(&identity("2")), None);
            assert_eq!(store.roles(&name("bob")), [Role::Analyst]);
            assert!(store.has(&name("bob")) && store.password(&name("bob")).is_none());
        }
    }

    #[test]
    fn a_server_hears_of_what_the_command_line_adds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.jsonl");
        let server = UserStore::open_compacted(&path).unwrap();
        let line = UserStore::open(&path).unwrap();
        line.add(&name("ann"), hash(), vec![Role::Trader, Role::Operator], 1).unwrap();
        assert!(server.password(&name("ann")).is_none());
        server.refresh().unwrap();
        assert_eq!(server.roles(&name("ann")), [Role::Trader, Role::Operator]);
        // A name that the other process took is taken here.
        line.add(&name("bob"), hash(), vec![], 1).unwrap();
        assert!(matches!(server.add(&name("bob"), hash(), vec![], 4), Err(UsersError::Taken(_))));
    }
}
