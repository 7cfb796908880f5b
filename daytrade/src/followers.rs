//! The stores that follow the log of a run, and what is told of them.

use crate::terminal::warn;
use audit_logger::follow::{Follower, FollowerOptions, State, Status};
use audit_logger::postgres::{PostgresSink, PostgresUrl};
use indicatif::{HumanCount, ProgressBar};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often what a follower does is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// Starts to bring the Postgres at `url` up to the log in `folder`. `durable` tells how far the log
/// is, where this process writes it.
pub fn postgres(
    url: &PostgresUrl,
    folder: &Path,
    server: &str,
    durable: Option<watch::Receiver<u64>>,
) -> anyhow::Result<Follower> {
    let named = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let (url, named, server) = (url.clone(), named.display().to_string(), server.to_string());
    let options = FollowerOptions { durable, ..FollowerOptions::default() };
    let make = move || PostgresSink::new(url, &named, &server);
    Ok(Follower::start("postgres", folder, options, make)?)
}

/// Shows how far `follower` is until it has every entry before `next`, or for good if that is
/// none. Tells each trouble once. Returns what it came to.
pub fn watch_until(follower: &Follower, next: Option<u64>) -> Result<Status, anyhow::Error> {
    let bar = ProgressBar::new_spinner();
    let mut told = String::new();
    loop {
        let status = follower.status();
        if let State::Refused(reason) = &status.state {
            bar.finish_and_clear();
            return Err(anyhow::anyhow!("{}: {reason}", follower.name()));
        }
        if next.is_some_and(|next| status.next >= next) {
            bar.finish_and_clear();
            return Ok(status);
        }
        if let State::Waiting { reason, .. } = &status.state
            && told != *reason
        {
            bar.suspend(|| {
                warn(format_args!(
                    "{} does not take entries now, it is tried again (the log has them all): \
                     {reason}",
                    follower.name()
                ));
            });
            told.clone_from(reason);
        }
        bar.set_message(progress(follower.name(), &status));
        bar.tick();
        std::thread::sleep(if next.is_some() { SHOWN_EVERY / 10 } else { SHOWN_EVERY });
    }
}

fn progress(name: &str, status: &Status) -> String {
    format!(
        "{name}: {} entries, {} to go, {}/s",
        HumanCount(status.next - 1),
        HumanCount(status.lag()),
        HumanCount(status.rate as u64)
    )
}

/// The line that a run ends with.
pub fn completed(name: &str, status: &Status, last_command: Instant) -> String {
    let late = status.changed.saturating_duration_since(last_command);
    format!(
        "{name:8} {} entries, complete {:.2} s after the last command",
        HumanCount(status.next - 1),
        late.as_secs_f64()
    )
}
