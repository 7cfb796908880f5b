//! The record of who came: sign-ins, failures, sign-outs, changes of roles, with address and
//! agent. JSON lines; what comes while the disk is busy shares a flush. Secrets never stand in it.

use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events that may wait for the disk; beyond it whoever signs in waits.
const WAITING: usize = 4096;

/// How long what happens is gathered before it is flushed: each flush holds up those of the log.
const GATHERED: Duration = Duration::from_millis(100);

/// The longest name of a browser that is kept, in characters.
const AGENT: usize = 200;

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

/// The record.
#[derive(Clone)]
pub struct AccessLog(SyncSender<Option<Vec<u8>>>);

impl AccessLog {
    /// Goes on with the record at `path`. It is whole when the thread has ended, which it does
    /// when no handle is left or one was [closed](Self::close).
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> io::Result<(AccessLog, JoinHandle<()>)> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let (sender, events) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("access".to_string());
        let writer = writer.spawn(move || write(file, &events))?;
        Ok((AccessLog(sender), writer))
    }

    /// Records an event.
    pub fn record(&self, mut event: AccessEvent) {
        if let Some(agent) = &mut event.agent
            && let Some((end, _)) = agent.char_indices().nth(AGENT)
        {
            agent.truncate(end);
        }
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        // Nothing happens at a door that is closed.
        let _ = self.0.send(Some(line));
    }

    /// Ends the record behind what was recorded so far, whoever still holds a handle.
    pub fn close(self) {
        let _ = self.0.send(None);
    }
}

fn write(mut file: File, events: &Receiver<Option<Vec<u8>>>) {
    let mut open = true;
    while open && let Ok(Some(mut lines)) = events.recv() {
        let flushed_at = Instant::now() + GATHERED;
        loop {
            let rest = flushed_at.saturating_duration_since(Instant::now());
            match events.recv_timeout(rest) {
                Ok(Some(more)) => lines.extend(more),
                Ok(None) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        if let Err(error) = file.write_all(&lines).and_then(|()| file.sync_data()) {
            tracing::error!(%error, "the access record cannot be written");
        }
    }
}
