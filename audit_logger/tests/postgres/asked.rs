//! A Postgres that is asked in place of the segments: the answers are the same.

use crate::log::{self, HOSTILE};
use crate::server::Server;
use crate::world::{self, Chance, some_filter, trade};
use crate::{follow, until_complete};
use audit_logger::follow::{LogId, Sink as _};
use audit_logger::postgres::{PostgresSink, PostgresUrl};
use audit_logger::query::history::{account_at, story};
use audit_logger::query::record::time_ms;
use audit_logger::query::{Catalogue, Filter, Order, Source, Stats, Stored, Which};
use domain::trading::{Entry, UserName};
use std::path::Path;

fn segments(folder: &Path) -> Source {
    Catalogue::open(folder, true).unwrap().into()
}

fn stored(url: &PostgresUrl, folder: &Path, page: u64) -> Source {
    let which = Which::Log(LogId::of(folder).unwrap().unwrap());
    Stored::open(url, which).unwrap().in_pages_of(page).into()
}

fn counted(source: &Source, filter: &Filter) -> Stats {
    let mut all = Stats::default();
    source
        .gather(filter, |part: &mut Stats, _, entry| part.count(&entry), |part| all.merge(part))
        .unwrap();
    all
}

/// What `filter` finds, asked in every way.
#[track_caller]
fn assert_same_answers(logged: &Source, stored: &Source, filter: &Filter) -> usize {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for most in [1, 3, usize::MAX] {
            let (one, other) =
                (logged.collect(filter, order, most), stored.collect(filter, order, most));
            assert_eq!(one.unwrap(), other.unwrap(), "{order:?}, at most {most}: {filter:?}");
        }
    }
    let counts = counted(logged, filter);
    assert_eq!(counts, counted(stored, filter), "{filter:?}");
    counts.entries as usize
}

#[test]
fn every_question_has_the_same_answer_from_postgres() {
    let server = Server::start();
    for seed in [1, 2] {
        let mut chance = Chance(seed);
        let folder = tempfile::tempdir().unwrap();
        let (entries, _) = trade(&mut chance, 10, 1_200);
        world::write(folder.path(), &entries, &mut chance, 60, 40_000);
        until_complete(&follow(server.url(), folder.path()), entries.len() as u64 + 1);
        let logged = segments(folder.path());
        // Few rows at a time, so that most answers go over many pages.
        let stored = stored(&server.url(), folder.path(), [50_000, 37][seed as usize - 1]);
        assert_eq!((logged.first(), logged.next()), (stored.first(), stored.next()));
        let last_ms = entries.iter().map(time_ms).max().unwrap();
        let mut found_some = 0;
        for _ in 0..100 {
            let filter = some_filter(&mut chance, entries.len() as u64, last_ms);
            found_some += usize::from(assert_same_answers(&logged, &stored, &filter) > 0);
        }
        assert!(found_some > 30, "most filters found nothing: {found_some}");
        for transaction in (0..=1_201).step_by(29) {
            let told = |source| story(source, transaction).map_err(|error| error.to_string());
            assert_eq!(told(&logged), told(&stored), "transaction {transaction}");
            for user in ["u0", "u3", "nobody"] {
                let user = UserName::parse(user.as_bytes()).unwrap();
                let told =
                    |source| account_at(source, &user, transaction).map_err(|e| e.to_string());
                assert_eq!(told(&logged), told(&stored), "{user} at {transaction}");
            }
        }
    }
}

/// Whatever is typed is compared, and never read as anything else.
#[test]
fn what_is_asked_for_is_never_part_of_a_statement() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    log::grow(&mut log::open(folder.path()), 5, 2_000);
    until_complete(&follow(server.url(), folder.path()), 2_001);
    let (logged, stored) = (segments(folder.path()), stored(&server.url(), folder.path(), 50_000));
    let long = "'x".repeat(1 << 20);
    let odd = ["%", "_", "\\", "\0", "a\0b", "$1", "?", "", "É", "🦀", "İ", "ſ", "K", &long];
    let mut found = [0; 3];
    for text in HOSTILE.into_iter().chain(odd) {
        let filters = [
            Filter { users: vec![text.to_string(), "x".to_string()], ..Filter::default() },
            Filter { stock: Some(text.to_string()), ..Filter::default() },
            Filter { text: Some(text.to_string()), ..Filter::default() },
        ];
        for (found, filter) in found.iter_mut().zip(&filters) {
            *found += assert_same_answers(&logged, &stored, filter);
        }
    }
    assert!(found.iter().all(|found| *found > 100), "{found:?}");
    let rows = server.sql().rows("SELECT count(*) FROM daytrade.entries");
    assert_eq!(rows[0].get::<_, i64>(0), 2_000);
}

#[test]
fn numbers_that_no_column_holds_are_found_by_what_the_log_has() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    log::grow(&mut log::open(folder.path()), 8, 500);
    until_complete(&follow(server.url(), folder.path()), 501);
    let (logged, stored) = (segments(folder.path()), stored(&server.url(), folder.path(), 50_000));
    let most = u64::MAX;
    for filter in [
        Filter { transactions: Some(490..=most), ..Filter::default() },
        Filter { transactions: Some(most..=most), ..Filter::default() },
        Filter { time_ms: Some(0..=most), ..Filter::default() },
        Filter { time_ms: Some(most - 1..=most), ..Filter::default() },
        Filter { amount_cents: Some(i64::MIN..=i64::MAX), ..Filter::default() },
        Filter { entries: most..=most, ..Filter::default() },
        Filter { entries: 0..=0, ..Filter::default() },
    ] {
        assert_same_answers(&logged, &stored, &filter);
    }
}

#[test]
fn new_entries_are_told_as_the_store_takes_them_in() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    log::append(&mut writer, 3, 300);
    let follower = follow(server.url(), folder.path());
    until_complete(&follower, 301);
    let mut stored = Stored::open(&server.url(), Which::Only(None)).unwrap().in_pages_of(50);
    let filter = Filter { users: vec!["user7".to_string()], ..Filter::default() };
    let mut told: Vec<(u64, Entry)> = Vec::new();
    for round in 0..4 {
        log::append(&mut writer, 3, 400);
        until_complete(&follower, 701 + 400 * round);
        stored.poll(&filter, |number, entry| told.push((number, entry))).unwrap();
    }
    stored.poll(&filter, |_, _| panic!("nothing came")).unwrap();
    let since = Filter { entries: 301..=u64::MAX, ..filter };
    let all = segments(folder.path()).collect(&since, Order::OldestFirst, usize::MAX).unwrap();
    assert_eq!(told, all);
    assert!(!all.is_empty());
}

#[test]
fn the_log_that_is_meant_is_asked_and_no_other() {
    let server = Server::start();
    let url = server.url();
    let refused = |which| match Stored::open(&url, which) {
        Err(error) => error.to_string(),
        Ok(stored) => panic!("{:?} was opened", stored.log()),
    };
    assert!(refused(Which::Only(None)).contains("it has no log"));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, seed) in folders.iter().zip([1, 2]) {
        log::grow(&mut log::open(folder.path()), seed, 100 * seed);
        until_complete(&follow(url.clone(), folder.path()), 100 * seed + 1);
        if seed == 1 {
            let only = Stored::open(&url, Which::Only(None)).unwrap();
            assert_eq!((only.log().log, only.next()), (1, 101));
        }
    }
    let [one, two] = folders.map(|folder| LogId::of(folder.path()).unwrap().unwrap());
    for (which, next) in
        [(Which::Log(one), 101), (Which::Number(2), 201), (Which::Only(Some(two)), 201)]
    {
        assert_eq!(Stored::open(&url, which).unwrap().next(), next, "{which:?}");
    }
    let several = refused(Which::Only(None));
    assert!(several.contains("--log") && several.contains("1 (a log, 100 entries)"), "{several}");
    assert!(refused(Which::Number(7)).contains("no log 7"));
    assert!(refused(Which::Log(LogId([7; 32]))).contains("does not have this log"));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut opened = Stored::open(&url, Which::Log(one)).unwrap();
    runtime.block_on(PostgresSink::new(url.clone(), "", "").reset(&one)).unwrap();
    let gone = opened.poll(&Filter::default(), |_, _| {}).unwrap_err().to_string();
    assert!(gone.contains("removed"), "{gone}");
    let gone = Source::from(opened).collect(&Filter::default(), Order::NewestFirst, 1);
    assert!(gone.is_err());
}

/// A row that somebody changed by hand is not told as if the log said so.
#[test]
fn a_body_that_is_none_is_an_error_that_names_the_entry() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    log::grow(&mut log::open(folder.path()), 4, 200);
    until_complete(&follow(server.url(), folder.path()), 201);
    server.sql().run("UPDATE daytrade.entries SET body = '\\x0102' WHERE entry = 77");
    let stored = stored(&server.url(), folder.path(), 50_000);
    let told = stored.collect(&Filter::default(), Order::OldestFirst, usize::MAX);
    assert!(told.unwrap_err().to_string().contains("entry 77 "));
}

/// What users, transactions, entries and times are found by: an index, not a look at every row.
#[test]
fn narrow_questions_are_answered_by_the_indexes() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    log::grow(&mut log::open(folder.path()), 2, 60_000);
    until_complete(&follow(server.url(), folder.path()), 60_001);
    let sql = server.sql();
    sql.run("VACUUM ANALYZE daytrade.entries_1");
    let stored = Stored::open(&server.url(), Which::Only(None)).unwrap();
    for filter in [
        Filter { users: vec!["user7".to_string()], ..Filter::default() },
        Filter { transactions: Some(500..=510), ..Filter::default() },
        Filter {
            time_ms: Some(log::BEGUN_MS + 5_000..=log::BEGUN_MS + 5_100),
            ..Filter::default()
        },
    ] {
        let plan = stored.plan(&filter).unwrap();
        assert!(plan.contains("Index Cond") && !plan.contains("Seq Scan"), "{filter:?}: {plan}");
    }
    let everything = stored.plan(&Filter::default()).unwrap();
    assert!(everything.contains("Seq Scan"), "{everything}");
}

/// What was stored a moment ago is found as quickly as what is old: nobody waits for a vacuum.
#[test]
fn new_rows_are_in_the_index_of_what_comes_in_order() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    log::grow(&mut log::open(folder.path()), 2, 70_000);
    until_complete(&follow(server.url(), folder.path()), 70_001);
    let rows = server.sql().rows(
        "SELECT sum(brin_summarize_new_values(i.indexrelid))::bigint, \
                sum(pg_relation_size(i.indrelid) / 8192 / 32)::bigint \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam \
         WHERE a.amname = 'brin' AND c.relkind = 'i'",
    );
    let (left, all): (i64, i64) = (rows[0].get(0), rows[0].get(1));
    assert!(all > 40 && left < all / 2, "{left} of {all} stretches were not in it");
}
