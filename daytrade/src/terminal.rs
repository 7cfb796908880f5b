//! Writing to the terminal.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard output. Whoever reads it may have seen enough and be gone: that is
/// no fault of ours, and nothing is left to tell.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub fn warn(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The width of the terminal in characters, or a common one where there is no terminal.
pub fn width() -> usize {
    let terminal = console::Term::stdout();
    terminal.size_checked().map_or(100, |(_, columns)| usize::from(columns))
}
