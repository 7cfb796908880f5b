//! What a line of a workload file says: `[n] COMMAND,arg,…`.

use domain::trading::command::{Action, CommandName};
use domain::trading::parse::parse_action;
use memchr::{memchr, memchr2};

/// A line that holds no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The byte in the line, from 1, at which something else was expected.
    pub column: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// Reads a line (without its line feed): `None` where it is blank.
///
/// A line with a number and one of the 16 command names is a command, whatever its arguments are.
/// Blanks (spaces and tabs) around the line, around the command and around its arguments are
/// ignored, and so are carriage returns at the end of the line. The grammar and its cases are in
/// `docs/workloads.md` and `workload/tests/corpus/lines.txt`.
///
/// # Errors
/// The line has no number, or no command name behind it.
pub fn parse_line(line: &[u8]) -> Result<Option<Action>, Unreadable> {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    let Some(end) = end else { return Ok(None) };
    let line = &line[..=end];
    let blanks = |from: usize| line[from..].iter().take_while(|byte| is_blank(byte)).count();
    let fault = |at: usize, expected| Err(Unreadable { column: at + 1, expected });
    let mut at = blanks(0);
    if line.get(at) != Some(&b'[') {
        return fault(at, "'[' and the number of the line");
    }
    at += 1;
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if line[at..at + digits].iter().all(|&byte| byte == b'0') {
        return fault(at, "a positive number");
    }
    at += digits;
    if line.get(at) != Some(&b']') {
        return fault(at, "']' behind the number");
    }
    at += 1;
    at += blanks(at);
    let rest = &line[at..];
    let (name, arguments) = match memchr(b',', rest) {
        Some(comma) => (&rest[..comma], Some(&rest[comma + 1..])),
        None => (rest, None),
    };
    let Some(name) = CommandName::parse(trimmed(name)) else {
        return fault(at, "one of the 16 command names");
    };
    Ok(Some(match arguments {
        // Generated and official files have no blanks between commas.
        Some(arguments) if memchr2(b' ', b'\t', arguments).is_some() => {
            let fields: Vec<&[u8]> = arguments.split(|&byte| byte == b',').map(trimmed).collect();
            parse_action(name, Some(&fields.join(&b',')))
        }
        arguments => parse_action(name, arguments),
    }))
}

const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `text` without the blanks around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|byte| is_blank(byte)).count();
    let blank_end = text[start..].iter().rev().take_while(|byte| is_blank(byte)).count();
    &text[start..text.len() - blank_end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_bad_arguments_is_still_a_command() {
        for line in ["[1] BUY", "[1] BUY,", "[1] BUY,u,S,x", "[1] ADD,u,-73280.58 "] {
            let action = parse_line(line.as_bytes()).unwrap();
            assert!(matches!(action, Some(Action::Malformed(_))), "{line}");
        }
    }

    #[test]
    fn columns_count_leading_blanks() {
        for (line, column) in [
            ("ADD,u,1.00", 1),
            ("[] ADD,u,1.00", 2),
            ("[0] ADD,u,1.00", 2),
            ("[-1] ADD,u,1.00", 2),
            ("[1 ADD,u,1.00", 3),
            ("[1] add,u,1.00", 5),
            ("[1]   SELLS,u", 7),
            ("[12]", 5),
            (" \t[12] x", 8),
            ("  ADD", 3),
        ] {
            assert_eq!(parse_line(line.as_bytes()).unwrap_err().column, column, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line: Vec<u8>) {
            let _ = parse_line(&line);
        }

        #[test]
        fn no_arguments_make_it_panic(arguments: Vec<u8>, name in 0usize..16) {
            let mut line = format!("[1] {},", CommandName::ALL[name]).into_bytes();
            line.extend(arguments);
            proptest::prop_assert!(parse_line(&line).is_ok_and(|action| action.is_some()));
        }
    }
}
