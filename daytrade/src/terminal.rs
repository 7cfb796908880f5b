//! Writing to the terminal.

use indicatif::ProgressBar;
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// Writes a line to standard output. Whoever reads it may have seen enough and be gone: that is
/// no fault of ours, and nothing is left to tell.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub fn warn(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What went wrong, and why. Many a message tells its cause itself: that is not told twice.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

/// The width of the terminal in characters, or a common one where there is no terminal.
pub fn width() -> usize {
    let terminal = console::Term::stdout();
    terminal.size_checked().map_or(100, |(_, columns)| usize::from(columns))
}

/// Shows `text` on the terminal while `work` is under way.
pub fn during<T>(text: &'static str, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(text);
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work();
    spinner.finish_and_clear();
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let source = io::Error::other("no luck");
        let told = audit_logger::LogError::Io { path: "log".into(), action: "read", source };
        assert_eq!(with_causes(&anyhow::Error::new(told)), "log: read: no luck");
        let error = Err::<(), _>(io::Error::other("no luck")).context("log").unwrap_err();
        assert_eq!(with_causes(&error), "log: no luck");
    }
}
