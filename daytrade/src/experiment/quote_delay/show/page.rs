//! The page of `quote-delay`.

use super::super::super::chart::{Axis, Plot, round_step, steps};
use super::super::super::page::{Page, Row, Tile, facts, legend, table};
use super::super::super::text::{count, maybe_ms, of_ms, percent};
use super::super::curve::Point;
use super::super::result::Findings;
use super::{fit_of_network, fit_of_seconds, mean, memory, name_of, seed_report, shown};

/// Beyond so many requests a quote no curve is worth a look.
const REQUESTS_SHOWN: f64 = 2.0;

/// The quantiles of the four small charts.
const PANELS: [(&str, &str); 4] = [
    ("p50", "half of the quotes"),
    ("p90", "9 of 10 quotes"),
    ("p99", "99 of 100 quotes"),
    ("p99.9", "999 of 1,000 quotes"),
];

/// The page.
pub fn page(findings: &Findings) -> String {
    let lead = format!(
        "Two ways to be answered: {} within {} ms, the rest whole seconds later. {} delays from {}.",
        percent(findings.fast()),
        of_ms(findings.network_ms.max),
        count(findings.samples as u64),
        findings.source
    );
    let figure = format!("{:.0} ms", findings.mean_ms.value);
    let mut page = Page::new("quote-delay", &figure, "is the mean wait for an answer", &lead);
    page.tiles(&tiles(findings));
    cost(&mut page, findings);
    page.side_by_side(|page| {
        whole_seconds(page, findings);
        network(page, findings);
    });
    page.section("Where the time goes", "The sample in words.", &words(findings));
    page.section(
        "The curve in figures",
        "Time to a quote in milliseconds, calculated from the delays; in brackets what the client \
         itself came to when it was tried out on them in virtual time, whose timers tick in \
         milliseconds. A dot marks what daytrade does unless told otherwise.",
        &curve_table(findings),
    );
    page.finish()
}

fn tiles(findings: &Findings) -> Vec<Tile<'static>> {
    let chosen = |name: &str| findings.curve.iter().find(|p| p.strategy == name && p.chosen);
    let quantile = |share: f64| {
        let found = findings.quantiles_ms.iter().find(|one| (one.share - share).abs() < 1e-9);
        maybe_ms(found.map(|one| one.ms))
    };
    let mut tiles = vec![
        Tile {
            name: "Median",
            value: format!("{} ms", quantile(0.5)),
            note: format!("the network alone {} ms", of_ms(findings.network_ms.median)),
            class: "plain",
        },
        Tile {
            name: "Waiting",
            value: format!("{} ms", quantile(0.99)),
            note: "p99 at 1 request".to_string(),
            class: "wait",
        },
    ];
    for (name, title) in [("retry", "Giving up, as the seed did"), ("hedge", "Hedging")] {
        if let Some(point) = chosen(name) {
            tiles.push(Tile {
                name: title,
                value: format!("{} ms", maybe_ms(point.calculated.p99_ms)),
                note: format!(
                    "p99 at {:.2} requests, patience {} ms",
                    point.calculated.requests_per_quote,
                    maybe_ms(point.patience_ms)
                ),
                class: name,
            });
        }
    }
    tiles
}

/// The cost curve, a chart for each quantile.
fn cost(page: &mut Page, findings: &Findings) {
    let most = findings.curve.iter().map(|point| point.calculated.requests_per_quote);
    let most = most.fold(1.0_f64, f64::max).clamp(1.5, REQUESTS_SHOWN);
    let step = round_step(most - 1.0);
    let ticks = steps(most - 1.0, step, |_| String::new());
    let ticks = ticks.into_iter().map(|(at, _)| (at + 1.0, of_ms(at + 1.0))).collect();
    let x = Axis::even(1.0, most, ticks, "requests a quote");
    let mut charts = String::new();
    for (nth, (quantile, words)) in PANELS.into_iter().enumerate() {
        let values = findings
            .curve
            .iter()
            .flat_map(|point| [point.calculated.times()[nth], point.simulated.times()[nth]]);
        let y = Axis::of_ms(values.flatten(), "");
        let label = format!("Time to a quote against requests a quote, {quantile}");
        let mut plot = Plot::new(&x, &y, &label);
        for name in ["retry", "hedge"] {
            let points: Vec<&Point> =
                findings.curve.iter().filter(|point| point.strategy == name).collect();
            plot.line(
                name,
                points.iter().filter_map(|point| {
                    Some((point.calculated.requests_per_quote, point.calculated.times()[nth]?))
                }),
            );
        }
        // The chosen ones last, so that they lie on top.
        let (chosen, others): (Vec<&Point>, Vec<&Point>) =
            findings.curve.iter().partition(|point| point.chosen);
        for point in others.into_iter().chain(chosen) {
            dots(&mut plot, point, nth, quantile);
        }
        charts.push_str(&format!(
            "<figure><figcaption><b>{quantile}</b> {words} take at most</figcaption>{}</figure>\n",
            plot.finish()
        ));
    }
    let legend = legend(&[
        ("wait", "wait: one request, however long it takes"),
        ("retry", "retry: give up and ask again"),
        ("hedge", "hedge: ask a second time beside the first"),
        ("ring", "tried out"),
        ("chosen", "what daytrade does"),
    ]);
    page.section(
        "What time costs",
        "Further down is faster, further left is cheaper. Each line runs through all patiences, \
         from long ones on the left to short ones on the right.",
        &format!("{legend}<div class=\"panels\">\n{charts}</div>\n"),
    );
}

fn dots(plot: &mut Plot<'_>, point: &Point, nth: usize, quantile: &str) {
    let patience = match point.patience_ms {
        Some(ms) => format!(", patience {} ms", of_ms(ms)),
        None => String::new(),
    };
    let name = &point.strategy;
    for (costs, how) in [(&point.simulated, "tried out"), (&point.calculated, "calculated")] {
        let Some(time) = costs.times()[nth] else { continue };
        let at = (costs.requests_per_quote, time);
        let tip = format!(
            "{name}{patience}, {how}: {quantile} {} ms at {:.2} requests",
            of_ms(time),
            costs.requests_per_quote
        );
        let is_mark = point.chosen || name == "wait";
        match (how, is_mark) {
            ("tried out", _) => plot.dot(&format!("{name} ring"), at, 3.0, &tip),
            (_, true) => plot.dot(&format!("{name} chosen"), at, 6.0, &tip),
            (_, false) => plot.dot(name, at, 2.2, &tip),
        }
    }
}

fn whole_seconds(page: &mut Page, findings: &Findings) {
    let most = findings.modes.iter().map(|mode| mode.share.max(mode.model_share));
    let most = most.fold(0.0, f64::max);
    let step = round_step(most);
    let high = (most / step).ceil() * step;
    let y = Axis::even(0.0, high, steps(high, step, |at| format!("{:.0} %", at * 100.0)), "");
    let count_of = findings.modes.len();
    let every = count_of.div_ceil(12);
    let ticks = findings.modes.iter().step_by(every);
    let ticks = ticks.map(|mode| (mode.seconds as f64 + 0.5, format!("{} s", mode.seconds)));
    let x = Axis::even(0.0, count_of as f64, ticks.collect(), "whole seconds");
    let mut plot = Plot::new(&x, &y, "Share of answers by whole seconds");
    for mode in &findings.modes {
        let from = mode.seconds as f64 + 0.18;
        let tip = format!("{} s: {} of all", mode.seconds, percent(mode.share));
        plot.bar("found", from, from + 0.64, mode.share, &tip);
        let tip = format!("{} s: {} in the model", mode.seconds, percent(mode.model_share));
        plot.dot("model", (mode.seconds as f64 + 0.5, mode.model_share), 4.0, &tip);
    }
    page.section(
        "Whole seconds",
        "The server answers at once or lets its clients wait for a number of seconds.",
        &format!("{}{}", histogram_legend(), plot.finish()),
    );
}

fn network(page: &mut Page, findings: &Findings) {
    let bins = shown(&findings.network_ms.histogram);
    let most = bins.iter().map(|bin| bin.2.max(bin.1 as f64)).fold(1.0, f64::max);
    let step = round_step(most);
    let high = (most / step).ceil() * step;
    let y = Axis::even(0.0, high, steps(high, step, |at| count(at as u64)), "");
    let from = bins.first().map_or(0, |bin| bin.0) as f64;
    let every = bins.len().div_ceil(12);
    let ticks = bins.iter().step_by(every);
    let ticks = ticks.map(|bin| (bin.0 as f64 + 0.5, bin.0.to_string())).collect();
    let x = Axis::even(from, from + bins.len() as f64, ticks, "milliseconds");
    let mut plot = Plot::new(&x, &y, "Answers by the milliseconds beside the whole seconds");
    for (ms, found, model) in &bins {
        let from = *ms as f64 + 0.12;
        let tip = format!("{ms} ms: {} answers", count(*found as u64));
        plot.bar("found", from, from + 0.76, *found as f64, &tip);
        let tip = format!("{ms} ms: {} in the model", count(model.round() as u64));
        plot.dot("model", (*ms as f64 + 0.5, *model), 3.0, &tip);
    }
    page.section(
        "The network’s part",
        "What is left of each delay without its whole seconds, in rounded milliseconds.",
        &format!("{}{}", histogram_legend(), plot.finish()),
    );
}

fn histogram_legend() -> String {
    legend(&[("found", "the sample"), ("model", "the built-in model")])
}

fn words(findings: &Findings) -> String {
    let quantiles = findings.quantiles_ms.iter();
    let quantiles: Vec<String> =
        quantiles.map(|one| format!("{} {} ms", name_of(one.share), of_ms(one.ms))).collect();
    let mut rows = vec![
        ("Mean", mean(findings)),
        ("Seed report", seed_report(findings)),
        ("Quantiles", quantiles.join(", ")),
        ("Fit, seconds", fit_of_seconds(findings)),
        ("Fit, network", fit_of_network(findings)),
    ];
    rows.extend(memory(findings).map(|memory| ("Memory", memory)));
    if findings.failures > 0 {
        rows.push(("No quote", format!("{} requests more", findings.failures)));
    }
    facts(&rows)
}

fn curve_table(findings: &Findings) -> String {
    let rows: Vec<Row> = findings
        .curve
        .iter()
        .map(|point| {
            let (calculated, simulated) = (&point.calculated, &point.simulated);
            let mut cells = vec![
                point.strategy.clone(),
                maybe_ms(point.patience_ms),
                format!(
                    "{:.2} ({:.2})",
                    calculated.requests_per_quote, simulated.requests_per_quote
                ),
            ];
            for (calculated, simulated) in calculated.times().into_iter().zip(simulated.times()) {
                cells.push(format!("{} ({})", maybe_ms(calculated), maybe_ms(simulated)));
            }
            cells.push(percent(calculated.under_50_ms));
            let chosen = if point.chosen { " chosen" } else { "" };
            Row { cells, class: format!("{}{chosen}", point.strategy) }
        })
        .collect();
    let head = ["", "patience, ms", "requests", "p50", "p90", "p99", "p99.9", "under 50 ms"];
    table(&head, 1, &rows)
}
