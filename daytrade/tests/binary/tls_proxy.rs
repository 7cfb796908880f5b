//! Ends TLS in front of a server that speaks none.

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A proxy with a certificate of its own; it lives as long as the tests do.
pub struct TlsProxy {
    /// Where it listens, on this machine.
    pub port: u16,
    /// The file of its certificate, which nobody else signed.
    pub certificate: PathBuf,
}

impl TlsProxy {
    /// In front of `port` on this machine; its certificate goes into `folder`.
    pub fn to(port: u16, folder: &Path) -> TlsProxy {
        let pair = KeyPair::generate().unwrap();
        let names = ["127.0.0.1".to_string()];
        let made = CertificateParams::new(names).unwrap().self_signed(&pair).unwrap();
        let certificate = folder.join("proxy.pem");
        std::fs::write(&certificate, made.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let own = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((outside, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        // Whoever does not trust the certificate goes away in the middle.
                        let Ok(mut outside) = acceptor.accept(outside).await else { return };
                        let inside = TcpStream::connect(("127.0.0.1", port)).await;
                        let _ = copy_bidirectional(&mut outside, &mut inside.unwrap()).await;
                    });
                }
            });
        });
        TlsProxy { port: own, certificate }
    }
}
