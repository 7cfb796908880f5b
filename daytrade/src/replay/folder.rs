//! The folder that a run writes to.

use crate::urls::without_password;
use anyhow::Context;
use audit_logger::log::{segment_file, segments};
use files::{is_temporary, write_atomically};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Names in the folder that no DUMPLOG may take.
pub const RESERVED: [&str; 6] =
    ["log", "run.json", "state.json", "report.json", "report.html", "unreadable.txt"];

/// Where numbered folders are made when none is named.
const OUT: &str = "out";

/// The folder of a run or of an experiment.
pub struct OutFolder {
    path: PathBuf,
    /// Its number, if it was made under `out`.
    number: Option<String>,
}

/// The log of the run in `out`.
pub fn log_in(out: &Path) -> PathBuf {
    out.join("log")
}

impl OutFolder {
    /// Makes the folder: `named`, or the next numbered one.
    pub fn make(named: Option<&Path>) -> anyhow::Result<OutFolder> {
        if let Some(path) = named {
            fs::create_dir_all(path)
                .with_context(|| format!("{}: the folder cannot be made", path.display()))?;
            return Ok(OutFolder { path: path.to_path_buf(), number: None });
        }
        fs::create_dir_all(OUT)
            .with_context(|| format!("{OUT}: the folder cannot be made (--out names another)"))?;
        let highest = fs::read_dir(OUT)?
            .filter_map(|item| item.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .max();
        // Another run may take the same number at the same moment: whoever makes the folder has it.
        for number in highest.unwrap_or(0) + 1.. {
            let name = format!("{number:04}");
            let path = Path::new(OUT).join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(OutFolder { path, number: Some(name) }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{}: the folder cannot be made", path.display()));
                }
            }
        }
        anyhow::bail!("{OUT}: no number is free")
    }

    /// Points `out/latest` to this run, if it is numbered. To be called once it has a log. Best
    /// effort: without the link the run is as good.
    pub fn point_latest(&self) {
        let Some(number) = &self.number else { return };
        let fresh = Path::new(OUT).join(format!(".latest-{number}"));
        #[cfg(unix)]
        if std::os::unix::fs::symlink(number, &fresh).is_ok() {
            let _ = fs::rename(&fresh, Path::new(OUT).join("latest"));
        }
    }

    /// Removes a numbered folder whose run did not start: one without an entry or an output.
    pub fn discard(&self) {
        let has_output = self.path.join("state.json").exists();
        let has_segment = !segments::list(&self.log()).is_ok_and(|found| found.is_empty());
        if self.number.is_some() && !has_output && !has_segment {
            let _ = fs::remove_dir_all(self.log());
            let _ = fs::remove_file(self.path.join(super::origin::FILE));
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The entry log.
    pub fn log(&self) -> PathBuf {
        log_in(&self.path)
    }

    /// Length of the log's segments in bytes.
    pub fn log_bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for (_, path) in segments::list(&self.log())? {
            bytes += segment_file::disk_len(&path)?;
        }
        Ok(bytes)
    }

    /// Names in the folder of what no run made: all but those of a run's own outputs.
    pub fn foreign_names(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for item in fs::read_dir(&self.path).with_context(|| self.path.display().to_string())? {
            let name = item?.file_name().to_string_lossy().into_owned();
            if !RESERVED.contains(&name.as_str()) && !is_temporary(&name) {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// Writes a file of text.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path.join(name);
        write_atomically(&path, |file| file.write_all(text.as_bytes()))
            .with_context(|| path.display().to_string())
    }

    /// Writes a file of JSON.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let path = self.path.join(name);
        write_atomically(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
        .with_context(|| path.display().to_string())
    }
}

/// The command that goes on with the run in `out`, for a shell: the one that was given, with the
/// folder named.
pub fn resume_command(out: &OutFolder) -> String {
    let mut words = Vec::new();
    let mut given = std::env::args_os();
    while let Some(word) = given.next() {
        let text = word.to_string_lossy();
        if text == "--out" {
            given.next();
        } else if text != "--resume" && !text.starts_with("--out=") {
            words.push(word);
        }
    }
    words.extend([OsString::from("--out"), out.path().into(), OsString::from("--resume")]);
    let words: Vec<String> =
        words.iter().map(|word| quoted(&without_password(&word.to_string_lossy()))).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=,@+%".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
