//! Money, prices and shares: whole numbers only, every operation checked.

use std::fmt;
use std::num::NonZeroI64;

/// A sum of money in whole cents. Never a fraction, never a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);

    /// `cents` as money.
    pub const fn from_cents(cents: i64) -> Money {
        Money(cents)
    }

    /// The sum in cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// The sum, or `None` where 64 bits do not hold it.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference, or `None` where it would be negative: no balance of this system is.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        if other.0 > self.0 { None } else { Some(Money(self.0 - other.0)) }
    }

    /// Appends the sum as dollars with two decimals (`-73280.58`).
    pub fn write_dollars(self, out: &mut Vec<u8>) {
        let magnitude = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        write_decimal(magnitude / 100, out);
        let cents = (magnitude % 100) as u8;
        out.extend_from_slice(&[b'.', b'0' + cents / 10, b'0' + cents % 10]);
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

/// Appends `number` in decimal digits.
pub fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The amount of a command: at least one cent, at most [`Amount::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroI64);

impl Amount {
    /// 1,000,000,000,000.00 dollars: the largest amount a command may name.
    pub const MAX: Money = Money(100_000_000_000_000);

    /// `money` as an amount, or `None` where it is out of bounds.
    pub fn new(money: Money) -> Option<Amount> {
        if money < Money::ZERO || money > Self::MAX {
            return None;
        }
        NonZeroI64::new(money.0).map(Amount)
    }

    /// Reads digits, optionally followed by a point and one or two digits.
    /// Returns `None` for any other text and for a sum out of bounds.
    pub fn parse(text: &[u8]) -> Option<Amount> {
        let mut cents: i64 = 0;
        let mut digits = 0;
        let mut rest = text.iter();
        let mut fraction: Option<u8> = None;
        for &byte in rest.by_ref() {
            match byte {
                b'0'..=b'9' => {
                    // 1e16 is far above MAX and far below overflow.
                    if cents > 10_000_000_000_000_000 {
                        return None;
                    }
                    cents = cents * 10 + i64::from(byte - b'0');
                    digits += 1;
                    if let Some(places) = fraction.as_mut() {
                        *places += 1;
                        if *places > 2 {
                            return None;
                        }
                    }
                }
                b'.' if fraction.is_none() && digits > 0 => fraction = Some(0),
                _ => return None,
            }
        }
        if digits == 0 {
            return None;
        }
        let scale = match fraction {
            None => 100,
            Some(1) => 10,
            Some(2) => 1,
            _ => return None,
        };
        Amount::new(Money(cents.checked_mul(scale)?))
    }

    /// The amount as money.
    pub const fn money(self) -> Money {
        Money(self.0.get())
    }
}

/// The price of one share in whole cents: at least one cent, at most [`Price::MAX_CENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

impl Price {
    /// 1,000,000.00 dollars: what lies above is taken for a corrupt quote (real ones end at 4,999).
    pub const MAX_CENTS: i64 = 100_000_000;

    /// `cents` as a price, or `None` where it is out of bounds.
    pub const fn from_cents(cents: i64) -> Option<Price> {
        if cents >= 1 && cents <= Self::MAX_CENTS { Some(Price(cents)) } else { None }
    }

    /// Reads a price as the quote server writes it: `58.17`, at most two decimals.
    pub fn parse(text: &[u8]) -> Option<Price> {
        Price::from_cents(Amount::parse(text)?.money().cents())
    }

    /// The price in cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// The price of one share as money.
    pub const fn money(self) -> Money {
        Money(self.0)
    }

    /// How many whole shares `amount` pays for.
    pub fn shares_for(self, amount: Money) -> Shares {
        Shares((amount.0.max(0) / self.0) as u64)
    }

    /// What `shares` cost, or `None` where 64 bits do not hold it.
    pub fn cost_of(self, shares: Shares) -> Option<Money> {
        i64::try_from(shares.0).ok()?.checked_mul(self.0).map(Money)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.money().fmt(f)
    }
}

/// A whole number of shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shares(u64);

impl Shares {
    /// No shares.
    pub const ZERO: Shares = Shares(0);

    /// `count` shares.
    pub const fn new(count: u64) -> Shares {
        Shares(count)
    }

    /// The number of shares.
    pub const fn count(self) -> u64 {
        self.0
    }

    /// The sum, or `None` where 64 bits do not hold it.
    pub fn checked_add(self, other: Shares) -> Option<Shares> {
        self.0.checked_add(other.0).map(Shares)
    }

    /// The difference, or `None` where it would be negative.
    pub fn checked_sub(self, other: Shares) -> Option<Shares> {
        self.0.checked_sub(other.0).map(Shares)
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_decimals_with_at_most_two_fraction_digits() {
        for (text, cents) in [
            ("1", Some(100)),
            ("0.01", Some(1)),
            ("63511.53", Some(6_351_153)),
            ("007.5", Some(750)),
            ("1000000000000.00", Some(100_000_000_000_000)),
            ("1000000000000.01", None),
            ("99999999999999999999999999", None),
            ("0.00", None),
            ("0", None),
            ("-73280.58", None),
            ("1e9", None),
            ("12.345", None),
            ("12.", None),
            (".5", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            (" 1", None),
            ("+1", None),
            ("NaN", None),
        ] {
            let read = Amount::parse(text.as_bytes()).map(|amount| amount.money().cents());
            assert_eq!(read, cents, "{text:?}");
        }
    }

    #[test]
    fn money_is_written_in_dollars() {
        for (cents, text) in [(0, "0.00"), (5, "0.05"), (-7_328_058, "-73280.58"), (100, "1.00")] {
            let mut out = Vec::new();
            Money::from_cents(cents).write_dollars(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(Money::from_cents(cents).to_string(), text);
        }
    }

    #[test]
    fn a_price_divides_an_amount_into_whole_shares() {
        let price = Price::parse(b"3.00").unwrap();
        assert_eq!(price.shares_for(Money::from_cents(899)), Shares::new(2));
        assert_eq!(price.cost_of(Shares::new(2)), Some(Money::from_cents(600)));
        assert_eq!(price.cost_of(Shares::new(u64::MAX)), None);
    }
}
