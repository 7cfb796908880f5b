//! How long the server lets its clients wait.

use super::Chance;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The longest delay that a file may hold, in seconds: what a quote is good for.
const MAX_SECONDS: f64 = 60.0;
/// The largest file of delays that is read: a million of them.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The time between a request and its reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DelayModel {
    /// None.
    #[default]
    None,
    /// As measured on the course's server (1,200 requests one after the other): the network's
    /// time, and in a third of the cases a whole number of seconds more.
    Measured,
    /// One of these, each as likely as the others; shortest first, never empty.
    Empirical(Arc<[Duration]>),
}

/// Seconds added to the network's time, and how many replies of 10,000 wait at most so long.
const WHOLE_SECONDS: [(u64, usize); 5] =
    [(0, 6_575), (1, 8_150), (2, 8_983), (3, 9_575), (4, 10_000)];

impl DelayModel {
    /// Draws a delay.
    pub fn sample(&self, chance: &mut Chance) -> Duration {
        match self {
            DelayModel::None => Duration::ZERO,
            DelayModel::Measured => {
                let drawn = chance.below(10_000);
                let whole = WHOLE_SECONDS.iter().find(|&&(_, share)| drawn < share);
                Duration::from_secs(whole.map_or(0, |&(seconds, _)| seconds)) + network(chance)
            }
            DelayModel::Empirical(delays) => {
                delays.get(chance.below(delays.len().max(1))).copied().unwrap_or_default()
            }
        }
    }

    /// Reads a file of one delay a line, in seconds. Empty lines are passed over.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, a line is no delay of up to a minute, or there is none.
    pub fn read_csv(path: &Path) -> Result<DelayModel, BadDelay> {
        let file: Box<str> = path.display().to_string().into();
        let read = || {
            if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
                let problem = format!("larger than {} MiB", MAX_FILE_BYTES >> 20);
                return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, problem));
            }
            std::fs::read_to_string(path)
        };
        let text = read().map_err(|error| BadDelay::Unreadable { file: file.clone(), error })?;
        let mut delays = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let field = line.trim();
            if field.is_empty() {
                continue;
            }
            match field.parse::<f64>() {
                Ok(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => {
                    delays.push(Duration::from_secs_f64(seconds));
                }
                _ => {
                    let found = field.chars().take(40).collect::<String>().into();
                    return Err(BadDelay::Line { file, line: index + 1, found });
                }
            }
        }
        if delays.is_empty() {
            return Err(BadDelay::Empty { file });
        }
        delays.sort_unstable();
        Ok(DelayModel::Empirical(delays.into()))
    }
}

/// The network's time: 7 to 26 ms, half of them under 9.15.
///
/// A log-logistic curve of shape 4 and scale 2.15 ms on top of 7 ms, cut at 26. It was chosen
/// because it is skewed like the measured times, stays within 7 points of a hundred of their
/// distribution, and needs nothing but square roots, which every machine rounds alike.
fn network(chance: &mut Chance) -> Duration {
    let drawn = chance.unit();
    let above = 2.15 * (drawn / (1.0 - drawn)).sqrt().sqrt();
    Duration::from_nanos(((7.0 + above.min(19.0)) * 1e6) as u64)
}

/// A delay that cannot be read.
#[derive(Debug, Error)]
pub enum BadDelay {
    /// The text names no model.
    #[error("expected a delay of \"none\", \"measured\" or the name of a .csv file, found {0:?}")]
    Unknown(Box<str>),
    /// The file is not there, not text or too large.
    #[error("cannot read the delays in {file}: {error}")]
    Unreadable {
        /// The file.
        file: Box<str>,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// A line of the file is no delay.
    #[error("{file}:{line}: expected a delay in seconds from 0 to {MAX_SECONDS}, found {found:?}")]
    Line {
        /// The file.
        file: Box<str>,
        /// The line's number, from 1.
        line: usize,
        /// What stands there, cut short.
        found: Box<str>,
    },
    /// The file has no delay.
    #[error("{file}: expected at least one delay, found none")]
    Empty {
        /// The file.
        file: Box<str>,
    },
}

impl FromStr for DelayModel {
    type Err = BadDelay;

    /// Reads `none`, `measured`, or the file of that name if it ends in `.csv`.
    fn from_str(text: &str) -> Result<DelayModel, BadDelay> {
        match text {
            "none" => Ok(DelayModel::None),
            "measured" => Ok(DelayModel::Measured),
            file if file.ends_with(".csv") => DelayModel::read_csv(Path::new(file)),
            _ => Err(BadDelay::Unknown(text.into())),
        }
    }
}

impl fmt::Display for DelayModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DelayModel::None => f.write_str("none"),
            DelayModel::Measured => f.write_str("measured"),
            DelayModel::Empirical(delays) => write!(f, "{} delays from a file", delays.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn samples(model: &DelayModel, count: usize) -> Vec<Duration> {
        let mut chance = Chance::new(20_260_101);
        let mut drawn: Vec<_> = (0..count).map(|_| model.sample(&mut chance)).collect();
        drawn.sort_unstable();
        drawn
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn read(content: &[u8]) -> Result<DelayModel, BadDelay> {
        file(content).path().to_str().unwrap().parse()
    }

    #[test]
    fn measured_delays_have_the_published_shares_and_mean() {
        let drawn = samples(&DelayModel::Measured, 200_000);
        for (seconds, percent) in [(0, 65.75), (1, 15.75), (2, 8.33), (3, 5.92), (4, 4.25)] {
            let count = drawn.iter().filter(|delay| delay.as_secs() == seconds).count();
            let share = count as f64 * 100.0 / drawn.len() as f64;
            assert!((share - percent).abs() < 0.3, "{seconds} s: {share} %");
        }
        let mean = drawn.iter().sum::<Duration>() / drawn.len() as u32;
        assert!((670..692).contains(&mean.as_millis()), "{mean:?}");
        let network = |delay: &Duration| delay.subsec_nanos();
        assert!(drawn.iter().all(|d| (7_000_000..=26_000_000).contains(&network(d))));
        let mut network: Vec<_> = drawn.iter().map(network).collect();
        network.sort_unstable();
        assert!((9_000_000..9_400_000).contains(&network[network.len() / 2]));
    }

    #[test]
    fn a_file_is_drawn_from_evenly() {
        let model = read(b"0.008\r\n\n 2.5 \n1").unwrap();
        let sorted =
            [Duration::from_millis(8), Duration::from_secs(1), Duration::from_millis(2_500)];
        assert_eq!(model, DelayModel::Empirical(sorted.into()));
        let drawn = samples(&model, 3_000);
        for delay in sorted {
            assert!(drawn.iter().filter(|&&one| one == delay).count() > 900);
        }
    }

    #[test]
    fn a_bad_delay_is_told_with_its_file_and_line() {
        for (content, told) in [
            (
                &b"0.008\n\nfast\n"[..],
                ".csv:3: expected a delay in seconds from 0 to 60, found \"fast\"",
            ),
            (b"-1", ".csv:1: expected a delay in seconds from 0 to 60, found \"-1\""),
            (b"1\n61\n", ".csv:2: expected a delay in seconds from 0 to 60, found \"61\""),
            (b"nan", ".csv:1: "),
            (b"1,2", ".csv:1: "),
            (b"\n \n", ".csv: expected at least one delay, found none"),
            (b"1\n\xff", "stream did not contain valid UTF-8"),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(told), "{message}");
        }
        let large = file(b"1\n");
        large.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
        let message = DelayModel::read_csv(large.path()).unwrap_err().to_string();
        assert!(message.contains("larger than 16 MiB"), "{message}");
        for (text, told) in [
            ("slow", "\"measured\" or the name of a .csv file, found \"slow\""),
            ("/nowhere/delays.csv", "cannot read the delays in /nowhere/delays.csv"),
        ] {
            let message = text.parse::<DelayModel>().unwrap_err().to_string();
            assert!(message.contains(told), "{message}");
        }
        assert_eq!("none".parse::<DelayModel>().unwrap(), DelayModel::None);
        assert_eq!("measured".parse::<DelayModel>().unwrap(), DelayModel::Measured);
    }
}
