//! Accounts as they were, and the story of a transaction, against a fold of everything.

use crate::world::*;
use audit_logger::query::history::{HistoryError, account_at, story};
use audit_logger::query::{Catalogue, Source, Stats};
use domain::trading::{Account, Entry, RulesVersion, UserName, entry};
use std::collections::BTreeMap;

#[test]
fn an_account_is_told_as_it_was_after_any_transaction() {
    for seed in [11, 12] {
        let mut chance = Chance(seed);
        let folder = tempfile::tempdir().unwrap();
        let (entries, at_the_end) = trade(&mut chance, 5, 200);
        write(folder.path(), &entries, &mut chance, 40, 8_000);
        let source = Source::from(Catalogue::open_above(folder.path(), Some(0)).unwrap());
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        for fact in &entries {
            if let Some(user) = fact.account() {
                let account = accounts.entry(user.to_string()).or_default();
                entry::replay(account, RulesVersion::CURRENT, fact).unwrap();
                if !account.open {
                    accounts.remove(user.as_str());
                }
            }
            let Entry::Command(decided) = fact else { continue };
            let transaction = decided.command.transaction.0;
            for user in (0..5).map(|user| format!("u{user}")) {
                let name = UserName::parse(user.as_bytes()).unwrap();
                match (account_at(&source, &name, transaction), accounts.get(&user)) {
                    (Ok(then), Some(account)) => assert_eq!(&then.account, account),
                    (Err(HistoryError::NoAccount { .. }), None) => {}
                    (told, known) => panic!("{user} at {transaction}: {told:?}, {known:?}"),
                }
            }
        }
        assert_eq!(accounts, at_the_end);
        let nobody = UserName::parse(b"u1").unwrap();
        for missing in [0, 201, u64::MAX] {
            let told = account_at(&source, &nobody, missing);
            assert!(matches!(told, Err(HistoryError::NoTransaction(_))), "{told:?}");
        }
    }
}

/// Every entry of a transaction is in its story, with the account before and after; the account
/// goes on from step to step only by what the log says.
#[test]
fn a_story_holds_all_that_came_of_a_transaction() {
    let mut chance = Chance(21);
    let folder = tempfile::tempdir().unwrap();
    let (entries, _) = trade(&mut chance, 4, 500);
    write(folder.path(), &entries, &mut chance, 40, 20_000);
    let source = Source::from(Catalogue::open_above(folder.path(), Some(0)).unwrap());
    let (mut late, mut taken) = (0, 0);
    for transaction in 1..=500 {
        let told = story(&source, transaction).unwrap();
        let own: Vec<u64> = (1..)
            .zip(&entries)
            .filter(|(_, entry)| entry.transaction().0 == transaction)
            .map(|(number, _)| number)
            .collect();
        let own_told: Vec<u64> = told
            .steps
            .iter()
            .filter(|step| step.record.transaction == transaction)
            .map(|step| step.record.entry)
            .collect();
        assert_eq!(own_told, own);
        for step in &told.steps {
            let entry = &entries[step.record.entry as usize - 1];
            assert_eq!(step.account.is_some(), entry.account().is_some());
            late += usize::from(matches!(entry, Entry::Expired(_) | Entry::Filled(_)));
            let Some(change) = &step.account else { continue };
            let cents = |text: &str| audit_logger::query::filter::parse_cents(text).unwrap();
            let moved = step.record.cash_change.as_deref().map_or(0, cents);
            assert_eq!(
                cents(&change.after.cash) - cents(&change.before.cash),
                moved,
                "{:?}",
                step.record
            );
            if step.record.transaction != transaction {
                taken += 1;
                let by = story(&source, step.record.transaction).unwrap();
                assert_eq!(by.opened_by, Some(transaction));
            }
        }
    }
    assert!(late > 3 && taken > 5, "{late} late steps, {taken} commits");
}

/// Counts of parts must come to the counts of the whole, whatever the parts.
#[test]
fn counts_add_up() {
    let mut chance = Chance(31);
    let (entries, _) = trade(&mut chance, 6, 500);
    let mut whole = Stats::default();
    entries.iter().for_each(|entry| whole.count(entry));
    let mut merged = Stats::default();
    for part in entries.chunks(37) {
        let mut stats = Stats::default();
        part.iter().for_each(|entry| stats.count(entry));
        merged.merge(stats);
    }
    assert_eq!(merged, whole);
    let commands: u64 = whole.commands.values().map(|found| found.accepted + found.rejected).sum();
    assert_eq!(commands, 500);
    assert_eq!(
        whole.rejects.values().sum::<u64>(),
        whole.commands.values().map(|c| c.rejected).sum::<u64>()
    );
}
