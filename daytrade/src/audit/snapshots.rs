//! What the snapshots beside a log are worth: which are signed, and whether they hold what the log
//! comes to. The log is folded anew and compared with each, whoever signed it.

use crate::restore::Restored;
use crate::restore::payload::{self, Payload};
use audit_logger::LogError;
use audit_logger::log::{ChainHash, LogReader};
use audit_logger::proof::PublicKey;
use audit_logger::proof::check::Kind;
use audit_logger::proof::snapshots::{Judged, Snapshots};
use audit_logger::proof::{Check, Finding};
use domain::trading::{Account, RulesVersion, UserName, codec};
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use worker::{Ledger, ParallelFold};

/// What a snapshot is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// A key that is trusted signed it, and it holds what the log comes to.
    Signed,
    /// It holds what the log comes to, and no key that is trusted signed it: it is not used.
    Unsigned,
    /// It holds something else.
    ContradictsLog,
    /// It is damaged or of another version: it is not used.
    Unreadable,
    /// It could not be compared with the log.
    NotCompared,
}

/// A snapshot, and what it is worth.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotAnswer {
    pub file: PathBuf,
    /// The last entry that it covers, where it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covers: Option<u64>,
    pub state: Worth,
    /// The trusted key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<PublicKey>,
    /// Why it is not used, or how it contradicts the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl fmt::Display for SnapshotAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.file_name().map_or(self.file.as_os_str(), |name| name);
        write!(f, "{}: ", name.to_string_lossy())?;
        if let Some(last) = self.covers {
            write!(f, "entries 1 to {}, ", HumanCount(last))?;
        }
        f.write_str(match self.state {
            Worth::Signed => "signed, agrees with the log",
            Worth::Unsigned => "agrees with the log, but is not used",
            Worth::ContradictsLog => "contradicts the log",
            Worth::Unreadable => "is not used",
            Worth::NotCompared if self.signed_by.is_some() => "signed, not compared with the log",
            Worth::NotCompared => "not signed, not compared with the log",
        })?;
        match &self.reason {
            Some(reason) => write!(f, ": it {reason}"),
            None => Ok(()),
        }
    }
}

/// Compares the snapshots beside the log in `folder`, which `checked` tells of, with the log. Those
/// count as signed that `key` signed. What contradicts the log is added to the findings.
pub fn compare(
    folder: &Path,
    key: Option<PublicKey>,
    checked: &mut Check,
) -> Result<Vec<SnapshotAnswer>, LogError> {
    let trusted: Vec<PublicKey> = key.into_iter().collect();
    let mut answers = Vec::new();
    let mut candidates = Vec::new();
    for judged in Snapshots::of(folder, &trusted)?.judge() {
        match judged.map(Candidate::of) {
            Ok(Ok(candidate)) => candidates.push(candidate),
            Ok(Err(answer)) => answers.push(*answer),
            Err(passed_over) => answers.push(SnapshotAnswer {
                file: passed_over.path,
                covers: None,
                state: Worth::Unreadable,
                signed_by: None,
                reason: Some(passed_over.reason),
            }),
        }
    }
    candidates.sort_by_key(|candidate| candidate.last);
    if checked.found == 0 {
        compare_all(folder, checked.first, &mut candidates)?;
    } else {
        let reason = "would be compared with a log that fails its check";
        candidates.iter_mut().for_each(|one| one.not_compared(reason.to_string()));
    }
    answers.extend(candidates.into_iter().map(Candidate::answer));
    for answer in answers.iter().filter(|answer| answer.state == Worth::ContradictsLog) {
        checked.found += 1;
        checked.findings.push(Finding {
            kind: Kind::Snapshot,
            file: answer.file.clone(),
            byte: None,
            entries: answer.covers.map(|last| (1, last)),
            transactions: None,
            reason: format!(
                "it contradicts the log, so it was forged or damaged: it {}",
                answer.reason.as_deref().unwrap_or_default()
            ),
        });
    }
    Ok(answers)
}

/// A snapshot that is compared.
struct Candidate {
    path: PathBuf,
    last: u64,
    chain: ChainHash,
    chain_fits: bool,
    payload: Payload,
    signed_by: Result<PublicKey, String>,
    /// What came of it: none as long as it has not been compared; else how it differs, if it does.
    compared: Option<Result<(), String>>,
    not_compared: Option<String>,
}

impl Candidate {
    fn of(judged: Judged) -> Result<Candidate, Box<SnapshotAnswer>> {
        let Judged { path, snapshot, signed_by } = judged;
        let Some(payload) = payload::decode(&snapshot.payload) else {
            return Err(Box::new(SnapshotAnswer {
                file: path,
                covers: Some(snapshot.last),
                state: Worth::Unreadable,
                signed_by: None,
                reason: Some("holds what no program wrote".to_string()),
            }));
        };
        Ok(Candidate {
            path,
            last: snapshot.last,
            chain: snapshot.chain,
            chain_fits: false,
            payload,
            signed_by,
            compared: None,
            not_compared: None,
        })
    }

    fn not_compared(&mut self, reason: String) {
        self.not_compared.get_or_insert(reason);
    }

    fn answer(self) -> SnapshotAnswer {
        let signed_by = self.signed_by.as_ref().ok().copied();
        let (state, reason) = match (self.not_compared, self.compared, self.signed_by) {
            (Some(reason), ..) => (Worth::NotCompared, Some(reason)),
            (_, None, _) => {
                (Worth::ContradictsLog, Some("covers more entries than the log has".to_string()))
            }
            (_, Some(Err(reason)), _) => (Worth::ContradictsLog, Some(reason)),
            (_, Some(Ok(())), _) if !self.chain_fits => {
                let reason = "is of another log: its chain is not the one behind its last entry";
                (Worth::ContradictsLog, Some(reason.to_string()))
            }
            (_, Some(Ok(())), Err(reason)) => (Worth::Unsigned, Some(reason)),
            (_, Some(Ok(())), Ok(_)) => (Worth::Signed, None),
        };
        SnapshotAnswer { file: self.path, covers: Some(self.last), state, signed_by, reason }
    }
}

/// Folds the log and compares each of `candidates`, which are in the order of their last entries,
/// where it ends.
fn compare_all(folder: &Path, first: u64, candidates: &mut [Candidate]) -> Result<(), LogError> {
    let Some(furthest) = candidates.last().map(|candidate| candidate.last) else { return Ok(()) };
    if first > 1 {
        let reason = format!("covers entries that were removed: the log begins with entry {first}");
        candidates.iter_mut().for_each(|one| one.not_compared(reason.clone()));
        return Ok(());
    }
    let mut folding = Folding::default();
    let mut reader = LogReader::open(folder)?;
    folding.reached(0, candidates);
    loop {
        // The batch that closed the log may stand behind the last entry.
        let position = reader.position();
        for one in candidates.iter_mut().filter(|one| one.last + 1 == position.next) {
            one.chain_fits |= one.chain == position.chain;
        }
        if position.next > furthest.saturating_add(1) {
            break;
        }
        // What is torn at the end of a log that is whole otherwise is not part of it.
        let Ok(Some((first, bytes))) = reader.next_batch() else { break };
        let bytes = bytes.to_vec();
        let rules = reader.rules();
        let mut rest = &bytes[..];
        for number in first.. {
            if rest.is_empty() {
                break;
            }
            let Ok((entry, behind)) = codec::decode(rest) else { break };
            rest = behind;
            folding.push(number, rules, entry);
            folding.reached(number, candidates);
        }
    }
    Ok(())
}

/// The log folded so far.
struct Folding {
    so_far: Restored,
    fold: Option<ParallelFold>,
}

impl Default for Folding {
    fn default() -> Folding {
        let fold = Some(ParallelFold::new(Ledger::default(), cores()));
        Folding { so_far: Restored::default(), fold }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

impl Folding {
    fn push(&mut self, number: u64, rules: RulesVersion, entry: domain::trading::Entry) {
        self.so_far.note(number, &entry);
        if let Some(fold) = &mut self.fold {
            fold.push(number, rules, entry);
        }
    }

    /// The fold has come behind entry `number`: compares what ends there.
    fn reached(&mut self, number: u64, candidates: &mut [Candidate]) {
        let mut here = candidates.iter_mut().filter(|one| one.last == number).peekable();
        if here.peek().is_none() {
            return;
        }
        let Some(fold) = self.fold.take() else { return };
        match fold.finish() {
            Ok(ledger) => {
                for one in here {
                    let differs = differs(&one.payload, &ledger, &self.so_far);
                    one.compared = Some(differs.map_or(Ok(()), Err));
                }
                self.fold = Some(ParallelFold::new(ledger, cores()));
            }
            Err((entry, source)) => {
                let reason = format!(
                    "covers entries that contradict the rules, of which entry {entry} is the \
                     first: {source}"
                );
                for one in candidates.iter_mut().filter(|one| one.last >= number) {
                    one.not_compared(reason.clone());
                }
            }
        }
    }
}

/// How what a snapshot holds differs from what the log comes to.
fn differs(payload: &Payload, ledger: &Ledger, folded: &Restored) -> Option<String> {
    let held: BTreeMap<&UserName, &Account> =
        payload.accounts.iter().map(|(user, account)| (user, account)).collect();
    let logged: BTreeMap<&UserName, &Account> = ledger.accounts().iter().collect();
    let users: BTreeSet<&&UserName> = held.keys().chain(logged.keys()).collect();
    for user in users {
        match (held.get(*user), logged.get(*user)) {
            (Some(held), Some(logged)) if held == logged => {}
            (Some(held), Some(logged)) if held.cash != logged.cash => {
                return Some(format!(
                    "says that {user} has {} in cash, the log says {}",
                    held.cash, logged.cash
                ));
            }
            (Some(_), Some(_)) => {
                return Some(format!("does not hold the account of {user} as the log has it"));
            }
            (Some(_), None) => {
                return Some(format!("holds an account of {user}, the log does not"));
            }
            (None, _) => return Some(format!("lacks the account of {user}")),
        }
    }
    if payload.accounts.len() != held.len() {
        return Some("holds an account twice".to_string());
    }
    // A snapshot may know of numbers that were given out and of a time that passed after the last
    // entry, but of nothing less than the log.
    let within = |(first, last): &(u64, u64)| {
        payload.played.iter().any(|(low, high)| low <= first && last <= high)
    };
    if !folded.played.ranges().iter().all(within) {
        return Some("lacks transactions that the log has".to_string());
    }
    if payload.highest < folded.highest {
        return Some(format!(
            "says that {} is the highest transaction, the log says {}",
            payload.highest, folded.highest
        ));
    }
    if payload.last_ms < folded.last_ms {
        return Some("says that the log ended earlier than it did".to_string());
    }
    let known = |dump| folded.dumps.contains(dump);
    (!payload.dumps.iter().all(known)).then(|| "names a DUMPLOG that the log lacks".to_string())
}
