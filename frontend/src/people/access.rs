//! The record of who came: sign-ins, failures, sign-outs, changes of roles, with address and
//! agent. JSON lines; what comes while the disk is busy shares a flush. Secrets never stand in it.
//!
//! Nobody can fill the disk with it: refusals are summed up, lines have a longest
//! length, and the file rotates. Nobody waits for it either: events that find no room
//! are counted, and the count is recorded.

mod refusals;
mod rotation;

use refusals::Refusals;
pub use rotation::{KEPT_FILES, LONGEST_FILE};
use serde::Serialize;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events that may wait for the disk; those beyond it are counted only.
const WAITING: usize = 4096;

/// How long what happens is gathered before it is flushed: each flush holds up those of the log.
const GATHERED: Duration = Duration::from_millis(100);

/// Bytes that are gathered before they are flushed at once.
const GATHERED_BYTES: usize = 1 << 20;

/// How often refusals are summed up.
const SUMMED_UP: Duration = Duration::from_secs(60);

/// The longest name of a browser that is kept, in characters.
const AGENT: usize = 200;

/// The longest detail that is kept, in characters.
const DETAIL: usize = 300;

/// Something that happened at the door.
#[derive(Clone, Debug, Serialize)]
pub struct AccessEvent {
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// What: `signed_up`, `signed_in`, `sign_in_failed`, `signed_out`, `signed_out_everywhere`,
    /// `user_added`, `roles_changed`, `password_changed`, `rate_limited`.
    pub event: &'static str,
    /// Who, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What else is to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl AccessEvent {
    /// Whether anybody can cause it without signing in, as often as they like.
    fn is_refusal(&self) -> bool {
        matches!(self.event, "rate_limited" | "sign_in_failed")
    }
}

/// How often something happened that is not recorded one by one.
#[derive(Debug, Serialize)]
struct Count<'a> {
    at_ms: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    count: u64,
}

fn put(line: &impl Serialize, lines: &mut Vec<u8>) {
    lines.extend(serde_json::to_vec(line).unwrap_or_default());
    lines.push(b'\n');
}

/// The record.
#[derive(Clone)]
pub struct AccessLog {
    events: SyncSender<Option<AccessEvent>>,
    shared: Arc<Shared>,
}

/// What is counted before it reaches the thread that writes.
#[derive(Default)]
struct Shared {
    /// Nothing waits for the disk while this is locked.
    refusals: Mutex<Refusals>,
    /// Events for which there was no room.
    lost: AtomicU64,
}

impl AccessLog {
    /// Goes on with the record at `path`. It is whole when the thread has ended, which it does
    /// when no handle is left or one was [closed](Self::close).
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> io::Result<(AccessLog, JoinHandle<()>)> {
        let file = rotation::RotatedFile::open(path)?;
        let (sender, events) = sync_channel(WAITING);
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            file,
            events,
            shared: shared.clone(),
            lines: Vec::new(),
            now_ms: 0,
            failing: false,
        };
        let thread = std::thread::Builder::new().name("access".to_string());
        let thread = thread.spawn(move || writer.run())?;
        Ok((AccessLog { events: sender, shared }, thread))
    }

    /// Records an event.
    pub fn record(&self, mut event: AccessEvent) {
        for (text, longest) in [(&mut event.agent, AGENT), (&mut event.detail, DETAIL)] {
            if let Some(text) = text
                && let Some((end, _)) = text.char_indices().nth(longest)
            {
                text.truncate(end);
            }
        }
        if event.is_refusal() && !self.shared.refusals().is_first(&event) {
            return;
        }
        // Nothing happens at a door that is closed.
        if let Err(TrySendError::Full(_)) = self.events.try_send(Some(event)) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends the record behind what was recorded so far, whoever still holds a handle.
    pub fn close(self) {
        let _ = self.events.send(None);
    }
}

impl Shared {
    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What writes the record, on a thread of its own.
struct Writer {
    file: rotation::RotatedFile,
    events: Receiver<Option<AccessEvent>>,
    shared: Arc<Shared>,
    lines: Vec<u8>,
    /// When the newest event happened.
    now_ms: u64,
    /// Whether the last write failed: it is said once.
    failing: bool,
}

impl Writer {
    fn run(mut self) {
        let mut sum_up_at = Instant::now() + SUMMED_UP;
        let mut open = true;
        while open {
            open = match self.next(sum_up_at) {
                Ok(Some(event)) => {
                    self.take(event);
                    self.gather()
                }
                Err(RecvTimeoutError::Timeout) => true,
                Ok(None) | Err(RecvTimeoutError::Disconnected) => false,
            };
            if !open || Instant::now() >= sum_up_at {
                self.shared.refusals().sum_up(&mut self.lines);
                sum_up_at = Instant::now() + SUMMED_UP;
            }
            self.flush();
        }
    }

    fn next(&self, until: Instant) -> Result<Option<AccessEvent>, RecvTimeoutError> {
        self.events.recv_timeout(until.saturating_duration_since(Instant::now()))
    }

    /// Takes what comes within a short time; whether more may come later.
    fn gather(&mut self) -> bool {
        let flushed_at = Instant::now() + GATHERED;
        while self.lines.len() < GATHERED_BYTES {
            match self.next(flushed_at) {
                Ok(Some(event)) => self.take(event),
                Err(RecvTimeoutError::Timeout) => break,
                Ok(None) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    fn take(&mut self, event: AccessEvent) {
        self.now_ms = self.now_ms.max(event.at_ms);
        put(&event, &mut self.lines);
    }

    fn flush(&mut self) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let (at_ms, event) = (self.now_ms, "events_lost");
            let count =
                Count { at_ms, event, user: None, address: None, detail: None, count: lost };
            put(&count, &mut self.lines);
        }
        if self.lines.is_empty() {
            return;
        }
        let written = self.file.append(&self.lines);
        self.lines.clear();
        match &written {
            Err(error) if !self.failing => {
                tracing::error!(%error, "failed to write the access log");
            }
            _ => {}
        }
        self.failing = written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(user: &str, address: &str) -> AccessEvent {
        AccessEvent {
            at_ms: 7,
            event: "rate_limited",
            user: Some(user.to_string()),
            address: Some(address.to_string()),
            agent: Some("x".repeat(10_000)),
            detail: Some("\u{1}".repeat(10_000)),
        }
    }

    #[test]
    fn flood_of_refusals_is_two_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.jsonl");
        let (access, writing) = AccessLog::open(&path).unwrap();
        let mut sent = 0;
        while sent < 20_000 {
            access.record(refused("ann", "192.0.2.1"));
            sent += 1;
        }
        access.record(AccessEvent { event: "signed_in", ..refused("bob", "192.0.2.2") });
        access.close();
        writing.join().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |event: &str| -> Vec<&serde_json::Value> {
            lines.iter().filter(|line| line["event"] == event).collect()
        };
        let count: Vec<u64> =
            of("rate_limited").iter().map(|line| line["count"].as_u64().unwrap_or(1)).collect();
        assert_eq!(count, [1, sent - 1], "{text}");
        assert_eq!(of("signed_in").len(), 1, "a flood leaves room for what matters");
        assert!(text.lines().all(|line| line.len() < 4096), "lines are bounded");
    }
}
