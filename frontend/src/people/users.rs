//! The users that may sign in, by password or as a provider knows them, and what they may do. They
//! are kept in a file that the command line may add to while a server runs (`file`).
//!
//! All users are in memory, behind a lock that is held for moments only. Changes have a lock of
//! their own, which is held while the disk is waited for: no request waits for another's change.

mod file;

use super::passwords::PasswordHash;
use domain::trading::UserName;
use file::{Line, Read, Steps, UsersFile};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use thiserror::Error;

/// Changes that may wait for the disk; beyond it signing up is busy.
const WAITING: usize = 64;

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
    /// Too many changes wait for the disk.
    #[error("too many changes of users wait for the disk")]
    Busy,
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
    /// Never held while a file or its lock is waited for.
    known: RwLock<Known>,
    /// Held by whoever changes the file, or reads it.
    file: Mutex<UsersFile>,
    /// Changes that have that lock, or wait for it.
    changing: AtomicUsize,
}

#[derive(Default)]
struct Known {
    users: HashMap<UserName, User>,
    by_identity: HashMap<Identity, UserName>,
    /// Who has another password than before, for [`UserStore::take_new_passwords`].
    new_passwords: Vec<UserName>,
}

impl UserStore {
    /// The store in the file at `path`, which is made when the first user is added.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no line of it.
    pub fn open(path: &Path) -> Result<UserStore, UsersError> {
        UserStore::open_with(path, Steps::default())
    }

    fn open_with(path: &Path, steps: Steps) -> Result<UserStore, UsersError> {
        let store = UserStore {
            known: RwLock::default(),
            file: Mutex::new(UsersFile::new(path, steps)),
            changing: AtomicUsize::new(0),
        };
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
        store.compact()?;
        Ok(store)
    }

    fn compact(&self) -> Result<(), UsersError> {
        let mut file = self.file();
        if file.lines() <= self.known().users.len() {
            return Ok(());
        }
        self.exclusively(&mut file, |file, _| {
            let all = self.known().to_lines();
            let rewritten = all.and_then(|all| file.rewrite(all));
            file.close(rewritten.map_err(|why| file.fault(why))?);
            Ok(())
        })
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_to_change(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> MutexGuard<'_, UsersFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what others have added. Waits for whoever changes the file.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no line of it.
    pub fn refresh(&self) -> Result<(), UsersError> {
        let mut file = self.file();
        if file.is_read().map_err(|why| file.fault(why))? {
            return Ok(());
        }
        let opened = file.open_shared().map_err(|why| file.fault(why))?;
        let Some(mut opened) = opened else { return Ok(()) };
        let read = file.read(&mut opened, false).map_err(|why| file.fault(why));
        file.close(opened);
        self.take(read?)
    }

    /// Does `work` with the file locked and read to its end, so that what is known is all that
    /// anybody has written.
    fn exclusively(
        &self,
        file: &mut UsersFile,
        work: impl FnOnce(&mut UsersFile, &mut std::fs::File) -> Result<(), UsersError>,
    ) -> Result<(), UsersError> {
        let mut opened = file.open_exclusive().map_err(|why| file.fault(why))?;
        let read = file.read(&mut opened, true).map_err(|why| file.fault(why));
        let done = read.and_then(|read| self.take(read)).and_then(|()| work(file, &mut opened));
        file.close(opened);
        done
    }

    /// Takes what was read: others' changes, or all users anew.
    fn take(&self, read: Read) -> Result<(), UsersError> {
        let Read { lines, anew, fault } = read;
        if anew {
            let mut fresh = Known::default();
            lines.into_iter().for_each(|(user, line)| fresh.apply(user, line));
            let passwords = fresh.passwords();
            let mut known = self.known_to_change();
            fresh.new_passwords = std::mem::take(&mut known.new_passwords);
            let before = std::mem::replace(&mut *known, fresh);
            for (user, password) in passwords {
                let changed = before.users.get(&user).is_some_and(|it| it.password != password);
                if changed && !known.new_passwords.contains(&user) {
                    known.new_passwords.push(user);
                }
            }
        } else if !lines.is_empty() {
            let mut known = self.known_to_change();
            for (user, line) in lines {
                if line.password.is_some()
                    && known.users.contains_key(&user)
                    && !known.new_passwords.contains(&user)
                {
                    known.new_passwords.push(user.clone());
                }
                known.apply(user, line);
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// Adds a line, once `allowed` by what all processes have written. On disk when this returns,
    /// and seen by nobody before.
    fn append(
        &self,
        user: &UserName,
        line: Line,
        allowed: impl FnOnce(&Known) -> Result<(), UsersError>,
    ) -> Result<(), UsersError> {
        struct Place<'a>(&'a AtomicUsize);
        impl Drop for Place<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let waiting = self.changing.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&self.changing);
        if waiting >= WAITING {
            return Err(UsersError::Busy);
        }
        let mut file = self.file();
        self.exclusively(&mut file, |file, opened| {
            allowed(&self.known())?;
            let appended = file.append(opened, &line, || self.known().to_lines());
            appended.map_err(|why| file.fault(why))?;
            let read = Read { lines: vec![(user.clone(), line)], anew: false, fault: None };
            self.take(read)
        })
    }

    /// Who was given another password since this was asked last: whoever is signed in as one of them
    /// may be somebody else.
    pub fn take_new_passwords(&self) -> Vec<UserName> {
        std::mem::take(&mut self.known_to_change().new_passwords)
    }

    /// Adds a user. On disk when this returns.
    ///
    /// # Errors
    /// The name is another's, too many changes wait, or the file cannot be written.
    pub fn add(
        &self,
        user: &UserName,
        password: PasswordHash,
        roles: Roles,
        at_ms: u64,
    ) -> Result<(), UsersError> {
        let (password, roles) = (Some(password), Some(roles));
        let line = Line { user: user.to_string(), password, identity: None, roles, at_ms };
        self.append(user, line, |known| match known.users.contains_key(user) {
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
        self.append(user, line, |known| {
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
        self.append(user, line, |known| match known.users.contains_key(user) {
            true => Ok(()),
            false => Err(UsersError::Unknown(user.clone())),
        })
    }

    /// Whether there is such a user.
    pub fn has(&self, user: &UserName) -> bool {
        self.known().users.contains_key(user)
    }

    /// The password of a user, if they have one.
    pub fn password(&self, user: &UserName) -> Option<PasswordHash> {
        self.known().users.get(user)?.password.clone()
    }

    /// The user that a provider calls so.
    pub fn of_identity(&self, identity: &Identity) -> Option<UserName> {
        self.known().by_identity.get(identity).cloned()
    }

    /// Where each user signs in who does so with a provider: its address.
    pub fn provider(&self, user: &UserName) -> Option<String> {
        let known = self.known();
        Some(known.users.get(user)?.identity.as_ref()?.issuer.clone())
    }

    /// The roles of a user; none for nobody.
    pub fn roles(&self, user: &UserName) -> Roles {
        self.known().users.get(user).map(|user| user.roles.clone()).unwrap_or_default()
    }

    /// All users with their roles, sorted.
    pub fn list(&self) -> Vec<(UserName, Roles)> {
        let known = self.known();
        let mut all: Vec<_> =
            known.users.iter().map(|(user, it)| (user.clone(), it.roles.clone())).collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests;
