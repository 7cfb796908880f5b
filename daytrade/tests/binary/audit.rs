//! `daytrade audit` over the logs that runs of the samples leave, against a decode of everything.

use crate::common::*;
use audit_logger::LogError;
use audit_logger::log::{LogReader, segments};
use audit_logger::query::Record;
use domain::trading::{Account, Entry, RulesVersion, UserName, entry};
use frontend::AccountView;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A run of both samples under the virtual clock, and all that its log holds.
struct Run {
    _folder: TempDir,
    out: PathBuf,
    entries: Vec<Entry>,
    records: Vec<Record>,
}

impl Run {
    fn new() -> Run {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let odd = write_workload(folder.path(), "odd", &ODD);
        let samples = ["course-10users-1000.txt", "valid-10users-1000.txt"].map(sample);
        let mut arguments = vec!["replay", "--clock", "virtual", "--out", text(&out)];
        // With slow quotes time goes on, and pending buys and sells expire.
        arguments.extend(["--quote-delay", "measured", "--quote-faults", "na=0.1,garbage=0.05"]);
        arguments.extend(samples.iter().map(|path| text(path)).chain([text(&odd)]));
        run(&arguments).with(0);
        let mut entries = Vec::new();
        let mut reader = LogReader::open(&out.join("log")).unwrap();
        reader
            .for_each(u64::MAX, |_, entry| {
                entries.push(entry);
                Ok::<(), LogError>(())
            })
            .unwrap();
        let records = (1..).zip(&entries).map(|(at, entry)| Record::of(at, entry)).collect();
        Run { _folder: folder, out, entries, records }
    }

    /// What `daytrade audit COMMAND --data OUT MORE` says.
    fn audit(&self, command: &[&str], more: &[&str]) -> Ended {
        let mut arguments = vec!["audit"];
        arguments.extend(command);
        arguments.extend(["--data", text(&self.out)]);
        arguments.extend(more);
        run(&arguments)
    }

    fn search(&self, more: &[&str]) -> Vec<Record> {
        let mut arguments = vec!["--limit", "0", "--oldest-first", "--format", "jsonl"];
        arguments.extend(more);
        read_json_lines(&self.audit(&["search"], &arguments).with(0).stdout)
    }
}

const ODD: [&str; 6] = [
    "ADD,o'hara,5.00",
    "ADD,odd,1,2,\"<&>\"; DROP TABLE entries; --",
    "BUY,odd,%_%,5.00",
    "DUMPLOG,odd,./x' OR '1'='1",
    "ADD,odd,=1+1",
    "ADD,odd,12.00",
];

fn read_json_lines(text: &str) -> Vec<Record> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is a record")).collect()
}

/// Fields of CSV, quoted or not.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let row = rows.last_mut().unwrap();
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            other => row.last_mut().unwrap().push(other),
        }
    }
    rows.pop();
    rows
}

#[test]
fn a_search_finds_what_a_decode_of_everything_finds() {
    let run = Run::new();
    let naive = |fits: &dyn Fn(&Record) -> bool| -> Vec<Record> {
        run.records.iter().filter(|record| fits(record)).cloned().collect()
    };
    let user = run.records[0].user.clone().unwrap();
    let middle = run.records[run.records.len() / 2].time.clone();
    let (middle_ms, end_ms) =
        (run.records[run.records.len() / 2].time_ms, run.records.last().unwrap().time_ms);
    let cents_of = |record: &Record| {
        let text = record.amount.clone()?;
        audit_logger::query::filter::parse_cents(&text)
    };
    let is = |field: &Option<String>, text: &str| field.as_deref() == Some(text);
    let since_end = (end_ms - middle_ms) / 2 / 1000;
    let ago = format!("-{since_end}s");
    let cases: Vec<(Vec<&str>, Vec<Record>)> = vec![
        (vec![], naive(&|_| true)),
        (vec!["--user", &user], naive(&|record| is(&record.user, &user))),
        (vec!["--command", "buy"], naive(&|record| is(&record.command, "BUY"))),
        (vec!["--outcome", "accepted"], naive(&|record| record.outcome == "accepted")),
        (vec!["--outcome", "no_pending_buy"], naive(&|record| record.outcome == "no_pending_buy")),
        (vec!["--outcome", "quote_refused"], naive(&|record| record.outcome == "quote_refused")),
        (vec!["--tx", "100..200"], naive(&|record| (100..=200).contains(&record.transaction))),
        (vec!["--tx", "1500.."], naive(&|record| record.transaction >= 1500)),
        (vec!["--since", &middle], naive(&|record| record.time_ms >= middle_ms)),
        (vec!["--until", &middle], naive(&|record| record.time_ms <= middle_ms)),
        (vec!["--since", &ago], naive(&|record| record.time_ms >= end_ms - since_end * 1000)),
        (
            vec!["--amount", "100..5000.5"],
            naive(&|record| {
                cents_of(record).is_some_and(|cents| (10_000..=500_050).contains(&cents))
            }),
        ),
        (
            vec!["--text", "PENDING"],
            naive(&|record| {
                let message = record.message.clone().unwrap_or_default();
                message.to_lowercase().contains("pending")
            }),
        ),
        (
            vec!["--user", &user, "--command", "SELL", "--outcome", "rejected"],
            naive(&|record| {
                let rejected =
                    !["accepted", "expired", "quote_refused"].contains(&&*record.outcome);
                is(&record.user, &user) && is(&record.command, "SELL") && rejected
            }),
        ),
        (vec!["--user", "odd"], naive(&|record| is(&record.user, "odd"))),
        (vec!["--user", "' OR '1'='1"], vec![]),
        (vec!["--stock", "'; DROP TABLE entries; --"], vec![]),
        (
            vec!["--text", "drop table"],
            naive(&|record| {
                record.message.as_ref().is_some_and(|message| message.contains("DROP TABLE"))
            }),
        ),
        (vec!["--text", "no such text % _ \\ ("], vec![]),
    ];
    for (arguments, expected) in &cases {
        assert_eq!(&run.search(arguments), expected, "{arguments:?}");
    }
    assert!(cases.iter().filter(|(_, expected)| expected.is_empty()).count() <= 4);

    // Newest first and 50 of them, if nothing else is asked for.
    let newest = read_json_lines(&run.audit(&["search"], &["--format", "jsonl"]).with(0).stdout);
    let expected: Vec<Record> = run.records.iter().rev().take(50).cloned().collect();
    assert_eq!(newest, expected);

    // The log's own folder is taken too, and a table shows what JSON does.
    let log = run.out.join("log");
    let table = crate::common::run(&["audit", "search", "--data", text(&log), "--format", "table"]);
    let table = table.with(0).telling(&["the 50 newest are shown"]);
    assert_eq!(table.stdout.lines().count(), 51);
    for (line, record) in table.stdout.lines().skip(1).zip(&expected) {
        assert!(line.contains(&record.outcome), "{line}");
        // No terminal: nothing is left out or cut.
        assert!(line.contains(&record.entry.to_string()) && !line.contains('…'), "{line}");
    }
}

#[test]
fn an_export_reads_back_as_what_the_log_holds() {
    let run = Run::new();
    let folder = tempfile::tempdir().unwrap();
    let export = |form: &str, more: &[&str]| {
        let path = folder.path().join(form);
        let mut arguments = vec!["--format", form, "--force", "--out", text(&path)];
        arguments.extend(more);
        run.audit(&["export"], &arguments).with(0);
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(read_json_lines(&export("jsonl", &[])), run.records);
    let rows = read_csv(&export("csv", &[]));
    assert_eq!(rows[0], Record::FIELDS);
    assert_eq!(rows.len(), run.records.len() + 1);
    for (row, record) in rows[1..].iter().zip(&run.records) {
        let Value::Object(fields) = serde_json::to_value(record).unwrap() else { panic!() };
        for (name, cell) in Record::FIELDS.iter().zip(row) {
            let expected = match fields.get(*name) {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            assert_eq!(cell, &expected, "{name} of entry {}", record.entry);
        }
    }
    // The whole as XML is what a checker takes; a user's is what their DUMPLOG wrote.
    export("xml", &[]);
    let odd = write_workload(folder.path(), "odd", &ODD);
    let samples = ["course-10users-1000.txt", "valid-10users-1000.txt"].map(sample);
    let xml = folder.path().join("xml");
    assert_good(&xml, &[&samples[0], &samples[1], &odd]);
    let dumped = fs::read_to_string(run.out.join("x' OR '1'='1")).unwrap();
    let asked = run.records.iter().find(|record| record.file.is_some() && record.user.is_some());
    let last = asked.unwrap().transaction.to_string();
    assert_eq!(export("xml", &["--user", "odd", "--tx", &format!("..{last}")]), dumped);
    assert_eq!(run.audit(&["export"], &["--format", "csv", "--user", "-"]).with(0).stdout, {
        Record::FIELDS.join(",") + "\n"
    });
}

/// A command that waited for its quote stands behind commands with higher numbers.
#[test]
fn an_account_names_what_is_not_yet_counted_in() {
    let run = Run::new();
    let commands = || {
        (1..).zip(&run.entries).filter_map(|(entry, fact): (u64, _)| match fact {
            Entry::Command(decided) => {
                Some((entry, fact.transaction().0, decided.command.action.user()?))
            }
            _ => None,
        })
    };
    let overtaken = commands().find_map(|(behind, late, user)| {
        let before = |(entry, number, _): &(u64, u64, &str)| *entry < behind && *number > late;
        // The user has an account by then.
        commands().filter(before).max().map(|(_, number, _)| (user, late, number))
    });
    let (user, late, number) = overtaken.expect("slow quotes hold some command up");
    let told = run.audit(&["at"], &["--user", user, "--tx", &number.to_string()]).with(0);
    told.telling(&["not yet counted in", &late.to_string()]);
    // At the end of the log nothing is missing.
    let (_, newest, _) = commands().last().unwrap();
    let told = run.audit(&["at"], &["--user", user, "--tx", &newest.to_string()]).with(0);
    assert!(!told.stderr.contains("not yet counted in"), "{}", told.stderr);
}

#[test]
fn accounts_are_told_as_they_were() {
    let run = Run::new();
    let last = run.records.iter().map(|record| record.transaction).max().unwrap();
    // The newest command may be another's: its entry is not the last of the log.
    let last_entry = |entry: &&Record| entry.transaction == last;
    assert!(run.records.iter().any(|entry| last_entry(&entry)));
    let state = json(&run.out.join("state.json"));
    let newest = run.records.last().unwrap().transaction.to_string();
    for account in state["accounts"].as_array().unwrap() {
        let user = account["user"].as_str().unwrap();
        let told = run.audit(&["at"], &["--user", user, "--tx", &newest, "--format", "json"]);
        let told: Value = serde_json::from_str(&told.with(0).stdout).unwrap();
        assert_eq!(&told, account);
    }
    // In the middle, against a fold.
    let mut accounts: BTreeMap<UserName, Account> = BTreeMap::new();
    let mut compared = 0;
    for fact in &run.entries {
        let Some(user) = fact.account() else { continue };
        let account = accounts.entry(user.clone()).or_default();
        entry::replay(account, RulesVersion::CURRENT, fact).unwrap();
        let transaction = fact.transaction().0;
        if !matches!(fact, Entry::Command(_)) || transaction % 150 != 0 || !account.open {
            continue;
        }
        let (name, number) = (user.as_str(), transaction.to_string());
        let told = run.audit(&["at"], &["--user", name, "--tx", &number, "--format", "json"]);
        let told: Value = serde_json::from_str(&told.with(0).stdout).unwrap();
        assert_eq!(told, serde_json::to_value(AccountView::new(name, account)).unwrap());
        let table = run.audit(&["at"], &["--user", name, "--tx", &number]).with(0);
        assert!(table.stdout.contains(&account.cash.to_string()), "{}", table.stdout);
        compared += 1;
    }
    assert!(compared > 4, "{compared} accounts were compared");
    run.audit(&["at"], &["--user", "nobody", "--tx", "5"])
        .with(1)
        .telling(&["user nobody has no account right after transaction 5"]);
    run.audit(&["at"], &["--user", "odd", "--tx", "99999999"])
        .with(1)
        .telling(&["transaction 99999999 is not in the log"]);
    run.audit(&["at"], &["--user", "a b", "--tx", "5"]).with(2).telling(&["--user"]);
}

#[test]
fn a_transaction_is_told_with_what_came_of_it() {
    let run = Run::new();
    let committed = run.records.iter().find(|record| {
        record.command.as_deref() == Some("COMMIT_BUY") && record.outcome == "accepted"
    });
    let committed = committed.expect("a BUY is committed");
    let number = committed.transaction.to_string();
    let told = run.audit(&["show", &number], &["--format", "json"]).with(0);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let opened = told["opened_by"].as_u64().expect("a COMMIT_BUY takes up a BUY").to_string();
    let buy = run.audit(&["show", &opened], &["--format", "json"]).with(0);
    let buy: Value = serde_json::from_str(&buy.stdout).unwrap();
    let steps = buy["steps"].as_array().unwrap();
    let by = steps.iter().find(|step| step["command"] == "COMMIT_BUY").expect("its commit");
    assert_eq!(by["transaction"].as_u64(), Some(committed.transaction));
    let gained = by["account"]["after"]["shares"].as_u64().unwrap()
        - by["account"]["before"]["shares"].as_u64().unwrap();
    assert_eq!(Some(gained), committed.shares);
    let text = run.audit(&["show", &opened], &[]).with(0).stdout;
    for part in ["reserved", "->", "COMMIT_BUY", &format!("(transaction {number})")] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    run.audit(&["show", "99999999"], &[])
        .with(1)
        .telling(&["transaction 99999999 is not in the log"]);
}

#[test]
fn counts_are_those_of_the_log() {
    let run = Run::new();
    let told = run.audit(&["stats"], &["--format", "json", "--top", "3"]).with(0).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let count = |fits: &dyn Fn(&Record) -> bool| {
        run.records.iter().filter(|record| fits(record)).count() as u64
    };
    assert_eq!(told["entries"], run.records.len() as u64);
    assert_eq!(told["accepted"], count(&|record| record.outcome == "accepted"));
    assert_eq!(told["quotes"]["answers"], count(&|record| record.outcome == "quote"));
    assert_eq!(told["quotes"]["refused"], count(&|record| record.outcome == "quote_refused"));
    let rejects = told["rejects"].as_object().unwrap();
    assert!(rejects.len() > 3);
    for (code, found) in rejects {
        assert_eq!(*found, count(&|record| record.outcome == *code), "{code}");
    }
    assert_eq!(told["top_users"].as_array().unwrap().len(), 3);
    assert_eq!(told["first"], run.records.iter().min_by_key(|r| r.time_ms).unwrap().time);
    let table = run.audit(&["stats"], &[]).with(0).stdout;
    assert!(table.contains("rejected for") && table.contains("no_pending_buy"), "{table}");
    let of_one = run.audit(&["stats"], &["--user", "odd", "--format", "json"]).with(0).stdout;
    let of_one: Value = serde_json::from_str(&of_one).unwrap();
    assert_eq!(of_one["entries"], count(&|record| record.user.as_deref() == Some("odd")));
}

/// What is followed is shown as it is logged, by a run that goes on with the log.
#[test]
fn following_shows_what_a_run_adds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let first = write_workload(folder.path(), "first", &["ADD,a,1.00", "ADD,b,2.00"]);
    run(&["replay", text(&first), "--clock", "virtual", "--out", text(&out)]).with(0);
    let arguments = ["audit", "search", "--data", text(&out), "--user", "b", "--follow"];
    let mut following = Guarded::start(daytrade(&arguments).args(["--format", "jsonl"]));
    let mut lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let mut next = || -> Record {
        let line = lines.next().expect("a line comes").unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(next().amount.as_deref(), Some("2.00"));
    append(&out, 3);
    assert_eq!(next().entry, 4);
}

/// Goes on with the log in `out` by a command of user `a` and then one of `b`.
fn append(out: &Path, first: u64) {
    use audit_logger::log::{LogEnd, LogOptions, LogWriter};
    use domain::trading::command::{Action, Command, Verb};
    use domain::trading::entry::CommandDecided;
    use domain::trading::{Accepted, Amount, Outcome, TransactionNum};
    let log = out.join("log");
    let lock = segments::lock(&log).unwrap();
    let mut reader = LogReader::open(&log).unwrap();
    reader.for_each(u64::MAX, |_, _| Ok::<(), LogError>(())).unwrap();
    let end = LogEnd { position: reader.position(), torn: None };
    let mut writer = LogWriter::open(&log, lock, &end, LogOptions::default()).unwrap();
    for (number, user) in (first..).zip(["a", "b"]) {
        let user = UserName::parse(user.as_bytes()).unwrap();
        let action = Action::User { user, verb: Verb::Add(Amount::parse(b"9.00").unwrap()) };
        let transaction = TransactionNum(number);
        let mut entries = bus::Entries::default();
        entries.push(&Entry::Command(CommandDecided {
            command: Command::new(transaction, 1, action),
            applied_ms: 1,
            price: None,
            outcome: Outcome::Accepted(Accepted::Added),
        }));
        writer.append([&entries].into_iter(), 1).unwrap();
    }
}

#[test]
fn what_cannot_be_searched_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let search = |data: &Path, more: &[&str]| {
        let mut arguments = vec!["audit", "search", "--data", text(data)];
        arguments.extend(more);
        run(&arguments)
    };
    search(&folder.path().join("none"), &[]).with(1).telling(&["there is no such folder"]);
    search(folder.path(), &[]).with(1).telling(&["no log is in it"]);
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    search(&file, &[]).with(1).telling(&["is a file"]);
    for (more, told) in [
        (["--tx", "9..7"], "higher than the last"),
        (["--tx", "x"], "a transaction number"),
        (["--amount", "5..1"], "higher than the last"),
        (["--since", "yesterday"], "2026-01-31T12:00:00Z"),
        (["--outcome", "sad"], "no_pending_buy"),
        (["--command", "STEAL"], "SET_SELL_TRIGGER"),
    ] {
        search(folder.path(), &more).with(2).telling(&[told]);
    }
    let workload = write_workload(folder.path(), "w", &["ADD,a,1.00", "ADD,b,2.00"]);
    let out = folder.path().join("out");
    run(&["replay", text(&workload), "--clock", "virtual", "--out", text(&out)]).with(0);
    search(&out, &["--since", "9", "--until", "8"]).with(1).telling(&["--since is later"]);
    search(&out, &["--user", "nobody"]).with(0).telling(&["no entry of 2 fits"]);
    let (_, path) = segments::list(&out.join("log")).unwrap().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[96 + 28 + 3] ^= 1;
    fs::write(&path, bytes).unwrap();
    search(&out, &[]).with(1).telling(&["the log is damaged at byte 96, entry 1"]);
}
