//! `report.html`: one file, no network, made to be looked at.
//!
//! Charts are written by hand as SVG whose horizontal positions are shares of
//! the width, so the same file suits a wide screen, a phone and paper, and
//! text keeps its size. Colours live in `base.css` alone. The script only
//! shows tooltips; everything it says stands in the tables as well.

mod bars;
mod latency;
mod markup;
mod scale;
mod tables;
mod timeline;

use super::RunReport;
use super::figures::{
    self, THIN, count, duration_s, duration_us, finite, number, percent, share, short,
};
pub use markup::escape;

/// The style that all pages begin with: colours, headline, sections, tables, paper.
pub const BASE_STYLE: &str = include_str!("base.css");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as one self-contained HTML file.
pub fn html(report: &RunReport) -> String {
    let mut page = String::with_capacity(128 * 1024);
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    page.push_str(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\"/>\n\
         <link rel=\"icon\" href=\"data:,\"/>\n",
    );
    page.push_str(&format!(
        "<title>{} commands/s – daytrade run</title>\n<style>\n{BASE_STYLE}{STYLE}</style>\n</head>\n<body>\n<main>\n",
        rate(report.commands_per_s),
    ));
    headline(&mut page, report);
    timeline::throughput(&mut page, report);
    latency::section(&mut page, report);
    page.push_str("<div class=\"pair\">\n");
    bars::mix(&mut page, report);
    bars::rejects(&mut page, report);
    page.push_str("</div>\n");
    timeline::quotes(&mut page, report);
    tables::facts(&mut page, report);
    tables::details(&mut page, report);
    page.push_str(&format!(
        "</main>\n<div id=\"tip\" hidden=\"\"></div>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    ));
    page
}

/// The figure that matters most, and the ones that qualify it.
fn headline(page: &mut String, report: &RunReport) {
    let rejected = report.rejected_total();
    let answered = report.accepted.saturating_add(rejected);
    let (yes, no) = (share(report.accepted, answered), share(rejected, answered));
    let (yes_text, no_text) = (escape(&percent(yes)), escape(&percent(no)));
    page.push_str(&format!(
        "<header>\n<p class=\"eyebrow\">daytrade run <span>{}</span></p>\n\
         <h1><strong>{}</strong> <span>commands per second</span></h1>\n\
         <p class=\"lead\">{} of {} in {}, from {}.</p>\n",
        tables::started(report),
        rate(report.commands_per_s),
        plural(report.commands, "command"),
        plural(report.users, "user"),
        duration_s(report.wall_s),
        files_in_words(&report.files),
    ));
    if report.skipped > 0 {
        page.push_str(&format!(
            "<p class=\"lead\">The run was resumed: times and rates are of the last {}, counts are \
             of the whole run.</p>\n",
            plural(report.measured(), "command"),
        ));
    }
    if answered > 0 {
        page.push_str(&format!(
            "<div class=\"split\" role=\"img\" aria-label=\"{} accepted, {} rejected\">\
             <i class=\"accepted\" style=\"flex-grow:{:.4}\"></i>\
             <i class=\"rejected\" style=\"flex-grow:{:.4}\"></i></div>\n",
            yes_text, no_text, yes, no,
        ));
    }
    page.push_str("<dl class=\"tiles\">\n");
    tile(page, "Accepted", &yes_text, &count(report.accepted, THIN), "accepted");
    tile(page, "Rejected", &no_text, &count(rejected, THIN), "rejected");
    let quotes = report.quote_requests.saturating_add(report.quote_cache_hits);
    tile(
        page,
        "Quotes from cache",
        &escape(&percent(share(report.quote_cache_hits, quotes))),
        &format!("{} asked for", count(report.quote_requests, THIN)),
        "hits",
    );
    // A rare command, a DUMPLOG say, is not what a run feels like.
    let slowest = report
        .latency
        .iter()
        .filter(|(_, latency)| latency.count > 0 && latency.count >= report.commands / 100)
        .filter(|(_, latency)| latency.durable_us.p99.is_finite())
        .max_by(|a, b| a.1.durable_us.p99.total_cmp(&b.1.durable_us.p99));
    if let Some((name, latency)) = slowest {
        let p99 = duration_us(latency.durable_us.p99);
        tile(page, "Slowest p99 to durable", &p99, &escape(name), "durable");
    }
    if report.peak_memory_bytes > 0 {
        let memory = figures::bytes(report.peak_memory_bytes);
        tile(page, "Peak memory", &memory, "of this process", "plain");
    }
    page.push_str("</dl>\n</header>\n");
}

/// One of the figures under the headline; `value` and `note` are markup.
fn tile(page: &mut String, name: &str, value: &str, note: &str, class: &str) {
    page.push_str(&format!(
        "<div class=\"{class}\"><dt>{name}</dt><dd>{value}</dd><dd class=\"note\">{note}</dd></div>\n"
    ));
}

/// A rate in full, as long as it fits a line.
fn rate(per_second: f64) -> String {
    if finite(per_second) < 1e10 { number(per_second, THIN) } else { short(per_second) }
}

/// A count with its noun.
fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number, THIN))
}

fn files_in_words(files: &[String]) -> String {
    match files {
        [] => "no file".to_owned(),
        [one] => escape(one),
        [one, two] => format!("{} and {}", escape(one), escape(two)),
        [one, rest @ ..] => {
            format!("{} and {}", escape(one), plural(rest.len() as u64, "more file"))
        }
    }
}

#[cfg(test)]
mod tests;
