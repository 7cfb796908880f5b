//! What the checkpoints beside a log say of what was read: whose they are, where they end, and
//! whether the chain there is the one that was signed.

use super::{Check, Checker, Finding, Kind};
use crate::proof::checkpoint::{self, Checkpoint};

impl Checker {
    pub(super) fn finish(mut self, kept: Vec<checkpoint::Kept>) -> Check {
        self.result.last = self.next - 1;
        let given: Vec<Checkpoint> = kept.into_iter().filter_map(|kept| self.given(kept)).collect();
        if let Some((reason, more)) = self.foreign.take().filter(|(_, more)| *more > 0)
            && let Some(told) = self.result.findings.iter_mut().rfind(|told| told.reason == reason)
        {
            told.reason.push_str(&format!("; and {more} more like it"));
        }
        let wanted = given.iter().map(|checkpoint| checkpoint.entries).max().unwrap_or(0);
        self.end(wanted);
        self.removed(&given);
        self.compare(given);
        if self.result.checkpoints == 0 && self.result.found == 0 && self.result.last > 0 {
            let reason = "the chain is whole, but no checkpoint vouches for it: whoever can write \
                          here could have made it anew (daytrade audit prove makes one)";
            self.find(Finding {
                kind: Kind::Unproven,
                file: self.folder.clone(),
                byte: None,
                entries: Some((self.result.first, self.result.last)),
                transactions: None,
                reason: reason.to_string(),
            });
        }
        self.result.unvouched = self.result.last.saturating_sub(self.result.vouched);
        self.result
    }

    /// The end of a log that is written, or was torn, is no fault; what a checkpoint vouches for is.
    fn end(&mut self, wanted: u64) {
        if let Some(torn) = &self.torn {
            if torn.at_end {
                self.result.tail_bytes = torn.bytes;
                self.tail = Some((torn.offset, torn.reason.clone()));
                self.torn = None;
            } else {
                self.settle_torn(self.next);
            }
        } else if let Some(end) = &self.unsound_end
            && end.finding + 1 == self.result.findings.len()
            && wanted < end.last
        {
            self.tail = Some((end.offset, String::new()));
            self.result.findings.pop();
            self.result.found -= 1;
            self.result.tail_bytes = end.bytes;
            self.result.last = end.first - 1;
        }
    }

    /// The checkpoint that `kept` holds, if it is one of the key.
    fn given(&mut self, kept: checkpoint::Kept) -> Option<Checkpoint> {
        let key = self.result.key;
        let good = kept.checkpoint.map_err(|reason| format!("it cannot be read: {reason}"));
        let good = good.and_then(|checkpoint| {
            if !checkpoint.is_signed() {
                return Err("it is not signed by the key that it names: it was forged".to_string());
            }
            match key {
                Some(key) if key != checkpoint.key => {
                    Err(format!("it is signed by {}, not by {key}", checkpoint.key))
                }
                _ => Ok(checkpoint),
            }
        });
        match good {
            Err(reason) if self.foreign.as_ref().is_some_and(|(told, _)| *told == reason) => {
                // Once is enough: of another key they are all.
                if let Some((_, count)) = &mut self.foreign {
                    *count += 1;
                }
                None
            }
            Ok(checkpoint) => {
                self.result.key = Some(checkpoint.key);
                Some(checkpoint)
            }
            Err(reason) => {
                self.foreign = Some((reason.clone(), 0));
                self.find(Finding {
                    kind: Kind::Checkpoint,
                    file: kept.path,
                    byte: None,
                    entries: None,
                    transactions: None,
                    reason,
                });
                None
            }
        }
    }

    /// What was removed before the first segment must end where a checkpoint says.
    fn removed(&mut self, given: &[Checkpoint]) {
        let before = self.result.first - 1;
        if before == 0 {
            return;
        }
        let here = |checkpoint: &&Checkpoint| {
            checkpoint.entries == before && checkpoint.chain == self.begins
        };
        if let Some(end) = given.iter().find(here) {
            self.result.removed = before;
            self.result.log = Some(end.log);
            return;
        }
        self.result.log = given.first().map(|checkpoint| checkpoint.log);
        self.find(Finding {
            kind: Kind::Lost,
            file: self.folder.clone(),
            byte: None,
            entries: Some((1, before)),
            transactions: None,
            reason: "the segments that held them are not there, and no checkpoint vouches for \
                     their end"
                .to_string(),
        });
    }

    fn compare(&mut self, given: Vec<Checkpoint>) {
        let mut contradicted = None;
        let mut behind = None;
        for checkpoint in given {
            if self.result.log.is_some_and(|log| log != checkpoint.log) {
                self.find(Finding {
                    kind: Kind::Checkpoint,
                    file: checkpoint::path_of(&self.folder, checkpoint.entries),
                    byte: None,
                    entries: None,
                    transactions: None,
                    reason: format!("it is of another log, {}", checkpoint.log),
                });
                continue;
            }
            let chains = self.boundaries.get(&(checkpoint.entries + 1));
            let fits = chains.is_some_and(|chains| chains.contains(&checkpoint.chain));
            if fits {
                self.result.vouched = checkpoint.entries;
                self.result.vouched_ms = Some(checkpoint.time_ms);
                self.result.checkpoints += 1;
            } else if checkpoint.entries < self.result.first - 1 {
                // It is of what was removed: nothing here can contradict it.
            } else if checkpoint.entries > self.result.last {
                behind = Some(checkpoint.entries);
            } else {
                contradicted.get_or_insert((checkpoint.entries, self.result.vouched));
            }
        }
        let last = self.result.last;
        let tail = self.tail.take();
        let byte = tail.as_ref().map(|(offset, _)| *offset);
        let finding = |kind, entries, reason| Finding {
            kind,
            file: self.last_path.clone(),
            byte,
            entries,
            transactions: None,
            reason,
        };
        let mut found = Vec::new();
        match (contradicted, &tail) {
            (Some((entries, _)), Some((_, reason))) if entries == last => {
                let reason = format!("the batch that closed the log is not whole: {reason}");
                found.push(finding(Kind::Changed, None, reason));
            }
            (Some((entries, vouched)), _) => {
                let or = match entries == last {
                    true => ", or the batch that closed the log behind it is gone",
                    false => "",
                };
                let reason = format!(
                    "a checkpoint behind entry {entries} vouches for something else: what stands \
                     here was made anew after it was signed{or}"
                );
                let first = (vouched + 1).max(self.result.first).min(entries);
                found.push(Finding {
                    byte: None,
                    ..finding(Kind::Changed, Some((first, entries)), reason)
                });
            }
            (None, _) => {}
        }
        if let Some(entries) = behind {
            let (kind, why) = match &tail {
                Some((_, reason)) => (Kind::Changed, reason.as_str()),
                None => (Kind::Lost, "the log ends before them"),
            };
            let reason = format!("{why}, and a checkpoint vouches for them");
            found.push(finding(kind, Some((last + 1, entries)), reason));
        }
        found.into_iter().for_each(|finding| self.find(finding));
    }
}
