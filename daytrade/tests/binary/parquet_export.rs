//! A Parquet export holds what the JSON lines hold, read back by the library's own reader.

use crate::common::{Ended, daytrade, end, run, sample, text, write_workload};
use audit_logger::query::Record;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::fs::{self, File};
use std::path::Path;

fn export(out: &Path, form: &str, more: &[&str]) -> Ended {
    let arguments = ["audit", "export", "--data", text(out), "--format", form];
    run(&[&arguments[..], more].concat()).with(0)
}

/// A sum of a column as it is written elsewhere.
fn sum(field: &Field) -> Option<String> {
    let Field::Decimal(decimal) = field else { return None };
    assert_eq!((decimal.precision(), decimal.scale()), (19, 2));
    let bytes = decimal.data();
    let negative = bytes[0] >= 0x80;
    let start = if negative { -1_i128 } else { 0 };
    let cents = bytes.iter().fold(start, |sum, byte| (sum << 8) | i128::from(*byte));
    let dollars = format!("{}.{:02}", cents.abs() / 100, cents.abs() % 100);
    Some(if cents < 0 { format!("-{dollars}") } else { dollars })
}

fn word(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()),
        Field::Null => None,
        other => panic!("{other:?} is no text"),
    }
}

fn read(path: &Path) -> Vec<Record> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let number = |field: &Field| match field {
        Field::Long(number) | Field::TimestampMillis(number) => u64::try_from(*number).unwrap(),
        other => panic!("{other:?} is no number"),
    };
    let record = |row: parquet::record::Row| {
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        let time_ms = number(fields[2]);
        Record {
            entry: number(fields[0]),
            transaction: number(fields[1]),
            time_ms,
            time: audit_logger::query::record::time_text(time_ms),
            user: word(fields[3]),
            command: word(fields[4]),
            stock: word(fields[5]),
            amount: sum(fields[6]).or_else(|| word(fields[7])),
            outcome: word(fields[8]).unwrap(),
            price: sum(fields[9]),
            cached: match fields[10] {
                Field::Bool(cached) => Some(*cached),
                _ => None,
            },
            shares: (*fields[11] != Field::Null).then(|| number(fields[11])),
            cash_change: sum(fields[12]),
            file: word(fields[13]),
            message: word(fields[14]),
        }
    };
    reader.get_row_iter(None).unwrap().map(|row| record(row.unwrap())).collect()
}

#[test]
fn a_parquet_file_holds_what_the_json_lines_hold() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let odd = write_workload(
        folder.path(),
        "odd",
        &["ADD,odd,1e9", "ADD,odd,-12.00", "ADD,odd,-5", "BUY,odd,%_%,5", "DUMPLOG,odd,./é"],
    );
    let big = folder.path().join("big");
    // More than one row group.
    crate::common::generate(&big, "valid", 20, 60_000, 10);
    let valid = sample("valid-10users-1000.txt");
    let mut arguments = vec!["replay", "--clock", "virtual", "--out", text(&out)];
    arguments.extend(["--quote-delay", "measured", "--quote-faults", "na=0.1"]);
    arguments.extend([text(&valid), text(&odd), text(&big)]);
    run(&arguments).with(0);
    let path = folder.path().join("log.parquet");
    for filter in [&[][..], &["--user", "odd"], &["--user", "nobody"], &["--outcome", "expired"]] {
        export(&out, "parquet", &[&["--force", "--out", text(&path)], filter].concat());
        let lines = export(&out, "jsonl", filter).stdout;
        let expected: Vec<Record> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found = read(&path);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
        if filter.is_empty() {
            assert!(expected.len() > 60_000);
            let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
            assert!(reader.num_row_groups() > 1);
            let given = |text: &str| expected.iter().any(|r| r.amount.as_deref() == Some(text));
            assert!(given("-12.00") && given("-5"));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left unfinished");

    // Through a pipe it is the same file.
    let mut piped = daytrade(&["audit", "export", "--data", text(&out), "--format", "parquet"]);
    let piped = piped.arg("--user").arg("odd").output().unwrap();
    export(&out, "parquet", &["--force", "--out", text(&path), "--user", "odd"]);
    assert!(piped.stdout == fs::read(&path).unwrap());
    let nowhere = folder.path().join("no/such/folder");
    let mut failing = daytrade(&["audit", "export", "--data", text(&out), "--format", "parquet"]);
    end(failing.args(["--out", text(&nowhere)])).with(1);
}
