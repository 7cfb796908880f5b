//! TLS to a real server: every mode of libpq against every kind of server.

use crate::server::Server;
use audit_logger::follow::SinkError;
use audit_logger::postgres::PostgresUrl;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
};
use std::path::{Path, PathBuf};

/// A certificate authority, with its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    file: PathBuf,
}

/// A certificate and its key (PEM).
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, &pem).unwrap();
        Authority { issuer: Issuer::new(params, key), pem, file }
    }

    fn issue(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }
}

/// What came of connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Plain,
    Encrypted,
    /// Refused for good.
    Refused,
}

fn connect(url: &str) -> Result<Outcome, SinkError> {
    let url: PostgresUrl = url.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = url.look().await?;
        let asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let encrypted: bool = client.query_one(asked, &[]).await.unwrap().get(0);
        Ok(if encrypted { Outcome::Encrypted } else { Outcome::Plain })
    })
}

#[track_caller]
fn assert_outcome(url: &str, expected: Outcome) -> String {
    match connect(url) {
        Ok(outcome) => {
            assert_eq!(outcome, expected, "{url}");
            String::new()
        }
        Err(SinkError::Refused(reason)) => {
            assert_eq!(Outcome::Refused, expected, "{url}: {reason}");
            reason
        }
        Err(error) => panic!("{url}: {error}"),
    }
}

#[test]
fn each_sslmode_connects_as_libpq_does() {
    use Outcome::{Encrypted, Plain, Refused};
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    let theirs = Authority::new(folder.path(), "theirs");
    let (ours_file, theirs_file) = (ours.file.display(), theirs.file.display());
    let modes = [
        "sslmode=disable".to_string(),
        "sslmode=allow".to_string(),
        "sslmode=prefer".to_string(),
        "sslmode=require".to_string(),
        format!("sslmode=require&sslrootcert={ours_file}"),
        format!("sslmode=require&sslrootcert={theirs_file}"),
        format!("sslmode=verify-ca&sslrootcert={ours_file}"),
        format!("sslmode=verify-ca&sslrootcert={theirs_file}"),
        format!("sslmode=verify-full&sslrootcert={ours_file}"),
        format!("sslmode=verify-full&sslrootcert={theirs_file}"),
        "sslrootcert=system".to_string(),
    ];
    let (right, wrong) = (ours.issue("127.0.0.1"), ours.issue("elsewhere.example"));
    let without = Server::start();
    let with = Server::start_with_tls(&right.certificate, &right.key, &ours.pem);
    let misnamed = Server::start_with_tls(&wrong.certificate, &wrong.key, &ours.pem);
    let table = [
        (
            &without,
            [
                Plain, Plain, Plain, Refused, Refused, Refused, Refused, Refused, Refused, Refused,
                Refused,
            ],
        ),
        (
            &with,
            [
                Plain, Plain, Encrypted, Encrypted, Encrypted, Refused, Encrypted, Refused,
                Encrypted, Refused, Refused,
            ],
        ),
        (
            &misnamed,
            [
                Plain, Plain, Encrypted, Encrypted, Encrypted, Refused, Encrypted, Refused,
                Refused, Refused, Refused,
            ],
        ),
    ];
    for (server, expected) in table {
        for (mode, expected) in modes.iter().zip(expected) {
            let reason = assert_outcome(&format!("{}?{mode}", server.address()), expected);
            assert_eq!(reason.is_empty(), expected != Refused, "{mode}: {reason}");
        }
    }
    let told = |server: &Server, mode: &str| {
        assert_outcome(&format!("{}?{mode}", server.address()), Refused)
    };
    assert!(told(&without, "sslmode=require").contains("does not support TLS"));
    let reason = told(&with, &format!("sslmode=verify-ca&sslrootcert={theirs_file}"));
    assert!(reason.contains("UnknownIssuer") || reason.contains("BadSignature"), "{reason}");
    let reason = told(&misnamed, &format!("sslmode=verify-full&sslrootcert={ours_file}"));
    assert!(reason.contains("not valid for name") && reason.contains("127.0.0.1"), "{reason}");
}

#[test]
fn a_self_signed_certificate_vouches_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    // As `openssl req -new -x509` makes it: an authority and a server's certificate in one.
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let file = folder.path().join("self.pem");
    std::fs::write(&file, &certificate).unwrap();
    let other = Authority::new(folder.path(), "other");
    let server = Server::start_with_tls(&certificate, &key.serialize_pem(), &certificate);
    let with = |mode: &str, root: &Path| {
        format!("{}?sslmode={mode}&sslrootcert={}", server.address(), root.display())
    };
    assert_outcome(&with("verify-full", &file), Outcome::Encrypted);
    assert_outcome(&with("verify-ca", &file), Outcome::Encrypted);
    assert_outcome(&with("verify-ca", &other.file), Outcome::Refused);
}

#[test]
fn passwords_are_bound_to_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let issued = authority.issue("127.0.0.1");
    let server = Server::start_with_tls(&issued.certificate, &issued.key, &authority.pem);
    server.sql().run("CREATE ROLE ann LOGIN PASSWORD 's3cret'");
    server.admit("hostssl all all 127.0.0.1/32 scram-sha-256\n");
    let url = |who: &str, more: &str| format!("postgres://{who}@{}postgres?{more}", server.place());
    assert_outcome(
        &url("ann:s3cret", "sslmode=require&channel_binding=require"),
        Outcome::Encrypted,
    );
    assert_outcome(&url("ann:s3cret", "sslmode=allow"), Outcome::Encrypted);
    let reason = assert_outcome(&url("ann:wrong", "sslmode=prefer"), Outcome::Refused);
    assert!(reason.contains("28P01"), "{reason}");
    let reason = assert_outcome(&url("ann:s3cret", "sslmode=disable"), Outcome::Refused);
    assert!(reason.contains("28000"), "{reason}");
    let reason = assert_outcome(&url("ann", "sslmode=require"), Outcome::Refused);
    assert!(reason.contains("password missing"), "{reason}");
}

#[test]
fn a_server_that_takes_only_plain_connections_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let issued = authority.issue("127.0.0.1");
    let server = Server::start_with_tls(&issued.certificate, &issued.key, &authority.pem);
    server.sql().run("CREATE ROLE ann LOGIN");
    server.admit("hostnossl all ann 127.0.0.1/32 trust\n");
    let url = |mode: &str| format!("postgres://ann@{}postgres?sslmode={mode}", server.place());
    assert_outcome(&url("prefer"), Outcome::Plain);
    assert_outcome(&url("disable"), Outcome::Plain);
    assert_outcome(&url("require"), Outcome::Refused);
}

#[test]
fn a_client_certificate_lets_its_owner_in() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let issued = authority.issue("127.0.0.1");
    let server = Server::start_with_tls(&issued.certificate, &issued.key, &authority.pem);
    server.sql().run("CREATE ROLE ann LOGIN");
    server.admit("hostssl all ann 127.0.0.1/32 cert\n");
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "ann");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap().pem();
    let (file, key_file) = (folder.path().join("ann.pem"), folder.path().join("ann.key"));
    std::fs::write(&file, certificate).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let url =
        |more: &str| format!("postgres://ann@{}postgres?sslmode=require{more}", server.place());
    let own = format!("&sslcert={}&sslkey={}", file.display(), key_file.display());
    assert_outcome(&url(&own), Outcome::Encrypted);
    assert_outcome(&url(""), Outcome::Refused);
    let missing = format!("&sslcert={}&sslkey=/nowhere/ann.key", file.display());
    let reason = assert_outcome(&url(&missing), Outcome::Refused);
    assert!(reason.contains("sslkey /nowhere/ann.key"), "{reason}");
}
