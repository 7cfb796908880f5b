//! Passwords: what a good one is, and Argon2id on threads that do nothing else, so that sign-ins
//! never take more of the machine than that.

use crate::{Fault, random};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Hashes that may wait for each thread: about a second of work. Beyond it sign-in is busy.
pub const WAITING: usize = 32;

/// The niceness of the threads: who trades goes first, and sign-ins still come through.
const NICE: i32 = 5;

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
        PasswordHash::of_in(password, &mut Memory::default())
    }

    fn of_in(password: &[u8], memory: &mut Memory) -> Result<PasswordHash, Fault> {
        let salt = random::bits()?;
        let hash = memory.derive(password, &salt, MEMORY_KIB, PASSES)?;
        let (salt, hash) = (random::hex(&salt), random::hex(&hash));
        Ok(PasswordHash { salt, hash, m: MEMORY_KIB, t: PASSES })
    }

    /// Its salt: another one with each password that is set.
    pub(super) fn salt(&self) -> &str {
        &self.salt
    }

    /// Whether `password` is the one.
    ///
    /// # Errors
    /// The memory is not there, or what is kept is no hash.
    pub fn is_of(&self, password: &[u8]) -> Result<bool, Fault> {
        self.is_of_in(password, &mut Memory::default())
    }

    fn is_of_in(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Fault> {
        let kept = random::unhex(&self.hash).ok_or(Fault::Unavailable)?;
        let salt = random::unhex(&self.salt).ok_or(Fault::Unavailable)?;
        Ok(random::same(&memory.derive(password, &salt, self.m, self.t)?, &kept))
    }
}

/// The memory that a hash fills: a thread keeps its own, for to ask the system for so much each
/// time costs more than it looks, and leaves it in pieces.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn derive(
        &mut self,
        password: &[u8],
        salt: &[u8],
        memory_kib: u32,
        passes: u32,
    ) -> Result<[u8; 32], Fault> {
        let params =
            Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| Fault::Unavailable)?;
        if self.0.len() < params.block_count() {
            self.0.resize(params.block_count(), Block::default());
        }
        let mut hash = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, &mut hash, &mut self.0)
            .map_err(|_| Fault::Unavailable)?;
        Ok(hash)
    }
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

/// What a thread is to do.
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// Where passwords are hashed: half of the cores at most, at a low priority. The threads end when
/// the last handle is gone.
#[derive(Clone)]
pub struct Passwords {
    work: SyncSender<Work>,
    /// Compared with where nobody has that name, so that the answer takes as long.
    nobody: Arc<PasswordHash>,
}

impl Passwords {
    /// Threads with nothing to do.
    ///
    /// # Errors
    /// The operating system gives no chance, or no thread.
    pub fn new() -> Result<Passwords, Fault> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = (cores / 2).max(1);
        let (work, waiting) = sync_channel::<Work>(threads * WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name("passwords".to_string())
                .spawn(move || serve(&waiting))
                .map_err(|_| Fault::Unavailable)?;
        }
        Ok(Passwords { work, nobody: Arc::new(PasswordHash::of(&random::bits()?)?) })
    }

    /// Hashes a password.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn hash(&self, password: String) -> Result<PasswordHash, Fault> {
        self.run(move |memory| PasswordHash::of_in(password.as_bytes(), memory)).await
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
        self.run(move |memory| match kept {
            Some(kept) => kept.is_of_in(password.as_bytes(), memory),
            None => nobody.is_of_in(password.as_bytes(), memory).map(|_| false),
        })
        .await
    }

    /// Has `work` done; says at once where too much waits already.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = oneshot::channel();
        let work = Box::new(move |memory: &mut Memory| {
            // Whoever has gone in the meantime is not worked for.
            if !tell.is_closed() {
                let _ = tell.send(work(memory));
            }
        });
        self.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Fault::Busy(2),
            TrySendError::Disconnected(_) => Fault::Unavailable,
        })?;
        told.await.map_err(|_| Fault::Unavailable)?
    }
}

/// A thread that hashes until nobody can ask any more.
fn serve(waiting: &Mutex<Receiver<Work>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "passwords are hashed at the usual priority");
    }
    let mut memory = Memory::default();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => work(&mut memory),
            Err(_) => return,
        }
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

    #[actix_web::test]
    async fn whoever_comes_when_too_many_wait_is_told_so_at_once() {
        let passwords = Passwords::new().unwrap();
        let threads = (std::thread::available_parallelism().unwrap().get() / 2).max(1);
        let (go_on, stopped) = std::sync::mpsc::channel::<()>();
        let stopped = Arc::new(Mutex::new(stopped));
        let mut begun = Vec::new();
        // Every thread is held, then every place taken.
        let mut held = Vec::new();
        for _ in 0..threads {
            let (tell, told) = oneshot::channel();
            let stopped = stopped.clone();
            let work = passwords.clone();
            begun.push(actix_web::rt::spawn(async move {
                work.run(move |_| {
                    let _ = tell.send(());
                    let _ = stopped.lock().unwrap().recv();
                    Ok(())
                })
                .await
            }));
            held.push(told);
        }
        for told in held {
            told.await.unwrap();
        }
        let (tell, told) = oneshot::channel();
        let place = passwords.clone();
        let taken = actix_web::rt::spawn(async move {
            let taken = (0..threads * WAITING).map(|_| place.run(|_| Ok(())));
            let all = futures_util::future::join_all(taken);
            let mut all = std::pin::pin!(all);
            let first = futures_util::poll!(all.as_mut());
            assert!(first.is_pending());
            let _ = tell.send(());
            all.await
        });
        told.await.unwrap();
        assert_eq!(passwords.hash("one too many".to_string()).await, Err(Fault::Busy(2)));
        drop(go_on);
        assert!(taken.await.unwrap().iter().all(|done| *done == Ok(())));
        for done in begun {
            assert_eq!(done.await.unwrap(), Ok(()));
        }
        assert!(passwords.hash("there is room again".to_string()).await.is_ok());
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
