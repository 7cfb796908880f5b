//! The address of a Postgres server, with the connection parameters of libpq that are about TLS.
//!
//! What the URL leaves out is taken from where libpq takes it: `PGUSER`, `PGPASSWORD`,
//! `PGPASSFILE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGSSLCERT` and `PGSSLKEY` in the environment, and
//! `~/.pgpass`.

use super::pgpass;
use super::tls::{Identity, Roots, SslMode, TlsOptions};
use crate::elasticsearch::url::decoded;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long connecting may take. A server that hangs is tried again.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may be silent before its connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);

const FORM: &str = "expected postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?sslmode=MODE]";

/// The address of a Postgres server: `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`, with
/// `sslmode`, `sslrootcert`, `sslcert` and `sslkey` among the parameters after a `?`.
#[derive(Clone)]
pub struct PostgresUrl {
    // Boxed, because options that hold a URL are moved around.
    pub(super) config: Box<Config>,
    pub(super) tls: TlsOptions,
    shown: Box<Shown>,
}

/// What may be shown of a URL.
#[derive(Clone)]
struct Shown {
    /// The part before the parameters, without a password.
    address: String,
    /// The parameters of the driver, as they are in the URL, but for a password.
    others: String,
}

impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::parse(text, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.address)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.address)
    }
}

/// Looks up a variable of the environment.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl PostgresUrl {
    /// Reads a URL; `environment` supplies what it leaves out.
    ///
    /// # Errors
    /// It is no URL of a Postgres server, or names no host or no database.
    pub(super) fn parse(text: &str, environment: Environment<'_>) -> Result<PostgresUrl, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(FORM.to_string());
        }
        let (address, query) = split_query(text);
        let mut own = Parameters::default();
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !own.take(&decoded(key), value) {
                others.push(parameter);
            }
        }
        let rest = match others.is_empty() {
            true => address.to_string(),
            false => format!("{address}?{}", others.join("&")),
        };
        let mut config =
            Config::from_str(&rest).map_err(|error| super::connect::describe(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("a host is missing; {FORM}"));
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(format!("a database is missing; {FORM}"));
        }
        // The name in the certificate is compared with a host: without one, with the address.
        if config.get_hosts().is_empty() {
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        config
            .application_name("daytrade")
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(DEAD_AFTER);
        if config.get_user().is_none()
            && let Some(user) = environment("PGUSER")
        {
            config.user(user);
        }
        if config.get_password().is_none()
            && let Some(password) =
                environment("PGPASSWORD").or_else(|| pgpass::find(&config, environment))
        {
            config.password(password);
        }
        let sockets = |host: &Host| matches!(host, Host::Unix(_));
        let tls = match config.get_hosts().iter().all(sockets) {
            // As libpq: a socket of this machine needs no TLS, and has none.
            true => TlsOptions::disabled(),
            false => own.options(environment)?,
        };
        others.retain(|parameter| {
            decoded(parameter.split('=').next().unwrap_or_default()) != "password"
        });
        let shown = Shown { address: without_password(address), others: others.join("&") };
        Ok(PostgresUrl { config: Box::new(config), tls, shown: Box::new(shown) })
    }

    /// The parameters of this connection as the query of a URL, without a password: behind what
    /// `Display` writes and a `?`, they connect with the same TLS checks from any folder and any
    /// environment.
    pub fn parameters(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        if !self.shown.others.is_empty() {
            all.push(self.shown.others.clone());
        }
        // Left out, it is `prefer`, unless the environment asks for more.
        if self.tls.mode != SslMode::Prefer {
            all.push(format!("sslmode={}", self.tls.mode.name()));
        }
        match &self.tls.root {
            Some(Roots::System) => all.push("sslrootcert=system".to_string()),
            Some(Roots::File(path)) => all.push(format!("sslrootcert={}", encoded_path(path))),
            None => {}
        }
        if let Some(Identity { certificate, key }) = &self.tls.identity {
            all.push(format!("sslcert={}", encoded_path(certificate)));
            all.push(format!("sslkey={}", encoded_path(key)));
        }
        all.join("&")
    }
}

/// The absolute path of a file, percent-encoded.
fn encoded_path(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut encoded = String::new();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The parameters of libpq that the driver does not know.
#[derive(Default)]
struct Parameters {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Parameters {
    /// Takes a parameter if it is one of these.
    fn take(&mut self, key: &str, value: &str) -> bool {
        let place = match key {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.root,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            _ => return false,
        };
        *place = Some(decoded(value));
        true
    }

    fn options(self, environment: Environment<'_>) -> Result<TlsOptions, String> {
        let home_root = || {
            let path = PathBuf::from(environment("HOME")?).join(".postgresql/root.crt");
            path.exists().then_some(Roots::File(path))
        };
        let given = self.root.or_else(|| environment("PGSSLROOTCERT"));
        let root = match given.as_deref() {
            Some("system") => Some(Roots::System),
            Some(path) => Some(Roots::File(PathBuf::from(path))),
            None => home_root(),
        };
        let mode = match self.mode.or_else(|| environment("PGSSLMODE")) {
            Some(mode) => SslMode::parse(&mode)?,
            // As libpq: certificates of public authorities are worth something with a name only.
            None if root == Some(Roots::System) => SslMode::VerifyFull,
            None => SslMode::Prefer,
        };
        if root == Some(Roots::System) && mode != SslMode::VerifyFull {
            return Err("sslrootcert=system requires sslmode=verify-full: anybody can get a \
                        certificate of a public authority"
                .to_string());
        }
        let verifies = matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull);
        if verifies && root.is_none() {
            return Err("sslmode=verify-ca and verify-full require a certificate authority: add \
                        sslrootcert=FILE (PEM), or sslrootcert=system for those that the system \
                        trusts"
                .to_string());
        }
        let certificate = self.certificate.or_else(|| environment("PGSSLCERT"));
        let identity = match (certificate, self.key.or_else(|| environment("PGSSLKEY"))) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.into(), key: key.into() })
            }
            (None, None) => None,
            _ => return Err("sslcert and sslkey go together: one of them is missing".to_string()),
        };
        Ok(TlsOptions { mode, root, identity })
    }
}

/// The URL up to its `?`, and what follows it. A `?` before the first `@` is part of a password.
fn split_query(text: &str) -> (&str, &str) {
    let from = text.find('@').unwrap_or_default();
    match text[from..].find('?') {
        Some(at) => (&text[..from + at], &text[from + at + 1..]),
        None => (text, ""),
    }
}

/// The part of a URL before its parameters, without the password.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_string() };
    match rest.rsplit_once('@') {
        Some((who, place)) => {
            let user = who.split_once(':').map_or(who, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::parse(text, &|_| None)
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://ann:s3cret@db:5433/audit", "postgres://ann@db:5433/audit"),
            ("postgres://db/audit?user=ann&password=s3cret", "postgres://db/audit"),
            ("postgres://ann@db/audit?sslmode=require", "postgres://ann@db/audit"),
            ("postgres://ann:s3?cret@db/audit", "postgres://ann@db/audit"),
        ] {
            let url = parse(url).unwrap();
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
        }
        assert_eq!(without_password("postgres://ann:s3@cret@db/audit"), "postgres://ann@db/audit");
    }

    #[test]
    fn a_url_without_host_or_database_is_refused() {
        for (text, told) in [
            ("", "expected postgres://"),
            ("mysql://db/audit", "expected postgres://"),
            ("db/audit", "expected postgres://"),
            ("postgres://", "a host is missing"),
            ("postgres:///audit", "a host is missing"),
            ("postgres://db", "a database is missing"),
            ("postgres://db/", "a database is missing"),
            ("postgres://ann:s3cret@db:5433", "a database is missing"),
            ("postgres://ann@db/?sslmode=require", "a database is missing"),
            ("postgres://ann@db/audit?sslcrl=x", "sslcrl"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(parse("postgres://ann@db?dbname=audit").is_ok());
    }

    #[test]
    fn modes_of_tls_are_those_of_libpq() {
        let mode =
            |text: &str| parse(&format!("postgres://db/audit{text}")).map(|url| url.tls.mode);
        assert_eq!(mode(""), Ok(SslMode::Prefer));
        assert_eq!(mode("?sslmode=disable"), Ok(SslMode::Disable));
        assert_eq!(mode("?sslmode=allow"), Ok(SslMode::Allow));
        assert_eq!(mode("?sslmode=prefer"), Ok(SslMode::Prefer));
        assert_eq!(mode("?application_name=x&sslmode=require"), Ok(SslMode::Require));
        assert_eq!(mode("?sslmode=verify-ca&sslrootcert=ca.pem"), Ok(SslMode::VerifyCa));
        assert_eq!(mode("?sslrootcert=ca.pem&sslmode=verify-full"), Ok(SslMode::VerifyFull));
        assert_eq!(mode("?sslrootcert=system"), Ok(SslMode::VerifyFull));
        for (text, told) in [
            ("?sslmode=verify-all", "disable, allow, prefer, require, verify-ca or verify-full"),
            ("?sslmode=verify-full", "sslrootcert"),
            ("?sslmode=verify-ca", "sslrootcert"),
            ("?sslmode=require&sslrootcert=system", "verify-full"),
            ("?sslcert=me.pem", "sslkey"),
            ("?sslkey=me.pem", "sslcert"),
        ] {
            let error = mode(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let socket = parse("postgres://%2Frun%2Fpostgresql/audit?sslmode=require").unwrap();
        assert_eq!(socket.tls.mode, SslMode::Disable);
    }

    #[test]
    fn noted_parameters_connect_in_the_same_way() {
        let verified = "postgres://ann:s3cret@db/audit?channel_binding=require&password=s3cret&\
                        sslmode=verify-full&sslrootcert=/a%26b/c@d%25.pem&sslcert=me.pem&sslkey=k";
        for text in [
            "postgres://db/audit",
            "postgres://db/audit?sslmode=disable",
            "postgres://db/audit?sslmode=allow&application_name=x",
            "postgres://db/audit?sslmode=require",
            "postgres://ann@db/audit?sslmode=verify-ca&sslrootcert=/ca.pem",
            "postgres://ann@db/audit?sslrootcert=system",
            verified,
        ] {
            let url = parse(text).unwrap();
            let again = parse(&format!("{url}?{}", url.parameters())).unwrap();
            let absolute = |tls: &TlsOptions| {
                let mut tls = tls.clone();
                if let Some(identity) = &mut tls.identity {
                    for path in [&mut identity.certificate, &mut identity.key] {
                        *path = std::path::absolute(&path).unwrap();
                    }
                }
                tls
            };
            assert_eq!(again.tls, absolute(&url.tls), "{text}");
            assert_eq!(again.config.get_channel_binding(), url.config.get_channel_binding());
            assert_eq!(again.parameters(), url.parameters(), "{text}");
            assert!(!url.parameters().contains("s3cret"), "{}", url.parameters());
        }
        // What the environment supplied is noted too: it may be another one later.
        let environment = |name: &str| (name == "PGSSLMODE").then(|| "require".to_string());
        let url = PostgresUrl::parse("postgres://db/audit", &environment).unwrap();
        assert_eq!(url.parameters(), "sslmode=require");
    }

    #[test]
    fn the_environment_supplies_what_a_url_leaves_out() {
        let environment = |name: &str| {
            let value = match name {
                "PGUSER" => "ann",
                "PGPASSWORD" => "s3cret",
                "PGSSLMODE" => "verify-ca",
                "PGSSLROOTCERT" => "ca.pem",
                _ => return None,
            };
            Some(value.to_string())
        };
        let url = PostgresUrl::parse("postgres://db/audit", &environment).unwrap();
        assert_eq!(url.config.get_user(), Some("ann"));
        assert_eq!(url.config.get_password(), Some(&b"s3cret"[..]));
        assert_eq!(url.tls.mode, SslMode::VerifyCa);
        assert_eq!(url.tls.root, Some(Roots::File("ca.pem".into())));
        let named = "postgres://bob:own@db/audit?sslmode=disable";
        let url = PostgresUrl::parse(named, &environment).unwrap();
        assert_eq!(url.config.get_user(), Some("bob"));
        assert_eq!(url.config.get_password(), Some(&b"own"[..]));
        assert_eq!(url.tls.mode, SslMode::Disable);
    }
}
