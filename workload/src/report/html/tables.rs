//! What a person looks up: how the run was set up, and every figure.

use super::super::figures::{NOTHING, THIN, bytes, count, duration_s, duration_us, moment, number};
use super::super::{Quantiles, RunReport};
use super::markup::{close_section, escape, open_section};

/// When the run started, if that is known.
pub(super) fn started(report: &RunReport) -> String {
    match report.started_at_ms {
        0 => NOTHING.to_owned(),
        ms => moment(ms),
    }
}

/// The run itself: what went in, by which clock, what is left of it. Values
/// of any length come last and get the whole width.
pub(super) fn facts(page: &mut String, report: &RunReport) {
    open_section(page, "wide", "This run", "What it takes to have it again, and to check it.");
    page.push_str("<dl class=\"facts\">\n");
    let mut fact = |class: &str, name: &str, value: String| {
        let value = if value.is_empty() { NOTHING.to_owned() } else { value };
        page.push_str(&format!("<div{class}><dt>{name}</dt><dd>{value}</dd></div>\n"));
    };
    let (half, whole) = ("", " class=\"whole\"");
    fact(half, "Started", started(report));
    fact(half, "Wall time", duration_s(report.wall_s));
    fact(half, "Users", count(report.users, THIN));
    fact(half, "Unreadable lines", count(report.unreadable, THIN));
    fact(half, "Quotes", escape(&report.quotes));
    fact(half, "Clock", escape(&report.clock));
    fact(half, "Seed", report.seed.map_or(String::new(), |seed| seed.to_string()));
    fact(half, "Version", escape(&report.version));
    if report.peak_memory_bytes > 0 {
        fact(half, "Peak memory", bytes(report.peak_memory_bytes));
    }
    if report.skipped > 0 {
        fact(half, "Answered before the run was resumed", count(report.skipped, THIN));
    }
    let files: Vec<String> = report.files.iter().map(|file| escape(file)).collect();
    fact(whole, "Files", files.join("<br/>"));
    let log = format!(
        "{}, {} in {}",
        plural(report.log.entries, "entr", "y", "ies"),
        bytes(report.log.bytes),
        plural(report.log.segments, "segment", "", "s"),
    );
    fact(whole, "Log", log);
    let head = match report.log.head.as_str() {
        "" => String::new(),
        head => format!("<code>{}</code>", escape(head)),
    };
    fact(whole, "Log head", head);
    for dump in &report.dumps {
        let elements = plural(dump.elements, "element", "", "s");
        let (size, wall) = (bytes(dump.bytes), duration_s(dump.wall_s));
        fact(whole, "Dump", format!("{}: {elements}, {size} in {wall}", escape(&dump.file)));
    }
    page.push_str("</dl>\n");
    close_section(page);
}

/// Every latency figure.
pub(super) fn details(page: &mut String, report: &RunReport) {
    if report.latency.is_empty() {
        return;
    }
    open_section(page, "wide", "All figures", "Latency by command name.");
    page.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Latency figures\">\n\
         <table class=\"details\">\n<thead>\n\
         <tr><td></td><td></td><th scope=\"colgroup\" colspan=\"6\" class=\"execution\">Execution</th>\
         <th scope=\"colgroup\" colspan=\"6\" class=\"durable\">To durable</th></tr>\n\
         <tr><th scope=\"col\">Command</th><th scope=\"col\">Count</th>",
    );
    for _ in 0..2 {
        for name in ["p50", "p95", "p99", "p99.99", "max", "mean"] {
            page.push_str(&format!("<th scope=\"col\">{name}</th>"));
        }
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    for (name, latency) in &report.latency {
        page.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td>",
            escape(name),
            count(latency.count, THIN)
        ));
        cells(page, latency.count, &latency.execution_us);
        cells(page, latency.count, &latency.durable_us);
        page.push_str("</tr>\n");
    }
    page.push_str(&format!(
        "</tbody>\n<tfoot><tr><th scope=\"row\">All</th><td>{}</td>\
         <td colspan=\"12\">{} per second</td></tr></tfoot>\n</table>\n</div>\n",
        count(report.measured(), THIN),
        number(report.commands_per_s, THIN),
    ));
    close_section(page);
}

fn plural(number: u64, noun: &str, one: &str, many: &str) -> String {
    format!("{} {noun}{}", count(number, THIN), if number == 1 { one } else { many })
}

fn cells(page: &mut String, count: u64, of: &Quantiles) {
    for us in [of.p50, of.p95, of.p99, of.p99_99, of.max, of.mean] {
        let text = if count == 0 { NOTHING.to_owned() } else { duration_us(us) };
        page.push_str(&format!("<td>{text}</td>"));
    }
}
