//! Elasticsearch does what every store must.

use crate::conformance::{Store, every_rule};
use crate::node::Node;
use crate::{documents_of, stream_named};
use audit_logger::elasticsearch::ElasticsearchSink;
use audit_logger::follow::LogId;
use elasticsearch::http::Method;
use tempfile::TempDir;

struct Searched {
    node: &'static Node,
    /// Where documents would be kept that are refused for good.
    letters: TempDir,
}

impl Store for Searched {
    type Sink = ElasticsearchSink;

    fn sink(&self) -> ElasticsearchSink {
        ElasticsearchSink::new(self.node.url(), self.letters.path(), "ours")
    }

    fn held(&self, log: &LogId) -> Vec<u64> {
        let stream = stream_named(log);
        // On a thread of its own: the rules run inside a runtime.
        let look = || match self.node.say(Method::Head, &format!("/{stream}"), None).0 {
            404 => Vec::new(),
            _ => documents_of(self.node, &stream),
        };
        let found = std::thread::scope(|scope| scope.spawn(look).join().unwrap());
        found.into_iter().map(|(entry, _, _)| entry).collect()
    }
}

#[test]
fn elasticsearch_keeps_every_rule_of_stores() {
    let letters = tempfile::tempdir().unwrap();
    every_rule(&Searched { node: Node::shared(), letters });
}
