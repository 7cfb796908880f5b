//! The users that may sign in, by password or as a provider knows them, and what they may do. They
//! are kept in a file that the command line may add to while a server runs (`file`).

mod file;

use super::passwords::PasswordHash;
use domain::trading::UserName;
use file::Line;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};
use thiserror::Error;

/// What somebody may do beside trading for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    #[error("{path}: {why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
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
            store.compact(&mut known).map_err(|why| store.fault(why))?;
        }
        drop(known);
        Ok(store)
    }

    fn fault(&self, why: io::Error) -> UsersError {
        UsersError::Io { path: self.path.clone(), why }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
                let mut file = self.locked_file().map_err(|why| self.fault(why))?;
                self.read(&mut file, &mut known)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(why) => Err(self.fault(why)),
        }
    }

    /// Who was given another password since this was asked last: whoever is signed in as one of them
    /// may be somebody else.
    pub fn take_new_passwords(&self) -> Vec<UserName> {
        std::mem::take(&mut self.lock().new_passwords)
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
