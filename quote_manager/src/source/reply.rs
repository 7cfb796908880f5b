//! Reading the one line of a quote server's reply. Pure: whatever the bytes are, the answer is a
//! quote or the reason why it is none.

use domain::trading::{Price, Stock, UserName};
use thiserror::Error;

/// The longest reply line that is read, its ending included.
///
/// A real reply takes about 100 bytes; the longest well-formed one (7 digits of price, 3 letters,
/// 64 bytes of user name, 13 digits of time, a key of 56) stays under 160. The rest is room for
/// longer keys.
pub const MAX_LINE: usize = 512;

/// The most digits of a server time in milliseconds: enough until the year 2286.
const MAX_TIME_DIGITS: usize = 13;

/// A quote as the server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteReply {
    /// The price of one share.
    pub price: Price,
    /// The server's clock at the quote, in Unix milliseconds. It can be minutes off, so it is
    /// logged and never reckoned with.
    pub server_time_ms: u64,
    /// What the server signs the quote with: base64, without a line ending.
    pub cryptokey: Box<str>,
}

/// Why a reply is no quote. The texts are printable ASCII on one line, whatever was received.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadReply {
    /// The server answered `NA`: it took the request for a bad one.
    #[error("expected a quote, the server answered NA")]
    NotAQuote,
    /// The connection ended without a byte of reply.
    #[error("expected a quote, the server closed without a reply")]
    Empty,
    /// The connection ended in the middle of the line.
    #[error("expected a line ending, the server closed after {received} bytes")]
    Truncated {
        /// Bytes received before the end.
        received: usize,
    },
    /// The line does not end within [`MAX_LINE`].
    #[error("expected a line of at most {MAX_LINE} bytes, it is longer")]
    TooLong,
    /// Something follows the line.
    #[error("expected one line, {extra} bytes follow it")]
    MoreThanOneLine {
        /// Bytes after the line's ending.
        extra: usize,
    },
    /// The line is not text.
    #[error("expected UTF-8 text, byte {at} is none")]
    NotUtf8 {
        /// Where the text ends, in bytes from the start of the line.
        at: usize,
    },
    /// There are more or fewer commas than in a quote.
    #[error("expected 5 fields (price, stock, user, time, cryptokey), found {found}")]
    WrongFieldCount {
        /// The number of fields found.
        found: usize,
    },
    /// The price is no positive decimal with at most two fraction digits, or out of bounds.
    #[error("expected a positive decimal price, found \"{found}\"")]
    BadPrice {
        /// The field, escaped and cut short.
        found: Box<str>,
    },
    /// The reply is about another stock than the one that was asked for.
    #[error("expected stock {asked}, found \"{found}\"")]
    WrongStock {
        /// The stock asked for.
        asked: Stock,
        /// The field, escaped and cut short.
        found: Box<str>,
    },
    /// The reply is for another user than the one who asked.
    #[error("expected user {asked}, found \"{found}\"")]
    WrongUser {
        /// The user who asked.
        asked: UserName,
        /// The field, escaped and cut short.
        found: Box<str>,
    },
    /// The server's time is no number of at most 13 digits.
    #[error("expected a time in milliseconds, found \"{found}\"")]
    BadTimestamp {
        /// The field, escaped and cut short.
        found: Box<str>,
    },
    /// The key is empty or holds something else than base64.
    #[error("expected a base64 cryptokey, found \"{found}\"")]
    BadCryptokey {
        /// The field, escaped and cut short.
        found: Box<str>,
    },
}

/// Reads `line`, everything a server sent in reply to `asked_user` asking for `asked_stock`.
///
/// A quote is `price,stock,user,time,cryptokey` and an ending, `\n` or `\r\n`. Stock and user
/// must echo the request to the letter.
///
/// # Errors
///
/// The first thing in the line that does not fit a quote.
pub fn parse_reply(
    line: &[u8],
    asked_stock: Stock,
    asked_user: &UserName,
) -> Result<QuoteReply, BadReply> {
    let text = one_line(line)?;
    let mut fields = [&[][..]; 5];
    let mut found = 0;
    for field in text.split(|&byte| byte == b',') {
        if let Some(place) = fields.get_mut(found) {
            *place = field;
        }
        found += 1;
    }
    if found != fields.len() {
        return Err(BadReply::WrongFieldCount { found });
    }
    let [price, stock, user, time, cryptokey] = fields;
    let price = Price::parse(price).ok_or_else(|| BadReply::BadPrice { found: excerpt(price) })?;
    if stock != asked_stock.letters().as_bytes() {
        return Err(BadReply::WrongStock { asked: asked_stock, found: excerpt(stock) });
    }
    if user != asked_user.as_str().as_bytes() {
        return Err(BadReply::WrongUser { asked: asked_user.clone(), found: excerpt(user) });
    }
    let server_time_ms =
        parse_time(time).ok_or_else(|| BadReply::BadTimestamp { found: excerpt(time) })?;
    let cryptokey = parse_cryptokey(cryptokey)
        .ok_or_else(|| BadReply::BadCryptokey { found: excerpt(cryptokey) })?;
    Ok(QuoteReply { price, server_time_ms, cryptokey: cryptokey.into() })
}

/// What stands before the ending of the only line in `received`.
fn one_line(received: &[u8]) -> Result<&[u8], BadReply> {
    let ending = received.iter().position(|&byte| byte == b'\n');
    let text = &received[..ending.unwrap_or(received.len())];
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    // A refusal is understood before its form is judged: servers differ in how they end it.
    if text == b"NA" {
        return Err(BadReply::NotAQuote);
    }
    match ending {
        _ if received.is_empty() => Err(BadReply::Empty),
        None if received.len() < MAX_LINE => Err(BadReply::Truncated { received: received.len() }),
        None => Err(BadReply::TooLong),
        Some(at) if at >= MAX_LINE => Err(BadReply::TooLong),
        Some(at) if at + 1 < received.len() => {
            Err(BadReply::MoreThanOneLine { extra: received.len() - at - 1 })
        }
        Some(_) => match std::str::from_utf8(text) {
            Ok(_) => Ok(text),
            Err(error) => Err(BadReply::NotUtf8 { at: error.valid_up_to() }),
        },
    }
}

fn parse_time(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MAX_TIME_DIGITS {
        return None;
    }
    digits.iter().try_fold(0u64, |time, &byte| {
        byte.is_ascii_digit().then(|| time * 10 + u64::from(byte - b'0'))
    })
}

/// `key` as text where it is base64 with at most two `=` at its end. Its length is not judged:
/// nothing says that every quote server pads.
fn parse_cryptokey(key: &[u8]) -> Option<&str> {
    let padding = key.iter().rev().take_while(|&&byte| byte == b'=').count();
    let body = &key[..key.len() - padding];
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if body.is_empty() || padding > 2 || !body.iter().all(is_base64) {
        return None;
    }
    std::str::from_utf8(key).ok()
}

/// The start of `field` as printable ASCII, for an error message.
fn excerpt(field: &[u8]) -> Box<str> {
    const LONGEST: usize = 40;
    let cut = &field[..field.len().min(LONGEST)];
    let dots = if cut.len() < field.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "ZcwKUqtHPq/PaprbZRKrFSw+zuIQiYA5XlEfLUkxkUIsWaN0xSiiWw==";

    fn parse(line: &[u8]) -> Result<QuoteReply, BadReply> {
        let (stock, user) = (Stock::parse(b"APP").unwrap(), UserName::parse(b"robodwye").unwrap());
        parse_reply(line, stock, &user)
    }

    #[test]
    fn the_documented_example_is_a_quote_with_either_line_ending() {
        for ending in ["\n", "\r\n"] {
            let line = format!("58.17,APP,robodwye,1330546050315,{KEY}{ending}");
            let expected = QuoteReply {
                price: Price::from_cents(5_817).unwrap(),
                server_time_ms: 1_330_546_050_315,
                cryptokey: KEY.into(),
            };
            assert_eq!(parse(line.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn whatever_is_no_quote_is_refused_for_its_reason() {
        let long = format!("1,APP,robodwye,1,{}\n", "A".repeat(MAX_LINE));
        for (line, reason) in [
            ("", "the server closed without a reply"),
            ("NA", "answered NA"),
            ("NA\n", "answered NA"),
            ("NA\r\n", "answered NA"),
            ("\n", "found 1"),
            ("\r\n", "found 1"),
            ("58.17,APP,robodwye,1330546050315,Zcw", "closed after 36 bytes"),
            ("58.17,APP,robodwye,1,Zcw==\nZcw==\n", "6 bytes follow"),
            ("58.17,APP,robodwye,1\n", "found 4"),
            ("58.17,APP,robodwye,1,Zcw,\n", "found 6"),
            ("-58.17,APP,robodwye,1,Zcw\n", "positive decimal price, found \"-58.17\""),
            ("0.00,APP,robodwye,1,Zcw\n", "found \"0.00\""),
            ("58.177,APP,robodwye,1,Zcw\n", "found \"58.177\""),
            ("NaN,APP,robodwye,1,Zcw\n", "found \"NaN\""),
            ("1000000.01,APP,robodwye,1,Zcw\n", "found \"1000000.01\""),
            (" 58.17,APP,robodwye,1,Zcw\n", "found \" 58.17\""),
            ("58.17,APPL,robodwye,1,Zcw\n", "expected stock APP, found \"APPL\""),
            ("58.17,app,robodwye,1,Zcw\n", "expected stock APP, found \"app\""),
            ("58.17,APP,robodwy,1,Zcw\n", "expected user robodwye, found \"robodwy\""),
            ("58.17,APP,robodwye,,Zcw\n", "time in milliseconds, found \"\""),
            ("58.17,APP,robodwye,-1,Zcw\n", "found \"-1\""),
            ("58.17,APP,robodwye,12345678901234,Zcw\n", "found \"12345678901234\""),
            ("58.17,APP,robodwye,1,\n", "base64 cryptokey, found \"\""),
            ("58.17,APP,robodwye,1,==\n", "found \"==\""),
            ("58.17,APP,robodwye,1,Zc w=\n", "found \"Zc w=\""),
            ("58.17,APP,robodwye,1,Zc\rw=\n", "found \"Zc\\rw=\""),
            ("58.17,APP,robodwye,1,Zc=w\n", "found \"Zc=w\""),
            ("58.17,APP,robodwye,1,Zcw===\n", "found \"Zcw===\""),
            ("58.17,APP,robodwye,1,ü\n", "found \"\\xc3\\xbc\""),
            (&long, "at most 512 bytes"),
            (long.trim_end(), "at most 512 bytes"),
        ] {
            let message = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(reason), "{line:?}: {message}");
        }
        assert_eq!(parse(b"58.17,\xff\n"), Err(BadReply::NotUtf8 { at: 6 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_or_its_message_unprintable(
            line in proptest::collection::vec(any::<u8>(), 0..700),
        ) {
            if let Err(bad) = parse(&line) {
                prop_assert!(bad.to_string().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }

        #[test]
        fn a_byte_changed_on_the_way_never_passes_as_another_stock_or_user(
            at in 0usize..90, byte in any::<u8>(),
        ) {
            let intact = format!("58.17,APP,robodwye,1330546050315,{KEY}\n").into_bytes();
            let mut line = intact.clone();
            line[at] = byte;
            let echo = 5..19;
            if echo.contains(&at) && line != intact {
                prop_assert!(parse(&line).is_err());
            }
        }

        #[test]
        fn every_well_formed_line_is_read_back(
            cents in 1..=Price::MAX_CENTS,
            stock in "[A-Za-z]{1,3}",
            user in "[A-Za-z0-9_.@-]{1,64}",
            time in 0u64..10_000_000_000_000,
            key in "[A-Za-z0-9+/]{1,200}={0,2}",
        ) {
            let price = Price::from_cents(cents).unwrap();
            let line = format!("{price},{stock},{user},{time},{key}\n");
            let asked = Stock::parse(stock.as_bytes()).unwrap();
            let reply = parse_reply(
                line.as_bytes(), asked, &UserName::parse(user.as_bytes()).unwrap(),
            );
            prop_assert_eq!(
                reply,
                Ok(QuoteReply { price, server_time_ms: time, cryptokey: key.into() })
            );
        }
    }
}
