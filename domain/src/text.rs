//! Text from elsewhere (users, files, servers), made fit for a terminal.

use std::borrow::Cow;

/// `text` with everything escaped (`\n`, `\u{202e}`) that would move the cursor, change colors,
/// reorder or hide text, or end the line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_deceptive(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal shows something else than the character: control characters, line and
/// paragraph separators, and the format characters of Unicode, among them overrides of direction
/// and those without width.
pub const fn is_deceptive(char: char) -> bool {
    char.is_ascii_control()
        || matches!(char,
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_deceptive_reaches_a_terminal() {
        for (text, shown) in [
            ("plain", "plain"),
            ("J\u{f6}rg \u{4e2d}", "J\u{f6}rg \u{4e2d}"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("a\u{7f}\u{9b}b", "a\\u{7f}\\u{9b}b"),
            ("user\u{202e}gnp", "user\\u{202e}gnp"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200e}\u{200f}\u{61c}b", "a\\u{200e}\\u{200f}\\u{61c}b"),
            ("a\u{200b}\u{200d}\u{feff}b", "a\\u{200b}\\u{200d}\\u{feff}b"),
            ("a\u{2028}\u{2029}b", "a\\u{2028}\\u{2029}b"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
