//! DUMPLOG files: whose entries they hold, up to where, and under which names.

use crate::support::*;
use audit_logger::LogError;
use audit_logger::dumplog::{self, Dump, DumpRequest};
use audit_logger::log::{LogEnd, LogOptions, LogReader, LogWriter, segments};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use bus::Entries;
use domain::trading::command::CommandName;
use domain::trading::entry::{PendingExpired, QuoteReceived, QuoteRefused};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Accepted, DumpFile, Entry, Outcome, TransactionNum};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A log of `entries` in batches of three, in many segments.
fn log_of(entries: &[Entry]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lock = segments::lock(folder.path()).unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    let end = LogEnd { position: reader.position(), torn: None };
    let options = LogOptions { segment_bytes: 1000 };
    let mut writer = LogWriter::open(folder.path(), lock, &end, options).unwrap();
    for group in entries.chunks(3) {
        let mut batch = Entries::default();
        group.iter().for_each(|entry| batch.push(entry));
        writer.append([&batch].into_iter(), RECEIVED_MS).unwrap();
    }
    folder
}

fn added(transaction: u64, user: &str) -> Entry {
    decided(transaction, &format!("ADD,{user},5.00"), None, Outcome::Accepted(Accepted::Added))
}

fn request(file: &str, user: Option<&str>, last: u64) -> DumpRequest {
    let file = DumpFile::parse(file.as_bytes()).unwrap();
    DumpRequest { file, user: user.map(str::to_string), last }
}

/// The XML log of `entries`, and how many elements it has.
fn xml_of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> (String, u64) {
    let mut renderer = Renderer::new("s1");
    let mut out = HEAD.as_bytes().to_vec();
    entries.into_iter().for_each(|entry| renderer.render(entry, &mut out));
    out.extend_from_slice(FOOT.as_bytes());
    (String::from_utf8(out).unwrap(), renderer.elements())
}

#[track_caller]
fn assert_dump(folder: &Path, dump: &Dump, name: &str, entries: &[&Entry]) {
    let (xml, elements) = xml_of(entries.iter().copied());
    assert_eq!(dump.path, folder.join(name));
    let written = fs::read_to_string(&dump.path).unwrap();
    assert_eq!(written, xml);
    assert_eq!((dump.bytes, dump.elements), (xml.len() as u64, elements));
}

/// Writes dumps of which none fails.
#[track_caller]
fn write(log: &TempDir, out: &TempDir, reserved: &[&str], requests: &[DumpRequest]) -> Vec<Dump> {
    let written = dumplog::write(log.path(), out.path(), "s1", reserved, requests).unwrap();
    assert!(written.failed.is_empty(), "{:?}", written.failed);
    written.dumps
}

#[test]
fn a_dump_holds_all_that_is_the_users_up_to_its_own_command() {
    let mine = |entry: &Entry| entry.user() == Some("me");
    let entries = [
        added(1, "me"),
        added(2, "you"),
        Entry::Quote(QuoteReceived {
            transaction: TransactionNum(3),
            user: user("me"),
            received_ms: RECEIVED_MS,
            stock: stock("A"),
            price: price(5),
            server_time_ms: 1,
            cryptokey: "k".into(),
        }),
        Entry::QuoteRefused(QuoteRefused {
            transaction: TransactionNum(4),
            name: CommandName::Buy,
            user: user("you"),
            failed_ms: RECEIVED_MS,
            stock: stock("A"),
            message: "NA".into(),
        }),
        // A name that only begins with mine is not mine; a command of mine that is no good is.
        added(5, "me2"),
        malformed(6, "ADD,me,1e9"),
        Entry::Expired(PendingExpired {
            transaction: TransactionNum(1),
            user: user("me"),
            expired_ms: APPLIED_MS,
            side: Side::Buy,
            stock: stock("A"),
            shares: shares(1),
            cash: cents(5),
        }),
        decided(7, "DUMPLOG,me,./mine", None, Outcome::Accepted(Accepted::Dumped)),
        added(8, "me"),
        decided(9, "DUMPLOG,./all", None, Outcome::Accepted(Accepted::Dumped)),
        added(10, "me"),
    ];
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    let requests = [request("./mine", Some("me"), 8), request("./all", None, 10)];
    let dumps = write(&log, &out, &[], &requests);
    assert_eq!(dumps.len(), 2);
    let own: Vec<&Entry> = entries[..8].iter().filter(|entry| mine(entry)).collect();
    assert_eq!(own.len(), 5);
    assert_dump(out.path(), &dumps[0], "mine", &own);
    let all: Vec<&Entry> = entries[..10].iter().collect();
    assert_dump(out.path(), &dumps[1], "all", &all);
}

#[test]
fn a_dump_of_a_log_without_entries_is_an_empty_log() {
    let log = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let requests = [request("none", Some("nobody"), 0)];
    let dumps = write(&log, &out, &[], &requests);
    assert_dump(out.path(), &dumps[0], "none", &[]);
    assert!(write(&log, &out, &[], &[]).is_empty());
}

#[test]
fn hundreds_of_dumps_are_written_in_one_go() {
    const USERS: u64 = 150;
    let entries: Vec<Entry> =
        (1..=USERS * 2).map(|number| added(number, &format!("u{}", number % USERS))).collect();
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    let requests: Vec<DumpRequest> = (0..USERS)
        .map(|nth| request(&format!("./d/u{nth}.xml"), Some(&format!("u{nth}")), USERS + nth))
        .collect();
    let dumps = write(&log, &out, &[], &requests);
    assert_eq!(dumps.len() as u64, USERS);
    for (dump, request) in dumps.iter().zip(&requests) {
        let own: Vec<&Entry> = entries[..request.last as usize]
            .iter()
            .filter(|entry| entry.user() == request.user.as_deref())
            .collect();
        assert!(!own.is_empty());
        assert_dump(out.path(), dump, request.file.name(), &own);
    }
}

#[test]
fn the_last_dump_of_a_name_replaces_those_before_it() {
    let entries: Vec<Entry> = (1..=6).map(|number| added(number, "u")).collect();
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("same"), "something longer than what comes now".repeat(100)).unwrap();
    let requests = [
        request("./same", None, 6),
        request("other", None, 1),
        request("/elsewhere/same", Some("nobody"), 5),
        request("a\\same", None, 2),
    ];
    let dumps = write(&log, &out, &[], &requests);
    assert_eq!(dumps.len(), 2);
    assert_dump(out.path(), &dumps[0], "other", &[&entries[0]]);
    assert_dump(out.path(), &dumps[1], "same", &[&entries[0], &entries[1]]);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2);
}

#[test]
fn a_reserved_name_is_never_written_and_never_shared() {
    let entries: Vec<Entry> = (1..=9).map(|number| added(number, "u")).collect();
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    let reserved = ["state.json", "log", "report", "report.xml"];
    fs::write(out.path().join("state.json"), "the state").unwrap();
    fs::create_dir(out.path().join("log")).unwrap();
    let requests = [
        ("./state.json", "state.json.xml"),
        ("state.json.xml", "state.json.xml.xml"),
        ("./log", "log.xml"),
        ("log.xml", "log.xml.xml"),
        // Behind a reserved name another one is reserved.
        ("report", "report.xml.xml"),
        ("logs.xml", "logs.xml"),
        // What looks like a temporary file might be removed as one.
        (".x.unfinished", ".x.unfinished.xml"),
        (".x.unfinished.xml", ".x.unfinished.xml.xml"),
        ("x.unfinished", "x.unfinished"),
    ];
    let asked: Vec<_> =
        (1..).zip(&requests).map(|(at, (name, _))| request(name, None, at)).collect();
    let dumps = write(&log, &out, &reserved, &asked);
    assert_eq!(dumps.len(), requests.len());
    for (at, (_, name)) in requests.iter().enumerate() {
        let held: Vec<&Entry> = entries[..=at].iter().collect();
        assert_dump(out.path(), &dumps[at], name, &held);
    }
    assert_eq!(fs::read_to_string(out.path().join("state.json")).unwrap(), "the state");
    assert_eq!(fs::read_dir(out.path().join("log")).unwrap().count(), 0);
}

#[test]
fn a_dump_longer_than_its_buffer_is_whole() {
    let entries: Vec<Entry> = (1..=6000).map(|number| added(number, "someone")).collect();
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    let requests = [request("long", None, 6000), request("short", None, 2)];
    let dumps = write(&log, &out, &[], &requests);
    assert!(dumps[0].bytes > 2 << 20, "{}", dumps[0].bytes);
    let all: Vec<&Entry> = entries.iter().collect();
    assert_dump(out.path(), &dumps[0], "long", &all);
    assert_dump(out.path(), &dumps[1], "short", &all[..2]);
}

#[test]
fn a_damaged_log_is_told_not_dumped() {
    let entries: Vec<Entry> = (1..=3).map(|number| added(number, "u")).collect();
    let log = log_of(&entries);
    let path = segments::path_of(log.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[150] ^= 1;
    fs::write(&path, bytes).unwrap();
    let out = tempfile::tempdir().unwrap();
    let requests = [request("x", None, 3)];
    let written = dumplog::write(log.path(), out.path(), "s1", &[], &requests);
    assert!(matches!(written, Err(LogError::Damaged { offset: 96, .. })), "{written:?}");
}

#[test]
fn a_dump_that_cannot_be_written_names_its_file_and_takes_nothing_from_the_others() {
    let entries: Vec<Entry> = (1..=6000).map(|number| added(number, "u")).collect();
    let all: Vec<&Entry> = entries.iter().collect();
    let log = log_of(&entries);
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("folder")).unwrap();
    // A disk that takes nothing, as Linux has one.
    std::os::unix::fs::symlink("/dev/full", out.path().join("full")).unwrap();
    for user in [None, Some("u")] {
        let requests = ["folder", "one", "full", "two"].map(|name| request(name, user, 6000));
        let written = dumplog::write(log.path(), out.path(), "s1", &[], &requests).unwrap();
        let told: Vec<String> = written.failed.iter().map(ToString::to_string).collect();
        let path = |name: &str| out.path().join(name).display().to_string();
        assert!(told[0].starts_with(&format!("{}: create: Is a dir", path("folder"))), "{told:?}");
        assert!(told[1].starts_with(&format!("{}: write: No space", path("full"))), "{told:?}");
        assert_eq!((told.len(), written.dumps.len()), (2, 2));
        assert_dump(out.path(), &written.dumps[0], "one", &all);
        assert_dump(out.path(), &written.dumps[1], "two", &all);
    }
}
