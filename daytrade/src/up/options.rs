//! The options of `daytrade up`.

use super::oidc::OidcOptions;
use crate::keys::KeyArgs;
use crate::setup::SetupArgs;
use crate::urls::UrlParser;
use audit_logger::elasticsearch::SearchUrl;
use audit_logger::postgres::PostgresUrl;
use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 after Ctrl-C or SIGTERM; 1 for what goes wrong at the start; \
2 for a command line that makes no sense; 4 where the log could not be written, such as on a full \
disk: everything acknowledged is safe, and a supervisor may start it again"
)]
pub struct UpOptions {
    /// The address to serve at. Other machines reach it by TLS only: with --tls-cert, or through a
    /// proxy (see --trusted-proxy)
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    pub(super) listen: SocketAddr,

    /// The folder for the log, the users and the record of who came; a second start goes on with it
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(super) data: PathBuf,

    /// Make the user `demo` with money and a new password that is printed, and let its market move
    #[arg(long)]
    pub(super) seed_demo: bool,

    #[command(flatten)]
    pub(super) setup: SetupArgs,

    /// Let the system's clock run so many times as fast as time passes: at 60, what runs out after
    /// a minute runs out after a second. For tests, teaching and demonstrations
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) clock_speed: u32,

    /// A Postgres that follows the log:
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<PostgresUrl>::new())]
    pub(super) audit: Option<PostgresUrl>,

    /// An Elasticsearch that follows the log in the same way:
    /// `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = UrlParser::<SearchUrl>::new())]
    pub(super) search: Option<SearchUrl>,

    /// Serve by TLS with this certificate: a PEM file that holds it and those that vouch for it,
    /// read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,

    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,

    /// A proxy in front that ends TLS, by its address: its word on where a request comes from is
    /// taken, and cookies are for TLS only. More than one can be given
    #[arg(long, value_name = "ADDR")]
    pub(super) trusted_proxy: Vec<IpAddr>,

    /// A site whose pages may ask, as browsers name it (`https://trade.example.com`), beside those
    /// of the address itself. More than one can be given
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub(super) origin: Vec<String>,

    /// Websockets that one user may have open: one more closes the oldest
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) user_streams: u32,

    #[command(flatten)]
    pub(super) oidc: OidcOptions,

    #[command(flatten)]
    pub(super) key: KeyArgs,

    /// The name of this server in XML exports
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    pub(super) server: String,
}

fn parse_origin(text: &str) -> Result<String, &'static str> {
    let expected = "an origin such as https://trade.example.com is expected";
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://")).ok_or(expected)?;
    let plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ', '*']);
    plain.then(|| text.to_ascii_lowercase()).ok_or(expected)
}
