//! What a snapshot holds: the accounts, and what else a later run needs to know.

use audit_logger::dumplog::DumpRequest;
use domain::trading::codec::{Reader, decode_account, encode_account, put_text, put_u64};
use domain::trading::{Account, UserName};
use workload::played::Played;

/// What a snapshot holds beside the accounts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Transactions whose commands the log holds.
    pub played: Played,
    /// The DUMPLOGs in it.
    pub dumps: Vec<DumpRequest>,
    /// The latest time in it, in Unix milliseconds.
    pub last_ms: u64,
    /// The highest transaction number that was given out, whatever became of it.
    pub highest: u64,
}

/// A payload as it was read. Nothing is made of it that is longer than the payload itself, so one
/// that nobody vouches for can be looked at.
#[derive(Debug)]
pub struct Payload {
    pub last_ms: u64,
    pub highest: u64,
    /// Transactions whose commands the log holds: ranges of neighbors, first and last.
    pub played: Vec<(u64, u64)>,
    pub dumps: Vec<DumpRequest>,
    pub accounts: Vec<(UserName, Account)>,
}

/// The payload of a snapshot.
///
/// # Errors
/// An account cannot be represented.
pub fn encode<'a>(
    facts: &Facts,
    accounts: impl IntoIterator<Item = (&'a UserName, &'a Account)>,
) -> Result<Vec<u8>, &'static str> {
    let mut payload = Vec::new();
    put_u64(facts.last_ms, &mut payload);
    put_u64(facts.highest, &mut payload);
    let ranges = facts.played.ranges();
    put_u64(ranges.len() as u64, &mut payload);
    for (first, last) in ranges {
        put_u64(first, &mut payload);
        put_u64(last, &mut payload);
    }
    put_u64(facts.dumps.len() as u64, &mut payload);
    for dump in &facts.dumps {
        put_text(dump.file.as_given(), &mut payload);
        put_text(dump.user.as_deref().unwrap_or_default(), &mut payload);
        put_u64(dump.last, &mut payload);
    }
    for (user, account) in accounts {
        encode_account(user, account, &mut payload)?;
    }
    Ok(payload)
}

/// Reads a payload; none where the bytes are none.
pub fn decode(payload: &[u8]) -> Option<Payload> {
    let mut reader = Reader::new(payload);
    let last_ms = reader.u64("a time").ok()?;
    let highest = reader.u64("a transaction").ok()?;
    let mut played = Vec::new();
    for _ in 0..reader.u64("a number of ranges").ok()? {
        played.push((reader.u64("a transaction").ok()?, reader.u64("a transaction").ok()?));
    }
    let mut dumps = Vec::new();
    for _ in 0..reader.u64("a number of dumps").ok()? {
        let file = reader.file().ok()?;
        let user = reader.text("a user").ok()?;
        let user = (!user.is_empty()).then(|| user.to_string());
        dumps.push(DumpRequest { file, user, last: reader.u64("an entry").ok()? });
    }
    let mut accounts = Vec::new();
    while !reader.is_at_end() {
        accounts.push(decode_account(&mut reader).ok()?);
    }
    Some(Payload { last_ms, highest, played, dumps, accounts })
}
