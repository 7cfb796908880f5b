//! Elasticsearch compared with the log: what it keeps of an entry is its document.

use super::ElasticsearchSink;
use super::document;
use super::standing::stream_of;
use super::stream;
use crate::follow::{LogId, Record, SinkError};
use crate::parity::{Fingerprint, Mirror};
use serde_json::Value;
use std::ops::Range;

impl Mirror for ElasticsearchSink {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    async fn count(&mut self, log: &LogId, range: Range<u64>) -> Result<u64, SinkError> {
        let client = self.client(log)?;
        let stream = stream_of(log);
        if !stream::refresh(&client, &stream).await? {
            return Ok(0);
        }
        stream::count(&client, &stream, &range).await
    }

    async fn fingerprints(
        &mut self,
        log: &LogId,
        range: Range<u64>,
    ) -> Result<Vec<(u64, Fingerprint)>, SinkError> {
        let client = self.client(log)?;
        let stream = stream_of(log);
        let mut found = Vec::new();
        if stream::refresh(&client, &stream).await? {
            stream::hits(&client, &stream, &range, Value::Bool(true), |hit| {
                found.push((hit.number(), document::fingerprint(&hit.into_source())));
            })
            .await?;
        }
        Ok(found)
    }

    fn expected(&self, record: &Record<'_>) -> Fingerprint {
        let mut line = Vec::new();
        document::write(record, &mut line);
        document::fingerprint(&serde_json::from_slice(&line).unwrap_or_default())
    }
}
