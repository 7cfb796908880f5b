//! What people and programs outside see: commands, accounts, prices and the audit trail over HTTP
//! and websockets, for those who are signed in; and the client that browsers load.
//!
//! * [`server`]: starts the server and ends it in order; `listen`: where connections come to.
//! * [`app`]: what all requests share.
//! * [`http`]: the routes.
//! * [`live`]: what changes while one looks at it: accounts, prices, the websockets.
//! * [`people`]: users, passwords, sessions, limits, the record of who came.
//! * [`door`]: commands of many connections, gathered for the workers.
//! * [`outcomes`], [`outcome`]: what came of commands.
//! * [`tls`]: the certificate, where the server ends TLS itself.
//! * `export`: files made of the log, as fast as they are taken.
//! * [`trail`]: what is needed of the log, which somebody else provides.
//! * [`account_view`]: accounts as files have them.
//!
//! The frontend deliberately knows no rules and no files but its own users and record: commands,
//! accounts and prices come through `bus`, the log through [`trail::Trail`].

pub mod account_view;
pub mod app;
pub mod door;
mod export;
pub mod fault;
pub mod http;
mod listen;
pub mod live;
pub mod openapi;
pub mod outcome;
pub mod outcomes;
pub mod people;
mod random;
pub mod server;
pub mod tls;
pub mod trail;

pub use account_view::{AccountView, StateView};
pub use app::{Config, Heartbeat, RateLimits};
pub use fault::Fault;
pub use http::pages::has_client;
pub use live::vitals::{Gauges, QuotesSpent};
pub use server::{Frontend, Ports, StartError};
pub use trail::{Bucket, ExportForm, Page, Trail, TrailFault, TrailQuery};

/// 32 hexadecimal digits that nobody guesses.
///
/// # Errors
/// The operating system gives no chance.
pub fn secret() -> Result<String, Fault> {
    random::token()
}
