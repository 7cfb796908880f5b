//! Every filter, alone and together, with an index and without: the same as comparing every
//! record.

use crate::world::*;
use audit_logger::dumplog::{self, DumpRequest};
use audit_logger::query::filter::parse_cents;
use audit_logger::query::{Catalogue, Filter, Order, OutcomeIs, Record};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use domain::trading::Entry;
use std::collections::BTreeSet;
use std::fs;

/// The plainest filter there is: over the flat records, by their text.
fn fits(filter: &Filter, record: &Record) -> bool {
    let code = |code: &str| record.outcome == code;
    let is_command = !["quote", "quote_refused", "expired", "filled"].contains(&&*record.outcome);
    let users: Vec<Option<&str>> = filter.users.iter().map(|user| Some(user.as_str())).collect();
    (users.is_empty() || users.contains(&record.user.as_deref()))
        && filter.stock.as_ref().is_none_or(|stock| record.stock.as_ref() == Some(stock))
        && filter.command.is_none_or(|command| record.command.as_deref() == Some(command.as_str()))
        && filter.outcome.is_none_or(|outcome| match outcome {
            OutcomeIs::Accepted => code("accepted"),
            OutcomeIs::Rejected => is_command && !code("accepted"),
            OutcomeIs::Code(wanted) => is_command && code(wanted),
            OutcomeIs::Quote => code("quote"),
            OutcomeIs::QuoteRefused => code("quote_refused"),
            OutcomeIs::Expired => code("expired"),
            OutcomeIs::Filled => code("filled"),
        })
        && filter.transactions.as_ref().is_none_or(|range| range.contains(&record.transaction))
        && filter.time_ms.as_ref().is_none_or(|range| range.contains(&record.time_ms))
        && filter.amount_cents.as_ref().is_none_or(|range| {
            let cents = record.amount.as_deref().and_then(parse_cents);
            cents.is_some_and(|cents| range.contains(&cents))
        })
        && filter.text.as_ref().is_none_or(|text| {
            let message = record.message.clone().unwrap_or_default().to_lowercase();
            record.message.is_some() && message.contains(&text.to_lowercase())
        })
        && filter.entries.contains(&record.entry)
}

#[test]
fn every_filter_finds_what_comparing_every_record_finds() {
    let mut kinds = BTreeSet::new();
    for seed in 1..=6 {
        let mut chance = Chance(seed);
        let folder = tempfile::tempdir().unwrap();
        let (entries, _) = trade(&mut chance, 10, 1_500);
        let most = [1, 20, 700][seed as usize % 3];
        write(
            folder.path(),
            &entries,
            &mut chance,
            most,
            [2_000, 40_000, 1 << 30][seed as usize / 3],
        );
        let all: Vec<(Record, &Entry)> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (Record::of(at as u64 + 1, entry), entry))
            .collect();
        kinds.extend(all.iter().map(|(record, _)| record.outcome.clone()));
        let last_ms = all.last().unwrap().0.time_ms;
        let mut found_some = 0;
        for _ in 0..120 {
            let filter = some_filter(&mut chance, all.len() as u64, last_ms);
            let mut expected: Vec<(u64, Entry)> = all
                .iter()
                .filter(|(record, _)| fits(&filter, record))
                .map(|(record, entry)| (record.entry, (*entry).clone()))
                .collect();
            found_some += usize::from(!expected.is_empty());
            for order in [Order::OldestFirst, Order::NewestFirst] {
                for indexed in [false, true] {
                    let found = find(folder.path(), indexed, &filter, order, usize::MAX).unwrap();
                    assert_eq!(found, expected, "seed {seed}, index {indexed}: {filter:?}");
                    let few = find(folder.path(), indexed, &filter, order, 3).unwrap();
                    assert_eq!(few, expected[..expected.len().min(3)], "{filter:?}");
                }
                expected.reverse();
            }
        }
        assert!(found_some > 40, "most filters found nothing: {found_some}");
        let catalogue = Catalogue::open_above(folder.path(), Some(0)).unwrap();
        assert!(catalogue.indexed() > 0);
        assert_eq!(catalogue.end().next, all.len() as u64 + 1);
    }
    for kind in ["accepted", "quote", "quote_refused", "expired", "filled", "invalid_arguments"] {
        assert!(kinds.contains(kind), "no entry is {kind}: {kinds:?}");
    }
}

/// A user's DUMPLOG reads what the index points to; it must miss nothing and end where it should.
#[test]
fn a_dump_of_a_user_is_what_rendering_all_their_entries_gives() {
    let mut chance = Chance(5);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (entries, _) = trade(&mut chance, 8, 1_200);
    write(&log, &entries, &mut chance, 60, 30_000);
    for indexed in [None, Some(0)] {
        // The second time an index is there to be used.
        Catalogue::open_above(&log, indexed).unwrap();
        let dump = |name: &str, user: &str, last: u64| DumpRequest {
            file: file(name),
            user: Some(user.to_string()),
            last,
        };
        let end = entries.len() as u64;
        let requests = [dump("a", "u1", end), dump("b", "u2", end / 2), dump("c", "nobody", end)];
        let written = dumplog::write(&log, folder.path(), "s", &[], &requests).unwrap();
        assert_eq!(written.dumps.len(), requests.len());
        for request in &requests {
            let mut renderer = Renderer::new("s");
            let mut expected = HEAD.as_bytes().to_vec();
            for (at, entry) in entries.iter().enumerate() {
                if (at as u64) < request.last && entry.user() == request.user.as_deref() {
                    renderer.render(entry, &mut expected);
                }
            }
            expected.extend_from_slice(FOOT.as_bytes());
            let written = fs::read(folder.path().join(request.file.name())).unwrap();
            assert!(written == expected, "the dump of {:?}", request.user);
        }
    }
}

#[test]
fn an_empty_log_and_a_closed_empty_one_hold_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let found = find(folder.path(), true, &Filter::default(), Order::NewestFirst, 5).unwrap();
    assert_eq!(found, []);
    write(folder.path(), &[], &mut Chance(1), 1, 1);
    assert_eq!(find(folder.path(), true, &Filter::default(), Order::OldestFirst, 5).unwrap(), []);
}
