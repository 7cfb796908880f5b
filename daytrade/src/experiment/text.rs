//! Figures as people read them.

use std::time::Duration;

/// What stands for a figure that is not there.
pub const NOTHING: &str = "–";

/// Milliseconds of a duration.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Nanoseconds of a duration.
pub fn ns(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// Milliseconds with as many digits as tell something: 9.15, 61.2, 1,009.
pub fn of_ms(ms: f64) -> String {
    match ms {
        ms if ms < 9.995 => trimmed(format!("{ms:.2}")),
        ms if ms < 99.95 => trimmed(format!("{ms:.1}")),
        ms => count(ms.round() as u64),
    }
}

fn trimmed(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// Milliseconds of what may not be there.
pub fn maybe_ms(ms: Option<f64>) -> String {
    ms.map_or(NOTHING.to_string(), of_ms)
}

/// A count with its digits in groups of three.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share from 0 to 1 in percent, with two decimals as the published shares have.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// A probability: never rounded to an impossible 0.
pub fn chance(chance: f64) -> String {
    if chance < 0.000_1 { "less than 0.01 %".to_string() } else { percent(chance) }
}

/// `rows` as lines of aligned columns; the first column to the left, the others to the right.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> =
        (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width_of).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column == 0 {
                line.push_str(&format!("{cell:<width$}"));
            } else {
                line.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A bar of at most `most` characters for a share of the longest one.
pub fn bar(share: f64, most: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * most as f64 * 8.0).round() as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_tell_something() {
        for (ms, text) in
            [(9.0, "9"), (9.154, "9.15"), (61.24, "61.2"), (99.96, "100"), (1_009.4, "1,009")]
        {
            assert_eq!(of_ms(ms), text);
        }
        assert_eq!(maybe_ms(None), NOTHING);
        assert_eq!(chance(1e-30), "less than 0.01 %");
        assert_eq!(percent(0.6575), "65.75 %");
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(|cell| cell.to_string()).collect();
        let rows: Vec<Vec<String>> = vec![row(&["way", "p50"]), row(&["hedge", "9"])];
        assert_eq!(columns(&rows), "way    p50\nhedge    9\n");
    }

    #[test]
    fn bars_end_where_they_should() {
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(0.5, 1), "▌");
        assert_eq!(bar(0.0, 4), "");
    }
}
