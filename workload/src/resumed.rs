//! Whether an earlier run played all of a workload.

use crate::input::{Input, InputError, Line, Next};
use crate::line::{Unreadable, parse_line};
use crate::played::Played;

/// What files hold that were played to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Commands.
    pub commands: u64,
    /// Lines without a command.
    pub unreadable: u64,
}

/// Reads `inputs`, whose commands are numbered from 1, up to the first command that is not in
/// `played`. Returns none if there is one, else what they hold. `unreadable` gets the lines without a
/// command.
///
/// # Errors
/// A file cannot be read.
pub fn contents_if_played(
    inputs: impl IntoIterator<Item = Result<Input, InputError>>,
    played: &Played,
    mut unreadable: impl FnMut(&str, Line<'_>, &Unreadable),
) -> Result<Option<Contents>, InputError> {
    let mut contents = Contents::default();
    for input in inputs {
        let mut input = input?;
        let name = input.name().to_string();
        loop {
            let line = match input.next_line()? {
                Next::Line(line) => line,
                Next::Pause => continue,
                Next::End => break,
            };
            let read = match line.too_long {
                true => Err(Unreadable { column: 1, expected: "a shorter line" }),
                false => parse_line(line.text),
            };
            match read {
                Ok(None) => {}
                Ok(Some(_)) => {
                    contents.commands += 1;
                    if !played.contains(contents.commands) {
                        return Ok(None);
                    }
                }
                Err(fault) => {
                    contents.unreadable += 1;
                    unreadable(&name, line, &fault);
                }
            }
        }
    }
    Ok(Some(contents))
}
