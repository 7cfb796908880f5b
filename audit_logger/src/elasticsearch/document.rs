//! An entry as a document, with the names of the Elastic Common Schema and our own below
//! `daytrade`.
//!
//! Sums are whole cents: what the server reads as a decimal passes through a float.

use crate::follow::{LogId, Record};
use crate::postgres::copy::{count, sane_ms};
use crate::postgres::row::{Row, Symbol};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The version of the schema that the names are of.
const ECS: &str = "8.11";

/// One text below a name.
#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Code<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct Id {
    #[serde(serialize_with = "as_text")]
    id: u64,
}

fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[derive(Serialize)]
struct Event<'a> {
    action: &'a str,
    category: &'static str,
    dataset: &'static str,
    hash: &'a str,
    kind: &'static str,
    outcome: &'static str,
    sequence: i64,
}

#[derive(Serialize)]
struct Filled {
    cash_cents: i64,
    price_cents: i64,
    shares: i64,
}

#[derive(Serialize)]
struct Quote<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cryptokey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time_ms: Option<i64>,
}

#[derive(Serialize)]
struct Own<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_cents: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cash_change_cents: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<Filled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_by: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_cents: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<Quote<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shares: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<i64>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: i64,
    daytrade: Own<'a>,
    ecs: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Code<'a>>,
    event: Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Name<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    transaction: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Name<'a>>,
}

/// The hash of an entry's bytes, in hex: `event.hash`.
pub(super) fn hash_of(record: &Record<'_>) -> String {
    blake3::hash(record.bytes).to_hex().to_string()
}

/// The id of an entry's document: it follows from the log and the number alone, so that what is
/// sent again is known again. Ids grow with the numbers, which the server looks up fastest.
pub(super) fn id_of(log: &LogId, number: u64) -> String {
    format!("{}-{number:020}", short(log))
}

/// The first digits of a log's identity.
pub(super) fn short(log: &LogId) -> String {
    let mut text = log.to_string();
    text.truncate(16);
    text
}

/// Appends the document of an entry to `to`, as one line of JSON without its end. Numbers beyond
/// 63 bits and times beyond the year 9999 are the nearest that the server holds.
pub(super) fn write(record: &Record<'_>, to: &mut Vec<u8>) {
    let row = Row::of(record);
    let hash = hash_of(record);
    let shares = |shares: domain::trading::Shares| count(shares.count());
    let stock = match &row.stock {
        Some(Symbol::Stock(stock)) => Some(stock.letters()),
        _ => None,
    };
    let action = match row.command {
        Some(command) if row.kind == "command" => command.as_str(),
        _ => row.kind,
    };
    let quote = (row.cryptokey.is_some() || row.quote_server_time_ms.is_some()).then(|| Quote {
        cryptokey: row.cryptokey,
        server_time_ms: row.quote_server_time_ms.map(count),
    });
    let own = Own {
        amount_cents: row.amount.map(|amount| amount.cents()),
        cached: row.cached,
        cash_change_cents: row.cash_change_cents,
        command: row.command.map(|command| command.as_str()),
        fill: row.fill.map(|fill| Filled {
            cash_cents: fill.cash.cents(),
            price_cents: fill.price.cents(),
            shares: shares(fill.shares),
        }),
        kind: Some(row.kind),
        opened_by: row.opened_by.map(count),
        price_cents: row.price.map(|price| price.cents()),
        quote,
        received: row.received_ms.map(sane_ms),
        shares: row.shares.map(shares),
        stock: match &row.stock {
            Some(Symbol::AsGiven(text)) => Some(text),
            _ => stock.as_ref().map(|letters| letters.as_str()),
        },
        transaction: Some(count(row.transaction)),
    };
    let document = Document {
        timestamp: sane_ms(row.at_ms),
        daytrade: own,
        ecs: Version { version: ECS },
        error: row.code.map(|code| Code { code }),
        event: Event {
            action,
            category: "api",
            dataset: "daytrade.audit",
            hash: &hash,
            kind: "event",
            outcome: if row.code.is_some() { "failure" } else { "success" },
            sequence: count(row.entry),
        },
        file: row.filename.map(|name| Name { name }),
        message: row.message.as_deref(),
        transaction: Id { id: row.transaction },
        user: record.entry.user().map(|name| Name { name }),
    };
    // Texts and whole numbers are always JSON, and memory takes whatever is written to it.
    let _ = serde_json::to_writer(to, &document);
}

/// The fingerprint of a document: the same for every order of its fields.
pub(super) fn fingerprint(document: &Value) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    canonical(document, &mut hasher);
    *hasher.finalize().as_bytes()
}

/// Feeds a value with the fields of its objects in the order of their names.
fn canonical(value: &Value, hasher: &mut blake3::Hasher) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            hasher.update(b"{");
            for name in names {
                canonical(&Value::String(name.clone()), hasher);
                hasher.update(b":");
                canonical(&fields[name], hasher);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Array(values) => {
            hasher.update(b"[");
            for value in values {
                canonical(value, hasher);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        other => {
            hasher.update(other.to_string().as_bytes());
        }
    }
}
