//! Passwords: what a good one is, and Argon2id on threads that do nothing else, so that sign-ins
//! never take more of the machine than that.

use crate::{Fault, random};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Hashes that are made at once.
pub const THREADS: usize = 2;

/// Hashes that may wait for a thread: two seconds of work. Beyond it sign-in is busy.
pub const WAITING: usize = 64;

/// Memory and passes of Argon2id, as OWASP recommends them: 19 MiB, twice.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;

/// The most common passwords with ten characters or more: shorter ones are refused anyway.
const BREACHED: &str = include_str!("breached.txt");

/// A password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    salt: String,
    hash: String,
    m: u32,
    t: u32,
}

impl PasswordHash {
    /// Hashes `password` with a salt of its own.
    ///
    /// # Errors
    /// The operating system gives no chance, or the memory is not there.
    pub fn of(password: &[u8]) -> Result<PasswordHash, Fault> {
        let salt = random::bits()?;
        let hash = derive(password, &salt, MEMORY_KIB, PASSES)?;
        let (salt, hash) = (random::hex(&salt), random::hex(&hash));
        Ok(PasswordHash { salt, hash, m: MEMORY_KIB, t: PASSES })
    }

    /// Whether `password` is the one.
    ///
    /// # Errors
    /// The memory is not there, or what is kept is no hash.
    pub fn is_of(&self, password: &[u8]) -> Result<bool, Fault> {
        let kept = random::unhex(&self.hash).ok_or(Fault::Unavailable)?;
        let salt = random::unhex(&self.salt).ok_or(Fault::Unavailable)?;
        Ok(random::same(&derive(password, &salt, self.m, self.t)?, &kept))
    }
}

fn derive(password: &[u8], salt: &[u8], memory: u32, passes: u32) -> Result<[u8; 32], Fault> {
    let params = Params::new(memory, passes, 1, Some(32)).map_err(|_| Fault::Unavailable)?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut hash)
        .map_err(|_| Fault::Unavailable)?;
    Ok(hash)
}

/// Whether `password` is good enough for `user`.
///
/// # Errors
/// What is wrong with it.
pub fn check(user: &UserName, password: &str) -> Result<(), Fault> {
    let length = password.chars().count();
    if !(10..=128).contains(&length) || password.eq_ignore_ascii_case(user.as_str()) {
        return Err(Fault::WeakPassword);
    }
    let lower = password.to_lowercase();
    let one_character = lower.chars().all(|char| lower.starts_with(char));
    if one_character || BREACHED.lines().any(|known| known == lower) {
        return Err(Fault::BreachedPassword);
    }
    Ok(())
}

/// Where passwords are hashed.
#[derive(Clone)]
pub struct Passwords {
    threads: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Compared with where nobody has that name, so that the answer takes as long.
    nobody: Arc<PasswordHash>,
}

/// Counts who waits, for as long as it lives.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    /// A pool with nothing to do.
    ///
    /// # Errors
    /// The operating system gives no chance.
    pub fn new() -> Result<Passwords, Fault> {
        Ok(Passwords {
            threads: Arc::new(Semaphore::new(THREADS)),
            waiting: Arc::default(),
            nobody: Arc::new(PasswordHash::of(&random::bits()?)?),
        })
    }

    /// Hashes a password.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn hash(&self, password: String) -> Result<PasswordHash, Fault> {
        self.run(move || PasswordHash::of(password.as_bytes())).await
    }

    /// Whether `password` is that of `kept`; where that is none it takes as long to say no.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn matches(
        &self,
        kept: Option<PasswordHash>,
        password: String,
    ) -> Result<bool, Fault> {
        let nobody = self.nobody.clone();
        self.run(move || match kept {
            Some(kept) => kept.is_of(password.as_bytes()),
            None => nobody.is_of(password.as_bytes()).map(|_| false),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Place(self.waiting.clone());
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING + THREADS {
            return Err(Fault::Busy(2));
        }
        let thread = self.threads.clone().acquire_owned().await.map_err(|_| Fault::Unavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((thread, place));
            done
        });
        done.await.map_err(|_| Fault::Unavailable)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let kept = PasswordHash::of(b"correct horse battery").unwrap();
        assert!(kept.is_of(b"correct horse battery").unwrap());
        assert!(!kept.is_of(b"correct horse batterz").unwrap());
        let again = PasswordHash::of(b"correct horse battery").unwrap();
        assert_ne!(kept.hash, again.hash, "two salts are not the same");
        assert_eq!((kept.m, kept.t, kept.salt.len()), (19_456, 2, 32));
    }

    #[tokio::test]
    async fn no_more_wait_than_have_a_place() {
        let passwords = Passwords::new().unwrap();
        // Both threads are taken.
        let _taken = passwords.threads.acquire_many(THREADS as u32).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING + THREADS {
            let mut hash = Box::pin(passwords.matches(None, "a password".to_string()));
            assert!(futures_util::poll!(&mut hash).is_pending());
            waiting.push(hash);
        }
        let one_more = passwords.matches(None, "a password".to_string()).await;
        assert_eq!(one_more, Err(Fault::Busy(2)));
        // Whoever goes makes room.
        waiting.pop();
        let mut hash = Box::pin(passwords.matches(None, "a password".to_string()));
        assert!(futures_util::poll!(&mut hash).is_pending());
    }

    #[tokio::test]
    async fn an_unknown_user_is_looked_up_like_any_other() {
        let passwords = Passwords::new().unwrap();
        let kept = PasswordHash::of(b"a good long password").unwrap();
        let is = |kept, password: &str| passwords.matches(kept, password.to_string());
        assert_eq!(is(Some(kept.clone()), "a good long password").await, Ok(true));
        assert_eq!(is(Some(kept.clone()), "another").await, Ok(false));
        assert_eq!(is(None, "a good long password").await, Ok(false));
        // The same work: what nobody has is hashed with the same parameters.
        assert_eq!((passwords.nobody.m, passwords.nobody.t), (kept.m, kept.t));
    }

    #[test]
    fn poor_passwords_are_refused() {
        let user = UserName::parse(b"somebodylong").unwrap();
        for (password, fault) in [
            ("short", Some(Fault::WeakPassword)),
            ("SomebodyLong", Some(Fault::WeakPassword)),
            ("Password123", Some(Fault::BreachedPassword)),
            ("aaaaaaaaaaaa", Some(Fault::BreachedPassword)),
            ("plain words are fine", None),
        ] {
            assert_eq!(check(&user, password).err(), fault, "{password}");
        }
        assert_eq!(check(&user, &"x1".repeat(65)), Err(Fault::WeakPassword));
    }
}
