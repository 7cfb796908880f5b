//! What a run was begun with, kept in `run.json` beside its log, so that it is not gone on with
//! from other files: their commands would take the places of those that are missing.

use super::folder::OutFolder;
use crate::cli::ReplayOptions;
use ::workload::input::Input;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

/// The name of the file.
pub const FILE: &str = "run.json";

/// What a run was begun with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The program that began it.
    pub version: String,
    /// The workload files, in their order.
    pub files: Vec<Workload>,
    /// Where prices came from.
    pub quotes: String,
    /// What prices followed from.
    pub seed: u64,
    /// Names that were in the folder before the run: a DUMPLOG overwrites none of these files
    /// without `--force`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub foreign: BTreeSet<String>,
}

/// A workload file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name, as it was given.
    pub name: String,
    /// What tells it from others; none for a pipe, which can be read once only.
    pub content: Option<Content>,
}

/// What tells a file from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 over all of it: a gigabyte takes about a second.
    pub hash: String,
}

impl Origin {
    /// What a run of `options` begins with.
    pub fn of(options: &ReplayOptions, inputs: &[Input], quotes: String) -> anyhow::Result<Origin> {
        let mut files = Vec::new();
        for (path, input) in options.files.iter().zip(inputs) {
            let content = match input.size() {
                Some(_) => Some(Content::of(path).with_context(|| path.display().to_string())?),
                None => None,
            };
            files.push(Workload { name: path.display().to_string(), content });
        }
        let version = env!("CARGO_PKG_VERSION").to_string();
        let (seed, foreign) = (options.setup.seed, BTreeSet::new());
        Ok(Origin { version, files, quotes, seed, foreign })
    }

    /// What the run in `out` was begun with, if it says so.
    pub fn read(out: &OutFolder) -> anyhow::Result<Option<Origin>> {
        let path = out.path().join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let origin = serde_json::from_slice(&bytes).with_context(|| {
            format!(
                "{}: it does not say what the run was begun with (without the file the run goes \
                 on unchecked)",
                path.display()
            )
        })?;
        Ok(Some(origin))
    }

    /// Why a run that began with this cannot go on with `other`, if it cannot.
    pub fn refuses(&self, other: &Origin) -> Option<Mismatch> {
        if self.files.len() != other.files.len() {
            return Some(Mismatch::Count { begun: self.files.len(), given: other.files.len() });
        }
        let differs = |(begun, given): &(&Workload, &Workload)| {
            // A pipe cannot be told from another.
            begun.content.is_some() && given.content.is_some() && begun.content != given.content
        };
        let (begun, given) = self.files.iter().zip(&other.files).find(differs)?;
        Some(Mismatch::Content { begun: begun.clone(), given: given.clone() })
    }
}

impl Content {
    fn of(path: &Path) -> io::Result<Content> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        let bytes = hasher.count();
        Ok(Content { bytes, hash: hasher.finalize().to_string() })
    }
}

/// Other workload files than those that a run was begun with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Not as many.
    Count { begun: usize, given: usize },
    /// Another where one stood.
    Content { begun: Workload, given: Workload },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Count { begun, given } => {
                write!(f, "the run was begun with another number of files: {begun}, not {given}")
            }
            Mismatch::Content { begun, given } => {
                let length = |file: &Workload| file.content.as_ref().map_or(0, |file| file.bytes);
                write!(
                    f,
                    "{} ({} bytes) is not what the run was begun with: {} ({} bytes)",
                    given.name,
                    length(given),
                    begun.name,
                    length(begun)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Content::of(file.path()).unwrap()
    }

    #[test]
    fn a_change_to_any_byte_of_a_file_shows() {
        for length in [10_000, 20 << 20] {
            let whole = vec![b'x'; length];
            for at in [0, 1, length / 2, length / 3, length - 1] {
                let mut other = whole.clone();
                other[at] = b'y';
                assert_ne!(content(&whole), content(&other), "{at}");
            }
            assert_ne!(content(&whole), content(&whole[1..]));
            assert_eq!(content(&whole), content(&whole));
            assert_eq!(content(&whole).bytes, length as u64);
        }
    }
}
