//! How many files this process may have open: each connection is one.

use indicatif::HumanCount;
use std::fmt::Display;

/// Connections that are taken where nothing stands in the way.
const CONNECTIONS: u64 = 32 << 10;

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
    let limit = raised();
    let connections = limit.map_or(CONNECTIONS, |limit| limit.saturating_sub(OTHERS)).max(16);
    let bounded = connections < CONNECTIONS;
    Room { connections: connections.min(CONNECTIONS) as usize, limit: limit.filter(|_| bounded) }
}

impl Room {
    /// What there is to say where there is less room than wanted.
    pub fn told(&self) -> Option<impl Display> {
        let limit = self.limit?;
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
