//! How many files this process may have open: each connection is one.

use indicatif::HumanCount;
use std::fmt::Display;

/// Connections that are taken where nothing stands in the way.
const CONNECTIONS: u64 = 32 << 10;

/// Where there is room for fewer it is said at the start: a class of people with a few pages each
/// may need as many.
const FEW: u64 = 1000;

/// Files that are no connection: the log, exports, questions to the quote server, stores that
/// follow.
const OTHERS: u64 = 256;

/// How many connections there is room for.
pub struct Room {
    /// Connections that may be open at once.
    pub connections: usize,
    /// The limit on open files, where that is what bounds them.
    limit: Option<u64>,
}

/// Raises the limit on open files as far as the system allows.
pub fn raise() -> Room {
    Room::within(raised())
}

impl Room {
    /// Where so many files may be open; none where nothing bounds them.
    fn within(limit: Option<u64>) -> Room {
        let connections = limit.map_or(CONNECTIONS, |limit| limit.saturating_sub(OTHERS)).max(16);
        Room { connections: connections.min(CONNECTIONS) as usize, limit }
    }

    /// What there is to say where there is little room.
    pub fn told(&self) -> Option<impl Display + use<>> {
        let limit = self.limit.filter(|_| (self.connections as u64) < FEW)?;
        Some(format!(
            "{} connections: no more than {} files may be open here (`ulimit -Hn {}` makes room \
             for {})",
            HumanCount(self.connections as u64),
            HumanCount(limit),
            CONNECTIONS + OTHERS,
            HumanCount(CONNECTIONS)
        ))
    }
}

/// The limit, raised; none where there is none, or nobody knows.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        // Some systems say that there is no limit, and then mean another one.
        limit.current = limit.maximum.map(|most| most.min(10_240)).or(Some(10_240));
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_told_of_and_enough_is_not() {
        let told = |limit| Room::within(limit).told().map(|told| told.to_string());
        let few = told(Some(1024)).unwrap();
        assert!(few.starts_with("768 connections") && few.contains("1,024 files"), "{few}");
        for limit in [Some(1256), Some(20_000), Some(1 << 20), None] {
            assert_eq!(told(limit), None, "{limit:?}");
        }
        let rooms = [0, 1024, 20_000, 1 << 20].map(|limit| Room::within(Some(limit)).connections);
        assert_eq!(rooms, [16, 768, 19_744, 32 << 10]);
    }
}
