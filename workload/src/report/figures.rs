//! Figures as people read them: grouped digits, durations and sizes with a
//! unit that fits, moments as dates. Nothing here fails: what is not a number
//! is shown as nothing, a dash.

/// What stands for a figure that is not there.
pub(super) const NOTHING: &str = "–";

/// A thin space that does not break a line, for groups of digits in a page.
pub(super) const THIN: &str = "\u{202f}";

/// What a page, or a chart, may calculate with: a finite number, not negative.
pub(super) fn finite(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// `part` of `whole`, between 0 and 1.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

/// A count with its digits in groups of three.
pub(super) fn count(value: u64, separator: &str) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push_str(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// A number that need not be whole: three significant digits below 1,000,
/// whole and grouped above.
pub(super) fn number(value: f64, separator: &str) -> String {
    let value = finite(value);
    if value >= 999.5 { count(value.round() as u64, separator) } else { three_digits(value) }
}

/// A count on an axis: 1.2 M instead of 1,200,000.
pub(super) fn short(value: f64) -> String {
    let value = finite(value);
    let (scaled, unit) = match value {
        v if v >= 1e15 => return format!("{v:.0e}"),
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let number = trimmed(three_digits(scaled));
    if unit.is_empty() { number } else { format!("{number}{THIN}{unit}") }
}

/// A share in percent with one decimal; the ends are reached only exactly.
pub(super) fn percent(share: f64) -> String {
    let percent = finite(share) * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "<0.1 %".to_owned()
    } else if percent < 100.0 && percent > 99.95 {
        ">99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// Microseconds in the unit that fits: ns, µs, ms, s, min or h.
pub(super) fn duration_us(us: f64) -> String {
    let us = finite(us);
    match us {
        0.0 => "0".to_owned(),
        us if us < 0.9995 => format!("{} ns", three_digits(us * 1e3)),
        us if us < 999.5 => format!("{} µs", three_digits(us)),
        us if us < 999_500.0 => format!("{} ms", three_digits(us / 1e3)),
        us if us < 120e6 => format!("{} s", three_digits(us / 1e6)),
        us if us < 7_200e6 => format!("{} min", three_digits(us / 60e6)),
        us => format!("{} h", number(us / 3_600e6, ",")),
    }
}

/// Seconds in the unit that fits.
pub(super) fn duration_s(seconds: f64) -> String {
    let us = finite(finite(seconds) * 1e6);
    if us > 0.0 { duration_us(us) } else { "0 s".to_owned() }
}

/// Bytes in the decimal unit that fits.
pub(super) fn bytes(value: u64) -> String {
    let value = value as f64;
    match value {
        v if v < 1e3 => format!("{v:.0} B"),
        v if v < 999_500.0 => format!("{} kB", three_digits(v / 1e3)),
        v if v < 999.5e6 => format!("{} MB", three_digits(v / 1e6)),
        v if v < 999.5e9 => format!("{} GB", three_digits(v / 1e9)),
        v => format!("{} TB", number(v / 1e12, ",")),
    }
}

/// A moment as date and time of day in UTC, by the proleptic Gregorian calendar.
pub(super) fn moment(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day counted from 1970-01-01. Years are taken to
/// begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Three significant digits of a number below 1,000.
fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v > 0.0 && v < 0.005 => format!("{v:.0e}"),
        v if v > 0.0 => format!("{v:.2}"),
        _ => "0".to_owned(),
    }
}

/// Without zeros after the last decimal that counts.
fn trimmed(number: String) -> String {
    if number.contains('.') && !number.contains('e') {
        number.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(count(0, ","), "0");
        assert_eq!(count(999, ","), "999");
        assert_eq!(count(1_000, ","), "1,000");
        assert_eq!(count(u64::MAX, ","), "18,446,744,073,709,551,615");
        assert_eq!(number(1_234.5, ","), "1,235");
        assert_eq!(number(999.7, ","), "1,000");
        assert_eq!(number(12.34, ","), "12.3");
        assert_eq!(number(f64::NAN, ","), "0");
    }

    #[test]
    fn durations_carry_the_unit_that_fits() {
        for (us, text) in [
            (0.0, "0"),
            (f64::INFINITY, "0"),
            (-1.0, "0"),
            (0.083, "83.0 ns"),
            (0.9999, "1.00 µs"),
            (1.5, "1.50 µs"),
            (22.04, "22.0 µs"),
            (999.6, "1.00 ms"),
            (290_000.0, "290 ms"),
            (2_430_000.0, "2.43 s"),
            (119e6, "119 s"),
            (600e6, "10.0 min"),
            (7_200e6, "2.00 h"),
        ] {
            assert_eq!(duration_us(us), text, "{us}");
        }
    }

    #[test]
    fn sizes_and_shares_are_readable() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(u64::MAX), "18,446,744 TB");
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(1e-9), "<0.1 %");
        assert_eq!(percent(0.99999), ">99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(short(1_200_000.0), format!("1.2{THIN}M"));
        assert_eq!(short(250.0), "250");
        assert_eq!(share(3, 0).to_string(), "0");
    }

    #[test]
    fn moments_follow_the_calendar() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_330_546_050_315), "2012-02-29 20:07:30 UTC");
        assert_eq!(moment(4_102_444_799_999), "2099-12-31 23:59:59 UTC");
    }
}
