//! What stands in Redis for a price: `v1 CENTS TRANSACTION`. Its stock is in the key, its age in
//! the key's expiry.
//!
//! Whatever else is found there was not written by this program, or by another version of it, and
//! is no price.

use domain::trading::{Price, TransactionNum};

/// Changes when the form does, so that processes of two versions take nothing from each other.
const VERSION: &str = "v1";

/// The longest text that is a value.
const MAX_LEN: usize = VERSION.len() + 1 + 9 + 1 + 20;

/// A price as text.
pub(super) fn write(price: Price, asked_by: TransactionNum) -> String {
    format!("{VERSION} {} {asked_by}", price.cents())
}

/// Reads what [`write`] wrote, and nothing else.
pub(super) fn read(bytes: &[u8]) -> Option<(Price, TransactionNum)> {
    if bytes.len() > MAX_LEN {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let (version, rest) = text.split_once(' ')?;
    let (cents, transaction) = rest.split_once(' ')?;
    let price = Price::from_cents(cents.parse().ok()?)?;
    let asked_by = TransactionNum(transaction.parse().ok()?);
    // A sign or leading zeros are read as numbers, and are not of our writing.
    let ours = version == VERSION && write(price, asked_by) == text;
    ours.then_some((price, asked_by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_price_is_read_as_it_was_written(cents in 1..=Price::MAX_CENTS, number: u64) {
            let price = Price::from_cents(cents).unwrap();
            let text = write(price, TransactionNum(number));
            prop_assert!(text.len() <= MAX_LEN);
            prop_assert_eq!(read(text.as_bytes()), Some((price, TransactionNum(number))));
        }

        #[test]
        fn what_is_read_as_a_price_was_written_as_one(bytes in "(v1|v2)? ?[-+0-9]{0,3} ?[-+0-9]{0,3}") {
            if let Some((price, asked_by)) = read(bytes.as_bytes()) {
                prop_assert_eq!(write(price, asked_by), bytes);
            }
        }

        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn strangers_values_are_no_prices() {
        let strange: &[&[u8]] = &[
            b"",
            b"100",
            b"v1",
            b"v1 100",
            b"v2 100 7",
            b"v1 0 7",
            b"v1 -100 7",
            b"v1 +100 7",
            b"v1 0100 7",
            b"v1 100 07",
            b"v1 1.00 7",
            b"v1 NaN 7",
            b"v1 100 7 ",
            b" v1 100 7",
            b"v1  100 7",
            b"v1 100 7\n",
            b"v1 100000001 7",
            b"v1 100 18446744073709551616",
            b"v1 \xff 7",
            b"{\"price\":100}",
        ];
        for bytes in strange {
            assert_eq!(read(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(read(b"v1 100 7").is_some());
    }
}
