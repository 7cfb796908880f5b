//! Documents on their way: made of a batch, sent in pieces, and sent again one by one where the
//! server was full.

use super::client::{Client, reason_of};
use super::dead::DeadLetter;
use super::document;
use crate::follow::{Batch, LogId, SinkError};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use std::time::Duration;
use tokio::time::sleep;

/// Bytes of documents that are sent at once, unless one alone has more.
const PIECE: usize = 5 << 20;

/// Pieces on their way at once: while the server indexes one, the next one travels.
const IN_FLIGHT: usize = 2;

/// The wait before what a full server did not take is sent again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Attempts at a piece until the follower is told that the server takes nothing. It then begins
/// anew where the server stands.
const ATTEMPTS: u32 = 6;

/// Some documents, as the lines of a bulk request.
struct Piece {
    lines: Bytes,
    /// The entry of each document, and where its two lines stand.
    items: Vec<(u64, Range<usize>)>,
}

/// What became of the documents of a batch.
#[derive(Default)]
pub(super) struct Sent {
    /// Those that the server will never take.
    pub(super) dead: Vec<DeadLetter>,
}

/// Sends the documents of `batch` to the data stream, all but those of entries that are `known` to
/// be there: number and hash.
///
/// # Errors
/// Some were not taken, or the server has other entries of the same numbers.
pub(super) async fn send(
    client: &Client,
    stream: &str,
    log: &LogId,
    batch: &Batch,
    known: &FxHashMap<u64, String>,
) -> Result<Sent, SinkError> {
    let pieces = pieces(log, batch, known)?;
    // Only what is needed to know which document failed and why.
    let path = format!("/{stream}/_bulk?filter_path=errors,items.*.status,items.*.error");
    let path = &path;
    let dead: Vec<Vec<DeadLetter>> = stream::iter(pieces.into_iter().map(Ok))
        .map_ok(|piece| deliver(client, path, piece))
        .try_buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    let mut sent = Sent { dead: dead.into_iter().flatten().collect() };
    sent.dead.sort_by_key(|letter| letter.entry);
    Ok(sent)
}

fn pieces(
    log: &LogId,
    batch: &Batch,
    known: &FxHashMap<u64, String>,
) -> Result<Vec<Piece>, SinkError> {
    let mut pieces = Vec::new();
    let mut lines = Vec::new();
    let mut items = Vec::new();
    for record in batch.records() {
        if let Some(hash) = known.get(&record.number) {
            if *hash != document::hash_of(&record) {
                return Err(SinkError::Refused(format!(
                    "the server has another entry {}: it followed another log, or the end of this \
                     one was lost; rebuild it from zero",
                    record.number
                )));
            }
            continue;
        }
        let begins = lines.len();
        // The id is made of digits and a line: nothing in it needs an escape.
        let id = document::id_of(log, record.number);
        lines.extend_from_slice(b"{\"create\":{\"_id\":\"");
        lines.extend_from_slice(id.as_bytes());
        lines.extend_from_slice(b"\"}}\n");
        document::write(&record, &mut lines);
        lines.push(b'\n');
        items.push((record.number, begins..lines.len()));
        if lines.len() >= PIECE {
            let lines = Bytes::from(std::mem::take(&mut lines));
            pieces.push(Piece { lines, items: std::mem::take(&mut items) });
        }
    }
    if !items.is_empty() {
        pieces.push(Piece { lines: lines.into(), items });
    }
    Ok(pieces)
}

impl Piece {
    /// A piece of some of the items.
    fn of(&self, items: &[usize]) -> Piece {
        let mut lines = Vec::new();
        let items = items.iter().map(|at| {
            let (number, range) = &self.items[*at];
            let begins = lines.len();
            lines.extend_from_slice(&self.lines[range.clone()]);
            (*number, begins..lines.len())
        });
        let items = items.collect();
        Piece { lines: lines.into(), items }
    }

    /// The document of an item, as it was sent.
    fn letter(&self, at: usize, reason: String) -> DeadLetter {
        let (entry, range) = self.items[at].clone();
        let lines = &self.lines[range];
        let document =
            lines.iter().position(|byte| *byte == b'\n').map_or(lines, |end| &lines[end..]);
        DeadLetter { entry, reason, document: serde_json::from_slice(document).unwrap_or_default() }
    }
}

#[derive(Deserialize)]
struct BulkAnswer {
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    #[serde(default)]
    error: Value,
}

/// Sends a piece until each of its documents is there or will never be.
async fn deliver(client: &Client, path: &str, piece: Piece) -> Result<Vec<DeadLetter>, SinkError> {
    let mut dead = Vec::new();
    let mut left = vec![piece];
    let mut attempts = 0;
    let mut wait = FIRST_WAIT;
    while let Some(piece) = left.pop() {
        let answer = client.bulk(path, piece.lines.clone()).await?;
        let (again, reason) = match answer.status {
            // Too much at once: halves fit where the whole does not.
            413 if piece.items.len() == 1 => {
                dead.push(piece.letter(0, "the document is too large for the server".to_string()));
                continue;
            }
            413 | 429 => ((0..piece.items.len()).collect(), answer.failed()),
            _ => {
                let answer: BulkAnswer = answer.done()?;
                if !answer.errors {
                    continue;
                }
                if answer.items.len() != piece.items.len() {
                    let reason = format!(
                        "the server told of {} documents, not of {}",
                        answer.items.len(),
                        piece.items.len()
                    );
                    return Err(SinkError::Unavailable(reason));
                }
                sort_out(&piece, &answer.items, &mut dead)
            }
        };
        if again.is_empty() {
            continue;
        }
        attempts += 1;
        if attempts >= ATTEMPTS {
            return Err(reason);
        }
        sleep(wait).await;
        wait *= 2;
        if again.len() > 1 && again.len() == piece.items.len() {
            let (one, other) = again.split_at(again.len() / 2);
            left.extend([piece.of(other), piece.of(one)]);
        } else {
            left.push(piece.of(&again));
        }
    }
    Ok(dead)
}

/// Tells the documents that must be sent again from those that never need be; and why.
fn sort_out(piece: &Piece, items: &[Item], dead: &mut Vec<DeadLetter>) -> (Vec<usize>, SinkError) {
    let mut again = Vec::new();
    let mut reason = String::new();
    let mut lasts = false;
    for (at, item) in items.iter().enumerate() {
        let Created { status, error } = &item.create;
        let kind = error["type"].as_str().unwrap_or_default();
        match status {
            200..300 => {}
            // It is there already: it was sent before.
            409 if kind == "version_conflict_engine_exception" => {}
            // The document itself is at fault. Anything else may be put right.
            400 if SPEAKS_OF_THE_DOCUMENT.contains(&kind) => {
                dead.push(piece.letter(at, reason_of(error)));
            }
            _ => {
                // This user may not write there.
                lasts |= kind == "security_exception";
                if reason.is_empty() {
                    reason = format!("{} (status {status})", reason_of(error));
                }
                again.push(at);
            }
        }
    }
    let error = if lasts { SinkError::Refused(reason) } else { SinkError::Unavailable(reason) };
    (again, error)
}

/// Errors that every further attempt would meet again. Others with the same status can be the
/// server's: no room for another index is one.
const SPEAKS_OF_THE_DOCUMENT: [&str; 3] =
    ["document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception"];
