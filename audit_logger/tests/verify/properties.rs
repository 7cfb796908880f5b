//! No text makes the checker panic, and no small change of a good log makes it worse than a
//! finding.

use super::log::{good, workload};
use super::{check, check_with};
use audit_logger::verify::{FindingKind, Options, verify};
use proptest::prelude::*;

fn both(log: &[u8], lines: &[u8]) {
    let report = verify(log, None, &Options::default()).unwrap();
    report.to_string();
    let mut lines = lines;
    verify(log, Some(&mut lines), &Options { max_findings: 3, ..Options::default() }).unwrap();
}

/// A change of a text: cut it, drop a piece, copy a piece elsewhere, replace bytes.
#[derive(Clone, Debug)]
enum Change {
    Cut(prop::sample::Index),
    Drop(prop::sample::Index, usize),
    Copy(prop::sample::Index, usize, prop::sample::Index),
    Replace(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        1 => place().prop_map(Change::Cut),
        4 => (place(), 1..400_usize).prop_map(|(at, len)| Change::Drop(at, len)),
        4 => (place(), 1..400_usize, place()).prop_map(|(from, len, to)| Change::Copy(from, len, to)),
        4 => (place(), "[0-9.<>/&a-z -]{1,4}").prop_map(|(at, text)| Change::Replace(at, text.into())),
        1 => (place(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Change::Replace(at, bytes)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    if text.is_empty() {
        return;
    }
    let end = |at: usize, len: usize, text: &[u8]| text.len().min(at + len);
    match change {
        Change::Cut(at) => text.truncate(at.index(text.len())),
        Change::Drop(at, len) => {
            let at = at.index(text.len());
            text.drain(at..end(at, *len, text));
        }
        Change::Copy(from, len, to) => {
            let (from, to) = (from.index(text.len()), to.index(text.len()));
            let piece = text[from..end(from, *len, text)].to_vec();
            text.splice(to..to, piece);
        }
        Change::Replace(at, bytes) => {
            let at = at.index(text.len());
            text.splice(at..end(at, bytes.len(), text), bytes.iter().copied());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(log: Vec<u8>, lines: Vec<u8>) {
        both(&log, &lines);
    }

    #[test]
    fn arbitrary_markup_never_panics(
        log in "(<log>|</log>|<userCommand>|</userCommand>|<funds>|</funds>|<a/>|&amp;|&#0;|<!--|-->|<!\\[CDATA\\[|\\]\\]>|x| |<\\?){0,40}"
    ) {
        both(log.as_bytes(), log.as_bytes());
    }

    #[test]
    fn changed_bytes_of_a_good_log_never_panic(
        changes in prop::collection::vec(change(), 1..6),
        line_changes in prop::collection::vec(change(), 0..4),
    ) {
        let mut log = good().xml().into_bytes();
        let mut lines = workload().into_bytes();
        changes.iter().for_each(|change| apply(&mut log, change));
        line_changes.iter().for_each(|change| apply(&mut lines, change));
        both(&log, &lines);
    }

    #[test]
    fn shuffled_elements_of_a_good_log_never_panic(
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..60),
        numbers in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..10),
    ) {
        let mut log = good();
        for (from, to) in swaps {
            let (from, to) = (from.index(log.0.len()), to.index(log.0.len()));
            log.0.swap(from, to);
        }
        for (at, number) in numbers {
            let line = &mut log.0[at.index(91)];
            let mut words: Vec<String> = line.split(' ').map(str::to_string).collect();
            words[2] = number.to_string();
            *line = words.join(" ");
        }
        both(log.xml().as_bytes(), workload().as_bytes());
    }

    /// Every amount counts: no cent of a carried out command changes unseen.
    #[test]
    fn no_cent_changes_unseen(at in any::<prop::sample::Index>(), cents in 1..100_000_u64) {
        let mut log = good();
        let amounts: Vec<usize> = (0..log.0.len())
            .filter(|&at| log.0[at].starts_with("cash"))
            .collect();
        let line = &mut log.0[amounts[at.index(amounts.len())]];
        let (head, amount) = line.rsplit_once('=').unwrap();
        let before: u64 = amount.replace('.', "").parse().unwrap();
        prop_assume!(cents != before);
        *line = format!("{head}={}.{:02}", cents / 100, cents % 100);
        let report = check(&log.xml());
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        prop_assert!(kinds.contains(&FindingKind::MovementWrong), "{}", report);
        prop_assert!(kinds.contains(&FindingKind::NotConserved), "{}", report);
    }

    /// No element is dropped unseen, with the workload at hand.
    #[test]
    fn no_element_is_dropped_unseen(at in any::<prop::sample::Index>()) {
        let mut log = good();
        let droppable: Vec<usize> = (0..log.0.len())
            .filter(|&at| {
                // Each of these is one of two signs of the same thing, or harmless: what follows
                // does not depend on it.
                let line = &log.0[at];
                !line.contains("quote_refused") && !line.starts_with("event 440 34")
                    && !line.starts_with("quote 60300")
            })
            .collect();
        let dropped = log.0.remove(droppable[at.index(droppable.len())]);
        let report = check_with(&log.xml(), &workload());
        prop_assert!(!report.is_good(), "{} is not missed", dropped);
    }
}
