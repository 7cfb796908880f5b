//! A line of a workload, and what the log can show of it.

use super::money;
use super::words::{Argument, Verb};

/// What a line of a workload file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// Nothing but blanks: no line at all.
    Blank,
    /// No number, or no command name behind it.
    Unreadable,
    /// A command and what stands behind the comma after its name, if there is one.
    Command(Verb, Option<&'l [u8]>),
}

/// Reads a line as `docs/workloads.md` says: `[n] COMMAND,arg,…`, blanks around the line, the
/// command and the arguments aside.
pub(super) fn read(line: &[u8]) -> Line<'_> {
    let mut text = line.strip_suffix(b"\n").unwrap_or(line);
    while let [rest @ .., b' ' | b'\t' | b'\r'] = text {
        text = rest;
    }
    let text = without_blanks(text);
    if text.is_empty() {
        return Line::Blank;
    }
    numbered(text).map_or(Line::Unreadable, |(verb, arguments)| Line::Command(verb, arguments))
}

fn numbered(text: &[u8]) -> Option<(Verb, Option<&[u8]>)> {
    let close = text.iter().position(|&byte| byte == b']')?;
    let number = text[..close].strip_prefix(b"[")?;
    let positive = number.iter().any(|&digit| digit != b'0');
    if !positive || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut parts = text[close + 1..].splitn(2, |&byte| byte == b',');
    let verb = Verb::parse(without_blanks(parts.next()?))?;
    Some((verb, parts.next()))
}

/// `text` without the spaces and tabs around it.
pub(super) fn without_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether the log's schema holds a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Must,
    /// It can, but it need not: white space at an end, a decimal of an odd shape.
    May,
    Cannot,
}

pub(super) fn holds(argument: Argument, text: &[u8]) -> Holds {
    let Ok(chars) = std::str::from_utf8(text) else {
        return Holds::Cannot;
    };
    let forbidden = |char: char| {
        (char < ' ' && !"\t\n\r".contains(char)) || matches!(char, '\u{fffe}' | '\u{ffff}')
    };
    if text.is_empty() || chars.chars().any(forbidden) {
        return Holds::Cannot;
    }
    let fits = match argument {
        Argument::User | Argument::File => true,
        Argument::Stock => chars.chars().count() <= 3,
        Argument::Amount => money::decimal(text.trim_ascii()).is_some(),
    };
    if !fits {
        return Holds::Cannot;
    }
    let odd = chars.trim() != chars || chars.chars().any(char::is_control);
    let odd_decimal = argument == Argument::Amount
        && !(text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
            && text.last().is_some_and(u8::is_ascii_digit));
    if odd || odd_decimal { Holds::May } else { Holds::Must }
}

/// Whether an argument and a field say the same: amounts as numbers, where both are.
pub(super) fn equal(argument: Argument, given: &[u8], shown: &[u8]) -> bool {
    if given == shown {
        return true;
    }
    let cents = |text: &[u8]| money::decimal(text).and_then(|decimal| decimal.cents);
    argument == Argument::Amount && cents(given).is_some_and(|given| Some(given) == cents(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases that the player's reader is tested with too.
    const CASES: &str = include_str!("../../../workload/tests/corpus/lines.txt");

    fn unescape(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, behind @ ..] = rest {
            let (byte, left) = match (first, behind) {
                (b'\\', [b't', left @ ..]) => (b'\t', left),
                (b'\\', [b'r', left @ ..]) => (b'\r', left),
                (b'\\', [b'x', high, low, left @ ..]) => {
                    let digit = |hex: &u8| char::from(*hex).to_digit(16).unwrap() as u8;
                    (digit(high) << 4 | digit(low), left)
                }
                _ => (*first, behind),
            };
            bytes.push(byte);
            rest = left;
        }
        bytes
    }

    #[test]
    fn lines_read_as_the_player_reads_them() {
        let mut seen = 0;
        for case in CASES.lines().filter(|line| line.starts_with('"')) {
            let (line, reading) = case[1..].rsplit_once("\" = ").unwrap();
            let line = unescape(line);
            let expected = match reading.split_once(' ') {
                None if reading == "blank" => "blank".to_string(),
                Some(("unreadable", _)) => "unreadable".to_string(),
                _ => unescape(reading).escape_ascii().to_string(),
            };
            let read = match read(&line) {
                Line::Blank => "blank".to_string(),
                Line::Unreadable => "unreadable".to_string(),
                Line::Command(verb, None) => verb.name().to_string(),
                Line::Command(verb, Some(arguments)) => {
                    let arguments = arguments.split(|&byte| byte == b',').map(without_blanks);
                    let all = std::iter::once(verb.name().as_bytes()).chain(arguments);
                    all.collect::<Vec<_>>().join(&b'|').escape_ascii().to_string()
                }
            };
            assert_eq!(read, expected, "{case}");
            seen += 1;
        }
        assert!(seen > 40, "{seen} cases");
    }
}
