//! `unreadable.txt`: the lines of a workload that hold no command.

use super::folder::OutFolder;
use crate::terminal::warn;
use ::workload::input::Line;
use anyhow::Context;
use files::AtomicFile;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// The name of the file.
pub const FILE: &str = "unreadable.txt";

/// Lines that the file lists, and their bytes altogether: it must not grow with junk.
pub const MOST_LINES: u64 = 10_000;
pub const MOST_BYTES: u64 = 1 << 20;

/// Lines that are also shown on the terminal.
const SHOWN: u64 = 10;

/// How much of a line is quoted, in bytes.
const QUOTED_BYTES: usize = 80;

/// Collects unreadable lines.
pub struct Unreadable {
    path: PathBuf,
    file: Option<BufWriter<AtomicFile>>,
    found: u64,
    listed: u64,
    listed_bytes: u64,
    failed: Option<io::Error>,
}

impl Unreadable {
    /// A collection for the run in `out`.
    pub fn new(out: &OutFolder) -> Unreadable {
        Unreadable {
            path: out.path().join(FILE),
            file: None,
            found: 0,
            listed: 0,
            listed_bytes: 0,
            failed: None,
        }
    }

    /// Takes a line. Returns what to show of it on the terminal, if it is among the first.
    pub fn add(
        &mut self,
        file: &str,
        line: Line<'_>,
        column: usize,
        expected: &'static str,
    ) -> Option<String> {
        self.found += 1;
        if self.failed.is_some() || self.listed < self.found - 1 {
            return None;
        }
        let quoted = &line.text[..line.text.len().min(QUOTED_BYTES)];
        let more = if quoted.len() < line.text.len() { "..." } else { "" };
        let text = format!(
            "{file}:{}:{column}: {expected} expected: {}{more}",
            line.number,
            quoted.escape_ascii()
        );
        if self.listed < MOST_LINES && self.listed_bytes + (text.len() as u64) < MOST_BYTES {
            self.failed = self.list(&text).err();
        }
        (self.found <= SHOWN).then_some(text)
    }

    fn list(&mut self, text: &str) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(AtomicFile::create(&self.path)?));
        }
        if let Some(file) = &mut self.file {
            writeln!(file, "{text}")?;
        }
        self.listed += 1;
        self.listed_bytes += text.len() as u64 + 1;
        Ok(())
    }

    /// Completes the file, and tells the user where the lines are that were not shown.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        let written = match (self.failed.take(), self.file.take()) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(file)) => self.complete(file),
        };
        written.with_context(|| self.path.display().to_string())?;
        if self.found > SHOWN {
            warn(format_args!(
                "{} more unreadable lines; {} lists {}",
                self.found - SHOWN,
                self.path.display(),
                if self.listed == self.found { "all" } else { "the first" }
            ));
        }
        Ok(())
    }

    fn complete(&self, mut file: BufWriter<AtomicFile>) -> io::Result<()> {
        if self.listed < self.found {
            writeln!(file, "... and {} more unreadable lines", self.found - self.listed)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.commit()
    }
}
