//! The folder that a run writes to.

use crate::urls::without_password;
use anyhow::Context;
use audit_logger::log::{segment_file, segments};
use serde::Serialize;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Names in the folder that no DUMPLOG may take.
pub const RESERVED: [&str; 6] =
    ["log", "run.json", "state.json", "report.json", "report.html", "unreadable.txt"];

/// Where numbered folders are made when none is named.
const OUT: &str = "out";

/// The folder of a run.
pub struct OutFolder {
    path: PathBuf,
}

/// The log of the run in `out`.
pub fn log_in(out: &Path) -> PathBuf {
    out.join("log")
}

impl OutFolder {
    /// Makes the folder: `named`, or the next numbered one, which `out/latest` then points to.
    pub fn make(named: Option<&Path>) -> anyhow::Result<OutFolder> {
        if let Some(path) = named {
            fs::create_dir_all(path)
                .with_context(|| format!("{}: the folder cannot be made", path.display()))?;
            return Ok(OutFolder { path: path.to_path_buf() });
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
                Ok(()) => {
                    point_latest_to(&name);
                    return Ok(OutFolder { path });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{}: the folder cannot be made", path.display()));
                }
            }
        }
        anyhow::bail!("{OUT}: no number is free")
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

    /// Writes a file of text.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        self.put(name, |file| file.write_all(text.as_bytes()))
    }

    /// Writes a file of JSON.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        self.put(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
    }

    /// A file that is there is there whole, whenever the process is killed: it grows beside the
    /// log, where no DUMPLOG can name it, and is moved to its place.
    fn put(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let unfinished = self.log().join(format!("{name}.unfinished"));
        let path = self.path.join(name);
        let put = || {
            let mut file = BufWriter::new(fs::File::create(&unfinished)?);
            write(&mut file)?;
            file.flush()?;
            fs::rename(&unfinished, &path)
        };
        put().with_context(|| path.display().to_string())
    }
}

/// Best effort: without the link the run is as good.
fn point_latest_to(name: &str) {
    let link = Path::new(OUT).join("latest");
    let fresh = Path::new(OUT).join(format!(".latest-{name}"));
    #[cfg(unix)]
    if std::os::unix::fs::symlink(name, &fresh).is_ok() {
        let _ = fs::rename(&fresh, &link);
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
