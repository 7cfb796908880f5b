//! What entries and accounts are made of: how each part is written and read.

use super::decode::{DecodeError, Reader};
use crate::trading::entry::PriceUsed;
use crate::trading::{
    Amount, DumpFile, Fill, Money, Price, Shares, Stock, TransactionNum, UserName,
};

/// Whether a value could be written, or what of it the format cannot hold.
pub(in crate::trading) type Put = Result<(), &'static str>;

/// A part of an entry.
pub(in crate::trading) trait Field: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>) -> Put;

    /// Reads it.
    fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Values of every form that it has, for tests.
    fn examples() -> Vec<Self>;
}

/// As many examples of a structure are made as the field with the most forms has: the commands.
const EXAMPLES: usize = 17;

/// The `nth` example of a field, beginning again behind the last.
pub(in crate::trading) fn example<T: Field>(nth: usize) -> Option<T> {
    let mut all = T::examples();
    let at = nth.checked_rem(all.len())?;
    Some(all.swap_remove(at))
}

/// What `make` makes of the number of each example.
pub(in crate::trading) fn several<T>(make: impl Fn(usize) -> Option<T>) -> impl Iterator<Item = T> {
    (0..EXAMPLES).filter_map(make)
}

/// Appends a number.
pub fn put_u64(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a text with its length.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    put_u64(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn price_of(cents: u64) -> Option<Price> {
    Price::from_cents(i64::try_from(cents).ok()?)
}

/// A time in Unix milliseconds.
impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_u64(*self, out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
        reader.u64("a time")
    }

    fn examples() -> Vec<u64> {
        vec![1_767_225_600_000, 0, u64::MAX]
    }
}

/// No sum in the log is negative: movements name their direction.
impl Field for Money {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_u64(u64::try_from(self.cents()).map_err(|_| "a sum of money is negative")?, out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Money, DecodeError> {
        let cents = reader.u64("a sum of money")?;
        i64::try_from(cents).map(Money::from_cents).map_err(|_| reader.error("a sum of money"))
    }

    fn examples() -> Vec<Money> {
        [31_415, 0, i64::MAX].map(Money::from_cents).into()
    }
}

impl Field for Amount {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.money().put(out)
    }

    fn take(reader: &mut Reader<'_>) -> Result<Amount, DecodeError> {
        Amount::new(Money::take(reader)?).ok_or_else(|| reader.error("an amount"))
    }

    fn examples() -> Vec<Amount> {
        [Money::from_cents(27_683), Money::from_cents(1), Amount::MAX]
            .into_iter()
            .filter_map(Amount::new)
            .collect()
    }
}

impl Field for Price {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        // A price is never negative.
        put_u64(self.cents() as u64, out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Price, DecodeError> {
        let cents = reader.u64("a price")?;
        price_of(cents).ok_or_else(|| reader.error("a price"))
    }

    fn examples() -> Vec<Price> {
        [4_217, 1, Price::MAX_CENTS].into_iter().filter_map(Price::from_cents).collect()
    }
}

impl Field for Shares {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_u64(self.count(), out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Shares, DecodeError> {
        reader.u64("a number of shares").map(Shares::new)
    }

    fn examples() -> Vec<Shares> {
        [200, 0, u64::MAX].map(Shares::new).into()
    }
}

impl Field for Stock {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let letters = self.letters();
        let mut bytes = [0; 3];
        bytes[..letters.as_bytes().len()].copy_from_slice(letters.as_bytes());
        out.extend_from_slice(&bytes);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Stock, DecodeError> {
        let bytes = reader.take(3, "a stock")?;
        let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(3);
        let padded = bytes[len..].iter().all(|&byte| byte == 0);
        let stock = Stock::parse(&bytes[..len]).filter(|_| padded);
        stock.ok_or_else(|| reader.error("a stock"))
    }

    fn examples() -> Vec<Stock> {
        [&b"S"[..], b"ab", b"XYZ"].into_iter().filter_map(Stock::parse).collect()
    }
}

impl Field for TransactionNum {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_u64(self.0, out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<TransactionNum, DecodeError> {
        reader.u64("a transaction number").map(TransactionNum)
    }

    fn examples() -> Vec<TransactionNum> {
        [300, 1, u64::MAX].map(TransactionNum).into()
    }
}

impl Field for UserName {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_text(self.as_str(), out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<UserName, DecodeError> {
        let text = reader.text("a user name")?;
        UserName::parse(text.as_bytes()).ok_or_else(|| reader.error("a user name"))
    }

    fn examples() -> Vec<UserName> {
        let longest = "x".repeat(UserName::MAX_LEN);
        ["u", "a.b@c-d_e", &longest]
            .into_iter()
            .filter_map(|name| UserName::parse(name.as_bytes()))
            .collect()
    }
}

impl Field for DumpFile {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_text(self.as_given(), out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<DumpFile, DecodeError> {
        DumpFile::logged(reader.text("a file name")?).ok_or_else(|| reader.error("a file name"))
    }

    fn examples() -> Vec<DumpFile> {
        // What version 1 of the format admits stays readable, whatever is taken from users today.
        let longest = format!("{}{}", "folder/".repeat(9_000), "x".repeat(DumpFile::MAX_LEN));
        ["./testLOG", "\u{e9} & <b>", &longest].into_iter().filter_map(DumpFile::logged).collect()
    }
}

impl Field for Box<str> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_text(self, out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Box<str>, DecodeError> {
        reader.text("a text").map(Into::into)
    }

    fn examples() -> Vec<Box<str>> {
        vec!["ZcwK=".into(), "".into(), "\u{1f4b8} ".repeat(60).into()]
    }
}

impl Field for Option<Box<str>> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(u8::from(self.is_some()));
        self.as_ref().map_or(Ok(()), |text| text.put(out))
    }

    fn take(reader: &mut Reader<'_>) -> Result<Option<Box<str>>, DecodeError> {
        match reader.u8("whether a text follows")? {
            0 => Ok(None),
            1 => Field::take(reader).map(Some),
            _ => Err(reader.error("whether a text follows")),
        }
    }

    fn examples() -> Vec<Option<Box<str>>> {
        [None].into_iter().chain(Box::<str>::examples().into_iter().map(Some)).collect()
    }
}

/// None is 0; else twice the cents, and one more where another command had asked for the price.
impl Field for Option<PriceUsed> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let code = |used: PriceUsed| (used.price.cents() as u64) << 1 | u64::from(used.cached);
        put_u64(self.map_or(0, code), out);
        Ok(())
    }

    fn take(reader: &mut Reader<'_>) -> Result<Option<PriceUsed>, DecodeError> {
        let code = reader.u64("a price")?;
        if code == 0 {
            return Ok(None);
        }
        let price = price_of(code >> 1).ok_or_else(|| reader.error("a price"))?;
        Ok(Some(PriceUsed { price, cached: code & 1 == 1 }))
    }

    fn examples() -> Vec<Option<PriceUsed>> {
        let used =
            |cached| Price::examples().into_iter().map(move |price| PriceUsed { price, cached });
        [None].into_iter().chain(used(false).chain(used(true)).map(Some)).collect()
    }
}

/// None is 0, which is no price.
impl Field for Option<Fill> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        match self {
            None => {
                out.push(0);
                Ok(())
            }
            Some(fill) => fill.put(out),
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Option<Fill>, DecodeError> {
        let cents = reader.u64("a price")?;
        if cents == 0 {
            return Ok(None);
        }
        let price = price_of(cents).ok_or_else(|| reader.error("a price"))?;
        Ok(Some(Fill { price, shares: Field::take(reader)?, cash: Field::take(reader)? }))
    }

    fn examples() -> Vec<Option<Fill>> {
        [None].into_iter().chain(Fill::examples().into_iter().map(Some)).collect()
    }
}
