//! Connecting to a server, and which failures last until somebody puts something right.

use super::schema;
use super::tls::SslMode;
use super::url::{CONNECT_TIMEOUT, PostgresUrl};
use crate::follow::{SinkError, is_tls_failure};
use std::error::Error as _;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, Error, NoTls, config};

impl PostgresUrl {
    /// Connects, with the schema in place.
    ///
    /// # Errors
    /// The server cannot be reached, does not let this user in, or holds a schema that this
    /// program does not know.
    pub async fn connect(&self) -> Result<Client, SinkError> {
        let mut client = self.look().await?;
        match timeout(CONNECT_TIMEOUT, schema::migrate(&mut client)).await {
            Ok(migrated) => migrated.map(|()| client),
            Err(_) => Err(SinkError::Unavailable(format!("{self}: no answer"))),
        }
    }

    /// Connects and changes nothing.
    ///
    /// # Errors
    /// The server cannot be reached or does not let this user in.
    pub async fn look(&self) -> Result<Client, SinkError> {
        match timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(SinkError::Unavailable(format!("{self}: no answer"))),
        }
    }

    async fn open(&self) -> Result<Client, SinkError> {
        match self.tls.mode {
            SslMode::Disable => self.in_the_open().await.map_err(failed),
            SslMode::Allow => match self.in_the_open().await {
                Err(error) if is_rejected(&error) => self
                    .encrypted(config::SslMode::Require)
                    .await
                    .map_err(|other| both(other, &error)),
                opened => opened.map_err(failed),
            },
            SslMode::Prefer => match self.encrypted(config::SslMode::Prefer).await {
                Err(Attempt::Failed(error)) if is_rejected(&error) || is_handshake(&error) => {
                    let plain = self.in_the_open().await;
                    plain.map_err(|other| both(Attempt::Failed(error), &other))
                }
                opened => opened.map_err(SinkError::from),
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                Ok(self.encrypted(config::SslMode::Require).await?)
            }
        }
    }

    async fn in_the_open(&self) -> Result<Client, Error> {
        let mut config = self.config.clone();
        config.ssl_mode(config::SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await?;
        drive(connection);
        Ok(client)
    }

    async fn encrypted(&self, mode: config::SslMode) -> Result<Client, Attempt> {
        let connector = self.tls.connector().map_err(Attempt::Local)?;
        let mut config: Config = (*self.config).clone();
        config.ssl_mode(mode);
        let (client, connection) = config.connect(connector).await.map_err(Attempt::Failed)?;
        drive(connection);
        Ok(client)
    }
}

/// Why there is no encrypted connection.
enum Attempt {
    /// A file of this side is at fault.
    Local(SinkError),
    /// The server, or the way to it.
    Failed(Error),
}

impl From<Attempt> for SinkError {
    fn from(attempt: Attempt) -> SinkError {
        match attempt {
            Attempt::Local(error) => error,
            Attempt::Failed(error) => failed(error),
        }
    }
}

/// What went wrong with TLS and without. It lasts only if both do.
fn both(encrypted: Attempt, plain: &Error) -> SinkError {
    let lasts = match &encrypted {
        Attempt::Local(_) => true,
        Attempt::Failed(error) => is_permanent(error),
    } && is_permanent(plain);
    let (encrypted, plain) = (SinkError::from(encrypted).to_string(), describe(plain));
    let text = match encrypted == plain {
        true => plain,
        false => format!("with TLS: {encrypted}; without TLS: {plain}"),
    };
    if lasts { SinkError::Refused(text) } else { SinkError::Unavailable(text) }
}

fn drive<S, T>(connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // Whoever uses the client is told the same.
        if let Err(error) = connection.await {
            tracing::debug!(error = describe(&error), "connection to postgres ended");
        }
    });
}

/// A failure as the follower tells it.
pub(crate) fn failed(error: Error) -> SinkError {
    let text = describe(&error);
    if is_permanent(&error) { SinkError::Refused(text) } else { SinkError::Unavailable(text) }
}

/// Whether the server lets nobody in who comes this way, encrypted or not (`pg_hba.conf`).
fn is_rejected(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// Whether both sides did not come to terms about TLS.
fn is_handshake(error: &Error) -> bool {
    error.as_db_error().is_none() && error.to_string() == HANDSHAKE
}

/// What the driver calls a failed TLS handshake: it tells its kinds of errors by their text only.
const HANDSHAKE: &str = "error performing TLS handshake";

/// Failures of the driver that come again however often it tries.
const PERMANENT: [&str; 5] = [
    "authentication error",
    "invalid configuration",
    "invalid connection string",
    // No Postgres server speaks like this.
    "unexpected message from server",
    "error parsing response from server",
];

/// Whether the same would fail again until somebody puts something right.
fn is_permanent(error: &Error) -> bool {
    if let Some(code) = error.code() {
        let code = code.code();
        // No such database; authorization; syntax, names and privileges: the schema is another one
        // or the server too old; data and constraints: the tables were changed.
        return code == "3D000"
            || code == "3F000"
            || code == "0A000"
            || ["28", "42", "22", "23"].iter().any(|class| code.starts_with(class));
    }
    let kind = error.to_string();
    if kind != HANDSHAKE {
        return PERMANENT.contains(&kind.as_str());
    }
    // A connection that breaks in the middle of a handshake says nothing of either side.
    let cause = error.source();
    cause.is_none_or(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        is_tls_failure(cause) || io.is_none_or(|io| io.kind() == io::ErrorKind::InvalidInput)
    })
}

/// What went wrong, with its causes: the driver tells only that something did.
pub(super) fn describe(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
