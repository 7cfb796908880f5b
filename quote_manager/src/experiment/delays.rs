//! A sample of delays: what a quote server's clients waited, taken apart.

use crate::simulator::{Chance, DelayModel};
use std::time::Duration;

/// How many standard errors from the mean its 95 % interval ends.
const TWO_SIDED_95: f64 = 1.959_964;

/// Delays, at least one, in the order they were measured and by length.
#[derive(Clone, Debug)]
pub struct Delays {
    in_order: Vec<Duration>,
    sorted: Vec<Duration>,
}

/// The answers that waited a given number of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Whole seconds beside the network's time.
    pub seconds: u64,
    /// How many answers there are.
    pub count: usize,
    /// Their share of all, from 0 to 1.
    pub share: f64,
}

/// A mean and the interval that holds the true one in 95 of 100 such samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean in seconds.
    pub seconds: f64,
    /// Where the interval begins, in seconds.
    pub low: f64,
    /// Where the interval ends, in seconds.
    pub high: f64,
}

/// Whether an answer tells anything of the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The share of slow answers (a second or more) among all.
    pub slow: f64,
    /// The share of slow answers among those that follow a slow one.
    pub slow_after_slow: f64,
    /// How many answers follow a slow one.
    pub pairs: usize,
}

impl Delays {
    /// Takes a sample in the order it was measured; `None` where it is empty.
    pub fn new(in_order: Vec<Duration>) -> Option<Delays> {
        let mut sorted = in_order.clone();
        sorted.sort_unstable();
        (!sorted.is_empty()).then_some(Delays { in_order, sorted })
    }

    /// Draws `count` delays (at least one) from `model`; the same for the same seed.
    pub fn draw(model: &DelayModel, count: usize, seed: u64) -> Delays {
        let mut chance = Chance::new(seed);
        let in_order: Vec<_> = (0..count.max(1)).map(|_| model.sample(&mut chance)).collect();
        let mut sorted = in_order.clone();
        sorted.sort_unstable();
        Delays { in_order, sorted }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// All, the shortest first; never empty.
    pub fn sorted(&self) -> &[Duration] {
        &self.sorted
    }

    /// The shortest delay that a share of at least `quantile` (0 to 1) does not exceed.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = (quantile * self.count() as f64).ceil() as usize;
        self.sorted[rank.clamp(1, self.count()) - 1]
    }

    /// The share of delays of at most `delay`.
    pub fn within(&self, delay: Duration) -> f64 {
        self.sorted.partition_point(|one| *one <= delay) as f64 / self.count() as f64
    }

    /// The mean, with the interval that the central limit theorem gives: the sample is skewed,
    /// but the mean of hundreds is not.
    pub fn mean(&self) -> Mean {
        let count = self.count() as f64;
        let mean = self.sorted.iter().map(Duration::as_secs_f64).sum::<f64>() / count;
        let squares = self.sorted.iter().map(|one| (one.as_secs_f64() - mean).powi(2));
        let variance = squares.sum::<f64>() / (count - 1.0).max(1.0);
        let reach = TWO_SIDED_95 * (variance / count).sqrt();
        Mean { seconds: mean, low: mean - reach, high: mean + reach }
    }

    /// The mean of the whole seconds, the rest cut off.
    pub fn mean_of_whole_seconds(&self) -> f64 {
        self.sorted.iter().map(|one| one.as_secs() as f64).sum::<f64>() / self.count() as f64
    }

    /// The answers by whole seconds, from 0 up to the most; gaps have a count of 0.
    pub fn modes(&self) -> Vec<Mode> {
        let most = self.sorted.last().map_or(0, Duration::as_secs);
        let mut modes: Vec<Mode> =
            (0..=most).map(|seconds| Mode { seconds, count: 0, share: 0.0 }).collect();
        for delay in &self.sorted {
            modes[delay.as_secs() as usize].count += 1;
        }
        for mode in &mut modes {
            mode.share = mode.count as f64 / self.count() as f64;
        }
        modes
    }

    /// The network's part: what is left of each delay without its whole seconds. It is only that
    /// where the network takes less than a second.
    pub fn network(&self) -> Delays {
        let part = |delay: &Duration| Duration::from_nanos(u64::from(delay.subsec_nanos()));
        let in_order: Vec<_> = self.in_order.iter().map(part).collect();
        let mut sorted = in_order.clone();
        sorted.sort_unstable();
        Delays { in_order, sorted }
    }

    /// Whether a slow answer makes the next one slow. Asking again helps only where it does not.
    /// `None` where no slow answer is followed by another.
    pub fn memory(&self) -> Option<Memory> {
        let is_slow = |delay: &Duration| delay.as_secs() > 0;
        let slow = self.in_order.iter().filter(|delay| is_slow(delay)).count();
        let after: Vec<bool> = self
            .in_order
            .windows(2)
            .filter(|pair| is_slow(&pair[0]))
            .map(|pair| is_slow(&pair[1]))
            .collect();
        let both = after.iter().filter(|slow| **slow).count();
        (!after.is_empty()).then(|| Memory {
            slow: slow as f64 / self.count() as f64,
            slow_after_slow: both as f64 / after.len() as f64,
            pairs: after.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn of_ms(delays: &[u64]) -> Delays {
        Delays::new(delays.iter().copied().map(Duration::from_millis).collect()).unwrap()
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn a_sample_of_four_is_what_pencil_and_paper_say() {
        let delays = of_ms(&[2_010, 8, 1_008, 10]);
        // (2.010 + 0.008 + 1.008 + 0.010) / 4; the squares about it add up to 2.750_552, a third
        // of which is the variance 0.916_850_7; the standard error is 0.478_762.
        let mean = delays.mean();
        near(mean.seconds, 0.759);
        assert!((mean.high - mean.seconds - 0.938_36).abs() < 1e-3, "{mean:?}");
        near(mean.seconds - mean.low, mean.high - mean.seconds);
        near(delays.mean_of_whole_seconds(), 0.75);
        let modes: Vec<_> = delays.modes().iter().map(|mode| (mode.seconds, mode.count)).collect();
        assert_eq!(modes, [(0, 2), (1, 1), (2, 1)]);
        near(delays.modes()[0].share, 0.5);
        let network: Vec<_> = delays.network().sorted().iter().map(Duration::as_millis).collect();
        assert_eq!(network, [8, 8, 10, 10]);
    }

    #[test]
    fn quantiles_are_delays_that_were_measured() {
        let delays = of_ms(&[40, 10, 30, 20]);
        for (quantile, ms) in [(0.0, 10), (0.25, 10), (0.26, 20), (0.5, 20), (0.99, 40), (1.0, 40)]
        {
            assert_eq!(delays.quantile(quantile), Duration::from_millis(ms), "{quantile}");
        }
        near(delays.within(Duration::from_millis(9)), 0.0);
        near(delays.within(Duration::from_millis(30)), 0.75);
    }

    #[test]
    fn one_delay_is_a_sample_and_none_is_not() {
        assert!(Delays::new(Vec::new()).is_none());
        let one = of_ms(&[8]);
        let mean = one.mean();
        assert!(mean.low.is_finite() && mean.high.is_finite());
        assert_eq!(one.memory(), None);
    }

    #[test]
    fn slow_answers_in_a_row_are_noticed() {
        let sticky = of_ms(&[8, 8, 2_008, 2_008, 2_008, 2_008]).memory().unwrap();
        assert_eq!(sticky.pairs, 3);
        near(sticky.slow_after_slow, 1.0);
        let apart = of_ms(&[2_008, 8, 2_008, 8]).memory().unwrap();
        near(apart.slow, 0.5);
        near(apart.slow_after_slow, 0.0);
    }

    #[test]
    fn the_measured_file_has_the_published_shares_and_a_mean_of_681_ms() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/data/legacy-quote-delays-seconds.csv"
        );
        if !Path::new(path).exists() {
            println!("skipped: {path} is not there");
            return;
        }
        let Ok(DelayModel::Empirical(delays)) = DelayModel::read_csv(Path::new(path)) else {
            panic!("{path} cannot be read");
        };
        let delays = Delays::new(delays.to_vec()).unwrap();
        let mean = delays.mean();
        assert!((mean.seconds - 0.681).abs() < 0.000_5, "{mean:?}");
        assert!(mean.low > 0.563, "the seed report's mean is outside: {mean:?}");
        for (mode, percent) in delays.modes().iter().zip([65.75, 15.75, 8.33, 5.92, 4.25]) {
            assert!((mode.share * 100.0 - percent).abs() < 0.006, "{mode:?}");
        }
        let network = delays.network();
        let ms = [0.0, 0.5, 1.0].map(|quantile| network.quantile(quantile).as_millis());
        assert_eq!((delays.count(), ms), (1_200, [7, 9, 26]));
    }
}
