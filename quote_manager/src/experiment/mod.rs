//! What the delays of a quote server say, and what each strategy makes of them.
//!
//! * [`delays`]: a sample taken apart: modes, quantiles, the mean and how sure it is.
//! * [`fit`]: how well a model describes a sample.
//! * [`cost`]: what a strategy costs and gains at such a server, calculated.
//! * [`load`]: the same, tried out with the client itself.
//!
//! It deliberately prints nothing and knows no files: the binary's `experiment` does that.

pub mod cost;
pub mod delays;
pub mod fit;
pub mod load;
