//! Runs the program as its users do, and looks at what it says and leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod common;

mod audit;
mod bad_input;
mod disk_full;
mod experiments;
mod interrupt;
mod quote_server;
mod replay_course;
mod reports;
mod resume;
mod snapshot;
mod virtual_clock;
