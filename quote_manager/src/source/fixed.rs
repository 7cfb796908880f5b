//! A source that always says one price: for tests of everything but quotes.

use super::{Answer, QuoteReply};
use crate::simulator;
use bus::Clock;
use domain::trading::{Price, Stock};

/// Answers like a quote server that is never late and never wrong.
#[derive(Clone, Copy, Debug)]
pub struct FixedSource {
    /// The price of every stock.
    pub price: Price,
}

impl FixedSource {
    /// The one price, with the clock's time and a key that follows from stock and time.
    pub fn ask(&self, clock: &Clock, stock: Stock) -> Answer {
        let sent = clock.now();
        let server_time_ms = clock.unix_ms(sent);
        let reply = QuoteReply {
            price: self.price,
            server_time_ms,
            cryptokey: simulator::cryptokey(0, stock, server_time_ms).as_str().into(),
        };
        Answer { result: Ok((reply, sent)), requests: 1, abandoned: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse_reply;
    use domain::trading::UserName;

    #[tokio::test(start_paused = true)]
    async fn the_fixed_answer_reads_like_a_real_one() {
        let clock = Clock::virtual_at(Clock::VIRTUAL_START_UNIX_MS);
        let fixed = FixedSource { price: Price::from_cents(1_234).unwrap() };
        let stock = Stock::parse(b"S").unwrap();
        let (reply, sent) = fixed.ask(&clock, stock).result.unwrap();
        assert_eq!(sent, clock.now());
        let user = UserName::parse(b"u").unwrap();
        let line = format!("{},S,u,{},{}\n", reply.price, reply.server_time_ms, reply.cryptokey);
        assert_eq!(parse_reply(line.as_bytes(), stock, &user), Ok(reply));
    }
}
