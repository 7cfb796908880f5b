//! Questions to a search server, and its answers.

use super::url::SearchUrl;
use crate::follow::{SinkError, is_tls_failure};
use bytes::Bytes;
use elasticsearch::auth::Credentials;
pub(super) use elasticsearch::http::Method;
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_OPAQUE_ID};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use serde_json::Value;
use std::time::Duration;

/// How long a server may take for an answer. One that hangs is asked again, not waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A server, asked with plain JSON.
#[derive(Debug)]
pub(super) struct Client {
    transport: Transport,
    /// Marks what this program asks, so that it finds it among the tasks of the server.
    mark: HeaderValue,
}

/// What a server said.
pub(super) struct Answer {
    pub(super) status: u16,
    bytes: Bytes,
}

impl Client {
    /// A client of the server at `url` whose questions bear `mark`.
    pub(super) fn new(url: &SearchUrl, mark: &str) -> Result<Client, SinkError> {
        let pool = SingleNodeConnectionPool::new(url.base());
        let mut builder = TransportBuilder::new(pool).disable_proxy().timeout(ANSWER_TIMEOUT);
        if let Some((user, password)) = url.credentials() {
            builder = builder.auth(Credentials::Basic(user, password));
        }
        let transport = builder
            .enable_meta_header(false)
            .build()
            .map_err(|error| SinkError::Refused(format!("no HTTP client: {error}")))?;
        let mark = HeaderValue::from_str(mark)
            .map_err(|error| SinkError::Refused(format!("{mark:?} marks no request: {error}")))?;
        Ok(Client { transport, mark })
    }

    /// Asks with JSON, or with nothing.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, SinkError> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        self.send(method, path, "application/json", body).await
    }

    /// Sends operations, a line each.
    pub(super) async fn bulk(&self, path: &str, lines: Bytes) -> Result<Answer, SinkError> {
        self.send(Method::Post, path, "application/x-ndjson", Some(lines)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        form: &'static str,
        body: Option<Bytes>,
    ) -> Result<Answer, SinkError> {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
        headers.insert(HeaderName::from_static(X_OPAQUE_ID), self.mark.clone());
        let response = self
            .transport
            .send(method, path, headers, None::<&()>, body, None)
            .await
            .map_err(|error| unreachable(&error))?;
        let status = response.status_code().as_u16();
        let bytes = response.bytes().await.map_err(|error| unreachable(&error))?;
        Ok(Answer { status, bytes })
    }
}

impl Answer {
    /// Whether the server did what was asked.
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer, if the server did what was asked.
    ///
    /// # Errors
    /// It did not, or said something that nobody understands.
    pub(super) fn done<T: serde::de::DeserializeOwned>(self) -> Result<T, SinkError> {
        if !self.ok() {
            return Err(self.failed());
        }
        serde_json::from_slice(&self.bytes)
            .map_err(|error| SinkError::Unavailable(format!("an answer of another form: {error}")))
    }

    /// What the server says is wrong. It lasts where the server does not know this user or lets it
    /// do too little; an index that takes no writes says 403 as well, and may take some later.
    pub(super) fn failed(&self) -> SinkError {
        let text = format!("{} (status {})", self.reason(), self.status);
        match self.status {
            401 => SinkError::Refused(text),
            403 if !self.kind().ends_with("block_exception") => SinkError::Refused(text),
            _ => SinkError::Unavailable(text),
        }
    }

    /// As [`failed`](Self::failed), for what every Elasticsearch does: a server that knows no such
    /// request is another one.
    pub(super) fn failed_to_prepare(&self) -> SinkError {
        match (self.failed(), self.status) {
            (SinkError::Unavailable(text), 400 | 404 | 405) => {
                SinkError::Refused(format!("expected an Elasticsearch server: {text}"))
            }
            (error, _) => error,
        }
    }

    /// The reason that the server gives.
    pub(super) fn reason(&self) -> String {
        match serde_json::from_slice::<Value>(&self.bytes) {
            Ok(Value::Object(said)) => said.get("error").map(reason_of).unwrap_or_default(),
            _ => String::from_utf8_lossy(&self.bytes).chars().take(200).collect(),
        }
    }

    /// The kind of what is wrong, as the server calls it.
    pub(super) fn kind(&self) -> String {
        let said: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        said["error"]["type"].as_str().unwrap_or_default().to_string()
    }
}

/// An error of the server in words, with its causes.
pub(super) fn reason_of(error: &Value) -> String {
    let mut text = match error {
        Value::String(text) => return text.clone(),
        error => error["reason"].as_str().or(error["type"].as_str()).unwrap_or("?").to_string(),
    };
    let mut cause = &error["caused_by"];
    while let Some(reason) = cause["reason"].as_str() {
        text = format!("{text}: {reason}");
        cause = &cause["caused_by"];
    }
    text
}

/// What went wrong on the way, with its causes: the library tells only that something did. The
/// address is no part of it. A TLS handshake that fails for what either side sent fails again.
fn unreachable(error: &elasticsearch::Error) -> SinkError {
    let mut parts: Vec<String> = Vec::new();
    let mut lasts = false;
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
        lasts |= is_tls_failure(cause);
        source = cause.source();
    }
    let text = parts.join(": ");
    if lasts { SinkError::Refused(text) } else { SinkError::Unavailable(text) }
}
