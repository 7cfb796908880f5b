//! Axes: round steps for amounts and time, decades for latency.

use super::super::figures::{THIN, finite, short};

/// Where axes end, so that no step overflows.
const LARGEST: f64 = 1e24;

/// A linear axis from 0 to a little above the largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Linear {
    step: f64,
    steps: u32,
}

impl Linear {
    /// An axis for values up to `max`, in about `wanted` round steps.
    pub(super) fn new(max: f64, wanted: u32) -> Self {
        let max = finite(max).min(LARGEST);
        if max <= 0.0 {
            return Self { step: 1.0, steps: 1 };
        }
        let step = round_step(max / f64::from(wanted.max(1)));
        Self { step, steps: ((max / step) - 1e-9).ceil().clamp(1.0, 100.0) as u32 }
    }

    /// The end of the axis.
    pub(super) fn top(self) -> f64 {
        self.step * f64::from(self.steps)
    }

    /// Where a value lies, 0 to 1.
    pub(super) fn at(self, value: f64) -> f64 {
        (finite(value) / self.top()).clamp(0.0, 1.0)
    }

    /// The values that are marked, 0 first.
    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(move |tick| self.step * f64::from(tick))
    }
}

/// Marks for a stretch of time: position (0 to 1) and text.
pub(super) fn time_ticks(end_s: f64, wanted: u32) -> Vec<(f64, String)> {
    let end_s = finite(end_s);
    if end_s <= 0.0 {
        return Vec::new();
    }
    let (unit_s, unit) = match end_s {
        end if end < 1e-3 => (1e-6, "µs"),
        end if end < 1.0 => (1e-3, "ms"),
        end if end < 180.0 => (1.0, "s"),
        end if end < 10_800.0 => (60.0, "min"),
        _ => (3_600.0, "h"),
    };
    let end = end_s / unit_s;
    let step = round_step(end / f64::from(wanted.max(1)));
    (0..=100)
        .map(|tick| f64::from(tick) * step)
        .take_while(|value| *value <= end * 1.000_001)
        .map(|value| (value / end, format!("{}{THIN}{unit}", short(value))))
        .collect()
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= least * 0.999_999);
    step.unwrap_or(10.0) * power
}

/// A logarithmic axis of whole decades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    /// An axis that holds all values above 0; `None` if there are none.
    pub(super) fn new(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut bounds: Option<(f64, f64)> = None;
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            let (low, high) = bounds.unwrap_or((value, value));
            bounds = Some((low.min(value), high.max(value)));
        }
        let (low, high) = bounds?;
        let low = low.log10().floor() as i32;
        let high = (high.log10().ceil() as i32).max(low + 1);
        Some(Self { low, high })
    }

    /// Where a value lies, 0 to 1; `None` for what has no logarithm.
    pub(super) fn at(self, value: f64) -> Option<f64> {
        if !value.is_finite() || value <= 0.0 {
            return None;
        }
        let span = f64::from(self.high - self.low);
        Some(((value.log10() - f64::from(self.low)) / span).clamp(0.0, 1.0))
    }

    /// The powers of ten on the axis: position and value.
    pub(super) fn ticks(self) -> impl Iterator<Item = (f64, f64)> {
        let span = f64::from(self.high - self.low);
        (self.low..=self.high)
            .map(move |power| (f64::from(power - self.low) / span, 10_f64.powi(power)))
    }

    /// Positions of 2, 3, … 9 times the powers of ten, if there is room.
    pub(super) fn minor_ticks(self) -> Vec<f64> {
        if self.high - self.low > 4 {
            return Vec::new();
        }
        (self.low..self.high)
            .flat_map(|power| (2..10).map(move |times| f64::from(times) * 10_f64.powi(power)))
            .filter_map(|value| self.at(value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_a_round_value_above_the_largest() {
        for (max, top) in [(0.0, 1.0), (1.0, 1.0), (97.0, 100.0), (412_345.0, 500_000.0)] {
            let axis = Linear::new(max, 5);
            assert!((axis.top() - top).abs() < 1e-6, "{max}: {axis:?}");
            assert!(axis.ticks().count() <= 7);
        }
        assert!((Linear::new(f64::NAN, 4).top() - 1.0).abs() < 1e-9);
        assert!((Linear::new(f64::MAX, 4).at(f64::MAX) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn time_is_marked_in_a_unit_that_fits() {
        let texts = |end| time_ticks(end, 5).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(2.43)[1], format!("500{THIN}ms").replace("500", "0.5").replace("ms", "s"));
        assert_eq!(texts(0.9)[1], format!("200{THIN}ms"));
        assert_eq!(texts(600.0)[1], format!("2{THIN}min"));
        assert!(texts(0.0).is_empty() && texts(f64::NAN).is_empty());
        assert!(time_ticks(1e12, 5).iter().all(|(at, _)| (0.0..=1.0).contains(at)));
    }

    #[test]
    fn decades_hold_every_value_that_has_a_logarithm() {
        let axis = Decades::new([0.0, f64::NAN, 22.0, 290_000.0].into_iter()).unwrap();
        assert_eq!(axis, Decades { low: 1, high: 6 });
        assert_eq!(axis.at(0.0), None);
        assert!((axis.at(1_000.0).unwrap() - 0.4).abs() < 1e-9);
        assert_eq!(Decades::new([10.0].into_iter()), Some(Decades { low: 1, high: 2 }));
        assert_eq!(Decades::new([0.0].into_iter()), None);
    }
}
