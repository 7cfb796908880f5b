//! Whether a command's arguments are good, judged from its fields in the log or from its line in
//! the workload.

use super::codes::{Code, Codes};
use super::element::Element;
use super::schema::Field;
use super::words::{Argument, Reading, Verb};

/// What may come of a command as far as its arguments go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Whether it may be carried out.
    pub(super) good: bool,
    /// The codes it may be refused with for its arguments.
    pub(super) codes: Codes,
}

impl Arguments {
    /// Judges the fields of a `userCommand`. The log leaves out what its schema cannot hold, and
    /// does not show arguments too many: an absent field may have been a bad one, and a complete
    /// command may still have had `invalid_arguments`.
    pub(super) fn of_fields(verb: Verb, command: &Element) -> Arguments {
        let mut judged = Arguments { good: true, codes: Codes::default() };
        judged.codes.insert(Code::InvalidArguments);
        for &argument in verb.arguments() {
            match command.field(field_of(argument)) {
                Some(text) => judged.add(argument, text),
                None if verb == Verb::DumpLog && argument == Argument::User => {
                    // The DUMPLOG of the complete log, or a username that XML cannot hold.
                    judged.codes.insert(Code::InvalidUser);
                }
                None => {
                    judged.codes.insert(argument.refusal());
                    judged.good = false;
                }
            }
            if !judged.good {
                break;
            }
        }
        judged
    }

    /// Judges the arguments of a workload line.
    pub(super) fn of_line<'a>(
        verb: Verb,
        arguments: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Arguments {
        let mut judged = Arguments { good: true, codes: Codes::default() };
        let count = arguments.clone().count();
        let expected = expected(verb, count);
        if count != expected.len() {
            judged.codes.insert(Code::InvalidArguments);
            judged.good = false;
        }
        for (&argument, text) in expected.iter().zip(arguments) {
            if judged.good {
                judged.add(argument, text);
            }
        }
        judged
    }

    fn add(&mut self, argument: Argument, text: &[u8]) {
        match argument.read(text) {
            Reading::Good => {}
            Reading::Open => self.codes.insert(argument.refusal()),
            Reading::Bad => {
                self.codes.insert(argument.refusal());
                self.good = false;
            }
        }
    }
}

/// The arguments that a command with so many of them is meant to have.
pub(super) const fn expected(verb: Verb, count: usize) -> &'static [Argument] {
    match (verb, count) {
        (Verb::DumpLog, 1) => &[Argument::File],
        _ => verb.arguments(),
    }
}

/// Where the log shows an argument.
pub(super) const fn field_of(argument: Argument) -> Field {
    match argument {
        Argument::User => Field::Username,
        Argument::Stock => Field::StockSymbol,
        Argument::Amount => Field::Funds,
        Argument::File => Field::Filename,
    }
}

/// Whether a refusal with `code` explains that the log does not show `argument`: it, or one before
/// it, was no good.
pub(super) fn explains_absence(verb: Verb, argument: Argument, code: Code) -> bool {
    let at = verb.arguments().iter().position(|&other| other == argument).unwrap_or(0);
    code == Code::InvalidArguments
        || verb.arguments()[..=at].iter().any(|before| before.refusal() == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Arguments {
        let mut parts = line.split(',').map(str::as_bytes);
        let verb = Verb::parse(parts.next().unwrap()).unwrap();
        Arguments::of_line(verb, parts)
    }

    #[test]
    fn lines_are_judged_in_the_order_of_the_checks() {
        for (line, expected) in [
            ("ADD,u,1.00", ""),
            ("ADD,u", "invalid_arguments"),
            ("ADD", "invalid_arguments"),
            ("ADD,u,1.00,", "invalid_arguments"),
            ("ADD,,1.00", "invalid_user"),
            ("ADD,u u,-1", "invalid_user"),
            ("BUY,u,GOOGL,-1", "invalid_stock"),
            ("BUY,u,S,0.00", "invalid_amount"),
            ("DUMPLOG,..", "invalid_filename"),
            ("DUMPLOG,a b,..", "invalid_user"),
            ("DUMPLOG,u,./f", ""),
            ("DUMPLOG", "invalid_arguments"),
        ] {
            let judged = of(line);
            assert_eq!(judged.codes.words(), expected, "{line}");
            assert_eq!(judged.good, expected.is_empty(), "{line}");
        }
        let open = of("ADD,u,5.");
        assert!(open.good && open.codes.contains(Code::InvalidAmount));
    }
}
