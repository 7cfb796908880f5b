//! Ctrl-C: the first ends a run in order, the second at once.

use crate::terminal::warn;
use indicatif::ProgressBar;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::select;
use tokio::signal::ctrl_c;

/// What a shell expects of a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

/// Whether the run was asked to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<Flags>);

#[derive(Default)]
struct Flags {
    wanted: AtomicBool,
    nothing_to_lose: AtomicBool,
}

impl Stop {
    /// Whether the run was asked to stop.
    pub fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }

    /// From now on the first Ctrl-C ends the program too: the log is closed, and what is being
    /// written can be written again.
    pub fn nothing_to_lose(&self) {
        self.0.nothing_to_lose.store(true, Ordering::Relaxed);
    }

    /// Listens for Ctrl-C, on a thread of its own: the others may be waiting for the disk, for a
    /// quote or for input.
    pub fn listen(&self, bar: ProgressBar) {
        let stop = self.clone();
        let listener = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
            else {
                return;
            };
            runtime.block_on(async {
                // Where there is no way to listen, Ctrl-C ends the program as ever.
                if ctrl_c().await.is_err() {
                    return;
                }
                if stop.0.nothing_to_lose.load(Ordering::Relaxed) {
                    warn("stopped: the log is whole, --resume writes again what is made of it");
                } else {
                    let mut again = pin!(ctrl_c());
                    // One that comes while this is told counts.
                    select! { biased; _ = &mut again => {}, () = ready(()) => {} }
                    stop.0.wanted.store(true, Ordering::Relaxed);
                    bar.suspend(|| {
                        warn("stopping once what is on its way is durable; Ctrl-C again: at once");
                    });
                    let _ = again.await;
                }
                std::process::exit(EXIT_CODE.into());
            });
        };
        // Without the thread the run is as good.
        let _ = std::thread::Builder::new().name("ctrl-c".to_string()).spawn(listener);
    }
}
