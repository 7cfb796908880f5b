//! The entry log under faults: cut, flipped, mixed up, on a full disk, on one that cannot flush.

// The lint's exception for tests covers test functions only, not what they share.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod actor;
mod compressed;
mod document;
mod exports;
mod faults;
mod proof;
mod reading;
mod recovery;
mod retention;
mod rules;
mod segments;
mod support;
mod vouched;
