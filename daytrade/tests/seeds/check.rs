//! What must hold whatever happened: the verifier finds nothing, every account is what a slow
//! reading of the rules makes of the log, and nothing that was acknowledged is missing.

use super::campaign::Counts;
use super::life::Run;
use super::model::Model;
use super::plan::Plan;
use audit_logger::log::segments;
use audit_logger::verify::{self, Options};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Account, Action, Entry, RulesVersion, UserName};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use worker::Ledger;

/// Checks what `plan` left; panics where something does not hold.
pub(super) fn run(plan: &Plan, run: &Run) -> Counts {
    let entries = run.entries();
    each_command_once(plan, run, &entries);
    verified(plan, &entries);
    let fired = slow_reading(&entries, &run.accounts);
    folded(run, &entries);
    let count =
        |wanted: fn(&Entry) -> bool| entries.iter().filter(|entry| wanted(entry)).count() as u64;
    vec![
        ("commands", plan.commands),
        ("deaths", run.died),
        ("orderly stops", run.stopped),
        ("orders fired later", fired),
        ("expired", count(|entry| matches!(entry, Entry::Expired(_)))),
        ("failed quotes", count(|entry| matches!(entry, Entry::QuoteRefused(_)))),
    ]
}

fn each_command_once(plan: &Plan, run: &Run, entries: &[Entry]) {
    let mut logged = BTreeSet::new();
    for entry in entries {
        if let Entry::Command(decided) = entry {
            let transaction = decided.command.transaction.0;
            assert!(logged.insert(transaction), "{transaction} is in the log twice");
            assert!(
                decided.applied_ms >= decided.command.received_ms,
                "{transaction} is applied before it was received"
            );
        }
    }
    if let Some(lost) = run.acknowledged.iter().find(|number| !logged.contains(number)) {
        panic!("{lost} was acknowledged and is not in the log");
    }
    assert!(logged.into_iter().eq(1..=plan.commands), "not every command is in the log");
}

/// The verifier, which shares no code with the system, accepts the XML of the log.
fn verified(plan: &Plan, entries: &[Entry]) {
    let mut xml = HEAD.as_bytes().to_vec();
    let mut renderer = Renderer::new("seeds");
    entries.iter().for_each(|entry| renderer.render(entry, &mut xml));
    xml.extend_from_slice(FOOT.as_bytes());
    let mut workload: &[u8] = &plan.workload;
    let workload: &mut dyn BufRead = &mut workload;
    let report = verify::verify(&xml[..], Some(workload), &Options::default()).unwrap();
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();

    assert!(report.is_good(), "the verifier says BAD:\n{}", findings.join("\n"));
}

/// Follows the log with the slow reading of the rules: at every entry nothing is negative, and at
/// the end every account is what it comes to. Returns how many orders fired on a later price.
fn slow_reading(entries: &[Entry], accounts: &BTreeMap<UserName, Account>) -> u64 {
    let mut models: BTreeMap<UserName, Model> = BTreeMap::new();
    let (mut fired, mut fired_later) = (BTreeSet::new(), 0);
    for entry in entries {
        let Some(user) = entry.account() else { continue };
        let model = models.entry(user.clone()).or_default();
        match entry {
            Entry::Command(decided) => {
                model.time_passes(decided.applied_ms);
                let Action::User { verb, .. } = &decided.command.action else { continue };
                let price = decided.price.map(|used| used.price.cents().into());
                let expected = model.run(verb, price, decided.applied_ms);
                assert_eq!(decided.reject_code(), expected.err(), "{decided:?}");
                if decided.fill().is_some() {
                    let new = fired.insert(decided.command.transaction);
                    assert!(new, "an order fired twice: {decided:?}");
                }
            }
            Entry::Filled(filled) => {
                let price = filled.fill.price.cents().into();
                let fires = match filled.side {
                    Side::Buy => model.buy_order_sees(filled.stock, price),
                    Side::Sell => model.sell_order_sees(filled.stock, price),
                };
                assert!(fires, "no such order, or the price does not meet it: {filled:?}");
                let new = fired.insert(filled.transaction);
                assert!(new, "an order fired twice: {filled:?}");
                fired_later += 1;
            }
            Entry::Expired(expired) => {
                model.time_passes(expired.expired_ms);
            }
            Entry::Quote(_) | Entry::QuoteRefused(_) => {}
        }
        assert!(model.free_cents() >= 0 && model.promised_cents() >= 0, "negative: {entry:?}");
        let stocks: Vec<_> = model.shares.keys().copied().collect();
        for stock in stocks {
            assert!(model.free_shares(&stock) >= 0, "negative: {entry:?}");
        }
    }
    for (user, account) in accounts {
        let model = models.get(user).unwrap_or_else(|| panic!("{user} is not in the log"));
        assert_eq!(i128::from(account.cash.cents()), model.free_cents(), "cash of {user}");
        let reserved = i128::from(account.reserved.cents());
        assert_eq!(reserved, model.promised_cents(), "reserved cash of {user}");
        for (stock, count) in &model.shares {
            let holding = account.holding(*stock);
            let held = [holding.free.count(), holding.reserved.count()].map(i128::from);
            assert_eq!(held[0] + held[1], *count, "{stock} of {user}");
            assert_eq!(held[1], model.promised_shares(stock), "reserved {stock} of {user}");
        }
    }
    let known = models.values().filter(|model| model.known).count();
    assert_eq!(known, accounts.len(), "an account is missing");
    fired_later
}

/// The accounts that were there when the system stopped are the fold of the log: of all of it, and
/// of what a start reads behind the newest snapshot.
fn folded(run: &Run, entries: &[Entry]) {
    let mut ledger = Ledger::default();
    for entry in entries {
        ledger.replay(RulesVersion::CURRENT, entry).unwrap();
    }
    let of_all: BTreeMap<UserName, Account> = ledger.into_accounts().collect();
    assert!(of_all == run.accounts, "the fold of the log differs from the accounts");
    let _lock = segments::lock(run.folder.path()).unwrap();
    let (restored, _) = crate::restore::restore(run.folder.path(), &[run.key.public()]).unwrap();
    let restored: BTreeMap<UserName, Account> = restored.ledger.into_accounts().collect();
    assert!(restored == run.accounts, "a start would find other accounts");
}
