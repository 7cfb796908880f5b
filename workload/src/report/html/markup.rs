//! Text made safe for markup, and the frame of a chart.

use super::super::figures::finite;
use domain::text::is_deceptive;

/// Text as it may stand in markup and in quoted attributes. Characters that a
/// page cannot hold, or that would reorder or hide text there, become the
/// replacement character.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push_str("&#10;"),
            letter if is_deceptive(letter) => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

/// A share of the width as an attribute: `0.1234` is `12.34%`.
pub(super) fn pct(share: f64) -> String {
    format!("{:.2}%", finite(share).min(1.0) * 100.0)
}

/// Opens a section with its heading and a line of explanation (markup).
pub(super) fn open_section(page: &mut String, class: &str, heading: &str, note: &str) {
    page.push_str(&format!(
        "<section class=\"{class}\">\n<h2>{heading}</h2>\n<p class=\"note\">{note}</p>\n"
    ));
}

/// Closes what [`open_section`] opened.
pub(super) fn close_section(page: &mut String) {
    page.push_str("</section>\n");
}

/// What stands where there is nothing to draw.
pub(super) fn nothing(page: &mut String, text: &str) {
    page.push_str(&format!("<p class=\"nothing\">{text}</p>\n"));
}
