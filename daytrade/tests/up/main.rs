//! `daytrade up` as people and programs meet it: the real binary, over TCP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod abuse;
mod clock;
mod conformance;
mod endings;
mod exports;
mod fuzz;
mod halted;
mod numbers;
mod oidc;
mod people;
mod privacy;
mod provider;
mod raw;
mod requests;
mod safety;
mod server;
mod stream;
mod tls;
mod trading;
