//! Decimals, amounts and dollars, read from text by the checker's own rules.

use std::fmt;

/// The largest amount that a command may name: 1,000,000,000,000.00 dollars, in cents.
const LARGEST_AMOUNT_CENTS: i64 = 100_000_000_000_000;

/// A decimal in the sense of XML Schema (`xs:decimal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Its value in cents, where it has no smaller fraction and 64 bits hold it.
    pub(super) cents: Option<i64>,
    /// Whether it is written as dollars with two decimals.
    pub(super) in_dollars: bool,
}

/// The most digits of a decimal that schema validators are sure to take: libxml2's bound for
/// `xs:decimal`. (The standard asks for 18.)
pub(super) const MOST_DIGITS: usize = 24;

/// Digits of a decimal that its value needs: zeros that begin its whole part do not count.
pub(super) fn digits(text: &[u8]) -> usize {
    let first = text.iter().position(|byte| !matches!(byte, b'+' | b'-' | b'0'));
    text[first.unwrap_or(text.len())..].iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Reads `[+-]digits[.digits]`, where either run of digits may be empty but not both, and
/// together they are at most [`MOST_DIGITS`].
pub(super) fn decimal(text: &[u8]) -> Option<Decimal> {
    let (negative, signed, unsigned) = match text {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (false, true, rest),
        _ => (false, false, text),
    };
    let (mut whole, mut fraction) = (0_usize, None::<usize>);
    let mut value = Some(0_i64);
    let mut beyond_cents = false;
    for &byte in unsigned {
        match (byte, fraction.as_mut()) {
            (b'0'..=b'9', digits) => {
                let seen = digits.map_or(0, |digits| {
                    *digits += 1;
                    *digits
                });
                if seen == 0 {
                    whole += 1;
                }
                if seen <= 2 {
                    let digit = i64::from(byte - b'0');
                    value = value.and_then(|value| value.checked_mul(10)?.checked_add(digit));
                } else {
                    beyond_cents |= byte != b'0';
                }
            }
            (b'.', None) => fraction = Some(0),
            _ => return None,
        }
    }
    let places = fraction.unwrap_or(0);
    if whole + places == 0 || digits(text) > MOST_DIGITS {
        return None;
    }
    let scale = [100, 10, 1][places.min(2)];
    let cents = value.and_then(|value| value.checked_mul(scale)).filter(|_| !beyond_cents);
    let cents = cents.map(|cents| if negative { -cents } else { cents });
    let plain = !signed || (negative && whole > 0);
    Some(Decimal { cents, in_dollars: plain && whole > 0 && places == 2 })
}

/// What a command's amount is, read as the rules of commands do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// A good amount, in cents.
    Good(i64),
    /// A decimal whose shape the rules leave open (`5.`, `.5`, `+5`), in cents.
    Open(i64),
    /// No amount.
    Bad,
}

/// Reads an amount: at most two fraction digits, more than 0, at most 1,000,000,000,000.00.
pub(super) fn amount(text: &[u8]) -> Amount {
    let Some(Decimal { cents: Some(cents), .. }) = decimal(text) else {
        return Amount::Bad;
    };
    let point = text.iter().position(|&byte| byte == b'.');
    let places = point.map(|at| text.len() - at - 1);
    if cents <= 0 || cents > LARGEST_AMOUNT_CENTS || places.is_some_and(|places| places > 2) {
        return Amount::Bad;
    }
    if text[0].is_ascii_digit() && places != Some(0) {
        Amount::Good(cents)
    } else {
        Amount::Open(cents)
    }
}

/// A whole number without sign.
pub(super) fn integer(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Cents, shown as dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dollars(pub(super) i128);

impl Dollars {
    pub(super) fn of(cents: i64) -> Dollars {
        Dollars(i128::from(cents))
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_every_shape() {
        for (text, cents, in_dollars) in [
            ("63511.53", Some(6_351_153), true),
            ("0.05", Some(5), true),
            ("-73280.58", Some(-7_328_058), true),
            ("5", Some(500), false),
            ("5.", Some(500), false),
            (".5", Some(50), false),
            ("+5.00", Some(500), false),
            ("12.345", None, false),
            ("12.340", Some(1234), false),
            ("92233720368547758.07", Some(i64::MAX), true),
            ("92233720368547758.08", None, true),
            ("999999999999999999999999", None, false),
            ("0000000000000000000000000001.00", Some(100), true),
            ("-0.0000000000000000000000", Some(0), false),
        ] {
            let expected = Some(Decimal { cents, in_dollars });
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
        let beyond = ["9999999999999999999999999", "1.000000000000000000000000"];
        for text in beyond.into_iter().chain(["0.0000000000000000000000001"]) {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        for text in ["", ".", "-", "1e5", "1,0", "1..0", "1.0.0", " 1", "0x1", "١", "--1", "NaN"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn amounts_at_their_bounds() {
        assert_eq!(amount(b"0.01"), Amount::Good(1));
        assert_eq!(amount(b"007.5"), Amount::Good(750));
        assert_eq!(amount(b"1000000000000.00"), Amount::Good(LARGEST_AMOUNT_CENTS));
        for text in ["1000000000000.01", "0.00", "-1.00", "1.000", "1e2", "", "x"] {
            assert_eq!(amount(text.as_bytes()), Amount::Bad, "{text}");
        }
        for text in ["5.", ".05", "+1.00"] {
            assert!(matches!(amount(text.as_bytes()), Amount::Open(_)), "{text}");
        }
    }

    #[test]
    fn dollars_are_shown_with_their_sign() {
        assert_eq!(Dollars(-5).to_string(), "-0.05");
        assert_eq!(Dollars::of(i64::MAX).to_string(), "92233720368547758.07");
    }
}
