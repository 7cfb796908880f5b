//! Shares as bars: what was sent, and why it was refused. The bars are tables
//! with a picture in one column, so nothing needs to be said twice.

use super::super::RunReport;
use super::super::figures::{THIN, count, percent, share};
use super::markup::{close_section, escape, nothing, open_section, pct};

/// Commands by name.
pub(super) fn mix(page: &mut String, report: &RunReport) {
    let commands = report.latency.iter().map(|(name, latency)| (name.as_str(), latency.count));
    let note = match report.skipped {
        0 => "What the users sent, by name.",
        _ => "What the users sent since the run was resumed, by name.",
    };
    open_section(page, "half", "Commands", note);
    bars(page, "accepted", "Command", commands.collect(), "No command was sent.");
    close_section(page);
}

/// Rejects by code.
pub(super) fn rejects(page: &mut String, report: &RunReport) {
    let codes = report.rejected.iter().map(|(code, count)| (code.as_str(), *count));
    let note = match report.commands {
        0 => "Why commands were refused.".to_owned(),
        commands => format!(
            "{} of {} commands were refused, by reason.",
            count(report.rejected_total(), THIN),
            count(commands, THIN),
        ),
    };
    open_section(page, "half", "Rejects", &note);
    bars(page, "rejected", "Reason", codes.collect(), "No command was refused.");
    close_section(page);
}

/// One bar a name, the longest first, in proportion to the longest.
fn bars(page: &mut String, class: &str, what: &str, mut rows: Vec<(&str, u64)>, none: &str) {
    rows.retain(|(_, count)| *count > 0);
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let Some(&(_, longest)) = rows.first() else {
        nothing(page, none);
        return;
    };
    let all = rows.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    page.push_str(&format!(
        "<table class=\"bars {class}\">\n<thead><tr><th scope=\"col\">{what}</th>\
         <td></td><th scope=\"col\">Count</th><th scope=\"col\">Share</th></tr></thead>\n<tbody>\n"
    ));
    for (name, number) in rows {
        page.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><svg aria-hidden=\"true\" height=\"12\">\
             <rect width=\"{}\" height=\"12\" rx=\"2\"/></svg></td><td>{}</td><td>{}</td></tr>\n",
            escape(name),
            pct(share(number, longest)),
            count(number, THIN),
            escape(&percent(share(number, all))),
        ));
    }
    page.push_str("</tbody>\n</table>\n");
}
