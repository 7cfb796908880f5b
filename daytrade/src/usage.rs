//! What is said of a command line that cannot be read.

use crate::cli::Cli;
use crate::terminal::{brief, note_output_error, warn};
use clap::CommandFactory as _;
use clap::error::{ContextKind, ErrorKind};
use std::error::Error;
use std::net::AddrParseError;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::process::ExitCode;

/// Says what is wrong with the command line, or what was asked for with `--help` and `--version`.
pub fn tell(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        if let Err(error) = error.print() {
            note_output_error(error);
        }
        return ExitCode::SUCCESS;
    }
    let plain = error.render().to_string();
    let told = match expectation(error) {
        Some(message) => Cli::command().error(ErrorKind::ValueValidation, message).render(),
        None => error.render(),
    };
    // Colors are for what is shown as it is.
    let told = match brief(&plain) == plain {
        true if console::colors_enabled_stderr() => return print(&told.ansi().to_string()),
        _ => told.to_string(),
    };
    warn(brief(told.trim_end()));
    ExitCode::from(2)
}

fn print(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(2)
}

/// What was expected, where the standard library's parser only says what it did not like.
fn expectation(error: &clap::Error) -> Option<String> {
    let expected = expected_by(error.source()?)?;
    let argument = error.get(ContextKind::InvalidArg)?;
    let value = error.get(ContextKind::InvalidValue)?;
    Some(format!("invalid value '{value}' for '{argument}': {expected}"))
}

fn expected_by(source: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(number) = source.downcast_ref::<ParseIntError>() {
        return Some(match number.kind() {
            IntErrorKind::PosOverflow => "the number is too large",
            IntErrorKind::NegOverflow => "the number is too small",
            _ => "a whole number is expected",
        });
    }
    if source.is::<ParseFloatError>() {
        return Some("a number such as 0.5 is expected");
    }
    if source.is::<AddrParseError>() {
        // Which of the two is meant stands in its text alone.
        return Some(match source.to_string().contains("socket") {
            true => "an address and a port are expected, such as 127.0.0.1:8080 or [::1]:8080",
            false => "an IP address is expected, such as 127.0.0.1 or ::1",
        });
    }
    None
}
