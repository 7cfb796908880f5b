//! The end after the log has halted, as on a full disk.

use crate::system::System;
use crate::terminal::warn;
use bus::LogHalted;
use frontend::Frontend;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// What the process ends with: a supervisor starts it again.
pub(super) const EXIT_CODE: u8 = 4;

/// How long those who watch the server can see that it is not ready.
const SEEN: Duration = Duration::from_secs(5);

/// How long its parts may take to end, after which the process ends without them.
const PATIENCE: Duration = Duration::from_secs(15);

/// Buys nothing any more, answers for a while that no command is accepted, and ends the server.
pub(super) async fn end(halted: &LogHalted, system: &System, frontend: Frontend) {
    warn(format_args!(
        "error: {halted}\nno command is accepted, no order executes and no quote is bought any more; \
         what was acknowledged is safe. Ending with exit code {EXIT_CODE} in {} s",
        SEEN.as_secs()
    ));
    end_in_any_case();
    // A worker that never answers keeps nobody.
    let _ = timeout(SEEN, system.stop_buying()).await;
    sleep(SEEN).await;
    frontend.stop(Duration::ZERO).await;
}

/// Ends the process where something inside does not come to an end.
fn end_in_any_case() {
    let end = || {
        std::thread::sleep(SEEN * 2 + PATIENCE);
        std::process::exit(i32::from(EXIT_CODE));
    };
    // Without the thread the end is as good where nothing hangs.
    let _ = std::thread::Builder::new().name("halted".to_string()).spawn(end);
}
