//! The engine of a worker on a clock that stands still unless a test moves it: who waits for a
//! quote and who does not, in which order commands take effect, when promises run out, and
//! whether the entries say all of it. [`desk`] explains the words in which results are compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;
mod firing;
mod ledger;
mod replies;
mod timers;
mod waiting;
