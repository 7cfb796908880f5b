//! What a run tells while it goes on: progress, unreadable lines, acknowledgements.

use super::folder::OutFolder;
use super::stop::Stop;
use crate::cli::ReplayOptions;
use crate::terminal::{say, warn};
use ::workload::input::{Input, Line, ReadSoFar};
use ::workload::played::Played;
use ::workload::player::Audience;
use anyhow::Context;
use bus::Reply;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Unreadable lines that are shown; all of them are written to `unreadable.txt`.
const SHOWN: u64 = 10;

/// How much of an unreadable line is shown, in bytes.
const SHOWN_BYTES: usize = 80;

/// Tells the user, and writes the files that grow during the run.
pub struct Console {
    bar: ProgressBar,
    so_far: Vec<ReadSoFar>,
    unreadable: u64,
    unreadable_path: PathBuf,
    unreadable_file: Option<BufWriter<File>>,
    acknowledgements: Option<File>,
    fresh: Played,
    stop: Stop,
    trouble: Option<io::Error>,
}

impl Console {
    /// A console for the run of `inputs` into `out`.
    pub fn new(
        options: &ReplayOptions,
        inputs: &[Input],
        out: &OutFolder,
        stop: Stop,
    ) -> anyhow::Result<Console> {
        let acknowledgements = match &options.acknowledgements {
            Some(path) => {
                let file = acknowledgements(path, options.resume);
                Some(file.with_context(|| path.display().to_string())?)
            }
            None => None,
        };
        let size: Option<u64> = inputs.iter().map(Input::size).sum();
        let bar = match size {
            Some(size) => ProgressBar::new(size)
                .with_style(style("{wide_bar:.cyan/blue} {percent:>3} %  {msg}, {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{spinner:.cyan} {msg}")),
        };
        Ok(Console {
            bar,
            so_far: inputs.iter().map(Input::so_far).collect(),
            unreadable: 0,
            unreadable_path: out.path().join("unreadable.txt"),
            unreadable_file: None,
            acknowledgements,
            fresh: Played::default(),
            stop,
            trouble: None,
        })
    }

    /// The progress bar.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes the progress bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Adds what was played to `done` and ends the files.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn finish(&mut self, done: &mut Played) -> anyhow::Result<()> {
        for (first, last) in self.fresh.ranges() {
            (first..=last).for_each(|transaction| done.insert(transaction));
        }
        if let Some(error) = self.trouble.take() {
            return Err(error).context("the acknowledgements or unreadable.txt cannot be written");
        }
        if let Some(file) = &mut self.unreadable_file {
            file.flush().with_context(|| self.unreadable_path.display().to_string())?;
        }
        if self.unreadable > SHOWN {
            warn(format_args!(
                "{} more unreadable lines, all of them in {}",
                self.unreadable - SHOWN,
                self.unreadable_path.display()
            ));
        }
        Ok(())
    }

    /// Names the files of the run.
    pub fn tell_files(&self, out: &OutFolder) {
        say(format_args!("report  {}", out.path().join("report.html").display()));
        say(format_args!("state   {}", out.path().join("state.json").display()));
        say(format_args!("log     {}", out.log().display()));
    }

    fn keep(&mut self, text: &str) -> io::Result<()> {
        if self.unreadable_file.is_none() {
            self.unreadable_file = Some(BufWriter::new(File::create(&self.unreadable_path)?));
        }
        match &mut self.unreadable_file {
            Some(file) => writeln!(file, "{text}"),
            None => Ok(()),
        }
    }
}

impl Audience for Console {
    fn unreadable(&mut self, file: &str, line: Line<'_>, column: usize, expected: &'static str) {
        self.unreadable += 1;
        let shown = &line.text[..line.text.len().min(SHOWN_BYTES)];
        let more = if shown.len() < line.text.len() { "..." } else { "" };
        let text = format!(
            "{file}:{}:{column}: {expected} expected: {}{more}",
            line.number,
            shown.escape_ascii()
        );
        if self.unreadable <= SHOWN {
            self.bar.suspend(|| warn(&text));
        }
        if let Err(error) = self.keep(&text) {
            self.trouble.get_or_insert(error);
        }
    }

    fn replies(&mut self, replies: &[Reply]) {
        for reply in replies {
            self.fresh.insert(reply.decided.command.transaction.0);
        }
        if let Some(file) = &mut self.acknowledgements {
            let mut lines = String::with_capacity(replies.len() * 8);
            for reply in replies {
                let _ = writeln!(lines, "{}", reply.decided.command.transaction);
            }
            if let Err(error) = file.write_all(lines.as_bytes()) {
                self.trouble.get_or_insert(error);
            }
        }
    }

    fn progress(&mut self, commands: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(self.so_far.iter().map(ReadSoFar::bytes).sum());
        let seconds = self.bar.elapsed().as_secs_f64();
        if seconds > 0.1 {
            let rate = commands as f64 / seconds;
            let (commands, rate) = (HumanCount(commands), HumanCount(rate as u64));
            self.bar.set_message(format!("{commands} commands, {rate}/s"));
        }
    }

    fn wants_to_stop(&mut self) -> bool {
        self.stop.is_wanted()
    }
}

/// The file for acknowledgements. What was acknowledged before a run was resumed stays so, but
/// for a last number that was cut short when the process was killed.
fn acknowledgements(path: &Path, resumed: bool) -> io::Result<File> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(!resumed).open(path)?;
    let mut before = Vec::new();
    file.read_to_end(&mut before)?;
    let whole = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    Ok(file)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
