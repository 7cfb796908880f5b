//! The file that `--acknowledgements` names. It grows while the run goes on, so that whoever follows
//! it knows what is durable; it is therefore the one output that is not written atomically.

use super::folder::RESERVED;
use crate::Failure;
use crate::cli::ReplayOptions;
use crate::output;
use anyhow::{Context, anyhow};
use bus::Reply;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};

/// Links to what does not exist that are followed, as Linux does.
const MAX_LINKS: u32 = 40;

/// Decides, before anything is written, whether the file may be written.
pub fn check(options: &ReplayOptions) -> Result<(), Failure> {
    let Some(path) = &options.acknowledgements else { return Ok(()) };
    let mut overwrite = options.overwrite;
    // A resumed run appends.
    overwrite.force |= options.resume;
    output::check(path, &options.files, overwrite)?;
    if options.out.as_deref().is_some_and(|out| is_output(path, out)) {
        return Err(Failure::Usage(anyhow!(
            "{}: the run writes something else there; name another file",
            path.display()
        )));
    }
    if options.resume && path.is_file() {
        let before = std::fs::read(path).with_context(|| path.display().to_string())?;
        if !before.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n') {
            return Err(Failure::Usage(anyhow!(
                "{}: it holds more than transaction numbers, so no earlier run wrote it; name \
                 another file",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Whether a run in the folder `out` writes something else at `path`, however both are spelled.
fn is_output(path: &Path, out: &Path) -> bool {
    let (path, out) = (resolved(path, MAX_LINKS), resolved(out, MAX_LINKS));
    path.strip_prefix(out).is_ok_and(|inside| RESERVED.iter().any(|name| inside.starts_with(name)))
}

/// The path without `.`, `..` and links, also where its end does not exist yet.
fn resolved(path: &Path, links: u32) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            resolved.pop();
            continue;
        }
        let next = resolved.join(component);
        resolved = match (next.canonicalize(), next.read_link()) {
            (Ok(real), _) => real,
            // A link to what does not exist yet: writing to it makes that.
            (Err(_), Ok(target)) if links > 0 => self::resolved(&resolved.join(target), links - 1),
            _ => next,
        };
    }
    resolved
}

/// Writes the numbers of transactions as they become durable.
pub struct Acknowledgements {
    file: File,
}

impl Acknowledgements {
    /// Opens the file for a run. What was acknowledged before a run was resumed stays, but for a last
    /// number that was cut short when the process was killed.
    pub fn open(path: &Path, resumed: bool) -> anyhow::Result<Acknowledgements> {
        let open = || {
            let is_file = !path.exists() || path.is_file();
            if !is_file {
                return OpenOptions::new().write(true).open(path);
            }
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(!resumed)
                .open(path)?;
            let mut before = Vec::new();
            file.read_to_end(&mut before)?;
            let whole = before.iter().rposition(|byte| *byte == b'\n');
            let whole = whole.map_or(0, |at| at as u64 + 1);
            file.set_len(whole)?;
            file.seek(SeekFrom::Start(whole))?;
            Ok(file)
        };
        let file = open().with_context(|| path.display().to_string())?;
        Ok(Acknowledgements { file })
    }

    /// Writes the numbers of `replies`.
    pub fn add(&mut self, replies: &[Reply]) -> io::Result<()> {
        let mut lines = String::with_capacity(replies.len() * 8);
        for reply in replies {
            let _ = writeln!(lines, "{}", reply.decided.command.transaction);
        }
        self.file.write_all(lines.as_bytes())
    }
}
