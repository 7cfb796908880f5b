//! Records as a Parquet file (<https://parquet.apache.org/docs/file-format/>): columns that have
//! types, for pandas, DuckDB, Spark and their kin. Memory is that of one row group.

use anyhow::{Context as _, anyhow};
use audit_logger::query::Record;
use audit_logger::query::filter::parse_cents;
use domain::trading::Money;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows that are written together: enough for columns to compress well, few enough for memory.
const GROUP_ROWS: usize = 50_000;

/// Sums of cents in 64 bits have up to 19 digits; Parquet holds so many in no integer of its own.
const SUM_BYTES: usize = 9;

const SCHEMA: &str = "
    message audit {
        REQUIRED INT64 entry;
        REQUIRED INT64 transaction;
        REQUIRED INT64 time (TIMESTAMP(MILLIS,true));
        OPTIONAL BYTE_ARRAY user (STRING);
        OPTIONAL BYTE_ARRAY command (STRING);
        OPTIONAL BYTE_ARRAY stock (STRING);
        OPTIONAL FIXED_LEN_BYTE_ARRAY (9) amount (DECIMAL(19,2));
        OPTIONAL BYTE_ARRAY amount_given (STRING);
        REQUIRED BYTE_ARRAY outcome (STRING);
        OPTIONAL FIXED_LEN_BYTE_ARRAY (9) price (DECIMAL(19,2));
        OPTIONAL BOOLEAN cached;
        OPTIONAL INT64 shares;
        OPTIONAL FIXED_LEN_BYTE_ARRAY (9) cash_change (DECIMAL(19,2));
        OPTIONAL BYTE_ARRAY file (STRING);
        OPTIONAL BYTE_ARRAY message (STRING);
    }";

/// A Parquet file that is being written.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Record>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file in `out`.
    pub fn begin(out: W) -> anyhow::Result<ParquetWriter<W>> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("daytrade version ", env!("CARGO_PKG_VERSION")).to_string())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(ParquetWriter { file, rows: Vec::new() })
    }

    /// Takes more records.
    pub fn put(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        for record in records {
            self.rows.push(record);
            if self.rows.len() == GROUP_ROWS {
                self.write_group()?;
            }
        }
        Ok(())
    }

    /// Ends the file; returns where it was written to.
    pub fn finish(mut self) -> anyhow::Result<W> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        Ok(self.file.into_inner()?)
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let number = |row: &Record, number: u64, name: &str| {
            i64::try_from(number)
                .map_err(|_| anyhow!("entry {}: {name} {number} does not fit 63 bits", row.entry))
        };
        let mut group = Columns { group: self.file.next_row_group()?, rows: &rows };
        group.required::<Int64Type>(|row| number(row, row.entry, "its number"))?;
        group.required::<Int64Type>(|row| number(row, row.transaction, "transaction"))?;
        group.required::<Int64Type>(|row| number(row, row.time_ms, "the time"))?;
        group.texts(|row| row.user.as_deref())?;
        group.texts(|row| row.command.as_deref())?;
        group.texts(|row| row.stock.as_deref())?;
        group.sums(|row| row.amount.as_deref().filter(|text| is_plain(text)))?;
        group.texts(|row| row.amount.as_deref().filter(|text| !is_plain(text)))?;
        group.required::<ByteArrayType>(|row| Ok(ByteArray::from(row.outcome.as_str())))?;
        group.sums(|row| row.price.as_deref())?;
        group.optional::<BoolType>(|row| Ok(row.cached))?;
        group.optional::<Int64Type>(|row| {
            row.shares.map(|shares| number(row, shares, "shares")).transpose()
        })?;
        group.sums(|row| row.cash_change.as_deref())?;
        group.texts(|row| row.file.as_deref())?;
        group.texts(|row| row.message.as_deref())?;
        group.group.close()?;
        Ok(())
    }
}

/// Whether a sum is written as we write sums: then nothing of it is lost as a number.
fn is_plain(text: &str) -> bool {
    parse_cents(text).is_some_and(|cents| Money::from_cents(cents).to_string() == text)
}

/// The columns of a row group, one after the other as the schema has them.
struct Columns<'a, W: Write + Send> {
    group: SerializedRowGroupWriter<'a, W>,
    rows: &'a [Record],
}

impl<W: Write + Send> Columns<'_, W> {
    fn required<T: DataType>(
        &mut self,
        value: impl Fn(&Record) -> anyhow::Result<T::T>,
    ) -> anyhow::Result<()> {
        let values: Vec<T::T> = self.rows.iter().map(value).collect::<Result<_, _>>()?;
        self.write::<T>(&values, None)
    }

    fn optional<T: DataType>(
        &mut self,
        value: impl Fn(&Record) -> anyhow::Result<Option<T::T>>,
    ) -> anyhow::Result<()> {
        let mut values = Vec::new();
        let mut there = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            let value = value(row)?;
            there.push(i16::from(value.is_some()));
            values.extend(value);
        }
        self.write::<T>(&values, Some(&there))
    }

    fn texts(&mut self, text: impl Fn(&Record) -> Option<&str>) -> anyhow::Result<()> {
        self.optional::<ByteArrayType>(|row| Ok(text(row).map(ByteArray::from)))
    }

    fn sums(&mut self, text: impl Fn(&Record) -> Option<&str>) -> anyhow::Result<()> {
        self.optional::<FixedLenByteArrayType>(|row| {
            let Some(text) = text(row) else { return Ok(None) };
            let cents = parse_cents(text)
                .ok_or_else(|| anyhow!("entry {}: {text} is no sum of cents", row.entry))?;
            // Whole cents, the highest byte first, with the sign in front of all.
            let bytes = i128::from(cents).to_be_bytes();
            let bytes = bytes[bytes.len() - SUM_BYTES..].to_vec();
            Ok(Some(FixedLenByteArray::from(bytes)))
        })
    }

    fn write<T: DataType>(&mut self, values: &[T::T], there: Option<&[i16]>) -> anyhow::Result<()> {
        let mut column = self.group.next_column()?.context("the schema has as many columns")?;
        column.typed::<T>().write_batch(values, there, None)?;
        Ok(column.close()?)
    }
}
