//! Makes workload files: any number of users, commands and stocks, in the
//! shape of the course's official files.
//!
//! A file is a pure function of its [`Spec`]. The random numbers, the names
//! and the arithmetic are all written here, in integers, so that a seed means
//! the same bytes on every machine and after every update. Lines are written
//! as they are made; memory holds one small record a user.
//!
//! It deliberately does not know prices: what the `valid` profile promises, it
//! promises for every price from 1.00 to 5,000.00.

mod chain;
mod course;
mod error;
mod line;
mod names;
mod prng;
mod valid;

use std::fmt;
use std::io::Write;
use std::str::FromStr;

pub use error::GenerateError;
pub use names::MAX_STOCKS;

use course::Course;
use line::LineWriter;
use names::{Symbols, UserNames};
use prng::Prng;
use valid::Valid;

/// How the commands of a generated file are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The mix, the chains and the rejects of the course's 100-user file:
    /// about 43 of 100 commands are refused, because sells and triggers rarely
    /// match what the user holds.
    #[default]
    Course,
    /// Users who mostly do what they can afford: about 97 of 100 commands are
    /// accepted at any price from 1.00 to 5,000.00.
    Valid,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Course => "course",
            Self::Valid => "valid",
        })
    }
}

impl FromStr for Profile {
    type Err = GenerateError;

    fn from_str(text: &str) -> Result<Self, GenerateError> {
        match text {
            "course" => Ok(Self::Course),
            "valid" => Ok(Self::Valid),
            _ => Err(GenerateError::UnknownProfile { given: text.to_owned() }),
        }
    }
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Number of users, at least 1. Each starts with an `ADD`.
    pub users: u32,
    /// Number of lines, the closing `DUMPLOG` included; at least `users + 1`.
    pub commands: u64,
    /// Number of stocks to draw from, 1 to [`MAX_STOCKS`].
    pub stocks: u32,
    /// How the commands are chosen.
    pub profile: Profile,
    /// The same seed makes the same file.
    pub seed: u64,
}

impl Spec {
    /// Checks the numbers against each other.
    ///
    /// # Errors
    /// The first option that cannot be satisfied, with what is expected of it.
    pub fn validate(&self) -> Result<(), GenerateError> {
        if self.users == 0 {
            return Err(GenerateError::NoUsers);
        }
        if self.stocks == 0 || self.stocks > MAX_STOCKS {
            return Err(GenerateError::Stocks { given: self.stocks });
        }
        let least = u64::from(self.users) + 1;
        if self.commands < least {
            return Err(GenerateError::TooFewCommands {
                given: self.commands,
                users: self.users,
                least,
            });
        }
        Ok(())
    }
}

/// Writes the workload file that `spec` describes to `out`, and flushes it.
///
/// # Errors
/// An option of `spec` that cannot be satisfied (nothing is written then), or
/// a failed write.
pub fn generate(spec: &Spec, out: &mut impl Write) -> Result<(), GenerateError> {
    spec.validate()?;
    let mut rng = Prng::new(spec.seed);
    let names = UserNames::new(&mut rng);
    let symbols = Symbols::new(spec.stocks, &mut rng);
    let mut lines = LineWriter::new(out);
    match spec.profile {
        Profile::Course => {
            let mut course = Course::new(spec.users, spec.stocks);
            interleave(spec, &mut rng, |user, rng| {
                let command = course.next(user, rng);
                lines.command(&names.get(user), command, &symbols)
            })?;
        }
        Profile::Valid => {
            let mut valid = Valid::new(spec.users, spec.stocks);
            interleave(spec, &mut rng, |user, rng| {
                let command = valid.next(user, rng);
                lines.command(&names.get(user), command, &symbols)
            })?;
        }
    }
    lines.dumplog()?;
    Ok(())
}

/// Calls `write` once for every line but the last, with the user whose turn it
/// is: drawn evenly from all users, except that as many lines as there are
/// users who have not appeared yet are kept for them.
fn interleave(
    spec: &Spec,
    rng: &mut Prng,
    mut write: impl FnMut(u32, &mut Prng) -> std::io::Result<()>,
) -> Result<(), GenerateError> {
    // Names carry no order, so "some user who has not appeared yet" may as
    // well be the next one by number.
    let mut appeared: u32 = 0;
    for left in (1..spec.commands).rev() {
        let waiting = spec.users - appeared;
        let drawn = rng.below_u32(spec.users);
        let user = if drawn >= appeared || u64::from(waiting) >= left {
            appeared += 1;
            appeared - 1
        } else {
            drawn
        };
        write(user, rng)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn spec(users: u32, commands: u64, stocks: u32, profile: Profile) -> Spec {
        Spec { users, commands, stocks, profile, seed: 1 }
    }

    fn text(spec: &Spec) -> String {
        let mut out = Vec::new();
        generate(spec, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// FNV-1a, to pin whole files down in one number.
    fn hash(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn a_seed_means_the_same_bytes_forever() {
        assert_eq!(hash(&text(&spec(100, 20_000, 981, Profile::Course))), 0xfb2b_aa8b_9c07_4e85);
        assert_eq!(hash(&text(&spec(100, 20_000, 981, Profile::Valid))), 0x220a_a954_6988_6453);
        assert_eq!(hash(&text(&spec(3, 500, MAX_STOCKS, Profile::Course))), 0x1e5d_d1ee_8a15_cc78);
    }

    #[test]
    fn no_choice_of_options_runs_into_an_empty_range() {
        for seed in 0..40 {
            for (users, stocks) in [(1, 1), (1, 2), (3, 5), (20, 1), (7, 1_000)] {
                for profile in [Profile::Course, Profile::Valid] {
                    let spec = Spec { users, commands: 2_000, stocks, profile, seed };
                    assert_eq!(text(&spec).lines().count(), 2_000);
                }
            }
        }
    }

    #[test]
    fn another_seed_is_another_file() {
        let one = spec(5, 100, 20, Profile::Course);
        let two = Spec { seed: 2, ..one.clone() };
        assert_ne!(text(&one), text(&two));
    }

    #[test]
    fn lines_have_the_official_shape() {
        for profile in [Profile::Course, Profile::Valid] {
            let text = text(&spec(40, 3_000, 30, profile));
            assert!(text.ends_with("\n[3000] DUMPLOG,./testLOG\n"));
            let mut lines: Vec<&str> = text.lines().collect();
            lines.pop();
            let mut seen = HashMap::new();
            for (at, line) in lines.iter().enumerate() {
                let rest = line.strip_prefix(&format!("[{}] ", at + 1)).unwrap();
                let rest = rest.strip_suffix(' ').unwrap();
                let fields: Vec<&str> = rest.split(',').collect();
                let expected = match fields[0] {
                    "ADD" => 3,
                    "QUOTE" | "CANCEL_SET_BUY" | "CANCEL_SET_SELL" => 3,
                    "COMMIT_BUY" | "CANCEL_BUY" | "COMMIT_SELL" | "CANCEL_SELL"
                    | "DISPLAY_SUMMARY" => 2,
                    _ => 4,
                };
                assert_eq!(fields.len(), expected, "{line}");
                assert_eq!(fields[1].len(), 10, "{line}");
                let commands = seen.entry(fields[1].to_owned()).or_insert(0);
                if *commands == 0 {
                    assert_eq!(fields[0], "ADD", "the first command of a user: {line}");
                }
                *commands += 1;
            }
            assert_eq!(seen.len(), 40);
        }
    }

    #[test]
    fn every_user_appears_even_when_there_is_one_line_each() {
        let text = text(&spec(500, 501, 10, Profile::Valid));
        assert_eq!(text.lines().count(), 501);
        assert_eq!(text.matches("ADD,").count(), 500);
    }

    #[test]
    fn the_course_mix_is_that_of_the_official_file() {
        // Shares in percent as measured on the course's 100-user file.
        let measured = [
            ("BUY", 13.9),
            ("QUOTE", 13.2),
            ("ADD", 11.0),
            ("DISPLAY_SUMMARY", 9.1),
            ("SET_BUY_TRIGGER", 8.6),
            ("COMMIT_BUY", 8.0),
            ("SET_SELL_TRIGGER", 7.3),
            ("SELL", 6.2),
            ("SET_BUY_AMOUNT", 5.0),
            ("SET_SELL_AMOUNT", 4.4),
            ("COMMIT_SELL", 4.2),
            ("CANCEL_SET_SELL", 2.5),
            ("CANCEL_BUY", 2.4),
            ("CANCEL_SELL", 2.0),
            ("CANCEL_SET_BUY", 2.0),
        ];
        let text = text(&spec(100, 100_000, 981, Profile::Course));
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for line in text.lines() {
            let (_, rest) = line.split_once("] ").unwrap();
            *counts.entry(rest.split(',').next().unwrap()).or_default() += 1;
        }
        for (name, share) in measured {
            let made = f64::from(counts[name]) / 1_000.0;
            assert!((made - share).abs() < 0.4, "{name}: {made} % instead of {share} %");
        }
    }

    #[test]
    fn refused_options_are_named_with_what_is_expected() {
        let refused = |spec: &Spec| {
            let mut out = Vec::new();
            let error = generate(spec, &mut out).unwrap_err().to_string();
            assert!(out.is_empty());
            error
        };
        assert_eq!(refused(&spec(0, 10, 1, Profile::Course)), "--users must be at least 1");
        for stocks in [0, MAX_STOCKS + 1] {
            let error = refused(&spec(1, 10, stocks, Profile::Course));
            assert!(error.starts_with("--stocks must be from 1 to 143364"), "{error}");
        }
        let error = refused(&spec(10, 10, 5, Profile::Valid));
        assert!(error.starts_with("--commands must be at least 11 for 10 users"), "{error}");
        let error = "fast".parse::<Profile>().unwrap_err().to_string();
        assert_eq!(error, "--profile must be `course` or `valid`, not `fast`");
    }

    #[test]
    fn a_full_disk_is_reported() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("no space left"))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let error = generate(&spec(1, 10, 1, Profile::Course), &mut Full).unwrap_err();
        assert_eq!(error.to_string(), "the workload could not be written: no space left");
    }
}
