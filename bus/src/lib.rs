//! The ports between the services, and their in-process forms.
//!
//! A port is a message type and a handle that sends it. What handles the message stands behind
//! an actix `Recipient`, so a service knows the port and never the service behind it. Every
//! message carries a batch.

pub mod account_news;
pub mod accounts;
pub mod clock;
pub mod command_queue;
pub mod entry_log;
mod in_order;
pub mod orders;
pub mod partition;
pub mod quotes;

pub use account_news::{AccountEvent, AccountNews, NewsBatch, NewsTo};
pub use accounts::{
    AccountDesk, AccountRead, AccountUpdate, AccountUpdates, AccountsGone, AskAccount, UpdatesTo,
};
pub use clock::{Clock, Moment};
pub use command_queue::{CommandBatch, CommandQueue, QueueClosed, Reply, ReplyTo};
pub use entry_log::{Append, Durable, Entries, EntryLog, LogHalted};
pub use orders::{
    ArmedOrder, FireOrders, FireQueue, Firing, OrderChange, OrderDesk, OrderKey, OrderNews,
};
pub use partition::{PARTITIONS, Partition};
pub use quotes::{AskQuotes, FreshQuote, QuoteAsk, QuoteClient, QuoteNews, QuoteResult};
