//! A page that no input can break.

use super::super::samples;
use super::*;

/// Checks that every tag that opens is closed, in order. Style and script are
/// skipped; everything else is written as strictly as XML.
fn check_tags(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>").unwrap();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a stray > before {}", &rest[start..start + 40]);
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag that never ends");
        let tag = &rest[..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
        assert!(!tag.contains('<'), "a tag within a tag: <{tag}>");
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        if !tag.starts_with('/') && (name == "style" || name == "script") {
            rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn every_page_is_well_formed_and_holds_numbers_only() {
    for report in samples::all() {
        let page = html(&report);
        check_tags(&page);
        let content = &page[page.find("<body>").unwrap()..page.find("<script>").unwrap()];
        for word in ["NaN", "inf", "Infinity", "null", "%%", "=\"\" "] {
            assert!(!content.contains(word), "{word} in {content}");
        }
    }
}

#[test]
fn names_from_files_stay_text() {
    let page = html(&samples::hostile());
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"));
    assert!(!page.contains('\u{1b}') && !page.contains('\u{0}'));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&samples::full());
    for trace in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(trace), "{trace}");
    }
}

#[test]
fn an_empty_run_says_so_instead_of_drawing() {
    let page = html(&samples::empty());
    assert!(page.contains("No command was refused."));
    assert!(page.contains("Nothing was measured."));
    assert!(!page.contains("<path"));
}

#[test]
fn charts_stay_within_their_frame() {
    for report in samples::all() {
        let page = html(&report);
        for (attribute, end) in [("x=\"", "%\""), ("cx=\"", "%\""), ("width=\"", "%\"")] {
            for part in page.split(attribute).skip(1) {
                let value = &part[..part.find('"').unwrap()];
                if let Some(number) = value.strip_suffix('%') {
                    let number: f64 = number.parse().unwrap();
                    assert!((0.0..=100.0).contains(&number), "{attribute}{value}{end}");
                }
            }
        }
    }
}

#[test]
fn the_page_shows_the_figures() {
    let page = html(&samples::full());
    for text in [
        "<strong>410\u{202f}846</strong>",
        "1\u{202f}000\u{202f}000 commands of 1\u{202f}000 users in 2.43 s, from course-1000users.txt.",
        "56.9 %",
        "insufficient_shares",
        "9f2c7ad0f6d8b3c4",
        "sim, no delay",
        "2026-09-21",
    ] {
        assert!(page.contains(text), "{text}");
    }
}
