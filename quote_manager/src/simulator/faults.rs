//! What the server does wrong, and how often.

use super::Chance;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A way to fail a request that was a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers `NA`.
    Na,
    /// Answers a line of random bytes.
    Garbage,
    /// Keeps the connection open and never answers.
    Silence,
    /// Answers for another stock.
    WrongStock,
    /// Answers for another user.
    WrongUser,
    /// Answers a price below zero.
    BadPrice,
    /// Answers a price that is no number.
    NotANumber,
    /// Answers with a key that is none, as the real server does under load.
    BadKey,
    /// Closes in the middle of the line.
    Truncated,
    /// Answers a line that is far too long.
    Oversized,
    /// Breaks the connection without a word.
    Reset,
    /// Answers a good line, one byte now and then.
    Trickle,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 12] = [
        Fault::Na,
        Fault::Garbage,
        Fault::Silence,
        Fault::WrongStock,
        Fault::WrongUser,
        Fault::BadPrice,
        Fault::NotANumber,
        Fault::BadKey,
        Fault::Truncated,
        Fault::Oversized,
        Fault::Reset,
        Fault::Trickle,
    ];

    /// The fault's name in a list of faults.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Na => "na",
            Fault::Garbage => "garbage",
            Fault::Silence => "silence",
            Fault::WrongStock => "wrong_stock",
            Fault::WrongUser => "wrong_user",
            Fault::BadPrice => "bad_price",
            Fault::NotANumber => "not_a_number",
            Fault::BadKey => "bad_key",
            Fault::Truncated => "truncated",
            Fault::Oversized => "oversized",
            Fault::Reset => "reset",
            Fault::Trickle => "trickle",
        }
    }
}

/// The probability of each fault; together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    shares: [f64; Fault::ALL.len()],
}

impl Faults {
    /// No faults.
    pub const NONE: Faults = Faults { shares: [0.0; Fault::ALL.len()] };

    /// These faults, and `fault` with probability `share`.
    ///
    /// # Errors
    ///
    /// Where `share` is no probability, or all together are more than 1.
    pub fn with(mut self, fault: Fault, share: f64) -> Result<Faults, BadFaults> {
        if !(0.0..=1.0).contains(&share) {
            return Err(BadFaults::NotAProbability {
                name: fault.name(),
                found: share.to_string().into(),
            });
        }
        self.shares[fault as usize] = share;
        // Twelve shares of a twelfth may add up to a hair more than 1.
        let sum: f64 = self.shares.iter().sum();
        if sum > 1.0 + 1e-9 { Err(BadFaults::MoreThanOne { sum }) } else { Ok(self) }
    }

    /// The probability of `fault`.
    pub const fn share(&self, fault: Fault) -> f64 {
        self.shares[fault as usize]
    }

    /// Draws the fault of one request, if it is to have one.
    pub fn draw(&self, chance: &mut Chance) -> Option<Fault> {
        let mut left = chance.unit();
        Fault::ALL.into_iter().find(|&fault| {
            left -= self.share(fault);
            left < 0.0
        })
    }
}

/// A list of faults that cannot be read.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum BadFaults {
    /// An entry of the list is not `name=probability`.
    #[error("expected faults as NAME=PROBABILITY, found {0:?}")]
    NotAPair(Box<str>),
    /// There is no such fault.
    #[error("expected one of {}, found {found:?}", Fault::ALL.map(Fault::name).join(", "))]
    UnknownName {
        /// What stands there.
        found: Box<str>,
    },
    /// A fault is named twice.
    #[error("expected each fault once, found {0} twice")]
    Twice(&'static str),
    /// A probability is none.
    #[error("expected a probability from 0 to 1 for {name}, found {found:?}")]
    NotAProbability {
        /// The fault.
        name: &'static str,
        /// What stands there.
        found: Box<str>,
    },
    /// The probabilities add up to more than 1.
    #[error("expected probabilities of at most 1 together, found {sum}")]
    MoreThanOne {
        /// Their sum.
        sum: f64,
    },
}

impl FromStr for Faults {
    type Err = BadFaults;

    /// Reads `na=0.05,garbage=0.01`; an empty text and `none` mean no faults.
    fn from_str(text: &str) -> Result<Faults, BadFaults> {
        let mut faults = Faults::NONE;
        if matches!(text.trim(), "" | "none") {
            return Ok(faults);
        }
        let mut named = [false; Fault::ALL.len()];
        for pair in text.split(',') {
            let Some((name, share)) = pair.split_once('=') else {
                return Err(BadFaults::NotAPair(pair.into()));
            };
            let (name, share) = (name.trim(), share.trim());
            let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            let fault = fault.ok_or_else(|| BadFaults::UnknownName { found: name.into() })?;
            if std::mem::replace(&mut named[fault as usize], true) {
                return Err(BadFaults::Twice(fault.name()));
            }
            let share = share.parse().map_err(|_| BadFaults::NotAProbability {
                name: fault.name(),
                found: share.into(),
            })?;
            faults = faults.with(fault, share)?;
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for fault in Fault::ALL.into_iter().filter(|&fault| self.share(fault) > 0.0) {
            write!(f, "{comma}{}={}", fault.name(), self.share(fault))?;
            comma = ",";
        }
        if comma.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_faults_is_read_and_shown_again() {
        for text in ["none", "na=0.05,garbage=0.01", "silence=0.5,reset=0.5"] {
            assert_eq!(text.parse::<Faults>().unwrap().to_string(), text);
        }
        assert_eq!("".parse::<Faults>(), Ok(Faults::NONE));
        let all = Fault::ALL.map(|fault| format!("{}=0.05", fault.name())).join(",");
        assert_eq!(all.parse::<Faults>().unwrap().to_string(), all);
    }

    #[test]
    fn a_bad_list_is_told_what_is_wrong() {
        for (text, told) in [
            ("na", "NAME=PROBABILITY, found \"na\""),
            ("na=0.1,", "NAME=PROBABILITY, found \"\""),
            ("lies=0.1", "bad_key, truncated, oversized, reset, trickle, found \"lies\""),
            ("na=0.1,na=0.1", "each fault once, found na twice"),
            ("na=often", "for na, found \"often\""),
            ("na=1.5", "for na, found \"1.5\""),
            ("na=-0.1", "for na, found \"-0.1\""),
            ("na=NaN", "for na, found \"NaN\""),
            ("na=0.6,reset=0.6", "at most 1 together, found 1.2"),
        ] {
            let message = text.parse::<Faults>().unwrap_err().to_string();
            assert!(message.contains(told), "{text}: {message}");
        }
    }

    #[test]
    fn faults_come_as_often_as_they_are_said_to() {
        let faults: Faults = "na=0.1,reset=0.3".parse().unwrap();
        let mut chance = Chance::new(5);
        let drawn: Vec<_> = (0..10_000).map(|_| faults.draw(&mut chance)).collect();
        let share = |fault| drawn.iter().filter(|&&one| one == fault).count();
        assert!((900..1_100).contains(&share(Some(Fault::Na))));
        assert!((2_850..3_150).contains(&share(Some(Fault::Reset))));
        assert!((5_850..6_150).contains(&share(None)));
    }
}
