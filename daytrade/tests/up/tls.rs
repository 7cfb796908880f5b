//! TLS that the server ends itself: with a certificate that a test makes, and a client that trusts
//! nothing else.

use crate::server::{PASSWORD, PATIENCE, Server};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, client};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for this machine, and its key, in two files.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

/// Good now, and for long.
fn files(folder: &Path, name: &str) -> Files {
    files_of(folder, name, (2000, 4000))
}

/// Good from the first day of one year to that of another.
fn files_of(folder: &Path, name: &str, (from, until): (i32, i32)) -> Files {
    let names = ["localhost".to_string(), "127.0.0.1".to_string()];
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let pair = KeyPair::generate().unwrap();
    let made = params.self_signed(&pair).unwrap();
    let (certificate, key) =
        (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    Files { certificate, key, der: made.der().clone() }
}

fn server(folder: &Path, files: &Files, more: &[&str]) -> Server {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let (certificate, key) = (certificate.to_string(), key.to_string());
    let mut options = vec!["--tls-cert", &certificate, "--tls-key", &key];
    options.extend(more);
    Server::start(&folder.join("data"), &options)
}

/// Connects, trusting this certificate alone.
fn connect(address: &str, trusted: &CertificateDer<'static>) -> std::io::Result<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// One request, and all of the answer.
fn ask(mut stream: impl Read + Write, head: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn all_goes_over_tls_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), "one");
    let server = server(folder.path(), &files, &[]);
    assert!(server.said.contains("https://127.0.0.1:"), "{}", server.said);
    let connect = || connect(&server.address, &files.der).unwrap();

    let body = json!({ "user": "ann", "password": PASSWORD }).to_string();
    let answer = ask(connect(), "POST /api/v1/users", &body);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let head = answer.split("\r\n\r\n").next().unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).split_once(": ").unwrap().1
    };
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    let cookie = header("set-cookie");
    for part in ["__Host-daytrade=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let own =
        ask(connect(), &format!("GET /api/v1/session HTTP/1.1\r\ncookie: {cookie}\r\nx:"), "");
    assert!(own.contains("\"ann\""), "{own}");

    // The stream, with the server's own origin; not with that of a page without TLS.
    let stream = |origin: String| {
        let address = format!("wss://{}/api/v1/stream", server.address);
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        client(request, connect()).ok()
    };
    let (mut socket, _) = stream(format!("https://{}", server.address)).unwrap();
    socket.send(Message::text(r#"{"subscribe":["account"]}"#)).unwrap();
    let told = socket.read().unwrap().into_text().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["channels"], json!(["account"]));
    assert!(stream(format!("http://{}", server.address)).is_none());

    // Whoever speaks no TLS gets no answer of HTTP.
    let plain = TcpStream::connect(&server.address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = ask(plain, "GET /healthz", "");
    assert!(!answer.contains("HTTP") && !answer.contains("ok"), "{answer}");
    assert!(self::connect(&server.address, &self::files(folder.path(), "other").der).is_err());
    drop(socket);
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = files(folder.path(), "one");
    let server = server(folder.path(), &first, &[]);
    connect(&server.address, &first.der).unwrap();
    let second = files(folder.path(), "two");
    let becomes = |trusted: &CertificateDer<'static>| {
        let started = Instant::now();
        while connect(&server.address, trusted).is_err() {
            assert!(started.elapsed() < PATIENCE, "the certificate stays what it was");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    // As a tool that renews does it: one file, then the other. In between they do not fit.
    std::fs::rename(&second.certificate, &first.certificate).unwrap();
    connect(&server.address, &first.der).unwrap();
    std::fs::rename(&second.key, &first.key).unwrap();
    becomes(&second.der);
    std::fs::write(&first.certificate, "no certificate").unwrap();
    let started = Instant::now();
    // The server looks about once a second.
    while started.elapsed() < std::time::Duration::from_millis(1500) {
        connect(&server.address, &second.der).unwrap();
    }
    let expired = files_of(folder.path(), "expired", (2001, 2002));
    std::fs::rename(&expired.key, &first.key).unwrap();
    std::fs::rename(&expired.certificate, &first.certificate).unwrap();
    let started = Instant::now();
    while started.elapsed() < std::time::Duration::from_millis(1500) {
        connect(&server.address, &second.der).unwrap();
    }
    let third = files(folder.path(), "three");
    std::fs::rename(&third.key, &first.key).unwrap();
    std::fs::rename(&third.certificate, &first.certificate).unwrap();
    becomes(&third.der);
    server.signal("-TERM");
    let (code, said) = server.ended();
    assert_eq!(code, Some(0), "{said}");
    for part in ["one.pem", "has expired", "2001-01-01T00:00:00 to 2002-01-01T00:00:00"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (files(folder.path(), "one"), files(folder.path(), "other"));
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (empty, der) = (put("empty", b""), put("der", &one.der));
    let locked = put(
        "locked",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let noise = put("noise", b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n");
    let absent = folder.path().join("absent");
    let late = files_of(folder.path(), "late", (2001, 2002));
    let early = files_of(folder.path(), "early", (3000, 3001));
    let (cert, key) = (&one.certificate, &one.key);
    for (cert, key, blamed, why) in [
        (&absent, key, &absent, "No such file"),
        (cert, &absent, &absent, "No such file"),
        (&empty, key, &empty, "the file is empty"),
        (&der, key, &der, "DER or PKCS#12"),
        (&noise, key, &noise, "no PEM"),
        (key, key, key, "this is a private key"),
        (cert, cert, cert, "this is a certificate"),
        (cert, &locked, &locked, "locked with a password"),
        (cert, &other.key, &other.key, "not the key of the first certificate"),
        (
            &late.certificate,
            &late.key,
            &late.certificate,
            "has expired: it is good from 2001-01-01T00:00:00 to 2002-01-01T00:00:00",
        ),
        (
            &early.certificate,
            &early.key,
            &early.certificate,
            "is not good yet: it is good from 3000-01-01T00:00:00 to 3001-01-01T00:00:00",
        ),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_daytrade"))
            .args(["up", "--listen", "0.0.0.0:0", "--data"])
            .arg(folder.path().join("data"))
            .args([Path::new("--tls-cert"), cert, Path::new("--tls-key"), key])
            .output()
            .unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&blamed.display().to_string()), "{said}");
        assert_eq!(said.matches(why).count(), 1, "{why}: {said}");
    }
    assert!(!folder.path().join("data").exists(), "something was made before the fault");
}

#[test]
fn other_machines_are_served_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), "one");
    let more = ["--listen", "0.0.0.0:0", "--origin", "https://trade.example.com"];
    let server = server(folder.path(), &files, &more);
    // What is to be opened is not where it listens.
    assert!(server.said.contains("daytrade  https://trade.example.com\n"), "{}", server.said);
    let port = server.address.rsplit(':').next().unwrap();
    let connect = || connect(&format!("127.0.0.1:{port}"), &files.der).unwrap();
    let body = json!({ "user": "ann", "password": PASSWORD }).to_string();
    let from = |origin: &str| format!("POST /api/v1/users HTTP/1.1\r\norigin: {origin}\r\nx:");
    let answer = ask(connect(), &from("https://evil.example"), &body);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = ask(connect(), &from("https://trade.example.com"), &body);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
