//! What is told of the findings: on the terminal here, on the page in [`page`].

pub mod page;

use super::super::text::{bar, chance, columns, count, maybe_ms, of_ms, percent};
use super::curve::Point;
use super::result::Findings;

/// The length of the longest bar of a histogram.
const BAR: usize = 44;

/// The report for the terminal.
pub fn report(findings: &Findings) -> String {
    let mut text = format!("{} delays from {}\n", count(findings.samples as u64), findings.source);
    if findings.failures > 0 {
        text.push_str(&format!("{} requests more brought no quote\n", findings.failures));
    }
    text.push_str(&format!("\n{}\n{}\n", mean(findings), seed_report(findings)));
    let quantiles = findings.quantiles_ms.iter();
    let quantiles: Vec<String> =
        quantiles.map(|one| format!("{} {} ms", name_of(one.share), of_ms(one.ms))).collect();
    text.push_str(&format!("{}\n\n", quantiles.join(", ")));
    histograms(&mut text, findings);
    text.push_str(&format!("\n{}\n{}\n", fit_of_seconds(findings), fit_of_network(findings)));
    if let Some(memory) = memory(findings) {
        text.push_str(&format!("{memory}\n"));
    }
    text.push_str(
        "\nEach way to ask by its patience: requests a quote, and ms to a quote, calculated and \
         (tried out)\n",
    );
    text.push_str(&columns(&curve(&findings.curve)));
    text.push_str("* what daytrade does unless told otherwise: of hedge, after it has learned\n");
    text
}

fn histograms(text: &mut String, findings: &Findings) {
    let most = findings.modes.iter().map(|mode| mode.count).max().unwrap_or(1).max(1);
    let rows: Vec<Vec<String>> = findings
        .modes
        .iter()
        .map(|mode| {
            let share = mode.count as f64 / most as f64;
            vec![
                format!("{} s  {:<BAR$}", mode.seconds, bar(share, BAR)),
                count(mode.count as u64),
                percent(mode.share),
                format!("model {}", percent(mode.model_share)),
            ]
        })
        .collect();
    text.push_str("Whole seconds\n");
    text.push_str(&columns(&rows));
    let network = &findings.network_ms;
    let most = network.histogram.iter().map(|bin| bin.1).max().unwrap_or(1).max(1);
    text.push_str(&format!(
        "\nThe network’s part: median {} ms, {} to {} ms\n",
        of_ms(network.median),
        of_ms(network.min),
        of_ms(network.max)
    ));
    let rows: Vec<Vec<String>> = shown(&network.histogram)
        .iter()
        .map(|(ms, found, model)| {
            let share = *found as f64 / most as f64;
            vec![
                format!("{ms:>3} ms  {:<BAR$}", bar(share, BAR)),
                count(*found as u64),
                format!("model {}", count(model.round() as u64)),
            ]
        })
        .collect();
    text.push_str(&columns(&rows));
}

/// The bins that a histogram shows: the rest of a long tail in its last one.
fn shown(bins: &[(u64, usize, f64)]) -> Vec<(u64, usize, f64)> {
    const MOST: usize = 32;
    let mut shown: Vec<_> = bins.iter().take(MOST).copied().collect();
    if let Some(last) = shown.last_mut() {
        for (_, found, model) in bins.iter().skip(MOST) {
            last.1 += found;
            last.2 += model;
        }
    }
    shown
}

/// The mean, in a sentence.
fn mean(findings: &Findings) -> String {
    let mean = &findings.mean_ms;
    format!(
        "The mean is {:.0} ms; 95 of 100 such samples hold the true one between {:.0} and {:.0} ms.",
        mean.value,
        mean.low.max(0.0),
        mean.high
    )
}

/// Where the seed report differs, in a sentence.
fn seed_report(findings: &Findings) -> String {
    let (seed, mean) = (findings.seed_report_mean_ms, &findings.mean_ms);
    let verdict = match (mean.low..=mean.high).contains(&seed) {
        true => "which lies within",
        false => "which lies outside",
    };
    format!(
        "The seed report gives {seed:.0} ms, {verdict}; it counted whole seconds, whose mean is {:.0} \
         ms here.",
        findings.mean_of_whole_seconds_ms
    )
}

/// How well the model's whole seconds fit, in a sentence.
fn fit_of_seconds(findings: &Findings) -> String {
    let fit = &findings.fit.whole_seconds;
    format!(
        "The built-in model’s whole seconds: chi-square {:.2}; chance alone does worse in {}.",
        fit.chi_square,
        chance(fit.p)
    )
}

/// How well the model's network fits, in a sentence.
fn fit_of_network(findings: &Findings) -> String {
    let fit = &findings.fit.network;
    let judged = match fit.p < 0.01 {
        true => " It is not the same curve, only one that is near.",
        false => "",
    };
    format!(
        "The built-in model’s network: at most {:.1} points of a hundred off; chance alone does worse \
         in {}.{judged}",
        fit.distance * 100.0,
        chance(fit.p)
    )
}

/// Whether slow answers follow each other, in a sentence.
fn memory(findings: &Findings) -> Option<String> {
    let memory = findings.memory.as_ref()?;
    Some(format!(
        "Of all answers {} are slow, of those that follow a slow one {}: asking again {}.",
        percent(memory.slow),
        percent(memory.slow_after_slow),
        match memory.slow_after_slow < memory.slow * 1.25 {
            true => "draws anew",
            false => "is more often in vain, so that the calculation below is too kind",
        }
    ))
}

fn curve(points: &[Point]) -> Vec<Vec<String>> {
    let head = ["way", "patience", "requests", "", "p50", "", "p90", "", "p99", "", "p99.9", ""];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    for point in points {
        let mark = if point.chosen { " *" } else { "" };
        let mut row = vec![format!("{}{mark}", point.strategy), maybe_ms(point.patience_ms)];
        let (calculated, simulated) = (&point.calculated, &point.simulated);
        row.push(format!("{:.2}", calculated.requests_per_quote));
        row.push(format!("({:.2})", simulated.requests_per_quote));
        for (calculated, simulated) in calculated.times().into_iter().zip(simulated.times()) {
            row.extend([maybe_ms(calculated), format!("({})", maybe_ms(simulated))]);
        }
        rows.push(row);
    }
    rows
}

fn name_of(share: f64) -> String {
    match share {
        1.0.. => "max".to_string(),
        share => {
            let percent = format!("{:.1}", share * 100.0);
            format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_have_their_usual_names() {
        assert_eq!([0.01, 0.5, 0.999, 1.0].map(name_of), ["p1", "p50", "p99.9", "max"]);
    }

    #[test]
    fn a_long_tail_is_counted_to_the_last() {
        let bins: Vec<_> = (0..900).map(|ms| (ms, 2, 1.0)).collect();
        let shown = shown(&bins);
        assert_eq!(shown.len(), 32);
        assert_eq!(shown.iter().map(|bin| bin.1).sum::<usize>(), 1_800);
    }
}
