//! What comes out of the engine.

use bus::{AccountEvent, AccountNews, Entries, Moment, OrderChange, QuoteAsk, Reply, ReplyTo};
use domain::trading::{Entry, UserName};
use rustc_hash::FxHashSet;

/// What came out of the engine since it was last emptied.
#[derive(Debug, Default)]
pub struct Output {
    /// Entries for the log.
    pub entries: Entries,
    /// Replies, to be released when the entries are durable, grouped by client. Their entries are
    /// numbered from 0 within [`entries`](Self::entries).
    pub replies: Vec<(ReplyTo, Vec<Reply>)>,
    /// Prices to be asked for.
    pub asks: Vec<QuoteAsk>,
    /// What has become of armed orders, in order.
    pub orders: Vec<OrderChange>,
    /// What accounts did by themselves, where that is [wanted](super::Engine::tell_news), to be told when
    /// the entries are durable. Numbered as the replies are.
    pub news: Vec<AccountNews>,
    /// Entries about accounts that are [watched](super::Engine::watch). Numbered as the replies are.
    pub watched: Vec<(u64, Entry)>,
}

impl Output {
    /// Logs what an account did by itself, and keeps `news` of it back until the log has it.
    pub(super) fn unattended(
        &mut self,
        entry: &Entry,
        news: Option<AccountEvent>,
        quoted: Option<Moment>,
    ) {
        let number = u64::from(self.entries.count());
        self.entries.push(entry);
        self.news.extend(news.map(|event| AccountNews { entry: number, quoted, event }));
    }
}

/// Puts `entry`, which is about to be the next of the output, out once more if it is about an
/// account that is watched. Costs a comparison where none is.
#[inline]
pub(super) fn note_watched(watched: &FxHashSet<UserName>, output: &mut Output, entry: &Entry) {
    if !watched.is_empty() {
        note_if_watched(watched, output, entry);
    }
}

#[cold]
#[inline(never)]
fn note_if_watched(watched: &FxHashSet<UserName>, output: &mut Output, entry: &Entry) {
    if entry.account().is_some_and(|user| watched.contains(user)) {
        output.watched.push((u64::from(output.entries.count()), entry.clone()));
    }
}
