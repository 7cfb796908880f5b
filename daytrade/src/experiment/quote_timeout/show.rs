//! The table and the page of `quote-timeout`.

use super::super::chart::{Axis, Plot, steps};
use super::super::page::{Page, Row, Tile, legend, table as html_table};
use super::super::text::{self, NOTHING, columns, count, maybe_ms, of_ms, percent};
use super::{Figures, Measured, QuoteTimeoutOptions, Ways, server_in_words};
use crate::cli::ClockKind;
use std::time::Duration;

/// What the seed report says of its own manager, which gave up after 20 ms (SENG 462, 2017).
const SEED: (&str, &str) = ("89.18 %", "1.47");

/// The table for the terminal.
pub fn table(options: &QuoteTimeoutOptions, figures: &Figures, wall: Duration) -> String {
    let mut rows =
        vec![words(&["way", "p50", "p90", "p99", "p99.9", "max", "< 50 ms", "requests"])];
    for ways in &figures.strategies {
        let mut row = vec![ways.name.clone()];
        row.extend(
            [ways.p50_ms, ways.p90_ms, ways.p99_ms, ways.p999_ms, ways.max_ms].map(maybe_ms),
        );
        row.extend([percent(ways.under_50_ms), format!("{:.3}", ways.requests_per_quote)]);
        rows.push(row);
        let calculated = &ways.calculated;
        let times = [calculated.p50_ms, calculated.p90_ms, calculated.p99_ms, calculated.p999_ms];
        let mut row = vec!["  calculated".to_string()];
        row.extend(times.map(of_ms));
        row.extend([String::new(), percent(calculated.under_50_ms)]);
        row.push(format!("{:.3}", calculated.requests_per_quote));
        rows.push(row);
    }
    let mut costs = vec![words(&["", "requests", "given up", "refused", "no quote", "TIME_WAIT"])];
    for ways in &figures.strategies {
        costs.push(vec![
            ways.name.clone(),
            count(ways.requests),
            count(ways.abandoned),
            count(ways.failures as u64),
            count(ways.unavailable as u64),
            ways.time_wait_most.map_or(NOTHING.to_string(), |most| count(most as u64)),
        ]);
    }
    let patience = figures.strategies.iter().filter_map(|ways| {
        let patience = of_ms(ways.patience_ms?);
        Some(format!("{} asks again after {patience} ms", ways.name))
    });
    let patience: Vec<_> = patience.collect();
    format!(
        "{}\n\nTime to a quote in ms, requests a quote\n{}\n{}{}the seed report: {} under 50 ms at {} \
         requests a quote\n",
        lead(options, wall),
        columns(&rows),
        columns(&costs),
        match patience.as_slice() {
            [] => "\n".to_string(),
            some => format!("\n{}\n", some.join(", ")),
        },
        SEED.0,
        SEED.1,
    )
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}

fn lead(options: &QuoteTimeoutOptions, wall: Duration) -> String {
    let clock = match options.clock {
        ClockKind::Real => "over TCP on this machine",
        ClockKind::Virtual => "in virtual time inside the process",
    };
    format!(
        "{} quotes in each way at {} a second for {} stocks, {clock}, from a server {}; {:.1} s",
        count(u64::from(options.quotes)),
        count(u64::from(options.rate)),
        count(u64::from(options.stocks)),
        server_in_words(&options.delay),
        wall.as_secs_f64(),
    )
}

/// The page.
pub fn page(options: &QuoteTimeoutOptions, figures: &Figures, measured: &Measured) -> String {
    // The best of what was measured leads: least time for 99 of 100.
    let best = figures
        .strategies
        .iter()
        .filter(|ways| ways.p99_ms.is_some())
        .min_by(|a, b| a.p99_ms.unwrap_or(f64::MAX).total_cmp(&b.p99_ms.unwrap_or(f64::MAX)));
    let (figure, of) = match best {
        Some(ways) => (
            format!("{} ms", maybe_ms(ways.p99_ms)),
            format!("to 99 of 100 quotes with {}", ways.name),
        ),
        None => ("no quote".to_string(), "came".to_string()),
    };
    let mut page =
        Page::new("quote-timeout", &figure, &of, &format!("{}.", lead(options, measured.wall)));
    let tiles: Vec<Tile<'_>> = figures.strategies.iter().map(tile).collect();
    page.tiles(&tiles);
    distribution(&mut page, figures);
    page.section(
        "Figures",
        "Time to a quote in milliseconds, from the moment it is asked for to the moment whoever \
         asked knows it. Below each way what is calculated for it from the delays alone.",
        &times(figures),
    );
    page.section(
        "What it cost",
        "Requests are charged for, those given up perhaps as well. A socket in TIME_WAIT holds \
         its port for a minute: a client that leaves many behind runs out of ports. The most seen \
         at any moment, at either end.",
        &costs(figures),
    );
    page.finish()
}

fn tile(ways: &Ways) -> Tile<'_> {
    Tile {
        name: &ways.name,
        value: format!("{:.2} requests", ways.requests_per_quote),
        note: format!(
            "p50 {} ms, {} under 50 ms",
            maybe_ms(ways.p50_ms),
            percent(ways.under_50_ms)
        ),
        class: &ways.name,
    }
}

/// The distribution twice: how soon most quotes are there, and how long the last ones take.
fn distribution(page: &mut Page, figures: &Figures) {
    let times = || figures.strategies.iter().flat_map(|ways| ways.distribution.iter());
    let x = Axis::of_ms(times().map(|(ms, _)| *ms), "time to a quote");
    let shares = Axis::even(0.0, 1.0, steps(1.0, 0.25, |at| format!("{:.0} %", at * 100.0)), "");
    let nines = [1.0, 0.1, 0.01, 0.001, 0.000_1];
    let nines = nines.map(|share: f64| (share, format!("{} %", text::of_ms(share * 100.0))));
    let late = Axis::logarithmic(0.000_1, 1.0, nines.into(), "");
    let mut body = Plot::new(&x, &shares, "Share of quotes that are there, by time");
    let mut tail = Plot::new(&x, &late, "Share of quotes that are not there yet, by time");
    for ways in &figures.strategies {
        body.line(&ways.name, stairs(&ways.distribution));
        let missing = ways.distribution.iter().map(|(ms, share)| (*ms, 1.0 - share));
        tail.line(&ways.name, missing.take_while(|(_, missing)| *missing >= 0.000_1));
    }
    for plot in [&mut body, &mut tail] {
        plot.mark(50.0, "50 ms");
    }
    let names: Vec<(&str, &str)> =
        figures.strategies.iter().map(|ways| (&*ways.name, &*ways.name)).collect();
    let legend = legend(&names);
    let (body, tail) = (body.finish(), tail.finish());
    page.side_by_side(|page| {
        page.section(
            "How soon a quote is there",
            "The share of quotes that are there, by the time since they were asked for.",
            &format!("{legend}{body}"),
        );
        page.section(
            "How long the last ones take",
            "The share of quotes that are not there yet: each line down is one in ten of those \
             above.",
            &format!("{legend}{tail}"),
        );
    });
}

/// A distribution begins at nothing.
fn stairs(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    points.first().map(|(ms, _)| (*ms, 0.0)).into_iter().chain(points.iter().copied())
}

fn times(figures: &Figures) -> String {
    let mut rows = Vec::new();
    for ways in &figures.strategies {
        let mut cells = vec![ways.name.clone()];
        let times =
            [ways.p50_ms, ways.p90_ms, ways.p99_ms, ways.p999_ms, ways.max_ms, ways.mean_ms];
        cells.extend(times.map(maybe_ms));
        cells.extend([percent(ways.under_50_ms), format!("{:.3}", ways.requests_per_quote)]);
        rows.push(Row { cells, class: ways.name.clone() });
        let calculated = &ways.calculated;
        let times = [calculated.p50_ms, calculated.p90_ms, calculated.p99_ms, calculated.p999_ms];
        let mut cells = vec!["calculated".to_string()];
        cells.extend(times.map(of_ms));
        cells.extend([String::new(), String::new(), percent(calculated.under_50_ms)]);
        cells.push(format!("{:.3}", calculated.requests_per_quote));
        rows.push(Row { cells, class: "calculated".to_string() });
    }
    let mut seed = words(&["the seed report", "", "", "", "", "850", "", SEED.0, SEED.1]);
    seed[0] = "the seed report’s manager".to_string();
    rows.push(Row { cells: seed, class: "seed".to_string() });
    let head = ["", "p50", "p90", "p99", "p99.9", "max", "mean", "under 50 ms", "requests a quote"];
    html_table(&head, 1, &rows)
}

fn costs(figures: &Figures) -> String {
    let rows: Vec<Row> = figures
        .strategies
        .iter()
        .map(|ways| Row {
            cells: vec![
                ways.name.clone(),
                count(ways.quotes as u64),
                count(ways.requests),
                count(ways.abandoned),
                count(ways.failures as u64),
                count(ways.unavailable as u64),
                maybe_ms(ways.patience_ms),
                ways.time_wait_most.map_or(NOTHING.to_string(), |most| count(most as u64)),
            ],
            class: ways.name.clone(),
        })
        .collect();
    let head = [
        "",
        "quotes",
        "requests",
        "given up",
        "refused",
        "no quote",
        "patience, ms",
        "in TIME_WAIT",
    ];
    html_table(&head, 1, &rows)
}
