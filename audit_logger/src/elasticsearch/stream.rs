//! What a data stream holds: asked after a failure, for comparison, and when it is begun anew.

use super::client::{Client, Method};
use crate::follow::{LogId, SinkError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Documents that a server tells of at once, as many as it does without being told otherwise.
const PAGE: usize = 10_000;

/// How long to wait for what an earlier connection has left under way in the server.
const QUIET_TIMEOUT: Duration = Duration::from_secs(60);

/// A document that was found.
#[derive(Deserialize)]
pub(super) struct Hit {
    /// The number of its entry.
    sort: (u64,),
    _source: Option<Value>,
}

impl Hit {
    pub(super) fn number(&self) -> u64 {
        self.sort.0
    }

    pub(super) fn into_source(self) -> Value {
        self._source.unwrap_or_default()
    }
}

/// Waits until the server works on no bulk request that bears `mark`: a connection that was lost
/// does not end what was asked on it.
pub(super) async fn quiet(client: &Client, mark: &str) -> Result<(), SinkError> {
    let started = Instant::now();
    loop {
        let path = "/_tasks?actions=indices:data/write/bulk";
        let told: Value = client.ask(Method::Get, path, None).await?.done()?;
        let ours =
            told["nodes"].as_object().into_iter().flat_map(|nodes| nodes.values()).any(|node| {
                let tasks = node["tasks"].as_object().into_iter().flat_map(|all| all.values());
                tasks.into_iter().any(|task| task["headers"]["X-Opaque-Id"] == mark)
            });
        if !ours {
            return Ok(());
        }
        if started.elapsed() > QUIET_TIMEOUT {
            let reason = "the server is still busy with what was sent before";
            return Err(SinkError::Unavailable(reason.to_string()));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Makes everything that was taken findable; whether the data stream is there.
pub(super) async fn refresh(client: &Client, stream: &str) -> Result<bool, SinkError> {
    let answer = client.ask(Method::Post, &format!("/{stream}/_refresh"), None).await?;
    if answer.status == 404 {
        return Ok(false);
    }
    let told: Value = answer.done()?;
    if told["_shards"]["failed"].as_u64() != Some(0) {
        return Err(SinkError::Unavailable(format!("{stream} cannot be refreshed")));
    }
    Ok(true)
}

async fn search(client: &Client, stream: &str, body: &Value) -> Result<Value, SinkError> {
    // A part that is not there yet would look like entries that are not.
    let path = format!("/{stream}/_search?allow_partial_search_results=false");
    client.ask(Method::Post, &path, Some(body)).await?.done()
}

fn within(range: &Range<u64>) -> Value {
    // The server counts in 64 bits with a sign, and refuses what does not fit them.
    let fits = |number: u64| number.min(i64::MAX as u64);
    let (from, to) = (fits(range.start), fits(range.end));
    json!({ "range": { "event.sequence": { "gte": from, "lt": to } } })
}

/// The number of the last entry that is there from `from` on.
pub(super) async fn last(
    client: &Client,
    stream: &str,
    from: u64,
) -> Result<Option<u64>, SinkError> {
    let body = json!({
        "size": 1,
        "sort": [{ "event.sequence": "desc" }],
        "_source": false,
        "query": { "range": { "event.sequence": { "gte": from } } },
    });
    let told = search(client, stream, &body).await?;
    Ok(told["hits"]["hits"][0]["sort"][0].as_u64())
}

/// How many documents there are with numbers in `range`.
pub(super) async fn count(
    client: &Client,
    stream: &str,
    range: &Range<u64>,
) -> Result<u64, SinkError> {
    let body = json!({ "size": 0, "track_total_hits": true, "query": within(range) });
    let told = search(client, stream, &body).await?;
    told["hits"]["total"]["value"]
        .as_u64()
        .ok_or_else(|| SinkError::Unavailable("an answer without a count".to_string()))
}

/// The documents with numbers in `range`, in their order, with the fields that are named (all for
/// `true`). A number that is there twice is told twice.
pub(super) async fn hits(
    client: &Client,
    stream: &str,
    range: &Range<u64>,
    fields: Value,
    mut each: impl FnMut(Hit),
) -> Result<(), SinkError> {
    #[derive(Deserialize)]
    struct Told {
        hits: Hits,
    }
    #[derive(Deserialize)]
    struct Hits {
        hits: Vec<Hit>,
    }
    // Pages are cut by the number itself, so that none is cut in the middle of a number that is
    // there more than once; a full page may have been cut.
    let mut from = range.start;
    let mut step = PAGE as u64 / 2;
    while from < range.end {
        let page = from..from.saturating_add(step).min(range.end);
        let body = json!({
            "size": PAGE,
            "sort": [{ "event.sequence": "asc" }],
            "_source": fields,
            "query": within(&page),
        });
        let told: Told = serde_json::from_value(search(client, stream, &body).await?)
            .map_err(|error| SinkError::Unavailable(format!("hits of another form: {error}")))?;
        if told.hits.hits.len() == PAGE && step > 1 {
            step /= 2;
            continue;
        }
        told.hits.hits.into_iter().for_each(&mut each);
        from = page.end;
    }
    Ok(())
}

/// Removes every document of a data stream. What remains is one empty index, for the next ones: so
/// it works on every server that rolls over, the small ones too that cannot remove data streams.
pub(super) async fn empty(client: &Client, stream: &str) -> Result<(), SinkError> {
    if !refresh(client, stream).await? {
        return Ok(());
    }
    let rolled = client.ask(Method::Post, &format!("/{stream}/_rollover"), None).await?;
    rolled.done::<Value>()?;
    let told: Value =
        client.ask(Method::Get, &format!("/_resolve/index/{stream}"), None).await?.done()?;
    let indices = told["data_streams"][0]["backing_indices"].as_array();
    let mut indices: Vec<&str> = indices.into_iter().flatten().filter_map(Value::as_str).collect();
    // The last is the one that is written to.
    indices.pop();
    for index in indices {
        let removed = client.ask(Method::Delete, &format!("/{index}"), None).await?;
        if !removed.ok() && removed.status != 404 {
            return Err(removed.failed());
        }
    }
    Ok(())
}

/// Removes a data stream, if it is there. A server without the requests for data streams keeps it,
/// empty.
pub(super) async fn remove(client: &Client, stream: &str) -> Result<(), SinkError> {
    let removed = client.ask(Method::Delete, &format!("/_data_stream/{stream}"), None).await?;
    match removed.ok() || matches!(removed.status, 400 | 404 | 405) {
        true => Ok(()),
        false => Err(removed.failed()),
    }
}

/// What marks the requests about a log.
pub(super) fn mark_of(log: &LogId) -> String {
    format!("daytrade-{}", super::document::short(log))
}
