//! The names that commands carry: users, stocks, files and transaction numbers.

use compact_str::CompactString;
use std::fmt;
use std::num::NonZeroU32;

/// The number of a command among all commands received, from 1. Whatever a command causes, then
/// or later, carries its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNum(pub u64);

impl fmt::Display for TransactionNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number that a client makes for a request, so that it can ask again without asking twice: a
/// UUID. Boxed, because most commands have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Box<[u8; 16]>);

impl RequestId {
    /// The UUID of these bytes, the first ones first in its text.
    pub fn from_bytes(bytes: [u8; 16]) -> RequestId {
        RequestId(Box::new(bytes))
    }

    /// `text` as a UUID (32 hexadecimal digits in groups of 8, 4, 4, 4 and 12), or `None` where it
    /// is none.
    pub fn parse(text: &str) -> Option<RequestId> {
        if !text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) {
            return None;
        }
        let mut digits = text.bytes().filter(|&byte| byte != b'-');
        let mut digit = || (digits.next()? as char).to_digit(16);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = (digit()? << 4 | digit()?) as u8;
        }
        Some(RequestId::from_bytes(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A user name: 1 to 64 of `A-Z a-z 0-9 _ . @ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(CompactString);

impl UserName {
    /// The longest user name in bytes.
    pub const MAX_LEN: usize = 64;

    /// `text` as a user name, or `None` where it is none.
    pub fn parse(text: &[u8]) -> Option<UserName> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(byte);
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.iter().all(allowed) {
            return None;
        }
        CompactString::from_utf8(text).ok().map(UserName)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stock symbol: 1 to 3 letters, kept as given (`a` and `A` are two stocks).
///
/// The letters stand in the high bytes, so that the order of symbols is that of their text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stock(NonZeroU32);

impl Stock {
    /// `text` as a stock symbol, or `None` where it is none.
    pub fn parse(text: &[u8]) -> Option<Stock> {
        if text.is_empty() || text.len() > 3 || !text.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut bytes = [0; 4];
        bytes[..text.len()].copy_from_slice(text);
        NonZeroU32::new(u32::from_be_bytes(bytes)).map(Stock)
    }

    /// The symbol's letters.
    pub fn letters(self) -> Letters {
        let bytes = self.0.get().to_be_bytes();
        let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(3);
        Letters { bytes, len }
    }
}

/// The letters of a [`Stock`], held by value.
#[derive(Clone, Copy)]
pub struct Letters {
    bytes: [u8; 4],
    len: usize,
}

impl Letters {
    /// The letters as ASCII bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The letters as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters are ever put in, so the text is never empty here.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letters().as_str())
    }
}

impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stock({self})")
    }
}

/// The file a DUMPLOG names, as it was given (`./testLOG`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DumpFile(Box<str>);

impl DumpFile {
    /// The longest file name most file systems take, in bytes.
    pub const MAX_LEN: usize = 255;

    /// `text` as the file of a DUMPLOG, or `None` where nothing is left of it once its
    /// directories are dropped, where it holds `..` or a control character, or where the name is
    /// too long for a file system.
    pub fn parse(text: &[u8]) -> Option<DumpFile> {
        DumpFile::logged(std::str::from_utf8(text).ok()?)
    }

    /// `text` as the file of a DUMPLOG that a log holds. What was logged once must stay readable:
    /// whatever else is to be refused belongs into [`parse`](Self::parse), not here.
    pub fn logged(text: &str) -> Option<DumpFile> {
        // XML has no way to write the two non-characters.
        let forbidden = |char: char| char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}');
        if text.contains("..") || text.chars().any(forbidden) {
            return None;
        }
        let file = DumpFile(text.into());
        let name = file.name();
        (!name.is_empty() && name != "." && name.len() <= Self::MAX_LEN).then_some(file)
    }

    /// The text as it was given.
    pub fn as_given(&self) -> &str {
        &self.0
    }

    /// The name inside the dump folder: what is left without directories (`testLOG`).
    pub fn name(&self) -> &str {
        self.0.rsplit(['/', '\\']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stocks_are_one_to_three_letters_kept_as_given() {
        for text in ["S", "ab", "UJD"] {
            assert_eq!(Stock::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        for text in ["", "ABCD", "A1", "A ", "é"] {
            assert!(Stock::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        assert_ne!(Stock::parse(b"a"), Stock::parse(b"A"));
        assert!(Stock::parse(b"A") < Stock::parse(b"AA"));
    }

    #[test]
    fn user_names_hold_no_separator_and_no_control_character() {
        for text in ["oY01WVirLr", "a.b@c-d_e", &"x".repeat(64)] {
            assert_eq!(UserName::parse(text.as_bytes()).unwrap().as_str(), text);
        }
        for text in ["", "a,b", "a b", "a\u{7}", "ü", &"x".repeat(65)] {
            assert!(UserName::parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_dump_file_never_leaves_its_folder() {
        assert_eq!(DumpFile::parse(b"./testLOG").unwrap().name(), "testLOG");
        assert_eq!(DumpFile::parse(b"/etc/passwd").unwrap().name(), "passwd");
        assert_eq!(DumpFile::parse(b"a\\b").unwrap().name(), "b");
        for text in ["", "..", "../x", "a/../b", "x\n", "dir/", ".", "./", "a\0b"] {
            assert!(DumpFile::parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_request_has_a_uuid() {
        let text = "0b8f9c5e-1111-4222-8333-444455556666";
        assert_eq!(RequestId::parse(text).unwrap().to_string(), text);
        assert_eq!(RequestId::parse(&text.to_uppercase()), RequestId::parse(text));
        let multibyte = "0b8f9c5e-1111-4222-8333-44445555é66";
        for text in ["", "0b8f9c5e", &text.replace('c', "g"), &"-".repeat(36), multibyte] {
            assert!(RequestId::parse(text).is_none(), "{text}");
        }
    }
}
