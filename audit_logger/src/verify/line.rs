//! A line of a workload, and what the log can show of it.

use super::money;
use super::words::{Argument, Verb};

/// Splits a line into its command and what stands behind the comma, and says whether it is
/// written as workload lines are: `[n] COMMAND,arg,…`.
pub(super) fn command(line: &[u8]) -> Option<(Verb, Option<&[u8]>, bool)> {
    let bracket = line.trim_ascii_start();
    let close = bracket.iter().position(|&byte| byte == b']')?;
    let number = bracket[..close].strip_prefix(b"[")?;
    let number = number.trim_ascii();
    let digits = number.iter().all(u8::is_ascii_digit);
    if !digits || number.iter().all(|&digit| digit == b'0') {
        return None;
    }
    let rest = &bracket[close + 1..];
    let text = rest.trim_ascii_start();
    let mut parts = text.splitn(2, |&byte| byte == b',');
    let name = parts.next()?;
    let verb = Verb::parse(name.trim_ascii_end())?;
    let plain = bracket.len() == line.len()
        && bracket[..close].len() == number.len() + 1
        && rest.strip_prefix(b" ") == Some(text)
        && name == verb.name().as_bytes();
    Some((verb, parts.next(), plain))
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
