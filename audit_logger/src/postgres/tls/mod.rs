//! TLS to a Postgres server, with the modes of libpq (PostgreSQL manual, "SSL Support").
//!
//! `disable`, `allow`, `prefer` and `require` protect from nobody who can change what is on the
//! wire: the certificate is not checked, unless `require` is given a certificate authority. Names
//! are those among the alternative names of a certificate; its common name counts for nothing.

mod stream;
mod verify;

pub(super) use stream::Connector;

use crate::follow::SinkError;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use verify::{AnyCertificate, ChainVerifier};

/// Whether a connection is encrypted, and what of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server takes no other connection.
    Allow,
    /// Encrypted if the server can.
    Prefer,
    /// Encrypted.
    Require,
    /// Encrypted; the certificate is signed by a given authority.
    VerifyCa,
    /// The same, and it is for this host.
    VerifyFull,
}

impl SslMode {
    pub(super) fn parse(text: &str) -> Result<SslMode, String> {
        Ok(match text {
            "disable" => SslMode::Disable,
            "allow" => SslMode::Allow,
            "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-full" => SslMode::VerifyFull,
            other => {
                return Err(format!(
                    "sslmode {other:?}: expected disable, allow, prefer, require, verify-ca or \
                     verify-full"
                ));
            }
        })
    }

    /// The value of `sslmode` that stands for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }
}

/// The authorities whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that the system trusts.
    System,
    /// Those in a file (PEM).
    File(PathBuf),
}

/// The files of a client's own certificate and key (PEM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What a URL says about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsOptions {
    pub(super) mode: SslMode,
    pub(super) root: Option<Roots>,
    pub(super) identity: Option<Identity>,
}

impl TlsOptions {
    pub(super) fn disabled() -> TlsOptions {
        TlsOptions { mode: SslMode::Disable, root: None, identity: None }
    }

    /// What is checked of a certificate.
    fn check(&self) -> Check {
        match self.mode {
            SslMode::VerifyFull => Check::AuthorityAndName,
            SslMode::VerifyCa => Check::Authority,
            // As libpq, for those who relied on it before there were other modes.
            SslMode::Require if self.root.is_some() => Check::Authority,
            _ => Check::Nothing,
        }
    }

    /// Reads the files and makes what connects. They are read for each connection: certificates
    /// are renewed.
    ///
    /// # Errors
    /// A file cannot be read, or holds something else.
    pub(super) fn connector(&self) -> Result<Connector, SinkError> {
        let provider = Arc::new(provider::default_provider());
        let check = self.check();
        let verifier: Arc<dyn ServerCertVerifier> = match (&self.root, check) {
            (Some(roots), Check::Authority | Check::AuthorityAndName) => {
                Arc::new(ChainVerifier::new(&trusted(roots)?, check, provider.clone())?)
            }
            _ => Arc::new(AnyCertificate(provider.clone())),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused("TLS", &error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = certificates(certificate)?;
                let private = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| unreadable("sslkey", key, "a private key", &error))?;
                builder
                    .with_client_auth_cert(chain, private)
                    .map_err(|error| refused("sslcert and sslkey", &error))?
            }
        };
        Ok(Connector(Arc::new(config)))
    }
}

/// What is checked of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    Authority,
    AuthorityAndName,
}

fn refused(what: &str, error: &dyn std::fmt::Display) -> SinkError {
    SinkError::Refused(format!("{what}: {error}"))
}

fn unreadable(
    parameter: &str,
    path: &Path,
    expected: &str,
    error: &dyn std::fmt::Display,
) -> SinkError {
    let path = path.display();
    SinkError::Refused(format!("{parameter} {path}: {error}; expected {expected} as PEM"))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let fault = |error: &dyn std::fmt::Display| {
        unreadable("certificate", path, "one or more certificates", error)
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| fault(&error))?;
    if found.is_empty() { Err(fault(&"no certificate is in it")) } else { Ok(found) }
}

fn trusted(roots: &Roots) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    match roots {
        Roots::File(path) => certificates(path),
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            match (found.certs.is_empty(), found.errors.first()) {
                (false, _) => Ok(found.certs),
                (true, Some(error)) => Err(refused("sslrootcert=system", error)),
                (true, None) => {
                    Err(refused("sslrootcert=system", &"the system trusts no certificate"))
                }
            }
        }
    }
}
