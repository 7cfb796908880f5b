//! `daytrade audit retain` removes nothing on the word of a stranger.

use crate::common::*;
use crate::postgres::Server;
use crate::proof::segmented;
use rcgen::{CertificateParams, KeyPair};
use std::fs;

fn certificate() -> (String, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key)
}

#[test]
fn retain_checks_the_certificate_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let ((ours, key), (theirs, _)) = (certificate(), certificate());
    let trusted = folder.path().join("trusted.pem");
    fs::write(&trusted, &ours).unwrap();
    let server = Server::start_with_tls(&ours, &key.serialize_pem(), &ours);
    let tls = format!("?sslmode=verify-full&sslrootcert={}", text(&trusted));
    let run_ = segmented(&["--audit", &(server.address() + &tls)]);
    let all = run_.segments();
    // As if a stranger answered with a certificate of their own.
    fs::write(&trusted, &theirs).unwrap();
    let retain = ["retain", "--keep", "1000"];
    run_.audit(&retain).with(1).telling(&["nothing was removed", "certificate"]);
    assert_eq!(run_.segments(), all);
    fs::write(&trusted, &ours).unwrap();
    run_.audit(&retain).with(0);
    assert!(run_.segments().len() < all.len());
}
