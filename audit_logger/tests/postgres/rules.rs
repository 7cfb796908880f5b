//! Postgres does what every store must.

use crate::conformance::{Store, every_rule};
use crate::server::Server;
use audit_logger::follow::LogId;
use audit_logger::postgres::PostgresSink;

impl Store for Server {
    type Sink = PostgresSink;

    fn sink(&self) -> PostgresSink {
        PostgresSink::new(self.url(), "a log", "ours")
    }

    fn held(&self, log: &LogId) -> Vec<u64> {
        // On a thread of its own: the rules run inside a runtime.
        let query = format!(
            "SELECT e.entry FROM daytrade.entries e JOIN daytrade.logs l USING (log) \
             WHERE l.identity = '\\x{log}' ORDER BY 1"
        );
        let rows =
            std::thread::scope(|scope| scope.spawn(|| self.sql().rows(&query)).join().unwrap());
        rows.iter().map(|row| row.get::<_, i64>(0) as u64).collect()
    }
}

#[test]
fn postgres_keeps_every_rule_of_stores() {
    every_rule(&Server::start());
}
