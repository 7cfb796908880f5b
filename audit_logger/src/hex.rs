//! Bytes as hexadecimal digits, small ones only: what is signed or compared has one spelling.

use std::fmt;

/// The bytes that `text` spells; none if it is not two small digits for each of `N` bytes.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Writes `bytes` as digits.
pub(crate) fn write(bytes: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_spelling() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        write(&all, &mut text).unwrap();
        assert_eq!(bytes::<256>(&text).unwrap().as_slice(), all);
        for wrong in ["", "0", "0g", "+1", "AB", "0a0", " 0", "é"] {
            assert_eq!(bytes::<1>(wrong), None, "{wrong:?}");
        }
    }
}
