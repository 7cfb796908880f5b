//! Refusals, summed up: the first of each address, user, kind and reason within a minute is recorded as it
//! happens, the others as one count at the end of the minute.

use super::{AccessEvent, Count, put};
use crate::people::addresses;
use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses and users that are counted apart; those beyond them are counted together.
const COUNTED_APART: usize = 4096;

/// What is counted apart: the event, from where, about whom, and why.
type Key = (&'static str, Option<String>, Option<String>, Option<String>);

/// Refusals since they were last summed up.
#[derive(Default)]
pub(super) struct Refusals {
    /// How many came after the first, and when the last did.
    counted: HashMap<Key, (u64, u64)>,
    others: u64,
    others_ms: u64,
}

impl Refusals {
    /// Counts `event`; whether it is the first of its kind, which is to be recorded as it is.
    pub(super) fn is_first(&mut self, event: &AccessEvent) -> bool {
        // Whoever has one address of an IPv6 network has all of them.
        let network = |text: &String| match text.parse::<IpAddr>() {
            Ok(address) => addresses::network(address).to_string(),
            Err(_) => text.clone(),
        };
        let from = event.address.as_ref().map(network);
        let key = (event.event, from, event.user.clone(), event.detail.clone());
        if let Some((count, at_ms)) = self.counted.get_mut(&key) {
            *count += 1;
            *at_ms = event.at_ms;
            return false;
        }
        if self.counted.len() >= COUNTED_APART {
            self.others += 1;
            self.others_ms = event.at_ms;
            return false;
        }
        self.counted.insert(key, (0, event.at_ms));
        true
    }

    /// Appends a line for each that came more than once, and begins anew.
    pub(super) fn sum_up(&mut self, lines: &mut Vec<u8>) {
        for ((event, address, user, detail), (count, at_ms)) in self.counted.drain() {
            if count > 0 {
                let (user, address) = (user.as_deref(), address.as_deref());
                let detail = detail.as_deref();
                put(&Count { at_ms, event, user, address, detail, count }, lines);
            }
        }
        if self.others > 0 {
            let (at_ms, event, count) = (self.others_ms, "refused_elsewhere", self.others);
            let (user, address, detail) = (None, None, None);
            put(&Count { at_ms, event, user, address, detail, count }, lines);
            self.others = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_addresses_take_bounded_memory() {
        let mut refusals = Refusals::default();
        let mut event = AccessEvent {
            at_ms: 1,
            event: "rate_limited",
            user: None,
            address: None,
            agent: None,
            detail: None,
        };
        let mut recorded = 0;
        for nth in 0..1_000_000_u32 {
            event.address = Some(IpAddr::from(u32::to_be_bytes(nth)).to_string());
            recorded += usize::from(refusals.is_first(&event));
        }
        assert_eq!((recorded, refusals.counted.len()), (COUNTED_APART, COUNTED_APART));
        let mut lines = Vec::new();
        refusals.sum_up(&mut lines);
        let text = String::from_utf8(lines).unwrap();
        assert_eq!(text.lines().count(), 1, "none of them came twice");
        assert!(text.contains(&format!("\"count\":{}", 1_000_000 - COUNTED_APART)), "{text}");
        assert!(refusals.is_first(&event), "the next minute begins anew");
    }
}
