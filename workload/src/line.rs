//! What a line of a workload file says: `[n] COMMAND,arg,…`.

use domain::trading::command::{Action, CommandName};
use domain::trading::parse::parse_action;
use memchr::memchr;

/// A line that holds no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The byte in the line, from 1, at which something else was expected.
    pub column: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// Reads a line (without its line feed). A line with a number and one of the 16 command names is
/// a command, whatever its arguments are.
///
/// # Errors
/// The line has no number, or no command name behind it.
pub fn parse_line(line: &[u8]) -> Result<Action, Unreadable> {
    let line = line.trim_ascii_end();
    let fault = |at: usize, expected| Err(Unreadable { column: at + 1, expected });
    if line.first() != Some(&b'[') {
        return fault(0, "'[' and the number of the line");
    }
    let digits = line[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = &line[1..1 + digits];
    if number.iter().all(|&byte| byte == b'0') {
        return fault(1, "a positive number");
    }
    let mut at = 1 + digits;
    if line.get(at) != Some(&b']') {
        return fault(at, "']' behind the number");
    }
    at += 1;
    while matches!(line.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    let rest = &line[at..];
    let (name, arguments) = match memchr(b',', rest) {
        Some(comma) => (&rest[..comma], Some(&rest[comma + 1..])),
        None => (rest, None),
    };
    match CommandName::parse(name) {
        Some(name) => Ok(parse_action(name, arguments)),
        None => fault(at, "one of the 16 command names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_lines_are_read_with_their_blanks_and_line_ends() {
        for line in ["[1] ADD,u,63511.53 ", "[1] ADD,u,63511.53\r", "[007] ADD,u,63511.53"] {
            let action = parse_line(line.as_bytes()).unwrap();
            assert!(matches!(action, Action::User { .. }), "{line}");
        }
    }

    #[test]
    fn a_command_with_bad_arguments_is_still_a_command() {
        for line in ["[1] BUY", "[1] BUY,", "[1] BUY,u,S,x", "[1] ADD,u,-73280.58 "] {
            let action = parse_line(line.as_bytes()).unwrap();
            assert!(matches!(action, Action::Malformed(_)), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_with_its_column() {
        for (line, column) in [
            ("", 1),
            ("ADD,u,1.00", 1),
            ("[] ADD,u,1.00", 2),
            ("[0] ADD,u,1.00", 2),
            ("[-1] ADD,u,1.00", 2),
            ("[1 ADD,u,1.00", 3),
            ("[1] add,u,1.00", 5),
            ("[1]   SELLS,u", 7),
            ("[12]", 5),
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
            let read = parse_line(&line);
            proptest::prop_assert!(read.is_ok() || line.trim_ascii_end().len() < line.len());
        }
    }
}
