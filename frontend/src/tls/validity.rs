//! From when to when a certificate is good, as it says itself (RFC 5280, 4.1.2.5). Nothing else of
//! it is read.

use jiff::civil::DateTime;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first and the last second, in UTC; none where this is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(DateTime, DateTime)> {
    let mut certificate = inside(&mut &*certificate, SEQUENCE)?;
    let mut fields = inside(&mut certificate, SEQUENCE)?;
    let (first, _) = element(&mut fields)?;
    if first == VERSION {
        // The serial number comes behind it.
        element(&mut fields)?;
    }
    let _signature = inside(&mut fields, SEQUENCE)?;
    let _issuer = inside(&mut fields, SEQUENCE)?;
    let mut times = inside(&mut fields, SEQUENCE)?;
    Some((time(&mut times)?, time(&mut times)?))
}

/// The next element of DER: its tag and what it holds.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, behind) = rest.split_first()?;
    let (first, behind) = behind.split_first()?;
    let (length, behind) = match first {
        0..=0x7f => (usize::from(*first), behind),
        0x81..=0x84 => {
            let (digits, behind) = behind.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            (usize::try_from(length).ok()?, behind)
        }
        _ => return None,
    };
    let (held, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some((*tag, held))
}

/// What the next element holds, if it is of this kind.
fn inside<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(found, _)| *found == tag).map(|(_, held)| held)
}

fn time(rest: &mut &[u8]) -> Option<DateTime> {
    let (tag, text) = element(rest)?;
    let digits = text.strip_suffix(b"Z")?;
    let number = |bytes: &[u8]| {
        bytes.iter().try_fold(0i16, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0'))
        })
    };
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut parts = [0i8; 5];
    if rest.len() != 2 * parts.len() {
        return None;
    }
    for (part, two) in parts.iter_mut().zip(rest.chunks(2)) {
        *part = i8::try_from(number(two)?).ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// A certificate as far as it is read.
    fn certificate(version: bool, from: &[u8], until: &[u8]) -> Vec<u8> {
        let element = |tag: u8, held: &[u8]| {
            let mut bytes = vec![tag, 0x82];
            bytes.extend((held.len() as u16).to_be_bytes());
            bytes.extend(held);
            bytes
        };
        let version = if version { element(VERSION, &[2, 1, 2]) } else { Vec::new() };
        let fields = [
            version,
            element(2, &[1; 20]),
            element(SEQUENCE, b"how it is signed"),
            element(SEQUENCE, &[b'i'; 300]),
            element(SEQUENCE, &[from, until].concat()),
            element(SEQUENCE, b"whose it is"),
        ];
        element(SEQUENCE, &element(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        for version in [true, false] {
            let made = certificate(version, b"\x17\x0d491231235959Z", b"\x18\x0f99991231235959Z");
            let from = date(2049, 12, 31).at(23, 59, 59, 0);
            assert_eq!(validity(&made), Some((from, date(9999, 12, 31).at(23, 59, 59, 0))));
        }
        let made = certificate(true, b"\x17\x0d500101000000Z", b"\x17\x0d000229120000Z");
        let from = date(1950, 1, 1).at(0, 0, 0, 0);
        assert_eq!(validity(&made), Some((from, date(2000, 2, 29).at(12, 0, 0, 0))));
    }

    #[test]
    fn what_is_no_certificate_has_no_times() {
        let good = certificate(true, b"\x17\x0d491231235959Z", b"\x17\x0d491231235959Z");
        assert!(validity(&good).is_some());
        (0..good.len()).for_each(|length| assert_eq!(validity(&good[..length]), None, "{length}"));
        for time in [
            &b"\x17\x0d491331235959Z"[..],
            b"\x17\x0d490230235959Z",
            b"\x17\x0d490228245959Z",
            b"\x17\x0d4902282a5959Z",
            b"\x17\x0b4902282359Z",
            b"\x17\x11490228235959+0100",
            b"\x04\x0d490228235959Z",
            b"\x17\x84\xff\xff\xff\xff",
        ] {
            assert_eq!(validity(&certificate(true, time, time)), None, "{time:?}");
        }
    }
}
