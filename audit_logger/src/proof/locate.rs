//! Where a batch was changed, if that is one byte. A checksum of 32 bits tells the place: what it
//! is wrong by leads back, position by position, to the byte that would make it so. The chain of
//! hashes tells whether that was it.

/// A byte that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedByte {
    /// Where it stands in the segment.
    pub byte: u64,
    /// What it is.
    pub is: u8,
    /// What it was.
    pub was: u8,
    /// The entry that it belongs to.
    pub entry: u64,
    /// The transaction of the entry as it was.
    pub transaction: u64,
}

/// The table of CRC-32 (IEEE, reflected), a byte at a time.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

/// Which row of [`TABLE`] has this highest byte: each has another.
const ROW: [u8; 256] = {
    let mut rows = [0; 256];
    let mut at = 0;
    while at < 256 {
        rows[(TABLE[at] >> 24) as usize] = at as u8;
        at += 1;
    }
    rows
};

/// Puts the one byte of `bytes` right whose change would explain that their checksum is not `crc`,
/// if `is_right` says that they are what they were then; returns its place and what stood there.
/// Without one, `bytes` are left as they are.
pub(super) fn put_right(
    bytes: &mut [u8],
    crc: u32,
    is_right: impl Fn(&[u8]) -> bool,
) -> Option<(usize, u8)> {
    // What a change in byte `at` would have to come to right behind it.
    let mut wrong_by = crc32fast::hash(bytes) ^ crc;
    for at in (0..bytes.len()).rev() {
        let row = ROW[(wrong_by >> 24) as usize];
        let rest = wrong_by ^ TABLE[usize::from(row)];
        if rest == 0 && row != 0 {
            bytes[at] ^= row;
            if is_right(bytes) {
                return Some((at, bytes[at] ^ row));
            }
            bytes[at] ^= row;
        }
        wrong_by = rest << 8 | u32::from(row);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_one_byte_is_put_right_and_no_other() {
        let good: Vec<u8> = (0..300u32).map(|at| (at * 7 + at / 9) as u8).collect();
        let crc = crc32fast::hash(&good);
        for at in 0..good.len() {
            for flip in [1, 0x80, 0x5a, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                let found = put_right(&mut bytes, crc, |bytes| bytes == good);
                assert_eq!(found, Some((at, good[at] ^ flip)));
                assert_eq!(bytes, good);
                bytes[at] ^= flip;
                let before = bytes.clone();
                assert_eq!(put_right(&mut bytes, crc, |_| false), None, "nobody says it is right");
                assert_eq!(bytes, before);
            }
        }
        let mut bytes = good.clone();
        bytes[10] ^= 1;
        bytes[200] ^= 1;
        assert_eq!(put_right(&mut bytes, crc, |bytes| bytes == good), None);
        assert_eq!(put_right(&mut good.clone(), crc, |_| true), None, "nothing is wrong");
        assert_eq!(put_right(&mut [], 1, |_| true), None);
    }
}
