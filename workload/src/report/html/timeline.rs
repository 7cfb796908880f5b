//! What happened when: throughput and quotes as areas over time.
//!
//! A count within an interval is drawn as a rate over the whole interval, so
//! that intervals of unequal length (the last one, mostly) stay comparable,
//! and a run of a single interval is a block rather than nothing.

use super::super::figures::{THIN, count, duration_s, finite, number, short};
use super::super::{Interval, RunReport};
use super::markup::{close_section, escape, nothing, open_section, pct};
use super::plural;
use super::scale::{Linear, time_ticks};

/// More intervals than this are drawn in groups: finer than a screen shows.
const DRAWN_MAX: usize = 200;

/// A stretch of time with what happened in it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from_s: f64,
    to_s: f64,
    counts: Interval,
}

impl Stretch {
    fn rate(&self, count: u64) -> f64 {
        count as f64 / (self.to_s - self.from_s)
    }
}

/// One area of a chart: its class, its name, and how to read its count.
struct Band {
    class: &'static str,
    name: &'static str,
    count: fn(&Interval) -> u64,
}

/// Commands answered over time, accepted below rejected.
pub(super) fn throughput(page: &mut String, report: &RunReport) {
    let stretches = stretches(&report.series, DRAWN_MAX);
    let all = Band { class: "", name: "", count: |interval| interval.commands };
    let peak = peak(&stretches, &[all]);
    let note = match stretches.as_slice() {
        [] => "Commands answered per second.".to_owned(),
        [only] => format!(
            "Commands answered per second; one interval of {}.",
            duration_s(only.to_s - only.from_s)
        ),
        many => format!(
            "Commands answered per second; at most {}, in intervals of {}.",
            number(peak, THIN),
            duration_s(many[0].to_s - many[0].from_s),
        ),
    };
    open_section(page, "wide", "Throughput", &note);
    let bands = [
        Band {
            class: "accepted",
            name: "accepted",
            count: |interval| interval.commands.saturating_sub(interval.rejected),
        },
        Band {
            class: "rejected",
            name: "rejected",
            count: |interval| interval.rejected.min(interval.commands),
        },
    ];
    let mean = Some(finite(report.commands_per_s)).filter(|mean| *mean > 0.0);
    legend(page, &bands, mean);
    chart(page, "throughput", "Throughput over time", &stretches, &bands, 240, mean);
    close_section(page);
}

/// Quotes asked for and quotes served from the cache, each on its own scale:
/// there are as a rule a hundred times more of the latter.
pub(super) fn quotes(page: &mut String, report: &RunReport) {
    let stretches = stretches(&report.series, DRAWN_MAX);
    let note = format!(
        "{} asked of the quote server, {} served from the cache.",
        plural(report.quote_requests, "price"),
        count(report.quote_cache_hits, THIN),
    );
    open_section(page, "wide", "Quotes", &note);
    page.push_str("<div class=\"pair charts\">\n");
    for (id, heading, band) in [
        (
            "requests",
            "Asked of the quote server, per second",
            Band { class: "requests", name: "requests", count: |interval| interval.quote_requests },
        ),
        (
            "hits",
            "Served from the cache, per second",
            Band { class: "hits", name: "cache hits", count: |interval| interval.quote_cache_hits },
        ),
    ] {
        page.push_str(&format!("<div>\n<h3>{heading}</h3>\n"));
        chart(page, id, heading, &stretches, &[band], 130, None);
        page.push_str("</div>\n");
    }
    page.push_str("</div>\n");
    close_section(page);
}

/// Intervals as stretches of more than no time, at most `most` of them.
fn stretches(series: &[Interval], most: usize) -> Vec<Stretch> {
    let group = series.len().div_ceil(most.max(1)).max(1);
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut from_s = 0.0;
    let mut held = Interval::default();
    let mut in_group = 0;
    for (at, interval) in series.iter().enumerate() {
        held.commands = held.commands.saturating_add(interval.commands);
        held.rejected = held.rejected.saturating_add(interval.rejected);
        held.quote_requests = held.quote_requests.saturating_add(interval.quote_requests);
        held.quote_cache_hits = held.quote_cache_hits.saturating_add(interval.quote_cache_hits);
        in_group += 1;
        let to_s = finite(interval.t_s);
        // An interval of no length has no rate: it is counted with the next.
        if (in_group >= group || at + 1 == series.len()) && to_s > from_s {
            stretches.push(Stretch { from_s, to_s, counts: held });
            from_s = to_s;
            held = Interval::default();
            in_group = 0;
        }
    }
    stretches
}

/// The highest sum of the bands' rates.
fn peak(stretches: &[Stretch], bands: &[Band]) -> f64 {
    let height = |stretch: &Stretch| -> f64 {
        bands.iter().map(|band| stretch.rate((band.count)(&stretch.counts))).sum()
    };
    stretches.iter().map(height).fold(0.0, f64::max)
}

fn legend(page: &mut String, bands: &[Band], mean: Option<f64>) {
    page.push_str("<p class=\"legend\">");
    for band in bands {
        page.push_str(&format!("<span><i class=\"{}\"></i>{}</span>", band.class, band.name));
    }
    if let Some(mean) = mean {
        page.push_str(&format!("<span><u></u>mean {}</span>", number(mean, THIN)));
    }
    page.push_str("</p>\n");
}

/// Stacked areas over time. Heights are pixels; across, everything is a share
/// of the width. `mean` is drawn as a dashed line.
fn chart(
    page: &mut String,
    id: &str,
    title: &str,
    stretches: &[Stretch],
    bands: &[Band],
    height: u32,
    mean: Option<f64>,
) {
    let Some(last) = stretches.last() else {
        nothing(page, "The run was over before an interval was recorded.");
        return;
    };
    let end_s = last.to_s;
    let peak = peak(stretches, bands);
    let axis = Linear::new(peak.max(mean.unwrap_or(0.0)), if height > 150 { 5 } else { 3 });
    let y = |value: f64| f64::from(height) * (1.0 - axis.at(value));
    let names: Vec<&str> = bands.iter().map(|band| band.name).collect();
    page.push_str(&format!(
        "<svg class=\"timeline\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" height=\"{}\">\n\
         <title id=\"{id}-title\">{title}</title>\n\
         <desc id=\"{id}-desc\">Area chart of {} over {}: at most {} per second.</desc>\n",
        height + 26,
        names.join(" and "),
        duration_s(end_s),
        number(peak, THIN),
    ));
    for tick in axis.ticks() {
        let (y, class) = (y(tick), if tick > 0.0 { "grid" } else { "base" });
        page.push_str(&format!(
            "<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"y\" x=\"-8\" y=\"{y:.1}\" dy=\"0.32em\">{}</text>\n",
            short(tick)
        ));
    }
    // The areas alone are stretched to the width.
    page.push_str(&format!(
        "<svg width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 {height}\" preserveAspectRatio=\"none\">\n"
    ));
    let mut floor = vec![0.0; stretches.len()];
    for band in bands {
        let tops: Vec<f64> = stretches
            .iter()
            .zip(&floor)
            .map(|(stretch, floor)| floor + stretch.rate((band.count)(&stretch.counts)))
            .collect();
        let there = steps(stretches, &tops, end_s, y);
        let back: Vec<String> = steps(stretches, &floor, end_s, y).into_iter().rev().collect();
        page.push_str(&format!(
            "<path class=\"area {0}\" d=\"M{1}L{2}Z\"/><path class=\"edge {0}\" d=\"M{1}\"/>\n",
            band.class,
            there.join("L"),
            back.join("L"),
        ));
        floor = tops;
    }
    page.push_str("</svg>\n");
    if let Some(mean) = mean {
        let y = y(mean);
        page.push_str(&format!(
            "<line class=\"mean\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n"
        ));
    }
    for (at, text) in time_ticks(end_s, 6) {
        let anchor = if at < 0.02 {
            "start"
        } else if at > 0.98 {
            "end"
        } else {
            "middle"
        };
        page.push_str(&format!(
            "<text class=\"x\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{text}</text>\n",
            pct(at),
            height + 19,
        ));
    }
    for stretch in stretches {
        let (from, to) = (stretch.from_s / end_s, stretch.to_s / end_s);
        page.push_str(&format!(
            "<rect class=\"hover\" x=\"{}\" width=\"{}\" y=\"0\" height=\"{height}\" data-tip=\"{}\"/>\n",
            pct(from),
            pct(to - from),
            escape(&tip(stretch, bands)),
        ));
    }
    page.push_str("</svg>\n");
}

/// The corners of a line of steps, left to right, as path coordinates.
fn steps(stretches: &[Stretch], values: &[f64], end_s: f64, y: impl Fn(f64) -> f64) -> Vec<String> {
    let corners = stretches.iter().zip(values).flat_map(|(stretch, value)| {
        let y = y(*value);
        [stretch.from_s, stretch.to_s].map(|at| (1_000.0 * at / end_s, y))
    });
    corners.map(|(x, y)| format!("{x:.2} {y:.2}")).collect()
}

fn tip(stretch: &Stretch, bands: &[Band]) -> String {
    let mut tip = format!("{} to {}", duration_s(stretch.from_s), duration_s(stretch.to_s));
    for band in bands {
        let count = (band.count)(&stretch.counts);
        tip.push_str(&format!("\n{} {}/s", band.name, number(stretch.rate(count), THIN)));
    }
    tip
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(t_s: f64, commands: u64) -> Interval {
        Interval { t_s, commands, ..Interval::default() }
    }

    #[test]
    fn groups_lose_no_command() {
        let series: Vec<Interval> =
            (1..=1_001).map(|at| interval(f64::from(at) * 0.1, 7)).collect();
        let drawn = stretches(&series, 200);
        assert!(drawn.len() <= 200);
        assert_eq!(drawn.iter().map(|stretch| stretch.counts.commands).sum::<u64>(), 7 * 1_001);
        assert!((drawn[drawn.len() - 1].to_s - 100.1).abs() < 1e-9);
    }

    #[test]
    fn an_interval_of_no_length_is_counted_with_the_next() {
        let drawn = stretches(&[interval(0.0, 3), interval(1.0, 4), interval(f64::NAN, 5)], 200);
        assert_eq!(drawn.len(), 1);
        assert_eq!(drawn[0].counts.commands, 7);
        assert!(
            (peak(&drawn, &[Band { class: "", name: "", count: |i| i.commands }]) - 7.0).abs()
                < 1e-9
        );
    }
}
