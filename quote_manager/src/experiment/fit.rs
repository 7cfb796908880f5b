//! How well a model of delays describes a sample: whole seconds by chi-square, the network's part
//! by Kolmogorov and Smirnov.
//!
//! The model is a large sample itself, drawn from the very code that makes the simulator wait, so
//! that what is judged is what runs.

use super::delays::{Delays, Mode};
use std::time::Duration;

/// Whole seconds are put together until at least so many answers are expected of them.
const EXPECTED_LEAST: f64 = 5.0;

/// A comparison of a sample with a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// How far apart they are: the chi-square statistic, or the largest difference between the
    /// two distributions (0 to 1).
    pub distance: f64,
    /// How often chance alone makes them differ so much, if the model is true.
    pub chance: f64,
}

/// Compares the shares of whole seconds (Pearson's chi-square test).
pub fn whole_seconds(sample: &Delays, model: &Delays) -> Fit {
    let (observed, modelled) = (sample.modes(), model.modes());
    let bins = observed.len().max(modelled.len());
    let count_in = |modes: &[Mode], bin: usize| modes.get(bin).map_or(0, |mode| mode.count) as f64;
    // Half an answer in each bin of the model: what it never does stays possible, if barely.
    let all_modelled = model.count() as f64 + 0.5 * bins as f64;
    let mut cells: Vec<(f64, f64)> = Vec::new();
    let mut open = (0.0, 0.0);
    for bin in 0..bins {
        open.0 += count_in(&observed, bin);
        open.1 += (count_in(&modelled, bin) + 0.5) / all_modelled * sample.count() as f64;
        if open.1 >= EXPECTED_LEAST {
            cells.push(std::mem::take(&mut open));
        }
    }
    match cells.last_mut() {
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => cells.push(open),
    }
    chi_square(&cells)
}

/// Pearson's test of counts against those expected: pairs of both.
fn chi_square(cells: &[(f64, f64)]) -> Fit {
    let distance = cells.iter().map(|(found, expected)| (found - expected).powi(2) / expected);
    let distance = distance.sum();
    let chance = match cells.len() {
        0 | 1 => 1.0,
        cells => gamma_above((cells - 1) as f64 / 2.0, distance / 2.0),
    };
    Fit { distance, chance }
}

/// Compares the distributions of the network's part (the Kolmogorov-Smirnov test). A sample in
/// whole milliseconds is compared with the model rounded alike; the probability is then on the
/// high side.
pub fn network(sample: &Delays, model: &Delays) -> Fit {
    let (sample, model) = (sample.network(), model.network());
    let whole_ms = sample.sorted().iter().all(|one| one.subsec_nanos() % 1_000_000 == 0);
    let model = if whole_ms { rounded(&model) } else { model };
    let mut distance: f64 = 0.0;
    for pair in [&sample, &model] {
        for &at in pair.sorted() {
            let below = at.saturating_sub(Duration::from_nanos(1));
            for at in [at, below] {
                distance = distance.max((sample.within(at) - model.within(at)).abs());
            }
        }
    }
    Fit { distance, chance: kolmogorov(distance, sample.count(), model.count()) }
}

fn rounded(delays: &Delays) -> Delays {
    let round = |one: &Duration| Duration::from_millis((one.as_secs_f64() * 1e3).round() as u64);
    let rounded = delays.sorted().iter().map(round).collect();
    Delays::new(rounded).unwrap_or_else(|| delays.clone())
}

/// How often two samples of one distribution are `distance` or more apart (the asymptotic series,
/// with Stephens' correction for small samples).
fn kolmogorov(distance: f64, count: usize, other: usize) -> f64 {
    let (count, other) = (count as f64, other as f64);
    let root = (count * other / (count + other)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    // The series below needs ever more terms towards 0, where the answer is 1 anyway.
    if lambda < 0.3 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    (2.0 * (1..=40).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// The regularised upper incomplete gamma function Q(a, x), for `a` a multiple of one half: from
/// Q(1/2) or Q(1) upwards by Q(a + 1, x) = Q(a, x) + x^a e^-x / Γ(a + 1).
fn gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let whole = a.fract() < 0.25;
    let (mut at, mut above, mut gamma_next) = if whole {
        (1.0, (-x).exp(), 1.0)
    } else {
        // Γ(3/2) = √π / 2.
        (0.5, erfc(x.sqrt()), std::f64::consts::PI.sqrt() / 2.0)
    };
    while at < a - 0.25 {
        above += (at * x.ln() - x).exp() / gamma_next;
        at += 1.0;
        gamma_next *= at;
    }
    above.clamp(0.0, 1.0)
}

/// The complementary error function of `x`, at least 0: its power series where that is exact, its
/// continued fraction beyond.
fn erfc(x: f64) -> f64 {
    let to_the_square = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.5 {
        let (mut term, mut sum) = (2.0 * x, 2.0 * x);
        for k in 1..80 {
            term *= 2.0 * x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return (1.0 - sum * to_the_square).clamp(0.0, 1.0);
    }
    let fraction = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    to_the_square / fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::DelayModel;

    fn near(found: f64, expected: f64, by: f64) {
        assert!((found - expected).abs() < by, "{found}, not {expected}");
    }

    #[test]
    fn the_distributions_are_those_of_the_tables() {
        near(erfc(0.5), 0.479_500, 1e-6);
        near(erfc(2.0), 0.004_677_73, 1e-8);
        near(erfc(3.0), 0.000_022_090_5, 1e-10);
        // The 5 % points of chi-square with 1 to 5 degrees of freedom.
        for (degrees, point) in [(1, 3.841), (2, 5.991), (3, 7.815), (4, 9.488), (5, 11.070)] {
            near(gamma_above(f64::from(degrees) / 2.0, point / 2.0), 0.05, 2e-5);
        }
        // The 5 % point of Kolmogorov's distribution is 1.358.
        near(kolmogorov(1.358 / 1_000.0, 2_000_000, 2_000_000), 0.05, 1e-3);
    }

    #[test]
    fn a_fair_die_and_a_loaded_one_are_told_apart() {
        // (5 - 10)²/10 + (15 - 10)²/10 and nothing else.
        let fit = chi_square(&[(5.0, 10.0), (15.0, 10.0), (10.0, 10.0)]);
        near(fit.distance, 5.0, 1e-9);
        near(fit.chance, (-2.5_f64).exp(), 1e-9);
    }

    #[test]
    fn a_model_fits_its_own_sample_and_not_another() {
        let model = Delays::draw(&DelayModel::Measured, 200_000, 1);
        let own = Delays::draw(&DelayModel::Measured, 1_200, 2);
        assert!(whole_seconds(&own, &model).chance > 0.01);
        assert!(network(&own, &model).chance > 0.01);

        let slower = own.sorted().iter().map(|one| *one + Duration::from_millis(2)).collect();
        let slower = Delays::new(slower).unwrap();
        assert!(network(&slower, &model).chance < 1e-9);
        let fewer = own.sorted().iter().filter(|one| one.as_secs() != 1).copied().collect();
        assert!(whole_seconds(&Delays::new(fewer).unwrap(), &model).chance < 1e-9);
    }

    #[test]
    fn what_the_model_never_does_is_no_division_by_zero() {
        let model = Delays::draw(&DelayModel::None, 1_000, 1);
        let sample = Delays::new(vec![Duration::from_secs(59); 3]).unwrap();
        for fit in [whole_seconds(&sample, &model), network(&sample, &model)] {
            assert!(fit.distance.is_finite() && (0.0..=1.0).contains(&fit.chance), "{fit:?}");
        }
    }
}
