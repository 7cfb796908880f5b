//! Writing to the terminal.

use console::measure_text_width;
use domain::text::{is_deceptive, visible};
use indicatif::ProgressBar;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// The longest word of an error message, in columns: a name or a path that is longer loses its
/// middle.
const LONGEST_WORD: usize = 300;

/// The longest error message, in columns.
const LONGEST_MESSAGE: usize = 3_000;

/// Why standard output took no more, the first time that it did not.
static OUTPUT_ERROR: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to standard output. Whoever reads it may have seen enough and be gone: that is
/// no fault of ours, and nothing is left to tell. Any other error is kept for the
/// [exit code](output_error).
pub fn say(text: impl Display) {
    if let Err(error) = writeln!(io::stdout().lock(), "{text}") {
        note_output_error(error);
    }
}

/// Why results are missing on standard output, if some are: a full disk, for example.
pub fn output_error() -> Option<&'static io::Error> {
    if let Err(error) = io::stdout().lock().flush() {
        note_output_error(error);
    }
    OUTPUT_ERROR.get()
}

/// Keeps an error of writing to standard output for the exit code.
pub fn note_output_error(error: io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        let _ = OUTPUT_ERROR.set(error);
    }
}

/// Writes a line to standard error. The text may quote names, paths and what a server said:
/// nothing of it reaches the terminal as anything but text.
pub fn warn(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", visible_lines(&text.to_string()));
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
    brief(&told)
}

/// `text` without what would deceive a terminal, and not endless: long words and a long text lose
/// their middle.
pub fn brief(text: &str) -> String {
    let text = visible_lines(text);
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        [&shortened(bare, LONGEST_WORD), &word[bare.len()..]].concat()
    });
    let brief: String = words.collect();
    match brief.contains('\n') {
        // Lines are not joined for the sake of a word too many.
        true => brief.chars().take(LONGEST_MESSAGE).collect(),
        false => shortened(&brief, LONGEST_MESSAGE).into_owned(),
    }
}

/// As [`visible`], but lines stay lines.
fn visible_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|char| char != '\n' && is_deceptive(char)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    Cow::Owned(lines.join("\n"))
}

/// `text` in at most `width` columns: what is longer loses its middle to an ellipsis.
pub fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(1);
    let head = room.div_ceil(2);
    let head = &text
        [..fitting(text.char_indices().map(|(at, char)| (at + char.len_utf8(), char)), head, 0)];
    let tail = fitting(text.char_indices().rev(), room / 2, text.len());
    Cow::Owned(format!("{head}…{}", &text[tail..]))
}

/// The place behind as many of `chars` as fit into `room` columns; `none` where that is none.
fn fitting(chars: impl Iterator<Item = (usize, char)>, room: usize, none: usize) -> usize {
    let mut left = room;
    let fitting = chars.map_while(|(at, char)| {
        left = left.checked_sub(measure_text_width(char.encode_utf8(&mut [0; 4])))?;
        Some(at)
    });
    fitting.last().unwrap_or(none)
}

/// The width of the terminal that standard output is, in columns; none where it is not one.
pub fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = console::Term::stdout().size_checked();
    Some(size.map_or(80, |(_, columns)| usize::from(columns)))
}

/// Decides for standard output and standard error, each on its own, whether there are colors;
/// returns it for standard error.
pub fn set_colors() -> bool {
    let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
    let colored = |is_terminal| colors(is_terminal, |name| std::env::var(name).ok());
    console::set_colors_enabled(colored(out));
    console::set_colors_enabled_stderr(colored(err));
    colored(err)
}

/// Whether a stream has colors: <https://no-color.org> and <https://bixense.com/clicolors>.
fn colors(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let wanted = set("CLICOLOR").is_none_or(|value| value != "0");
    is_terminal && wanted && set("TERM").is_none_or(|value| value != "dumb")
}

/// Standard error for the lines of the program's log: what they quote does not steer the terminal.
pub struct LogLines {
    /// Whether the lines are colored.
    pub colored: bool,
}

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut shown = String::with_capacity(text.len());
        for char in text.chars() {
            // Escapes in what is quoted have been made visible before the line was colored.
            let steers = char != '\n' && !(self.colored && char == '\u{1b}') && is_deceptive(char);
            match steers {
                true => shown.extend(char.escape_default()),
                false => shown.push(char),
            }
        }
        io::stderr().lock().write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
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

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abc…fg");
        assert_eq!(shortened("abcdefg", 1), "…");
        assert_eq!(shortened("abcdefg", 0), "…");
        // Two columns each.
        assert_eq!(shortened("中中中中", 6), "中…中");
        for width in 1..20 {
            let short = shortened("a中b中c中d中e中f", width).into_owned();
            assert!(measure_text_width(&short) <= width, "{width}: {short}");
        }
    }

    #[test]
    fn an_error_is_neither_endless_nor_deceptive() {
        let name = "n".repeat(60_000);
        let told = brief(&format!("{name}: no such\u{202e} file\nline"));
        assert!(told.len() < 400, "{} bytes", told.len());
        assert!(told.ends_with("nnn: no such\\u{202e} file\nline"), "{told}");
        let spaced = brief(&"n ".repeat(60_000));
        assert!(spaced.chars().count() <= LONGEST_MESSAGE);
    }

    #[test]
    fn each_stream_has_colors_of_its_own() {
        let with = |variables: &'static [(&str, &str)]| {
            move |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.to_string())
            }
        };
        for (variables, on_terminal, elsewhere) in [
            (&[][..], true, false),
            (&[("TERM", "xterm")][..], true, false),
            (&[("TERM", "dumb")][..], false, false),
            (&[("NO_COLOR", "1")][..], false, false),
            (&[("NO_COLOR", "")][..], true, false),
            (&[("CLICOLOR", "0")][..], false, false),
            (&[("CLICOLOR_FORCE", "1")][..], true, true),
            (&[("CLICOLOR_FORCE", "0")][..], true, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")][..], false, false),
        ] {
            assert_eq!(colors(true, with(variables)), on_terminal, "{variables:?}");
            assert_eq!(colors(false, with(variables)), elsewhere, "{variables:?}");
        }
    }
}
