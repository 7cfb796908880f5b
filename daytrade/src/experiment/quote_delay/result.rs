//! What was found: `result.json`, and all that the report and the page show.

use super::super::text;
use super::curve::Point;
use super::sample::Sampled;
use quote_manager::experiment::delays::{Delays, Mode};
use quote_manager::experiment::fit::{self, Fit};
use quote_manager::simulator::DelayModel;
use serde::Serialize;

/// How many delays of the built-in model a sample is compared with.
const MODEL_OF: usize = 400_000;

/// The mean that the seed report gives (SENG 462, 2017).
pub const SEED_MEAN_MS: f64 = 563.0;

/// All that was found.
#[derive(Serialize)]
pub struct Findings {
    /// Where the delays are from.
    pub source: String,
    /// Whether they were measured, not drawn from the model.
    pub measured: bool,
    /// How many there are.
    pub samples: usize,
    /// Requests that brought no quote.
    pub failures: usize,
    /// Their mean.
    pub mean_ms: MeanMs,
    /// The mean of the whole seconds alone.
    pub mean_of_whole_seconds_ms: f64,
    /// The mean that the seed report gives.
    pub seed_report_mean_ms: f64,
    /// Quantiles of the delays.
    pub quantiles_ms: Vec<Quantile>,
    /// The delays by whole seconds.
    pub modes: Vec<ModeShare>,
    /// The network's part.
    pub network_ms: Network,
    /// Whether slow answers follow each other.
    pub memory: Option<MemoryShare>,
    /// How well the built-in model describes them.
    pub fit: Fits,
    /// What the ways to ask come to.
    pub curve: Vec<Point>,
}

/// A mean and its 95 % interval.
#[derive(Serialize)]
pub struct MeanMs {
    /// The mean.
    pub value: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// A quantile.
#[derive(Serialize)]
pub struct Quantile {
    /// Its share, 0 to 1.
    pub share: f64,
    /// Its value.
    pub ms: f64,
}

/// One mode, beside the model's.
#[derive(Serialize)]
pub struct ModeShare {
    /// Whole seconds.
    pub seconds: u64,
    /// How many answers.
    pub count: usize,
    /// Their share.
    pub share: f64,
    /// The share that the built-in model has.
    pub model_share: f64,
}

/// The network's part of the delays.
#[derive(Serialize)]
pub struct Network {
    /// The shortest.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The longest.
    pub max: f64,
    /// By whole milliseconds: from, count, and the count the model would have.
    pub histogram: Vec<(u64, usize, f64)>,
}

/// Whether slow answers follow each other.
#[derive(Serialize)]
pub struct MemoryShare {
    /// The share of slow answers.
    pub slow: f64,
    /// Their share after a slow answer.
    pub slow_after_slow: f64,
}

/// Goodness of fit.
#[derive(Serialize)]
pub struct Fits {
    /// The shares of whole seconds.
    pub whole_seconds: WholeSeconds,
    /// The distribution of the network's part.
    pub network: NetworkFit,
}

/// Pearson's chi-square test.
#[derive(Serialize)]
pub struct WholeSeconds {
    /// The statistic.
    pub chi_square: f64,
    /// How often chance alone does worse.
    pub p: f64,
}

/// The Kolmogorov-Smirnov test.
#[derive(Serialize)]
pub struct NetworkFit {
    /// The largest difference of the two distributions.
    pub distance: f64,
    /// How often chance alone does worse.
    pub p: f64,
}

impl Findings {
    /// Puts together what a sample says and what became of it.
    pub fn of(sampled: &Sampled, curve: Vec<Point>, seed: u64) -> Findings {
        let delays = &sampled.delays;
        // Not the seed of the sample: a model is not to be compared with itself.
        let model = Delays::draw(&DelayModel::Measured, MODEL_OF, seed.wrapping_add(1));
        let mean = delays.mean();
        let Fit { distance: chi_square, chance } = fit::whole_seconds(delays, &model);
        let whole_seconds = WholeSeconds { chi_square, p: chance };
        let Fit { distance, chance } = fit::network(delays, &model);
        Findings {
            source: sampled.from.clone(),
            measured: sampled.measured,
            samples: delays.count(),
            failures: sampled.failures,
            mean_ms: MeanMs {
                value: mean.seconds * 1e3,
                low: mean.low * 1e3,
                high: mean.high * 1e3,
            },
            mean_of_whole_seconds_ms: delays.mean_of_whole_seconds() * 1e3,
            seed_report_mean_ms: SEED_MEAN_MS,
            quantiles_ms: [0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0]
                .map(|share| Quantile { share, ms: text::ms(delays.quantile(share)) })
                .into(),
            modes: modes(delays, &model),
            network_ms: network(delays, &model),
            memory: delays.memory().map(|memory| MemoryShare {
                slow: memory.slow,
                slow_after_slow: memory.slow_after_slow,
            }),
            fit: Fits { whole_seconds, network: NetworkFit { distance, p: chance } },
            curve,
        }
    }

    /// The share of answers that take the network's time alone.
    pub fn fast(&self) -> f64 {
        self.modes.first().map_or(0.0, |mode| mode.share)
    }
}

fn modes(delays: &Delays, model: &Delays) -> Vec<ModeShare> {
    let modelled = model.modes();
    let beside = |Mode { seconds, count, share }| {
        let model_share = modelled.get(seconds as usize).map_or(0.0, |mode| mode.share);
        ModeShare { seconds, count, share, model_share }
    };
    delays.modes().into_iter().map(beside).collect()
}

fn network(delays: &Delays, model: &Delays) -> Network {
    let (network, modelled) = (delays.network(), model.network());
    let ms = |quantile| text::ms(network.quantile(quantile));
    let (min, median, max) = (ms(0.0), ms(0.5), ms(1.0));
    // Delays in whole milliseconds are rounded ones; the model is rounded alike.
    let bin = |ms: f64| ms.round() as u64;
    let mut histogram: Vec<(u64, usize, f64)> =
        (bin(min)..=bin(max)).map(|ms| (ms, 0, 0.0)).collect();
    let place = |delay: &std::time::Duration| bin(text::ms(*delay)).checked_sub(bin(min));
    for delay in network.sorted() {
        if let Some(found) = place(delay).and_then(|at| histogram.get_mut(at as usize)) {
            found.1 += 1;
        }
    }
    let scale = network.count() as f64 / modelled.count() as f64;
    for delay in modelled.sorted() {
        if let Some(found) = place(delay).and_then(|at| histogram.get_mut(at as usize)) {
            found.2 += scale;
        }
    }
    Network { min, median, max, histogram }
}
