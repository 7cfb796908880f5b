//! A server is killed while its users trade over HTTP and a websocket, and perhaps once more while
//! it starts again.

use crate::campaign::{Chance, Counts};
use crate::common::{Guarded, cents, end, log_length, text};
use crate::load::{self, Issued};
use crate::server::{Client, PASSWORD, Server};
use crate::world::{USERS, World, assert_consistent};
use audit_logger::log::LogReader;
use domain::trading::{Entry, RequestId, RulesVersion};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use worker::Ledger;

/// When a server is killed.
enum Point {
    /// When so many commands were answered.
    Answered(u64),
    /// So long after the first command.
    Time(Duration),
    /// While it ends in order, so long after it was asked to.
    Ending(Duration),
}

/// The program, with the key of the server in `data`.
fn program(data: &Path) -> impl Fn(&[&str]) -> Command {
    let share = data.join("share");
    move |arguments| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daytrade"));
        command.args(arguments).env("XDG_DATA_HOME", &share).stdin(Stdio::null());
        command
    }
}

fn signed_in(server: &Server, user: &str) -> Client {
    let mut client = Client::of(server);
    client.enter("/api/v1/session", user, PASSWORD).ok();
    client
}

pub(crate) fn killed(world: &World, chance: &mut Chance) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    world.server_in(&data);
    let simulated = ["--quotes", "sim", "--quote-delay", "measured"];
    let more = if chance.once_in(3) { &simulated[..] } else { &[] };
    let point = match chance.below(4) {
        0 => Point::Time(Duration::from_micros(chance.below(150_000))),
        1 => Point::Ending(Duration::from_micros(chance.below(30_000))),
        _ => Point::Answered(1 + chance.below(250)),
    };
    let (mut sent, mut kills) = (under_load(&data, more, &point, chance), 1);
    let answered = sent.iter().flatten().filter(|command| command.outcome.is_some()).count();
    if chance.once_in(3) {
        kill_in_start(&data, more, Duration::from_micros(chance.below(120_000)));
        kills += 1;
    }

    let server = Server::start(&data, more);
    let mut shown = BTreeMap::new();
    for (user, commands) in USERS.iter().zip(&mut sent) {
        let client = signed_in(&server, user);
        load::again(&client, commands, chance);
        shown.insert(user.to_string(), client.get("/api/v1/account").ok());
    }
    server.signal("-INT");
    let (code, said) = server.ended();
    assert_eq!(code, Some(0), "{said}");

    check_log(&data, &sent, &shown);
    assert_consistent(program(&data), &data);
    let dump = folder.path().join("dump.xml");
    let export =
        ["audit", "export", "--format", "xml", "--data", text(&data), "--out", text(&dump)];
    end(&mut program(&data)(&export)).with(0);
    let verdict = end(&mut program(&data)(&["verify", text(&dump), "--registrations"]));
    assert!(verdict.stdout.starts_with("GOOD"), "{}", verdict.stdout);
    vec![
        ("kills of servers", kills),
        ("commands answered before", answered as u64),
        (
            "commands not answered",
            sent.iter().map(Vec::len).sum::<usize>() as u64 - answered as u64,
        ),
    ]
}

/// Starts the server in `data`, has users trade, and kills it at `point`; returns what each sent.
fn under_load(data: &Path, more: &[&str], point: &Point, chance: &mut Chance) -> [Vec<Issued>; 2] {
    let server = Server::start(data, more);
    let [ann, bob] = USERS.map(|user| signed_in(&server, user));
    let stream = bob.own_stream();
    let [first, second] = [0, 1].map(|_| load::commands(chance));
    let answered = AtomicU64::new(0);
    thread::scope(|scope| {
        let ann = scope.spawn(|| load::by_http(&ann, &first, &answered));
        let bob = scope.spawn(|| load::by_websocket(stream, &second, &answered));
        let reach = |count: u64| {
            while answered.load(Ordering::Relaxed) < count
                && !(ann.is_finished() && bob.is_finished())
            {
                thread::yield_now();
            }
        };
        match *point {
            Point::Answered(count) => reach(count),
            Point::Time(span) => thread::sleep(span),
            Point::Ending(span) => {
                reach(20);
                server.signal("-INT");
                thread::sleep(span);
            }
        }
        server.kill();
        [ann.join().unwrap(), bob.join().unwrap()]
    })
}

/// Starts the server in `data`, and kills it before it says that it is ready.
fn kill_in_start(data: &Path, more: &[&str], after: Duration) {
    let before = log_length(data);
    let arguments = ["up", "--listen", "127.0.0.1:0", "--data", text(data)];
    let started = Instant::now();
    let child = Guarded::start(&mut program(data)(&[&arguments[..], more].concat()));
    thread::sleep(after.saturating_sub(started.elapsed()));
    drop(child);
    assert!(log_length(data) + 4_096 > before, "the log was cut");
}

/// Every command that was sent is in the log once, as it was answered, and the accounts that the
/// server showed are the fold of the log.
fn check_log(data: &Path, sent: &[Vec<Issued>], shown: &BTreeMap<String, Value>) {
    let mut transactions = BTreeSet::new();
    let mut logged: BTreeMap<String, (u64, u64, bool)> = BTreeMap::new();
    let mut ledger = Ledger::default();
    let mut reader = LogReader::open(&data.join("log")).unwrap();
    let each = |number: u64, entry: Entry| {
        ledger.replay(RulesVersion::CURRENT, &entry).unwrap();
        let Entry::Command(decided) = entry else { return Ok(()) };
        let transaction = decided.command.transaction.0;
        assert!(transactions.insert(transaction), "transaction {transaction} is there twice");
        if let Some(request) = &decided.command.request {
            let entry = (number, transaction, decided.reject_code().is_none());
            let before = logged.insert(RequestId::to_string(request), entry);
            assert!(before.is_none(), "request {request} was carried out twice");
        }
        Ok::<(), audit_logger::LogError>(())
    };
    reader.for_each(u64::MAX, each).unwrap();
    for command in sent.iter().flatten() {
        let outcome = command.outcome.as_ref().unwrap();
        let told = (&outcome["entry"], &outcome["transaction"], &outcome["accepted"]);
        let Some((entry, transaction, accepted)) = logged.remove(&command.request) else {
            panic!("acknowledged, and not in the log: {command:?}");
        };
        assert_eq!(told, (&entry.into(), &transaction.into(), &accepted.into()), "{command:?}");
    }
    assert!(logged.is_empty(), "in the log, and never sent: {logged:?}");
    for (user, account) in ledger.into_accounts() {
        let shown = &shown[&user.to_string()];
        assert_eq!(cents(shown["cash"].as_str().unwrap()), account.cash.cents(), "{user}: {shown}");
        let reserved = cents(shown["reserved"].as_str().unwrap());
        assert_eq!(reserved, account.reserved.cents(), "{user}: {shown}");
    }
}
