//! Records as lines of text that other programs read.

use audit_logger::query::Record;
use std::io::{self, Write};

/// Appends `record` as a line of JSON.
pub fn put_json(record: &Record, out: &mut Vec<u8>) {
    // Texts and numbers always go into JSON, and memory takes them.
    let _ = serde_json::to_writer(&mut *out, record);
    out.push(b'\n');
}

/// The first line of a CSV file.
pub fn csv_head() -> String {
    Record::FIELDS.join(",") + "\n"
}

/// Appends `record` as a line of CSV (RFC 4180, with plain line ends).
pub fn put_csv(record: &Record, out: &mut Vec<u8>) {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let fields = [
        number(Some(record.entry)),
        number(Some(record.transaction)),
        number(Some(record.time_ms)),
        Some(record.time.clone()),
        record.user.clone(),
        record.command.clone(),
        record.stock.clone(),
        record.amount.clone(),
        Some(record.outcome.clone()),
        record.price.clone(),
        record.cached.map(|cached| cached.to_string()),
        number(record.shares),
        record.cash_change.clone(),
        record.file.clone(),
        record.message.clone(),
    ];
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put_field(field.as_deref().unwrap_or_default(), out);
    }
    out.push(b'\n');
}

/// What a spreadsheet begins a formula with, also where it skips white space or takes full-width
/// forms for the same.
const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Whether the text is a plain decimal, with or without a sign.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(fraction)
}

/// Appends a cell. One that a spreadsheet would take for a formula gets a `'` in front, which
/// makes it a text; numbers stay numbers.
fn put_field(text: &str, out: &mut Vec<u8>) {
    let formula = text.starts_with(FORMULA) && !is_number(text);
    let escaped = formula.then(|| format!("'{text}"));
    let text = escaped.as_deref().unwrap_or(text);
    if !text.contains([',', '"', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// Writes to standard output; `false` where whoever reads it has seen enough and is gone.
pub fn put_out(bytes: &[u8]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("-", "'-"),
            ("-12.34", "-12.34"),
            ("+5", "+5"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            put_field(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), cell, "{text:?}");
        }
    }

    #[test]
    fn a_field_of_csv_is_one_field_whatever_it_holds() {
        let field = |text: &str| {
            let mut out = Vec::new();
            put_field(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("plain; text"), "plain; text");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
    }
}
