//! The summary that a run prints last: plain text, aligned, at most 100
//! columns wide.

use super::figures::{NOTHING, bytes, count, duration_s, duration_us, number, percent, share};
use super::{CommandLatency, Quantiles, RunReport};
use domain::text::visible;

/// Nothing is wider than this, however wide the terminal is: lines that the
/// eye cannot follow back are no help.
const WIDTH_MAX: usize = 100;
/// The longest command name has 16 letters; what is much longer is none.
const NAME_MAX: usize = 18;
/// Nothing is made narrower than this.
const WIDTH_MIN: usize = 40;

/// The summary of a run in at most `width` columns (and at most 100). Below
/// about 60 columns, what cannot be left out runs over.
pub fn table(report: &RunReport, width: usize) -> String {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut text = String::new();
    headline(&mut text, report, width);
    outcomes(&mut text, report);
    facts(&mut text, report, width);
    latency(&mut text, report, width);
    text
}

fn headline(text: &mut String, report: &RunReport, width: usize) {
    let speed = match (report.skipped, report.measured()) {
        (0, all) => format!(
            "{} commands/s   {} in {}",
            number(report.commands_per_s, ","),
            plural(all, "command"),
            duration_s(report.wall_s),
        ),
        (_, 0) => plural(report.commands, "command"),
        (_, measured) => format!(
            "{} commands/s   {} of {} in {}",
            number(report.commands_per_s, ","),
            count(measured, ","),
            plural(report.commands, "command"),
            duration_s(report.wall_s),
        ),
    };
    text.push_str(&format!("{}\n{}\n", cut(&speed, width), "─".repeat(width)));
}

/// Accepted, and rejected by code, the most frequent first.
fn outcomes(text: &mut String, report: &RunReport) {
    let rejected = report.rejected_total();
    let all = report.accepted.saturating_add(rejected);
    let mut codes: Vec<(String, u64)> = report
        .rejected
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(code, count)| (format!("  {}", cut(&visible(code), 2 * NAME_MAX)), *count))
        .collect();
    codes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut rows =
        vec![("accepted".to_owned(), report.accepted), ("rejected".to_owned(), rejected)];
    rows.extend(codes);
    let names = rows.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    let counts = rows.iter().map(|(_, number)| columns(&count(*number, ","))).max().unwrap_or(0);
    for (name, number) in rows {
        text.push_str(&format!(
            "{}  {}  {}\n",
            left(&name, names),
            right(&count(number, ","), counts),
            right(&percent(share(number, all)), 7),
        ));
    }
    text.push('\n');
}

/// What is said in a line each.
fn facts(text: &mut String, report: &RunReport, width: usize) {
    let asked = report.quote_requests.saturating_add(report.quote_cache_hits);
    let mut rows = vec![("unreadable", plural(report.unreadable, "line"))];
    if report.skipped > 0 {
        rows.push((
            "resumed",
            format!(
                "{} answered before; times are of the other {}",
                plural(report.skipped, "command"),
                count(report.measured(), ","),
            ),
        ));
    }
    // What did not happen is not spoken of.
    let mention = |number: u64, what: &str| match number {
        0 => String::new(),
        number => format!(", {} {what}", count(number, ",")),
    };
    rows.push((
        "quotes",
        format!(
            "{}{}{}, {} ({})",
            plural(report.quote_requests, "request"),
            mention(report.quote_abandoned, "given up"),
            mention(report.quote_shared_hits, "from the shared cache"),
            plural(report.quote_cache_hits, "cache hit"),
            percent(share(report.quote_cache_hits, asked)),
        ),
    ));
    if report.orders_fired > 0 || report.orders_armed > 0 {
        rows.push((
            "orders",
            format!(
                "{} fired later, {} still armed{}",
                count(report.orders_fired, ","),
                count(report.orders_armed, ","),
                mention(report.orders_asked, "of the requests for them"),
            ),
        ));
    }
    if report.pending_expired > 0 {
        rows.push((
            "expired",
            format!("{} of the pending buys and sells", count(report.pending_expired, ",")),
        ));
    }
    rows.push((
        "log",
        format!(
            "{} {}, {} in {}",
            count(report.log.entries, ","),
            if report.log.entries == 1 { "entry" } else { "entries" },
            bytes(report.log.bytes),
            plural(report.log.segments, "segment"),
        ),
    ));
    if !report.log.head.is_empty() {
        rows.push(("log head", visible(&report.log.head).into_owned()));
    }
    for dump in &report.dumps {
        rows.push((
            "dump",
            format!(
                "{}: {}, {} in {}",
                visible(&dump.file),
                plural(dump.elements, "element"),
                bytes(dump.bytes),
                duration_s(dump.wall_s),
            ),
        ));
    }
    if report.peak_memory_bytes > 0 {
        rows.push(("memory", format!("{} at most", bytes(report.peak_memory_bytes))));
    }
    for (name, value) in rows {
        text.push_str(&format!("{}  {}\n", left(name, 10), cut(&value, width - 12)));
    }
}

/// Which figures a row shows, and whether both kinds of latency share it.
#[derive(Debug, Clone, Copy)]
struct Layout {
    figures: &'static [&'static str],
    side_by_side: bool,
    gap: usize,
}

/// A kind of latency: its title, and where its figures are.
type Kind = (&'static str, fn(&CommandLatency) -> &Quantiles);

const ALL: &[&str] = &["p50", "p95", "p99", "p99.99"];
const FEWER: &[&str] = &["p50", "p99", "p99.99"];

/// Layouts from the roomiest to the narrowest.
const LAYOUTS: [Layout; 5] = [
    Layout { figures: ALL, side_by_side: true, gap: 2 },
    Layout { figures: ALL, side_by_side: true, gap: 1 },
    Layout { figures: FEWER, side_by_side: true, gap: 1 },
    Layout { figures: ALL, side_by_side: false, gap: 2 },
    Layout { figures: FEWER, side_by_side: false, gap: 1 },
];

/// Count and quantiles by command name, in the roomiest layout that fits.
fn latency(text: &mut String, report: &RunReport, width: usize) {
    if report.latency.is_empty() {
        return;
    }
    let mut made = String::new();
    for layout in LAYOUTS {
        made = lay_out(report, layout);
        if made.lines().all(|line| columns(line) <= width) {
            break;
        }
    }
    text.push('\n');
    text.push_str(&made);
}

fn lay_out(report: &RunReport, layout: Layout) -> String {
    const KINDS: [Kind; 2] = [
        ("execution", |latency| &latency.execution_us),
        ("to durable", |latency| &latency.durable_us),
    ];
    if layout.side_by_side {
        block(report, layout, &KINDS)
    } else {
        KINDS.iter().map(|kind| block(report, layout, &[*kind])).collect::<Vec<_>>().join("\n")
    }
}

/// One table: a line of groups, a line of columns, a rule, a line a command.
fn block(report: &RunReport, layout: Layout, kinds: &[Kind]) -> String {
    let gap = " ".repeat(layout.gap);
    let mut names = vec!["command".to_owned()];
    let mut counts = vec!["count".to_owned()];
    let mut groups: Vec<Vec<Vec<String>>> = kinds
        .iter()
        .map(|_| layout.figures.iter().map(|figure| vec![(*figure).to_owned()]).collect())
        .collect();
    for (name, latency) in &report.latency {
        names.push(cut(&visible(name), NAME_MAX));
        counts.push(count(latency.count, ","));
        for ((_, kind), group) in kinds.iter().zip(&mut groups) {
            for (figure, column) in layout.figures.iter().zip(group) {
                column.push(match latency.count {
                    0 => NOTHING.to_owned(),
                    _ => duration_us(figure_of(kind(latency), figure)),
                });
            }
        }
    }
    let widest = |cells: &[String]| cells.iter().map(|cell| columns(cell)).max().unwrap_or(0);
    let (name_width, count_width) = (widest(&names), widest(&counts));
    let widths: Vec<Vec<usize>> =
        groups.iter().map(|group| group.iter().map(|column| widest(column)).collect()).collect();
    let group_widths: Vec<usize> = widths
        .iter()
        .map(|group| group.iter().sum::<usize>() + layout.gap * (group.len() - 1))
        .collect();

    let mut text = " ".repeat(name_width + layout.gap + count_width);
    for ((title, _), width) in kinds.iter().zip(&group_widths) {
        let rule = width.saturating_sub(columns(title) + 1);
        text.push_str(&format!("{gap} {title} {}", "─".repeat(rule)));
    }
    text.push('\n');
    for line in 0..names.len() {
        text.push_str(&left(&names[line], name_width));
        text.push_str(&gap);
        text.push_str(&right(&counts[line], count_width));
        for (group, widths) in groups.iter().zip(&widths) {
            text.push(' ');
            for (column, width) in group.iter().zip(widths) {
                text.push_str(&gap);
                text.push_str(&right(&column[line], *width));
            }
        }
        text.push('\n');
    }
    text
}

fn figure_of(quantiles: &Quantiles, figure: &str) -> f64 {
    match figure {
        "p50" => quantiles.p50,
        "p95" => quantiles.p95,
        "p99" => quantiles.p99,
        _ => quantiles.p99_99,
    }
}

fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number, ","))
}

/// Columns of a terminal that a text takes: one a character, as everything
/// printed here is narrow.
fn columns(text: &str) -> usize {
    text.chars().count()
}

fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// At most `width` columns, with an ellipsis where something is missing.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_for() {
        for report in samples::all() {
            // Counts of twenty digits need their room.
            let least = if report.commands == u64::MAX { 72 } else { 56 };
            for width in [least, 72, 80, 100, 200] {
                let text = table(&report, width);
                for line in text.lines() {
                    assert!(columns(line) <= width.min(100), "{width}: {line}\n{text}");
                }
            }
        }
    }

    #[test]
    fn columns_are_aligned() {
        let text = table(&samples::full(), 100);
        let lines: Vec<&str> = text.lines().collect();
        let header = lines.iter().position(|line| line.starts_with("command ")).unwrap();
        let width = columns(lines[header]);
        assert!(lines[header + 1..].len() >= 15);
        for line in &lines[header + 1..] {
            assert_eq!(columns(line), width, "{line}");
        }
    }

    #[test]
    fn the_summary_of_a_small_run_reads_like_this() {
        let expected = "\
2,000 commands/s   3 commands in 1.50 ms
──────────────────────────────────────────────────────────────────────
accepted              2   66.7 %
rejected              1   33.3 %
  insufficient_funds  1   33.3 %

unreadable  1 line
quotes      1 request, 1 cache hit (50.0 %)
log         3 entries, 412 B in 1 segment
log head    c0ffee

               execution ─────────────  to durable ────────────
command count      p50     p99  p99.99      p50     p99  p99.99
BUY         3  12.0 µs 80.5 µs 80.5 µs  12.0 µs 80.5 µs 80.5 µs
";
        assert_eq!(table(&samples::small(), 70), expected);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let text = table(&samples::hostile(), 100);
        assert!(!text.contains('\u{1b}'));
    }
}
