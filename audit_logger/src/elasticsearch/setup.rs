//! What must be in the server before the first document: the template of the data streams, with
//! mapping and lifecycle, and the index of positions.

use super::client::{Client, Method};
use super::standing::{INDEX, VERSION};
use crate::follow::SinkError;
use serde_json::Value;

/// The template of the data streams.
const ENTRIES: &str = include_str!("../../templates/entries.json");
/// The index of positions.
const POSITIONS: &str = include_str!("../../templates/positions.json");
/// The name of the template.
const TEMPLATE: &str = "/_index_template/daytrade-audit";

/// Sees to it that template and index are there.
///
/// # Errors
/// The server cannot be asked, or holds a later version.
pub(super) async fn prepare(client: &Client) -> Result<(), SinkError> {
    let there = client.ask(Method::Get, TEMPLATE, None).await?;
    let have = if there.status == 404 {
        0
    } else {
        let found: Value = there.done()?;
        let meta = &found["index_templates"][0]["index_template"]["_meta"];
        meta["version"].as_u64().unwrap_or_default()
    };
    let ours = u64::from(VERSION);
    if have > ours {
        return Err(SinkError::Refused(format!(
            "the template daytrade-audit has version {have}, this program knows version {ours}"
        )));
    }
    if have < ours {
        put_template(client).await?;
    }
    let there = client.ask(Method::Get, &format!("/{INDEX}/_settings"), None).await?;
    if there.status == 404 {
        let body = parsed(POSITIONS)?;
        let made = client.ask(Method::Put, &format!("/{INDEX}"), Some(&body)).await?;
        // Another follower may have been faster.
        if !made.ok() && made.kind() != "resource_already_exists_exception" {
            return Err(made.failed_to_prepare());
        }
    } else if !there.ok() {
        return Err(there.failed());
    }
    Ok(())
}

/// Removes template and index if the server has no log.
///
/// # Errors
/// The server cannot be asked.
pub(super) async fn remove_if_unused(client: &Client) -> Result<(), SinkError> {
    // What was just written is counted after a refresh only.
    client.ask(Method::Post, &format!("/{INDEX}/_refresh"), None).await?;
    let counted = client.ask(Method::Get, &format!("/{INDEX}/_count"), None).await?;
    if counted.status != 404 {
        let counted: Value = counted.done()?;
        if counted["count"].as_u64() != Some(0) {
            return Ok(());
        }
    }
    let told: Value =
        client.ask(Method::Get, "/_resolve/index/daytrade-audit-*", None).await?.done()?;
    let is_none = |kind: &str| told[kind].as_array().is_none_or(Vec::is_empty);
    if !is_none("data_streams") || !is_none("indices") {
        return Ok(());
    }
    for path in [&format!("/{INDEX}"), TEMPLATE] {
        let removed = client.ask(Method::Delete, path, None).await?;
        if !removed.ok() && removed.status != 404 {
            return Err(removed.failed());
        }
    }
    Ok(())
}

/// Puts the template, without a lifecycle where the server knows none of data streams.
async fn put_template(client: &Client) -> Result<(), SinkError> {
    let mut template = parsed(ENTRIES)?;
    let put = client.ask(Method::Put, TEMPLATE, Some(&template)).await?;
    if put.ok() {
        return Ok(());
    }
    if put.status != 400 || !put.reason().contains("lifecycle") {
        return Err(put.failed_to_prepare());
    }
    if let Some(inner) = template["template"].as_object_mut() {
        inner.remove("lifecycle");
    }
    let again = client.ask(Method::Put, TEMPLATE, Some(&template)).await?;
    if !again.ok() {
        return Err(again.failed_to_prepare());
    }
    tracing::warn!(
        "the search server knows no lifecycle of data streams: old entries stay until somebody \
         removes them"
    );
    Ok(())
}

fn parsed(text: &str) -> Result<Value, SinkError> {
    serde_json::from_str(text)
        .map_err(|error| SinkError::Refused(format!("a template that is no JSON: {error}")))
}
