//! What a run tells while it goes on: progress, unreadable lines, acknowledgements.

use super::acknowledgements::Acknowledgements;
use super::folder::OutFolder;
use super::stop::Stop;
use super::unreadable::Unreadable;
use crate::cli::ReplayOptions;
use crate::terminal::{say, warn};
use ::workload::input::{Input, Line, ReadSoFar};
use ::workload::played::Played;
use ::workload::player::Audience;
use anyhow::Context;
use bus::Reply;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::io;

/// Tells the user, and writes the files that grow during the run.
pub struct Console<'a> {
    bar: ProgressBar,
    so_far: Vec<ReadSoFar>,
    out: &'a OutFolder,
    unreadable: Unreadable,
    acknowledgements: Option<Acknowledgements>,
    fresh: Played,
    stop: Stop,
    trouble: Option<io::Error>,
}

impl<'a> Console<'a> {
    /// A console for the run of `inputs` into `out`.
    pub fn new(
        options: &ReplayOptions,
        inputs: &[Input],
        out: &'a OutFolder,
        stop: Stop,
    ) -> anyhow::Result<Console<'a>> {
        let acknowledgements = match &options.acknowledgements {
            Some(path) => Some(Acknowledgements::open(path, options.resume)?),
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
            out,
            unreadable: Unreadable::new(out),
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
            return Err(error).context("the acknowledgements cannot be written");
        }
        self.unreadable.finish()
    }
}

/// Names the files of a run.
pub fn tell_files(out: &OutFolder) {
    say(format_args!("report  {}", out.path().join("report.html").display()));
    say(format_args!("state   {}", out.path().join("state.json").display()));
    say(format_args!("log     {}", out.log().display()));
}

impl Audience for Console<'_> {
    fn unreadable(&mut self, file: &str, line: Line<'_>, column: usize, expected: &'static str) {
        if let Some(text) = self.unreadable.add(file, line, column, expected) {
            self.bar.suspend(|| warn(&text));
        }
    }

    fn replies(&mut self, replies: &[Reply]) {
        if self.fresh.is_empty() && !replies.is_empty() {
            // What is replied to is in the log: now there is one.
            self.out.point_latest();
        }
        for reply in replies {
            self.fresh.insert(reply.decided.command.transaction.0);
        }
        if let Some(file) = &mut self.acknowledgements
            && let Err(error) = file.add(replies)
        {
            self.trouble.get_or_insert(error);
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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
