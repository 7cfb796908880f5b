//! What a server will never take: documents that its mapping refuses. They are kept in a file
//! beside the log, so that nothing is lost and nothing else waits for them.

use crate::follow::SinkError;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the log, where no DUMPLOG can name it.
const FILE: &str = "elasticsearch.dead-letters.jsonl";

/// A document that the server refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The number of the entry in the log.
    pub entry: u64,
    /// What the server said.
    pub reason: String,
    /// What it was sent.
    pub document: Value,
}

/// The file of dead letters of one log: a line of JSON each.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    /// The entries that are in the file, once it was read.
    known: Option<FxHashSet<u64>>,
}

impl DeadLetters {
    /// The dead letters of the log in `folder`.
    pub fn of(folder: &Path) -> DeadLetters {
        DeadLetters { path: folder.join(FILE), known: None }
    }

    /// The file. It is there only if a letter is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every letter. A line that is not whole is left out: it is written anew with its batch.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Vec<DeadLetter>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// Keeps letters, each entry's once. They are on the disk when this returns.
    pub(super) fn keep(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        self.append(letters).map_err(|error| {
            let path = self.path.display();
            SinkError::Unavailable(format!("{path}: dead letters cannot be kept: {error}"))
        })
    }

    fn append(&mut self, letters: &[DeadLetter]) -> io::Result<()> {
        if letters.is_empty() {
            return Ok(());
        }
        let mut known = match self.known.take() {
            Some(known) => known,
            None => self.read()?.iter().map(|letter| letter.entry).collect(),
        };
        let mut text = Vec::new();
        for letter in letters.iter().filter(|letter| known.insert(letter.entry)) {
            // Behind a line that was torn, too, each stands on a line of its own.
            text.push(b'\n');
            serde_json::to_writer(&mut text, letter)?;
        }
        text.push(b'\n');
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        file.write_all(&text)?;
        file.sync_data()?;
        self.known = Some(known);
        Ok(())
    }

    /// Forgets them all.
    pub(super) fn forget(&mut self) -> Result<(), SinkError> {
        self.known = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(SinkError::Unavailable(format!("{}: {error}", self.path.display())))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_kept_once_behind_whatever_was_torn() {
        let folder = tempfile::tempdir().unwrap();
        let letter = |entry| DeadLetter {
            entry,
            reason: "no number".to_string(),
            document: Value::from("a\nb"),
        };
        let mut letters = DeadLetters::of(folder.path());
        assert_eq!(letters.read().unwrap(), []);
        letters.keep(&[letter(3), letter(5)]).unwrap();
        let torn = fs::read(letters.path()).unwrap();
        fs::write(letters.path(), &torn[..torn.len() - 8]).unwrap();
        let mut again = DeadLetters::of(folder.path());
        again.keep(&[letter(3), letter(5)]).unwrap();
        again.keep(&[letter(5), letter(9)]).unwrap();
        assert_eq!(again.read().unwrap(), [letter(3), letter(5), letter(9)]);
        again.forget().unwrap();
        assert!(!again.path().exists());
    }
}
