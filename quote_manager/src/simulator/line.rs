//! The two lines of the legacy protocol, from the server's side.

use super::chance::{Chance, mix, stock_bits};
use super::{Fault, price};
use domain::trading::money::write_decimal;
use domain::trading::{Price, Stock, UserName};

/// The longest request line that is read, its ending included: the longest good one takes 70
/// bytes, and what does not fit is a bad request like any other.
pub(super) const MAX_REQUEST: usize = 128;

/// The reply to a bad request.
pub(super) const REFUSAL: &[u8] = b"NA\n";

/// The length of an oversized line's key.
const OVERSIZED_KEY: usize = 4_096;

/// Reads `stock,user` from a request line with its ending, `\n` or `\r\n`.
pub(super) fn parse_request(line: &[u8]) -> Option<(Stock, UserName)> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let comma = text.iter().position(|&byte| byte == b',')?;
    Some((Stock::parse(&text[..comma])?, UserName::parse(&text[comma + 1..])?))
}

/// A quote about to be given.
pub(super) struct Quote {
    price: Price,
    stock: Stock,
    user: UserName,
    unix_ms: u64,
    key: Cryptokey,
}

impl Quote {
    /// The quote of `stock` at `unix_ms` in the world of `seed`.
    pub(super) fn at(unix_ms: u64, seed: u64, stock: Stock, user: UserName) -> Quote {
        let (price, key) = (price(seed, stock, unix_ms), cryptokey(seed, stock, unix_ms));
        Quote { price, stock, user, unix_ms, key }
    }

    /// The quote as a server stamps it whose clock is off by `skew_ms`. Price and key stay.
    pub(super) fn stamped_off_by(self, skew_ms: i64) -> Quote {
        Quote { unix_ms: self.unix_ms.saturating_add_signed(skew_ms), ..self }
    }

    /// Appends the quote's line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (letters, user) = (self.stock.letters(), self.user.as_str());
        self.write_as(letters.as_bytes(), user.as_bytes(), &self.key.0, out);
    }

    /// Appends what `fault` makes of the line; nothing for a fault that answers nothing.
    pub(super) fn write_spoilt(&self, fault: Fault, chance: &mut Chance, out: &mut Vec<u8>) {
        let letters = self.stock.letters();
        let (stock, user) = (letters.as_bytes(), self.user.as_str().as_bytes());
        match fault {
            Fault::Silence | Fault::Reset => {}
            // The line is good; how it is sent is the server's affair.
            Fault::Trickle => self.write(out),
            Fault::Na => out.extend_from_slice(REFUSAL),
            Fault::Garbage => {
                let length = 1 + chance.below(80);
                let bytes = std::iter::repeat_with(|| chance.next_u64() as u8);
                out.extend(bytes.filter(|&byte| byte != b'\n').take(length));
                out.push(b'\n');
            }
            Fault::WrongStock => {
                let other: &[u8] = if stock == b"ZZZ" { b"AAA" } else { b"ZZZ" };
                self.write_as(other, user, &self.key.0, out);
            }
            Fault::WrongUser => {
                let other: &[u8] = if user == b"nobody" { b"somebody" } else { b"nobody" };
                self.write_as(stock, other, &self.key.0, out);
            }
            Fault::NotANumber => {
                let start = out.len();
                self.write(out);
                let digits = out[start..].iter().position(|&byte| byte == b',').unwrap_or(0);
                out.splice(start..start + digits, *b"NaN");
            }
            Fault::BadPrice => {
                out.push(b'-');
                self.write(out);
            }
            Fault::BadKey => {
                let mut key = self.key.0;
                key[chance.below(key.len())] = chance.below(32) as u8;
                self.write_as(stock, user, &key, out);
            }
            Fault::Truncated => {
                self.write(out);
                out.truncate(1 + chance.below(out.len() - 1));
            }
            Fault::Oversized => self.write_as(stock, user, &[b'A'; OVERSIZED_KEY], out),
        }
    }

    fn write_as(&self, stock: &[u8], user: &[u8], key: &[u8], out: &mut Vec<u8>) {
        self.price.money().write_dollars(out);
        for field in [stock, user] {
            out.push(b',');
            out.extend_from_slice(field);
        }
        out.push(b',');
        write_decimal(self.unix_ms, out);
        out.push(b',');
        out.extend_from_slice(key);
        out.push(b'\n');
    }
}

/// A key like those the legacy server signs quotes with: 40 bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cryptokey([u8; 56]);

impl Cryptokey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever put in, so the text is never empty here.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The key of a quote for `stock` at `unix_ms` in the world of `seed`. It proves nothing.
pub fn cryptokey(seed: u64, stock: Stock, unix_ms: u64) -> Cryptokey {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut chance = Chance::new(mix(mix(seed) ^ stock_bits(stock)) ^ mix(unix_ms));
    let mut key = [b'='; 56];
    for letters in key[..54].chunks_mut(10) {
        let mut bits = chance.next_u64();
        for letter in letters {
            *letter = BASE64[(bits & 63) as usize];
            bits >>= 6;
        }
    }
    // 40 bytes fill 53 letters and a third of another, whose other bits are zero.
    key[53] = BASE64[(chance.next_u64() & 3) as usize * 16];
    Cryptokey(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_stock_and_a_user() {
        let good = |line: &[u8]| parse_request(line).map(|(stock, user)| format!("{stock} {user}"));
        assert_eq!(good(b"S,oY01WVirLr\n").as_deref(), Some("S oY01WVirLr"));
        assert_eq!(good(b"abc,u\r\n").as_deref(), Some("abc u"));
        for line in ["", "\n", "S\n", "S,\n", ",u\n", "ABCD,u\n", "S,u", "S, u\n", "S,u,v\n"] {
            assert_eq!(good(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_key_is_the_base64_of_40_bytes() {
        let stock = Stock::parse(b"APP").unwrap();
        let key = cryptokey(1, stock, 2);
        assert!(key.as_str().ends_with("=="));
        assert!(
            key.as_str()[..54].bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
        );
        assert!(b"AQgw".contains(&key.0[53]));
        assert_eq!(key, cryptokey(1, stock, 2));
        assert_ne!(key, cryptokey(1, stock, 3));
        assert_ne!(key, cryptokey(2, stock, 2));
    }
}
