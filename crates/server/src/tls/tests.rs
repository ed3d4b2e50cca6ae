use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion, RootCertStore,
    ServerConnection, SupportedCipherSuite, SupportedProtocolVersion,
};
use tempfile::TempDir;

use super::*;

/// A self-signed certificate and its key in files.
struct Files {
    directory: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        let (cert_pem, key_pem) = self_signed();
        fs::write(&certificate, cert_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        Self { directory, certificate, key }
    }

    fn with(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn config(&self) -> ServerConfig {
        server_config(&self.certificate, &self.key).unwrap()
    }

    /// A client that trusts the certificate and offers all that the library has.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        self.client_with(aws_lc_rs::ALL_CIPHER_SUITES, versions)
    }

    fn client_with(
        &self,
        suites: &[SupportedCipherSuite],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(load_chain(&self.certificate).unwrap().remove(0)).unwrap();
        let cipher_suites = suites.to_vec();
        let provider = CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() };
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

fn self_signed() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Shakes hands in memory with the server under `name`; the server's end, or the first error of
/// either.
pub(crate) fn shake(
    client: Arc<ClientConfig>,
    name: &str,
    server: Arc<ServerConfig>,
) -> Result<ServerConnection, Error> {
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(client, name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(server)
}

fn shake_once(client: ClientConfig, server: ServerConfig) -> Result<ServerConnection, Error> {
    shake(Arc::new(client), "localhost", Arc::new(server))
}

#[test]
fn both_versions_are_spoken_and_no_other_suites_than_those_listed() {
    let files = Files::new();
    let offered: Vec<_> =
        provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
    assert_eq!(offered.len(), CIPHER_SUITES.len(), "{offered:?}");
    for suite in aws_lc_rs::ALL_CIPHER_SUITES {
        let name = suite.suite();
        let client = files.client_with(&[*suite], &[suite.version()]);
        let shaken = shake_once(client, files.config());
        // The certificate's key is an ECDSA one, so no RSA suite can be used with it.
        if CIPHER_SUITES.contains(&name) && !format!("{name:?}").contains("_RSA_") {
            let server = shaken.unwrap();
            assert_eq!(server.negotiated_cipher_suite(), Some(*suite));
        } else {
            assert!(shaken.is_err(), "{name:?}");
        }
    }
}

#[test]
fn cbc_chacha_and_static_rsa_are_not_for_tls_1_2() {
    for suite in CIPHER_SUITES.map(|suite| format!("{suite:?}")) {
        let tls13 = suite.starts_with("TLS13_");
        let recommended = suite.starts_with("TLS_ECDHE_") && suite.contains("_GCM_");
        assert!(tls13 || recommended, "{suite}");
    }
    let files = Files::new();
    let chacha = aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let refused = shake_once(files.client_with(&[chacha], &[&TLS12]), files.config()).unwrap_err();
    let no_suite = rustls::PeerIncompatible::NoCipherSuitesInCommon;
    assert_eq!(refused, Error::PeerIncompatible(no_suite));
}

#[test]
fn the_newest_version_and_http_2_are_preferred() {
    let files = Files::new();
    let mut client = files.client(&[&TLS12, &TLS13]);
    client.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let server = shake_once(client, files.config()).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.alpn_protocol(), Some(&b"h2"[..]));

    let mut client = files.client(&[&TLS12]);
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = shake_once(client, files.config()).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(server.alpn_protocol(), Some(&b"http/1.1"[..]));

    let mut client = files.client(&[&TLS13]);
    client.alpn_protocols = vec![b"imap".to_vec()];
    let refused = shake_once(client, files.config()).unwrap_err();
    assert_eq!(refused, Error::NoApplicationProtocol);
}

#[test]
fn sessions_are_resumed_and_take_no_early_data() {
    let files = Files::new();
    let server = Arc::new(files.config());
    assert_eq!(server.max_early_data_size, 0);
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(files.client(&[version]));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let kind = shake(client.clone(), "localhost", server.clone()).unwrap().handshake_kind();
            assert_eq!(kind, Some(expected), "{version:?}");
        }
    }
}

#[track_caller]
fn assert_refused(certificate: &Path, key: &Path, path: &Path, problem: &str) {
    let error = server_config(certificate, key).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: {problem}", path.display()));
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let files = Files::new();
    let (cert, key) = (files.certificate.as_path(), files.key.as_path());
    let absent = files.directory.path().join("absent");
    let not_found = "cannot be read: No such file or directory (os error 2)";
    assert_refused(&absent, key, &absent, not_found);
    assert_refused(cert, &absent, &absent, not_found);
    assert_refused(key, key, key, "no certificate in it");
    assert_refused(cert, cert, cert, "no private key in it");

    let cut = files.with("cut", b"-----BEGIN CERTIFICATE-----\nAAAA\n");
    assert_refused(&cut, key, &cut, "not PEM: a section has no END line");
    let garbled = b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n";
    let garbled = files.with("garbled", garbled);
    assert_refused(cert, &garbled, &garbled, "not PEM: a section is not base64");

    let other = files.with("other", self_signed().1.as_bytes());
    let problem = format!("not the private key of {}", cert.display());
    assert_refused(cert, &other, &other, &problem);

    let empty = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let empty = files.with("empty", empty);
    assert_refused(&empty, key, &empty, "cannot be used: invalid peer certificate: BadEncoding");
}

#[test]
fn an_encrypted_key_is_told_apart() {
    let files = Files::new();
    let problem = "the private key is encrypted; decrypt it, for example with `openssl pkey`";
    let pkcs8 =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let traditional = b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    for encrypted in [&pkcs8[..], traditional] {
        let key = files.with("encrypted", encrypted);
        assert_refused(&files.certificate, &key, &key, problem);
    }
}

/// A client of the server that asks, with a certificate of its own.
fn with_certificate(files: &Files, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["client".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = provider()
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut client = files.client(versions);
    client.client_auth_cert_resolver = Arc::new(shown);
    client
}

fn asking(files: &Files) -> Arc<ServerConfig> {
    Arc::new(server_config_asking(&files.certificate, &files.key).unwrap())
}

#[test]
fn who_is_asked_for_a_certificate_may_show_any_or_none() {
    let files = Files::new();
    for version in [&[&TLS12][..], &[&TLS13]] {
        let client = Arc::new(with_certificate(&files, version));
        let server = shake(client, "localhost", asking(&files)).unwrap();
        assert_eq!(server.peer_certificates().map(<[_]>::len), Some(1));
        let bare = Arc::new(files.client(version));
        let server = shake(bare, "localhost", asking(&files)).unwrap();
        assert_eq!(server.peer_certificates(), None);
    }
}

#[test]
fn who_is_not_asked_shows_none() {
    let files = Files::new();
    let client = with_certificate(&files, &[&TLS13]);
    let server = shake_once(client, files.config()).unwrap();
    assert_eq!(server.peer_certificates(), None);
}

#[test]
fn a_resumed_session_keeps_its_certificate() {
    let files = Files::new();
    for version in [&[&TLS12][..], &[&TLS13]] {
        let (client, server) = (Arc::new(with_certificate(&files, version)), asking(&files));
        let first = shake(client.clone(), "localhost", server.clone()).unwrap();
        let again = shake(client, "localhost", server).unwrap();
        assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        assert!(again.peer_certificates().is_some());
        assert_eq!(again.peer_certificates(), first.peer_certificates());
    }
}

#[test]
fn a_session_of_the_listener_that_does_not_ask_is_not_resumed_where_it_asks() {
    let files = Files::new();
    let client = Arc::new(with_certificate(&files, &[&TLS13]));
    let _ = shake(client.clone(), "localhost", Arc::new(files.config())).unwrap();
    let server = shake(client, "localhost", asking(&files)).unwrap();
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    assert!(server.peer_certificates().is_some());
}

#[test]
fn rfc8446_section_4_4_3_a_key_that_is_not_the_certificates_is_refused() {
    let files = Files::new();
    for version in [&[&TLS12][..], &[&TLS13]] {
        let mut client = with_certificate(&files, version);
        let others = provider()
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(
                KeyPair::generate().unwrap().serialize_der().into(),
            ))
            .unwrap();
        let certificate = load_chain(&files.certificate).unwrap();
        let stolen = SingleCertAndKey::from(CertifiedKey::new(certificate, others));
        client.client_auth_cert_resolver = Arc::new(stolen);
        let refused = shake(Arc::new(client), "localhost", asking(&files)).unwrap_err();
        let of_signature = Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        assert_eq!(refused, of_signature);
    }
}

#[test]
fn the_listener_that_asks_speaks_no_other_suites() {
    let files = Files::new();
    for suite in aws_lc_rs::ALL_CIPHER_SUITES {
        let name = suite.suite();
        let client = files.client_with(&[*suite], &[suite.version()]);
        let shaken = shake(Arc::new(client), "localhost", asking(&files));
        let expected = CIPHER_SUITES.contains(&name) && !format!("{name:?}").contains("_RSA_");
        assert_eq!(shaken.is_ok(), expected, "{name:?}");
    }
}
