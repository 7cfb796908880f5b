//! Keeps a log while it is written: behind every segment that is complete it puts a checkpoint, and
//! compresses the segment, on a thread of its own that gets what processor time is left.

use super::{Checkpoint, InstallationKey};
use crate::follow::LogId;
use crate::log::{Closed, compress};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Segments that may be waiting: far more than are complete before one is compressed.
const WAITING: usize = 64;

/// The lowest priority that a thread can have.
const LOWEST: i32 = 19;

enum Work {
    Closed(Closed),
    End,
}

/// The thread that keeps a log. Dropping it waits until it is done with what is complete.
pub struct Keeper {
    tell: SyncSender<Work>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts to keep the log in `folder`: signs with `key` if there is one, compresses if
    /// `compresses`.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(
        folder: &Path,
        key: Option<InstallationKey>,
        compresses: bool,
    ) -> io::Result<Keeper> {
        let (tell, work) = sync_channel(WAITING);
        let folder = folder.to_path_buf();
        let thread = thread::Builder::new().name("keep-log".to_string()).spawn(move || {
            yield_to_others();
            let mut id = None;
            // What an earlier process left.
            if compresses {
                compress_all(&folder);
            }
            while let Ok(Work::Closed(closed)) = work.recv() {
                if let Some(key) = &key {
                    vouch(&folder, key, &mut id, closed);
                }
                if compresses {
                    compress_all(&folder);
                }
            }
        })?;
        Ok(Keeper { tell, thread: Some(thread) })
    }

    /// What a log writer calls when a segment is complete
    /// ([`tell_closed`](crate::log::LogWriter::tell_closed)).
    pub fn listener(&self) -> impl FnMut(Closed) + Send + 'static {
        let tell = self.tell.clone();
        // Where too many wait, nothing is told: the next checkpoint vouches for all entries before
        // it, and the next round compresses all segments that are complete.
        move |closed| drop(tell.try_send(Work::Closed(closed)))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.tell.send(Work::End);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so itself.
            let _ = thread.join();
        }
    }
}

/// Trading goes first. On Linux the priority is the thread's own, elsewhere it is left as it is.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, LOWEST) {
        tracing::debug!(%error, "the keeper of the log runs at the usual priority");
    }
}

fn vouch(folder: &Path, key: &InstallationKey, id: &mut Option<LogId>, closed: Closed) {
    if id.is_none() {
        *id = LogId::of(folder).ok().flatten();
    }
    let Some(log) = *id else { return };
    let checkpoint = Checkpoint::sign(key, log, closed.last, closed.chain, closed.at_ms);
    if let Err(error) = checkpoint.renew(folder, key) {
        tracing::warn!(%error, "no checkpoint behind a segment; a later one vouches for it too");
    }
}

fn compress_all(folder: &Path) {
    let squeeze = |path: &PathBuf| compress::compress(path).map(drop);
    let done = compress::waiting(folder).and_then(|waiting| waiting.iter().try_for_each(squeeze));
    if let Err(error) = done {
        tracing::warn!(%error, "a segment stays as it is");
    }
}
