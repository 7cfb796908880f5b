//! The words and rules of the exchange: pure, without a runtime, IO or a clock of its own.
//! Whoever calls brings the time and the price.

pub mod text;
pub mod trading;
