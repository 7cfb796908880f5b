//! How long commands took: for each name two lines of dots on one axis of
//! decades, execution above, time to durable below.

use super::super::figures::{THIN, count, duration_us};
use super::super::{CommandLatency, Quantiles, RunReport};
use super::markup::{close_section, escape, nothing, open_section, pct};
use super::scale::Decades;

/// Heights of the two lines within a row, and of the row, in pixels.
const EXECUTION_Y: u32 = 12;
const DURABLE_Y: u32 = 24;
const ROW_HEIGHT: u32 = 36;

/// One row a command name, the most frequent first.
pub(super) fn section(page: &mut String, report: &RunReport) {
    open_section(
        page,
        "wide",
        "Latency",
        "From the moment a command was taken: up to its outcome (execution), and until that \
         outcome could not be lost any more (durable).",
    );
    let mut rows: Vec<(&String, &CommandLatency)> =
        report.latency.iter().filter(|(_, latency)| latency.count > 0).collect();
    rows.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(b.0)));
    let values = rows.iter().flat_map(|(_, latency)| {
        dots(&latency.execution_us).into_iter().chain(dots(&latency.durable_us))
    });
    let Some(axis) = Decades::new(values.map(|(_, us)| us)) else {
        nothing(page, "Nothing was measured.");
        close_section(page);
        return;
    };
    page.push_str(
        "<p class=\"legend\"><span><i class=\"execution\"></i>execution</span>\
         <span><i class=\"durable\"></i>to durable</span>\
         <span class=\"key\"><b class=\"p50\"></b>p50</span>\
         <span class=\"key\"><b class=\"p95\"></b>p95</span>\
         <span class=\"key\"><b class=\"p99\"></b>p99</span>\
         <span class=\"key\"><b class=\"p9999\"></b>p99.99</span></p>\n<div class=\"latency\">\n",
    );
    let grid = grid(axis);
    for (name, latency) in rows {
        row(page, name, latency, axis, &grid);
    }
    scale(page, axis);
    page.push_str("</div>\n");
    close_section(page);
}

fn dots(quantiles: &Quantiles) -> [(&'static str, f64); 4] {
    [
        ("p50", quantiles.p50),
        ("p95", quantiles.p95),
        ("p99", quantiles.p99),
        ("p9999", quantiles.p99_99),
    ]
}

fn row(page: &mut String, name: &str, latency: &CommandLatency, axis: Decades, grid: &str) {
    let text = [("execution", &latency.execution_us), ("to durable", &latency.durable_us)].map(
        |(kind, of)| {
            format!(
                "{kind}: p50 {}, p95 {}, p99 {}, p99.99 {}",
                duration_us(of.p50),
                duration_us(of.p95),
                duration_us(of.p99),
                duration_us(of.p99_99)
            )
        },
    );
    let name = escape(name);
    page.push_str(&format!(
        "<div class=\"row\" data-tip=\"{name}&#10;{}&#10;{}\"><div class=\"name\">{name} <span>{}</span></div>\n\
         <svg role=\"img\" aria-label=\"{name}, {}; {}\" height=\"{ROW_HEIGHT}\">{grid}",
        text[0],
        text[1],
        count(latency.count, THIN),
        text[0],
        text[1],
    ));
    line(page, "execution", &latency.execution_us, axis, EXECUTION_Y);
    line(page, "durable", &latency.durable_us, axis, DURABLE_Y);
    page.push_str("</svg></div>\n");
}

/// The range from p50 to p99.99 with a dot for each figure; the median is
/// drawn last, so that it stays visible where figures coincide.
fn line(page: &mut String, class: &str, quantiles: &Quantiles, axis: Decades, y: u32) {
    let mut placed: Vec<(&str, f64)> = dots(quantiles)
        .into_iter()
        .filter_map(|(kind, us)| axis.at(us).map(|at| (kind, at)))
        .collect();
    let (Some(&(_, from)), Some(&(_, to))) = (placed.first(), placed.last()) else {
        return;
    };
    page.push_str(&format!(
        "<g class=\"{class}\"><line class=\"range\" x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>",
        pct(from),
        pct(to)
    ));
    placed.reverse();
    for (kind, at) in placed {
        let radius = match kind {
            "p50" => 4.5,
            "p9999" => 3.2,
            _ => 3.0,
        };
        page.push_str(&format!(
            "<circle class=\"{kind}\" cx=\"{}\" cy=\"{y}\" r=\"{radius}\"/>",
            pct(at)
        ));
    }
    page.push_str("</g>");
}

/// The vertical lines that every row repeats.
fn grid(axis: Decades) -> String {
    let minor = axis.minor_ticks().into_iter().map(|at| (at, "minor"));
    let major = axis.ticks().map(|(at, _)| (at, "grid"));
    minor
        .chain(major)
        .map(|(at, class)| {
            let x = pct(at);
            format!("<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"100%\"/>")
        })
        .collect()
}

/// The axis itself. Every second text gives way on narrow screens.
fn scale(page: &mut String, axis: Decades) {
    page.push_str(
        "<div class=\"row scale\"><div class=\"name\"></div><svg aria-hidden=\"true\" height=\"24\">",
    );
    let ticks: Vec<(f64, f64)> = axis.ticks().collect();
    for (number, (at, us)) in ticks.iter().enumerate() {
        let anchor = match number {
            0 => "start",
            last if last + 1 == ticks.len() => "end",
            _ => "middle",
        };
        let class = if number % 2 == 0 { "x" } else { "x odd" };
        page.push_str(&format!(
            "<text class=\"{class}\" x=\"{}\" y=\"15\" text-anchor=\"{anchor}\">{}</text>",
            pct(*at),
            decade(*us)
        ));
    }
    page.push_str("</svg></div>\n");
}

/// A power of ten of microseconds without decimals.
fn decade(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 0.9 => (us * 1e3, "ns"),
        us if us < 900.0 => (us, "µs"),
        us if us < 900_000.0 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    if !(0.9..=1e6).contains(&value) {
        format!("{value:.0e}{THIN}{unit}")
    } else {
        format!("{value:.0}{THIN}{unit}")
    }
}
