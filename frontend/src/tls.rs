//! TLS that the server ends itself: a certificate and its key from two PEM files, read again when
//! they are renewed.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;
use thiserror::Error;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

/// The longest file that is taken for one of a certificate or a key, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// What is wrong with the files.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {why}; {expected} is expected")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
        /// What it should hold.
        expected: &'static str,
    },
    /// A file holds something else.
    #[error("{path}: {found}; {expected} is expected")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The key is of another certificate.
    #[error("{key}: this is not the key of the first certificate in {certificate}")]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// The certificate is not good now.
    #[error("{path}: this certificate {what}: it is good from {from} to {until}, by UTC")]
    Time {
        /// The file.
        path: PathBuf,
        /// Whether it is too late for it, or too early.
        what: &'static str,
        /// From when it is good.
        from: DateTime,
        /// Until when.
        until: DateTime,
    },
}

/// What the file of the certificate holds.
const CHAIN: &str =
    "a certificate and those that vouch for it, as PEM (-----BEGIN CERTIFICATE-----)";

/// What the file of the key holds.
const KEY: &str = "the certificate's private key without a password, as PEM \
    (-----BEGIN PRIVATE KEY-----)";

/// A certificate and its key, as they stand in their files.
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// When the files were changed that were read last, whether or not they were good.
    seen: Mutex<Changed>,
}

/// When both files were changed.
type Changed = [Option<SystemTime>; 2];

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("certificate", &self.certificate).finish()
    }
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// One is not there, or not what is expected, the key is of another certificate, or that has
    /// expired or is not good yet.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Certificate>, TlsError> {
        let seen = changed(certificate, key);
        Ok(Arc::new(Certificate {
            current: RwLock::new(Arc::new(read(certificate, key)?)),
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
            seen: Mutex::new(seen),
        }))
    }

    /// Reads the files again where they have changed. Returns whether connections from now on get
    /// another certificate.
    ///
    /// # Errors
    /// What is there now is not good; the certificate stays what it was.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let now = changed(&self.certificate, &self.key);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        // A file that is not good is told of once; the next change is looked at again.
        *seen = now;
        let fresh = Arc::new(read(&self.certificate, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }

    /// How connections are taken: TLS 1.2 and 1.3.
    pub(crate) fn server(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let versions = builder.with_safe_default_protocol_versions()?;
        Ok(versions.with_no_client_auth().with_cert_resolver(Arc::new(Resolver(self.clone()))))
    }
}

/// Gives each new connection the certificate of the moment.
#[derive(Debug)]
struct Resolver(Arc<Certificate>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn changed(certificate: &Path, key: &Path) -> Changed {
    [certificate, key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = contents(certificate, CHAIN)?;
    let found = |path: &Path, expected, found: String| TlsError::Content {
        path: path.to_path_buf(),
        found,
        expected,
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|error| found(certificate, CHAIN, format!("this is no PEM ({error})")))?;
    let Some(first) = certificates.first() else {
        return Err(found(certificate, CHAIN, there_is(&chain)));
    };
    let times = validity(first);
    let secret = contents(key, KEY)?;
    let private =
        PrivateKeyDer::from_pem_slice(&secret).map_err(|_| found(key, KEY, there_is(&secret)))?;
    let unreadable =
        || found(certificate, CHAIN, "the first certificate cannot be read".to_string());
    let made = CertifiedKey::from_der(certificates, private, &aws_lc_rs::default_provider())
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
                key: key.to_path_buf(),
                certificate: certificate.to_path_buf(),
            },
            rustls::Error::InvalidCertificate(_) => unreadable(),
            _ => found(key, KEY, "this key is of a kind that is not known here".to_string()),
        })?;
    // By the machine's clock, as browsers go by theirs.
    let now = Timestamp::now().to_zoned(TimeZone::UTC).datetime();
    let (from, until) = times.ok_or_else(unreadable)?;
    let path = certificate.to_path_buf();
    match (now < from, now > until) {
        (true, _) => Err(TlsError::Time { path, what: "is not good yet", from, until }),
        (_, true) => Err(TlsError::Time { path, what: "has expired", from, until }),
        _ => Ok(made),
    }
}

/// From when to when a certificate is good, in UTC; none where it cannot be read.
fn validity(certificate: &CertificateDer<'_>) -> Option<(DateTime, DateTime)> {
    // As it is: what a browser thinks of the rest is its own matter.
    let certificate = CertificateInner::<Raw>::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let civil = |time: Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
        let timestamp = Timestamp::from_second(seconds).ok()?;
        Some(timestamp.to_zoned(TimeZone::UTC).datetime())
    };
    Some((civil(validity.not_before)?, civil(validity.not_after)?))
}

fn contents(path: &Path, expected: &'static str) -> Result<Vec<u8>, TlsError> {
    let fault = |why| TlsError::Read { path: path.to_path_buf(), why, expected };
    let long = fs::metadata(path).map_err(fault)?.len() > LONGEST_FILE;
    if long {
        let found = "this is longer than any certificate".to_string();
        return Err(TlsError::Content { path: path.to_path_buf(), found, expected });
    }
    fs::read(path).map_err(fault)
}

/// What a file holds that does not hold what is expected.
fn there_is(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let found = match text.as_ref() {
        "" => "the file is empty",
        text if text.contains("ENCRYPTED") => "the key is locked with a password",
        text if text.contains("BEGIN CERTIFICATE-----") => "this is a certificate",
        text if text.contains("PRIVATE KEY-----") => "this is a private key",
        _ if bytes.first() == Some(&0x30) => "this is DER or PKCS#12, not PEM",
        _ => "there is none in it",
    };
    found.to_string()
}
