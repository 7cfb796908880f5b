//! Searches of the entry log against the plainest way to answer them: decode everything, compare
//! everything.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod damage;
mod filters;
mod following;
mod history;
mod world;
