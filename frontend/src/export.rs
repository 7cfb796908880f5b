//! Exports: files that are made of the log piece by piece, as fast as their readers take them. No
//! thread waits for a reader. A reader that takes nothing for a while loses its export, and what it
//! held of memory is free.

use crate::Fault;
use crate::trail::{Export, TrailFault};
use actix_web::web::Bytes;
use domain::trading::UserName;
use futures_util::stream::{LocalBoxStream, unfold};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Threads that make pieces: apart from those of all other questions to the log.
const THREADS: usize = 2;

/// Exports that may be open at once.
const OPEN: usize = 64;

/// Exports that one user may have open at once.
const OPEN_OF_A_USER: usize = 2;

/// The longest piece that is handed on at once, in bytes.
const PIECE: usize = 64 << 10;

/// How long a reader may take nothing.
const STALLED: Duration = Duration::from_secs(30);

/// What is handed on, piece by piece; an error where the export cannot be finished.
pub(crate) type Pieces = LocalBoxStream<'static, io::Result<Bytes>>;

/// The exports of all users.
#[derive(Clone)]
pub(crate) struct Exports {
    threads: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
}

/// How many exports are open.
#[derive(Default)]
struct Open {
    running: usize,
    of_user: HashMap<UserName, usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of an export among those of its user: taken as long as its connection is there.
struct UserPlace(Arc<Mutex<Open>>, UserName);

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut open = lock(&self.0);
        if let Some(count) = open.of_user.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.of_user.remove(&self.1);
            }
        }
    }
}

/// The place of an export among all of them: taken as long as its reader reads.
struct Place(Arc<Mutex<Open>>);

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.0).running -= 1;
    }
}

/// An export that is open.
struct Job {
    state: Mutex<State>,
    _place: UserPlace,
}

struct State {
    /// None while a piece is made, and behind the end.
    export: Option<Box<dyn Export>>,
    /// What was made and not taken yet.
    made: Bytes,
    /// When the reader was last given something; none while it waits for something.
    given_at: Option<Instant>,
    /// None where the reader was given up.
    place: Option<Place>,
}

impl Exports {
    pub(crate) fn new() -> Exports {
        Exports { threads: Arc::new(Semaphore::new(THREADS)), open: Arc::default() }
    }

    /// Begins an export for `user`: what `begin` makes, piece by piece.
    ///
    /// # Errors
    /// Too many are open, or what `begin` says.
    pub(crate) async fn begin(
        &self,
        user: &UserName,
        begin: impl FnOnce() -> Result<Box<dyn Export>, TrailFault> + Send + 'static,
    ) -> Result<Pieces, Fault> {
        let (user_place, place) = self.places(user)?;
        let export = self.on_thread(begin).await??;
        let state =
            State { export: Some(export), made: Bytes::new(), given_at: None, place: Some(place) };
        let job = Arc::new(Job { state: Mutex::new(state), _place: user_place });
        actix_web::rt::spawn(give_up_stalled(Arc::downgrade(&job)));
        let exports = self.clone();
        let pieces = unfold(Some(job), move |job| {
            let exports = exports.clone();
            async move {
                let job = job?;
                match exports.next(&job).await {
                    Ok(Some(piece)) => Some((Ok(piece), Some(job))),
                    Ok(None) => None,
                    // The file ends in the middle, and so does the connection.
                    Err(error) => Some((Err(error), None)),
                }
            }
        });
        Ok(Box::pin(pieces))
    }

    fn places(&self, user: &UserName) -> Result<(UserPlace, Place), Fault> {
        let mut open = lock(&self.open);
        let own = open.of_user.get(user).copied().unwrap_or_default();
        if own >= OPEN_OF_A_USER || open.running >= OPEN {
            return Err(Fault::Busy(STALLED.as_secs()));
        }
        open.of_user.insert(user.clone(), own + 1);
        open.running += 1;
        Ok((UserPlace(self.open.clone(), user.clone()), Place(self.open.clone())))
    }

    /// The next piece; none behind the last.
    async fn next(&self, job: &Job) -> io::Result<Option<Bytes>> {
        let cut = || io::Error::other("the export was cut short");
        loop {
            let mut export = {
                let mut state = lock(&job.state);
                if state.place.is_none() {
                    return Err(cut());
                }
                if !state.made.is_empty() {
                    let length = state.made.len().min(PIECE);
                    state.given_at = Some(Instant::now());
                    return Ok(Some(state.made.split_to(length)));
                }
                state.given_at = None;
                match state.export.take() {
                    Some(export) => export,
                    None => return Ok(None),
                }
            };
            let made = self.on_thread(move || {
                let made = export.next();
                (export, made)
            });
            let (export, made) = made.await.map_err(|_| cut())?;
            match made {
                Ok(Some(made)) => {
                    let mut state = lock(&job.state);
                    state.made = made.into();
                    state.export = Some(export);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "failed to make an export");
                    return Err(cut());
                }
            }
        }
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let thread = self.threads.clone().acquire_owned().await.map_err(|_| Fault::Unavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(thread);
            done
        });
        done.await.map_err(|_| Fault::Unavailable)
    }
}

/// Waits until the reader has taken nothing for too long, and frees what the export holds. The
/// connection ends as soon as its reader takes anything, or when the system gives it up.
async fn give_up_stalled(job: Weak<Job>) {
    let mut wait = STALLED;
    loop {
        sleep(wait).await;
        let Some(job) = job.upgrade() else { return };
        let mut state = lock(&job.state);
        let idle = state.given_at.map_or(Duration::ZERO, |at| at.elapsed());
        if idle >= STALLED {
            state.place = None;
            state.export = None;
            state.made = Bytes::new();
            return;
        }
        wait = STALLED - idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    /// Exports pieces of these lengths.
    struct Lengths(Vec<usize>);

    impl Export for Lengths {
        fn next(&mut self) -> Result<Option<Vec<u8>>, TrailFault> {
            Ok(self.0.pop().map(|length| vec![7; length]))
        }
    }

    fn user(name: &str) -> UserName {
        UserName::parse(name.as_bytes()).unwrap()
    }

    fn run(test: impl Future<Output = ()>) {
        actix_web::rt::System::new().block_on(test);
    }

    #[test]
    fn pieces_are_small_however_much_is_made() {
        run(async {
            let exports = Exports::new();
            let begin = || Ok(Box::new(Lengths(vec![9 << 20, 0, 100])) as Box<dyn Export>);
            let stream = exports.begin(&user("ann"), begin).await.unwrap();
            let pieces: Vec<usize> = stream.map(|piece| piece.unwrap().len()).collect().await;
            assert_eq!(pieces.iter().sum::<usize>(), (9 << 20) + 100);
            assert!(pieces.iter().all(|length| *length <= PIECE && *length > 0));
            let open = lock(&exports.open);
            assert_eq!((open.running, open.of_user.len()), (0, 0));
        });
    }

    #[test]
    fn a_user_has_two_and_unread_ones_hold_no_thread() {
        run(async {
            let exports = Exports::new();
            let endless = || Ok(Box::new(Lengths(vec![1 << 20; 10_000])) as Box<dyn Export>);
            let mut unread = Vec::new();
            for nth in 0..OPEN / OPEN_OF_A_USER {
                let name = user(&format!("user{nth}"));
                for _ in 0..OPEN_OF_A_USER {
                    let mut stream = exports.begin(&name, endless).await.unwrap();
                    assert!(stream.next().await.unwrap().is_ok());
                    unread.push(stream);
                }
                assert_eq!(exports.begin(&name, endless).await.err(), Some(Fault::Busy(30)));
            }
            assert_eq!(exports.begin(&user("bob"), endless).await.err(), Some(Fault::Busy(30)));
            assert_eq!(exports.threads.available_permits(), THREADS, "no thread waits for readers");
            unread.pop();
            assert!(exports.begin(&user("bob"), endless).await.is_ok());
        });
    }

    #[test]
    fn stalled_reader_loses_its_export() {
        run(async {
            let exports = Exports::new();
            let begin = || Ok(Box::new(Lengths(vec![1 << 20; 3])) as Box<dyn Export>);
            let mut stream = exports.begin(&user("ann"), begin).await.unwrap();
            tokio::time::pause();
            // A slow one does not.
            for _ in 0..4 {
                assert!(stream.next().await.unwrap().is_ok());
                tokio::time::advance(STALLED - Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            assert_eq!(lock(&exports.open).running, 1);
            sleep(STALLED * 2).await;
            assert_eq!(lock(&exports.open).running, 0, "others have its place");
            assert_eq!(lock(&exports.open).of_user.len(), 1, "its user does not");
            assert!(stream.next().await.unwrap().is_err(), "the file is seen to be cut short");
            assert!(stream.next().await.is_none());
        });
    }
}
