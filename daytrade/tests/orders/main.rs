//! Workers and the AutoTX manager together, without their actors: every message is delivered when
//! the seed says so. Whatever the order of events, no cent and no share is lost, no order fires
//! twice, and none that a price met is forgotten.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod interleavings;
// The slow reading of the rules that the rules themselves are tested against.
#[path = "../../../domain/tests/invariants/model.rs"]
mod model;
mod world;
