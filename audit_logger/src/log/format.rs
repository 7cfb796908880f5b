//! The bytes of a segment: a header, then batches. All numbers are little-endian.

use crate::error::LogError;
use crate::hex;
use domain::trading::RulesVersion;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The version of the format; it covers the entries' form too
/// ([`codec`](domain::trading::codec)).
pub const VERSION: u16 = domain::trading::codec::VERSION;

/// Length of a segment's header in bytes.
pub const SEGMENT_HEADER_LEN: usize = 96;

/// Length of a batch's header in bytes.
pub const BATCH_HEADER_LEN: usize = 28;

/// Length of the hash behind a batch's entries in bytes.
pub const CHAIN_LEN: usize = 32;

/// The longest that a batch's entries may be in bytes: a length beyond it is damage, whatever a
/// checksum says.
pub const MAX_PAYLOAD: usize = 64 << 20;

const SEGMENT_MAGIC: &[u8; 6] = b"DTLOG\n";
const BATCH_MAGIC: &[u8; 4] = b"DTB1";

/// The hash of everything in the log up to some batch.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainHash(pub [u8; CHAIN_LEN]);

impl ChainHash {
    /// The hash before the first batch.
    pub const START: ChainHash = ChainHash([0; CHAIN_LEN]);

    /// The hash of the batch that follows: BLAKE3 over this hash, the batch's header and its
    /// entries.
    pub fn next(&self, header: &[u8], payload: &[u8]) -> ChainHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(header);
        hasher.update(payload);
        ChainHash(*hasher.finalize().as_bytes())
    }
}

impl FromStr for ChainHash {
    type Err = String;

    /// Reads 64 hexadecimal digits, small ones only: a hash has one spelling.
    fn from_str(text: &str) -> Result<ChainHash, String> {
        let hash = hex::bytes(text).map(ChainHash);
        hash.ok_or_else(|| "64 hexadecimal digits are expected".to_string())
    }
}

impl TryFrom<String> for ChainHash {
    type Error = String;

    fn try_from(text: String) -> Result<ChainHash, String> {
        text.parse()
    }
}

impl From<ChainHash> for String {
    fn from(hash: ChainHash) -> String {
        hash.to_string()
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The number of its first entry.
    pub first: u64,
    /// When it was begun, in Unix milliseconds.
    pub created_ms: u64,
    /// The chain up to it.
    pub chain: ChainHash,
    /// The rules that decided its entries, which may be newer than this program.
    pub rules: RulesVersion,
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// They are too few.
    Short,
    /// They do not begin as a header does.
    Magic,
    /// They are of another version.
    Version(u16),
    /// The checksum is not theirs.
    Checksum,
    /// They claim what cannot be.
    Impossible,
}

impl SegmentHeader {
    /// The header as bytes.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        bytes[..6].copy_from_slice(SEGMENT_MAGIC);
        bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.created_ms.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.chain.0);
        bytes[56..58].copy_from_slice(&self.rules.number().to_le_bytes());
        let crc = crc32fast::hash(&bytes[..92]);
        bytes[92..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, BadHeader> {
        let bytes = bytes.get(..SEGMENT_HEADER_LEN).ok_or(BadHeader::Short)?;
        if &bytes[..6] != SEGMENT_MAGIC {
            return Err(BadHeader::Magic);
        }
        if crc32fast::hash(&bytes[..92]) != u32_at(bytes, 92) {
            return Err(BadHeader::Checksum);
        }
        let version = u16::from_le_bytes([bytes[6], bytes[7]]);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        let mut chain = ChainHash::START;
        chain.0.copy_from_slice(&bytes[24..56]);
        let rules = match u16::from_le_bytes([bytes[56], bytes[57]]) {
            // Written before rules had versions.
            0 => RulesVersion::V1,
            number => RulesVersion::numbered(number),
        };
        Ok(SegmentHeader { first: u64_at(bytes, 8), created_ms: u64_at(bytes, 16), chain, rules })
    }

    /// Reads the header of the segment at `path` for a program that knows rules up to `newest`.
    ///
    /// # Errors
    /// The segment is whole, but of a format or of rules that the program does not know.
    pub fn read(
        bytes: &[u8],
        path: &Path,
        newest: RulesVersion,
    ) -> Result<Result<SegmentHeader, BadHeader>, LogError> {
        match SegmentHeader::decode(bytes) {
            Ok(header) if header.rules > newest => Err(LogError::Rules {
                path: path.to_path_buf(),
                found: header.rules,
                known: newest,
            }),
            Err(BadHeader::Version(found)) => {
                Err(LogError::Version { path: path.to_path_buf(), found, known: VERSION })
            }
            read => Ok(read),
        }
    }
}

/// The bytes before a batch's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Length of the entries in bytes.
    pub payload_len: u32,
    /// How many entries there are; none in the batch that closes a log in order.
    pub count: u32,
    /// CRC-32 of the entries' bytes.
    pub payload_crc: u32,
    /// The number of the first entry.
    pub first: u64,
}

impl BatchHeader {
    /// The header as bytes.
    pub fn encode(&self) -> [u8; BATCH_HEADER_LEN] {
        let mut bytes = [0; BATCH_HEADER_LEN];
        bytes[..4].copy_from_slice(BATCH_MAGIC);
        bytes[4..8].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<BatchHeader, BadHeader> {
        let bytes = bytes.get(..BATCH_HEADER_LEN).ok_or(BadHeader::Short)?;
        if &bytes[..4] != BATCH_MAGIC {
            return Err(BadHeader::Magic);
        }
        if crc32fast::hash(&bytes[..24]) != u32_at(bytes, 24) {
            return Err(BadHeader::Checksum);
        }
        let header = BatchHeader {
            payload_len: u32_at(bytes, 4),
            count: u32_at(bytes, 8),
            payload_crc: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
        };
        if header.payload_len as usize > MAX_PAYLOAD {
            return Err(BadHeader::Impossible);
        }
        Ok(header)
    }

    /// Length of the whole batch in bytes.
    pub fn batch_len(&self) -> u64 {
        (BATCH_HEADER_LEN + self.payload_len as usize + CHAIN_LEN) as u64
    }
}

/// Where in `bytes` the next whole header of a batch begins that entry `from` or a later one
/// stands in. Headers of earlier entries are leftovers: no batch is ever written twice.
pub fn find_batch_header(bytes: &[u8], from: u64) -> Option<usize> {
    let later = |at: usize| {
        bytes[at] == BATCH_MAGIC[0]
            && BatchHeader::decode(&bytes[at..]).is_ok_and(|header| header.first >= from)
    };
    (0..bytes.len().saturating_sub(BATCH_HEADER_LEN - 1)).find(|&at| later(at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
