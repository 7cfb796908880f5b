//! The proof beside an exported file: a hash of what each entry came to in it, and a signature under
//! all of them. With it and a public key, a changed, lost, re-ordered or inserted entry of the file
//! is found and named, with no log at hand.
//!
//! The first line of a proof is JSON: what is signed. Each line behind it stands for a part of the
//! file: the number of its entry (0 for what belongs to none), its length, and half of its BLAKE3.

use super::check::{Finding, Kind};
use super::key::{InstallationKey, PublicKey};
use crate::follow::LogId;
use crate::hex;
use crate::log::ChainHash;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

const FORMAT: &str = "daytrade export 1";

/// Bytes of a hash that are kept for a part: nobody finds another text for one on purpose.
const HASH_LEN: usize = 16;

/// Findings that are kept; beyond them they are counted.
const KEPT: usize = 1000;

type PartHash = [u8; HASH_LEN];

/// What is signed of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    format: String,
    /// Which log.
    pub log: LogId,
    /// Up to which entry the log went.
    pub log_entries: u64,
    /// The chain up to there.
    pub chain: ChainHash,
    /// The form of the file (`jsonl`).
    pub form: String,
    /// Which entries were asked for, in the words of the command line; empty for all.
    pub filter: String,
    /// How many entries the file has.
    pub entries: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its BLAKE3.
    pub blake3: ChainHash,
    /// The BLAKE3 of the lines that tell its parts.
    pub parts_blake3: ChainHash,
    /// When it was signed, in Unix milliseconds.
    pub time_ms: u64,
    /// The key that signed it.
    pub key: PublicKey,
    signature: String,
}

impl Statement {
    /// The statement without its signature, as JSON in the order of the fields.
    fn signed(&self) -> String {
        let unsigned = Statement { signature: String::new(), ..self.clone() };
        // Texts and numbers always go into JSON.
        serde_json::to_string(&unsigned).unwrap_or_default()
    }

    fn is_signed(&self) -> bool {
        self.format == FORMAT && self.key.vouches(self.signed().as_bytes(), &self.signature)
    }
}

/// Where the proof of the export at `path` is.
pub fn proof_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".proof");
    PathBuf::from(name)
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The entry that it tells; 0 for none.
    pub entry: u64,
    /// Its length in bytes.
    pub len: u32,
    hash: PartHash,
}

impl Part {
    /// The part that `bytes` are.
    pub fn of(entry: u64, bytes: &[u8]) -> Part {
        Part { entry, len: bytes.len() as u32, hash: part_hash(bytes) }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.entry, self.len)?;
        hex::write(&self.hash, f)
    }
}

impl FromStr for Part {
    type Err = String;

    /// Reads a line of a proof as [`Display`](fmt::Display) writes it, and no other way of writing
    /// the same.
    fn from_str(line: &str) -> Result<Part, String> {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let part = match (word().parse(), word().parse(), hex::bytes(word())) {
            (Ok(entry), Ok(len), Some(hash)) => Some(Part { entry, len, hash }),
            _ => None,
        };
        part.filter(|part| part.to_string() == line)
            .ok_or_else(|| "an entry, a length and 32 hexadecimal digits are expected".to_string())
    }
}

fn part_hash(bytes: &[u8]) -> PartHash {
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..HASH_LEN]);
    hash
}

/// Gathers what is exported, and signs it.
#[derive(Default)]
pub struct Prover {
    whole: blake3::Hasher,
    lines: String,
    entries: u64,
    bytes: u64,
}

/// What is told of the export besides its bytes.
#[derive(Clone, Debug)]
pub struct About {
    /// Which log.
    pub log: LogId,
    /// Up to which entry it went.
    pub log_entries: u64,
    /// The chain up to there.
    pub chain: ChainHash,
    /// The form of the file.
    pub form: String,
    /// Which entries were asked for.
    pub filter: String,
    /// When, in Unix milliseconds.
    pub time_ms: u64,
}

impl Prover {
    /// Adds the next bytes of the file, which are `parts` one behind the other.
    pub fn add(&mut self, bytes: &[u8], parts: &[Part]) {
        self.whole.update(bytes);
        self.bytes += bytes.len() as u64;
        for part in parts {
            self.entries += u64::from(part.entry > 0);
            let _ = writeln!(self.lines, "{part}");
        }
    }

    /// Writes the proof.
    ///
    /// # Errors
    /// As `out` says.
    pub fn finish(
        self,
        key: &InstallationKey,
        about: About,
        out: &mut impl Write,
    ) -> io::Result<Statement> {
        let mut statement = Statement {
            format: FORMAT.to_string(),
            log: about.log,
            log_entries: about.log_entries,
            chain: about.chain,
            form: about.form,
            filter: about.filter,
            entries: self.entries,
            bytes: self.bytes,
            blake3: ChainHash(*self.whole.finalize().as_bytes()),
            parts_blake3: ChainHash(*blake3::hash(self.lines.as_bytes()).as_bytes()),
            time_ms: about.time_ms,
            key: key.public(),
            signature: String::new(),
        };
        statement.signature = key.sign(statement.signed().as_bytes());
        serde_json::to_writer(&mut *out, &statement)?;
        out.write_all(b"\n")?;
        out.write_all(self.lines.as_bytes())?;
        Ok(statement)
    }
}

/// What a check of an export came to.
#[derive(Clone, Debug, Serialize)]
pub struct ExportCheck {
    /// What was signed; none where nothing was, or by somebody else.
    pub statement: Option<Statement>,
    /// What is wrong, in the order of the file; the first thousand.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub found: u64,
}

/// Checks the file at `path` against the proof at `proof`, which must be signed by `key`.
///
/// # Errors
/// A file cannot be read.
pub fn check_export(path: &Path, proof: &Path, key: &PublicKey) -> io::Result<ExportCheck> {
    let wrong = |reason: String| ExportCheck {
        statement: None,
        findings: vec![Finding {
            kind: Kind::Checkpoint,
            file: proof.to_path_buf(),
            byte: None,
            entries: None,
            transactions: None,
            reason,
        }],
        found: 1,
    };
    let (statement, lines) = match read_proof(proof, key)? {
        Ok(proof) => proof,
        Err(reason) => return Ok(wrong(reason)),
    };
    let mut hasher = blake3::Hasher::new();
    let mut file = open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let good = ExportCheck { statement: Some(statement.clone()), findings: Vec::new(), found: 0 };
    if length == statement.bytes && *hasher.finalize().as_bytes() == statement.blake3.0 {
        return Ok(good);
    }
    let parts: Vec<Part> = match lines.lines().map(str::parse).collect() {
        Ok(parts) => parts,
        Err(reason) => return Ok(wrong(format!("a line of it cannot be read: {reason}"))),
    };
    let mut difference = Difference::new(path, &parts);
    difference.find(&std::fs::read(path)?);
    Ok(ExportCheck { found: difference.found, findings: difference.findings, ..good })
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

type Proof = Result<(Statement, String), String>;

fn read_proof(path: &Path, key: &PublicKey) -> io::Result<Proof> {
    let mut file = BufReader::new(open(path)?);
    let mut text = Vec::new();
    file.read_until(b'\n', &mut text)?;
    let statement: Statement = match serde_json::from_slice(&text) {
        Ok(statement) => statement,
        Err(error) => return Ok(Err(format!("it cannot be read: {error}"))),
    };
    if statement.key != *key {
        return Ok(Err(format!("it is signed by {}, not by {key}", statement.key)));
    }
    if !statement.is_signed() {
        return Ok(Err("it is not what was signed: it was changed or forged".to_string()));
    }
    let mut lines = Vec::new();
    file.read_to_end(&mut lines)?;
    if *blake3::hash(&lines).as_bytes() != statement.parts_blake3.0 {
        return Ok(Err("its parts are not those that were signed".to_string()));
    }
    Ok(String::from_utf8(lines)
        .map(|lines| (statement, lines))
        .map_err(|_| "its parts are no text".to_string()))
}

/// Lays a file beside what it should be.
struct Difference<'a> {
    path: &'a Path,
    parts: &'a [Part],
    /// Where parts stand that are of some length, by their hashes.
    known: FxHashMap<PartHash, usize>,
    lengths: Vec<u32>,
    findings: Vec<Finding>,
    found: u64,
}

/// What stands in the file, in its order.
enum Stands {
    /// A part, by its place in the proof.
    Part(usize),
    /// Something else: so many bytes.
    Other(u64),
}

impl<'a> Difference<'a> {
    fn new(path: &'a Path, parts: &'a [Part]) -> Difference<'a> {
        let mut known = FxHashMap::default();
        let mut lengths = FxHashSet::default();
        for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.len > 0) {
            known.entry(part.hash).or_insert(at);
            lengths.insert(part.len);
        }
        let mut lengths: Vec<u32> = lengths.into_iter().collect();
        // The longest first: a short part may be the beginning of a long one.
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        Difference { path, parts, known, lengths, findings: Vec::new(), found: 0 }
    }

    fn find(&mut self, bytes: &[u8]) {
        let stands = self.lay(bytes);
        let mut seen = vec![false; self.parts.len()];
        for (_, stands) in &stands {
            if let Stands::Part(part) = stands {
                seen[*part] = true;
            }
        }
        for (at, part) in self.parts.iter().enumerate() {
            seen[at] |= part.len == 0;
        }
        let in_order = in_order(&stands, self.parts.len());
        let mut expected = 0;
        let mut told = vec![false; self.parts.len()];
        for (at, (offset, item)) in stands.iter().enumerate() {
            match item {
                Stands::Part(part) if told[*part] => {
                    self.tell(Kind::Inserted, *offset, *part, *part, "it stands there again");
                }
                Stands::Part(part) if !in_order[*part] => {
                    told[*part] = true;
                    self.tell(Kind::Reordered, *offset, *part, *part, "it stood elsewhere");
                }
                Stands::Part(part) => {
                    self.missing(&seen, &mut told, expected..*part, *offset);
                    told[*part] = true;
                    expected = *part + 1;
                }
                Stands::Other(length) => {
                    let next = stands[at + 1..].iter().find_map(|(_, item)| match item {
                        Stands::Part(part) if in_order[*part] && *part >= expected => Some(*part),
                        _ => None,
                    });
                    let to = next.unwrap_or(self.parts.len());
                    // Where nothing is missing, nothing was changed: something was put in.
                    let gone: Vec<usize> = (expected..to).filter(|part| !seen[*part]).collect();
                    match (gone.first(), gone.last()) {
                        (Some(&first), Some(&last)) => {
                            gone.iter().for_each(|part| {
                                seen[*part] = true;
                                told[*part] = true;
                            });
                            let reason = format!("{length} bytes are not what was exported");
                            self.tell(Kind::Changed, *offset, first, last, &reason);
                        }
                        _ => self.other(*offset, *length, expected),
                    }
                }
            }
        }
        self.missing(&seen, &mut told, expected..self.parts.len(), bytes.len() as u64);
    }

    /// Parts in `range` that stand nowhere are lost; each stretch of them is one finding.
    fn missing(
        &mut self,
        seen: &[bool],
        told: &mut [bool],
        range: std::ops::Range<usize>,
        offset: u64,
    ) {
        let mut at = range.start;
        while at < range.end {
            if seen[at] || told[at] {
                at += 1;
                continue;
            }
            let first = at;
            while at < range.end && !seen[at] {
                told[at] = true;
                at += 1;
            }
            self.tell(Kind::Lost, offset, first, at - 1, "what was exported is not there");
        }
    }

    fn other(&mut self, offset: u64, length: u64, before: usize) {
        let near = self.parts[..before].iter().rev().find(|part| part.entry > 0);
        let behind = match near {
            Some(part) => format!("behind entry {}", part.entry),
            None => "before the first entry".to_string(),
        };
        self.push(Finding {
            kind: Kind::Inserted,
            file: self.path.to_path_buf(),
            byte: Some(offset),
            entries: None,
            transactions: None,
            reason: format!("{length} bytes were put in {behind}"),
        });
    }

    fn tell(&mut self, kind: Kind, offset: u64, first: usize, last: usize, reason: &str) {
        let entries = |part: &Part| Some(part.entry).filter(|entry| *entry > 0);
        let of_range = &self.parts[first..=last];
        let low = of_range.iter().find_map(entries);
        let high = of_range.iter().rev().find_map(entries);
        let reason = match low {
            Some(_) => reason.to_string(),
            None => format!("the beginning or end of the file: {reason}"),
        };
        self.push(Finding {
            kind,
            file: self.path.to_path_buf(),
            byte: Some(offset),
            entries: low.zip(high),
            transactions: None,
            reason,
        });
    }

    fn push(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        }
    }

    /// What stands where in the file.
    fn lay(&self, bytes: &[u8]) -> Vec<(u64, Stands)> {
        let mut stands: Vec<(u64, Stands)> = Vec::new();
        let (mut at, mut next) = (0, 0);
        while at < bytes.len() {
            while self.parts.get(next).is_some_and(|part| part.len == 0) {
                next += 1;
            }
            let expected = self.parts.get(next).filter(|part| fits(part, &bytes[at..]));
            let found = expected.map(|_| next).or_else(|| self.look_up(&bytes[at..]));
            if let Some(part) = found {
                stands.push((at as u64, Stands::Part(part)));
                at += self.parts[part].len as usize;
                next = part + 1;
                continue;
            }
            // Parts begin where lines do.
            let line = bytes[at..].iter().position(|byte| *byte == b'\n');
            let length = line.map_or(bytes.len() - at, |end| end + 1);
            match stands.last_mut() {
                Some((_, Stands::Other(other))) => *other += length as u64,
                _ => stands.push((at as u64, Stands::Other(length as u64))),
            }
            at += length;
        }
        stands
    }

    fn look_up(&self, rest: &[u8]) -> Option<usize> {
        self.lengths.iter().find_map(|&length| {
            let bytes = rest.get(..length as usize)?;
            // Every part ends a line, so most lengths need no hash.
            if bytes.last() != Some(&b'\n') {
                return None;
            }
            self.known.get(&part_hash(bytes)).copied()
        })
    }
}

/// Which parts stand in their order: as many as can (a longest increasing subsequence), so that one
/// part that was moved is one that was moved, and not all that it passed.
fn in_order(stands: &[(u64, Stands)], parts: usize) -> Vec<bool> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; parts];
    let mut seen = vec![false; parts];
    for (_, item) in stands {
        let Stands::Part(part) = item else { continue };
        if std::mem::replace(&mut seen[*part], true) {
            continue;
        }
        let at = ends.partition_point(|end| end < part);
        before[*part] = at.checked_sub(1).map(|at| ends[at]);
        match ends.get_mut(at) {
            Some(end) => *end = *part,
            None => ends.push(*part),
        }
    }
    let mut kept = vec![false; parts];
    let mut next = ends.last().copied();
    while let Some(part) = next {
        kept[part] = true;
        next = before[part];
    }
    kept
}

fn fits(part: &Part, rest: &[u8]) -> bool {
    rest.get(..part.len as usize).is_some_and(|bytes| part_hash(bytes) == part.hash)
}
