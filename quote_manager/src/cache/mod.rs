//! Where fresh prices are kept: in this process, and in a Redis that all processes share.
//!
//! * [`Prices`]: the prices that this process knows.
//! * [`RedisCache`]: the prices that all processes of a run know.
//!
//! Both keep a price for 60 s from when it was asked for, and neither lets an older price take the
//! place of a newer one. A cache deliberately asks nobody for a price and writes no log: that is
//! the quote manager's work.

mod link;
mod memory;
mod redis;
mod value;

pub use memory::Prices;
pub use redis::{BadUrl, CacheError, CacheStats, GET_TIMEOUT, MARGIN, PUT_TIMEOUT, RedisCache};
