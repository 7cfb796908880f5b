//! Rows in the binary form of COPY (PostgreSQL manual, "COPY", "Binary Format"): a header, rows of
//! fields that each begin with their length, and an end. Written by hand, because a value a call
//! through a table of types costs more than the rest of a row.

use super::row::{COLUMNS, Row, Symbol};
use crate::follow::Record;
use bytes::{BufMut, Bytes, BytesMut};

/// What every copy begins with: signature, no flags, no extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// 2000-01-01, from which Postgres counts, in Unix milliseconds.
const EPOCH_MS: i64 = 946_684_800_000;

/// The end of the year 9999, in Unix milliseconds: what lies beyond is no time that anybody traded
/// at, and past what other programs can read.
const LAST_MS: u64 = 253_402_300_799_999;

/// A time in Unix milliseconds as the table can hold it.
pub(crate) fn sane_ms(ms: u64) -> i64 {
    ms.min(LAST_MS) as i64
}

/// A time in Unix milliseconds as Postgres has it: microseconds since 2000.
pub(super) fn micros_of(ms: u64) -> i64 {
    (sane_ms(ms) - EPOCH_MS) * 1000
}

/// Rows on their way.
pub struct Rows {
    log: i32,
    bytes: BytesMut,
}

impl Rows {
    /// Rows of the log with that number, none yet.
    pub fn begin(log: i32) -> Rows {
        let mut bytes = BytesMut::with_capacity(super::COPY_CHUNK + 4096);
        bytes.put_slice(HEADER);
        Rows { log, bytes }
    }

    /// Bytes that were not taken yet.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes what there is.
    pub fn take(&mut self) -> Bytes {
        let taken = self.bytes.split().freeze();
        self.bytes.reserve(super::COPY_CHUNK + 4096);
        taken
    }

    /// Ends the rows and takes the rest.
    pub fn end(mut self) -> Bytes {
        self.bytes.put_i16(-1);
        self.bytes.freeze()
    }

    /// The row of an entry alone, of log 0: what a fingerprint is made of.
    pub(super) fn one(record: &Record<'_>) -> BytesMut {
        let mut rows = Rows { log: 0, bytes: BytesMut::new() };
        rows.push(record);
        rows.bytes
    }

    /// Appends the row of an entry, in the order of [`COLUMNS`].
    pub fn push(&mut self, record: &Record<'_>) {
        let row = Row::of(record);
        self.bytes.put_i16(COLUMNS.len() as i16);
        self.big(Some(count(row.entry)));
        self.big(Some(count(row.transaction)));
        self.big(Some(micros_of(row.at_ms)));
        self.big(row.received_ms.map(micros_of));
        self.big(row.amount.map(|amount| amount.cents()));
        self.big(row.price.map(|price| price.cents()));
        self.big(row.shares.map(|shares| count(shares.count())));
        self.big(row.cash_change_cents);
        self.big(row.opened_by.map(count));
        self.big(row.fill.map(|fill| fill.price.cents()));
        self.big(row.fill.map(|fill| count(fill.shares.count())));
        self.big(row.fill.map(|fill| fill.cash.cents()));
        self.big(row.quote_server_time_ms.map(count));
        self.bytes.put_i32(4);
        self.bytes.put_i32(self.log);
        match row.cached {
            Some(cached) => {
                self.bytes.put_i32(1);
                self.bytes.put_u8(u8::from(cached));
            }
            None => self.bytes.put_i32(-1),
        }
        self.text(Some(row.kind));
        self.text(row.command.map(|command| command.as_str()));
        self.text(row.user);
        match row.stock {
            Some(Symbol::Stock(stock)) => self.text(Some(stock.letters().as_str())),
            Some(Symbol::AsGiven(text)) => self.text(Some(text)),
            None => self.text(None),
        }
        self.text(row.code);
        self.text(row.message.as_deref());
        self.text(row.filename);
        self.text(row.cryptokey);
        self.bytes.put_i32(row.body.len() as i32);
        self.bytes.put_slice(row.body);
    }

    fn big(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.bytes.put_i32(8);
                self.bytes.put_i64(value);
            }
            None => self.bytes.put_i32(-1),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        let Some(text) = value else {
            self.bytes.put_i32(-1);
            return;
        };
        if text.contains('\0') {
            // The one character that Postgres cannot hold.
            let text = text.replace('\0', "\u{fffd}");
            self.bytes.put_i32(text.len() as i32);
            self.bytes.put_slice(text.as_bytes());
        } else {
            self.bytes.put_i32(text.len() as i32);
            self.bytes.put_slice(text.as_bytes());
        }
    }
}

/// A number without a sign in a column with one.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
