//! What analysts find in the view.

use crate::log::{self, BEGUN_MS, HOSTILE, decided};
use crate::server::Server;
use crate::{assert_same, follow, until_complete};
use audit_logger::follow::LogId;
use audit_logger::postgres::PostgresSink;
use audit_logger::query::{Filter, Order, Source, Stored, Which};
use bus::Entries;
use domain::trading::command::{Action, CommandName, Malformed, MalformedCode, Verb};
use domain::trading::outcome::Accepted;
use domain::trading::{Amount, Money, Outcome, Reject, UserName};

#[test]
fn analysts_find_a_command_by_user_stock_command_transaction_and_time() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let user = UserName::parse(b"ann").unwrap();
    let amount = Amount::new(Money::from_cents(9_005)).unwrap();
    let add = Action::User { user: user.clone(), verb: Verb::Add(amount) };
    let buy = Action::User { user, verb: Verb::Buy(log::stock(), amount) };
    let available = Money::from_cents(12);
    let refused = Outcome::Rejected(Reject::InsufficientFunds { available });
    let mut entries = Entries::default();
    entries.push(&decided(7, BEGUN_MS, add, Outcome::Accepted(Accepted::Added)));
    entries.push(&decided(8, BEGUN_MS + 1, buy, refused));
    writer.append([&entries].into_iter(), BEGUN_MS).unwrap();
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 3);
    let rows = server.sql().rows(
        "SELECT entry, amount::text, cash_change::text, outcome, code, message, server, \
                extract(epoch FROM received_at)::text \
         FROM daytrade.audit WHERE username = 'ann' AND at >= '2025-12-31T00:00:00Z' \
           AND transaction_num IN (7, 8) AND (stock = 'ABC' OR command = 'ADD') ORDER BY entry",
    );
    let text = |row: usize, column| rows[row].get::<_, Option<&str>>(column).unwrap_or("-");
    let told: Vec<Vec<&str>> =
        (0..rows.len()).map(|row| (1..8).map(|column| text(row, column)).collect()).collect();
    assert_eq!(
        told,
        [
            vec!["90.05", "90.05", "accepted", "-", "-", "ours", "1767225589.997000"],
            vec![
                "90.05",
                "-",
                "rejected",
                "insufficient_funds",
                "only 0.12 dollars are free for it",
                "ours",
                "1767225589.998000"
            ],
        ]
    );
}

#[test]
fn what_users_type_is_never_part_of_a_statement() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    log::grow(&mut writer, 5, 2_000);
    let (url, hostile) = (server.url(), HOSTILE[0]);
    let make = move || PostgresSink::new(url, hostile, HOSTILE[3]);
    let follower =
        audit_logger::follow::Follower::start("pg", folder.path(), Default::default(), make)
            .unwrap();
    until_complete(&follower, 2_001);
    assert_same(&server, folder.path());
    let sql = server.sql();
    let rows = sql.rows("SELECT DISTINCT username FROM daytrade.audit WHERE command = 'ADD'");
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for name in HOSTILE {
        // The one character that no text of Postgres holds is shown as what stands for it.
        assert!(names.contains(&name.replace('\0', "\u{fffd}")), "{name:?}");
    }
    assert_eq!(sql.rows("SELECT folder FROM daytrade.logs")[0].get::<_, &str>(0), HOSTILE[0]);
}

#[test]
fn a_name_that_no_index_takes_is_stored_and_found() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    // No compression makes a key of these; they differ at their ends only.
    let mut chance = log::Seeded(3);
    let noise: String = (0..20_000).map(|_| (b'!' + chance.below(94) as u8) as char).collect();
    let names = [format!("é{noise}1"), format!("é{noise}2"), "\0".repeat(5_000), "x".repeat(513)];
    let mut entries = Entries::default();
    for (number, name) in (1..).zip(&names) {
        let malformed = Malformed {
            name: CommandName::Add,
            code: MalformedCode::InvalidUser,
            user: Some(name.as_str().into()),
            stock: Some(noise.as_str().into()),
            file: Some(noise.as_str().into()),
            funds: None,
            message: noise.as_str().into(),
        };
        let action = Action::Malformed(Box::new(malformed));
        let refused = Outcome::Rejected(Reject::Malformed);
        entries.push(&decided(number, BEGUN_MS, action, refused));
    }
    writer.append([&entries].into_iter(), BEGUN_MS).unwrap();
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 5);
    assert_same(&server, folder.path());
    let id = LogId::of(folder.path()).unwrap().unwrap();
    for (number, name) in (1..).zip(&names) {
        let filter = Filter { users: vec![name.clone()], ..Filter::default() };
        let source = Source::from(Stored::open(&server.url(), Which::Log(id)).unwrap());
        let found = source.collect(&filter, Order::OldestFirst, 10).unwrap();
        let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [number], "each by the whole of its name");
    }
}

#[test]
fn entries_of_two_days_lie_in_two_parts() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    log::append(&mut writer, 2, 11_000);
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 11_001);
    let rows = server.sql().rows(
        "SELECT c.relname::text, count(*) FROM daytrade.entries e \
         JOIN pg_class c ON c.oid = e.tableoid GROUP BY 1 ORDER BY 1",
    );
    let parts: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let part = |day, count| (format!("entries_1_{day}"), count);
    assert_eq!(parts, [part(20_251_231, 9_999), part(20_260_101, 1_001)]);
}
