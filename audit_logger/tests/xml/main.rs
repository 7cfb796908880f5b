//! The XML audit log against `docs/audit-xml.md`: the elements of every entry, and whole dumps.

// The lint's exception for tests covers test functions only, not what they share.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dumps;
mod elements;
mod support;
mod wellformed;
