//! TLS of the listeners: TLS 1.3, and TLS 1.2 with forward secrecy and AES-GCM alone.

mod any_certificate;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CipherSuite, InconsistentKeys, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretSlice};

use any_certificate::AnyCertificate;

/// The cipher suites: all of TLS 1.3, and of TLS 1.2 those that RFC 9325 section 4.2 recommends.
pub const CIPHER_SUITES: [CipherSuite; 7] = [
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Why there is no TLS: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TlsError {
    /// The certificate's or the key's file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TlsProblem,
}

/// What is wrong with a certificate, a key, or the two of them.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// The file is broken as PEM.
    #[error("not PEM: {0}")]
    Pem(&'static str),
    /// Nothing in the file is a certificate.
    #[error("no certificate in it")]
    NoCertificate,
    /// Nothing in the file is a private key.
    #[error("no private key in it")]
    NoKey,
    /// The key is under a password.
    #[error("the private key is encrypted; decrypt it, for example with `openssl pkey`")]
    EncryptedKey,
    /// Key and certificate do not belong together.
    #[error("not the private key of {}", .0.display())]
    OtherKey(PathBuf),
    /// What the TLS library says to key and certificate.
    #[error("cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// The cryptography of every TLS connection: aws-lc-rs with [`CIPHER_SUITES`].
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| CIPHER_SUITES.contains(&suite.suite()));
    Arc::new(provider)
}

/// TLS for a listener that asks for no client certificate, with the certificate chain and the
/// private key from these PEM files. Offers HTTP/2 and HTTP/1.1 (RFC 7301).
///
/// # Errors
///
/// If a file cannot be read, or key and certificate cannot be used together.
pub fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let certified = load_certified_key(certificate, key)?;
    config_of(certified, None).map_err(|error| refuse(certificate, TlsProblem::Unusable(error)))
}

/// The same for a listener that asks for client certificates and takes any, or none. A resumed session
/// has the certificate of the handshake that it began with.
///
/// # Errors
///
/// If a file cannot be read, or key and certificate cannot be used together.
pub fn server_config_asking(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let certified = load_certified_key(certificate, key)?;
    let verifier = Arc::new(AnyCertificate(provider()));
    config_of(certified, Some(verifier))
        .map_err(|error| refuse(certificate, TlsProblem::Unusable(error)))
}

fn config_of(
    certified: CertifiedKey,
    verifier: Option<Arc<AnyCertificate>>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// The certificate chain with its private key, found to belong together.
///
/// # Errors
///
/// If a file cannot be read or used, or holds the key of another certificate.
pub fn load_certified_key(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = load_chain(certificate)?;
    let private_key = provider().key_provider.load_private_key(load_key(key)?);
    let private_key = private_key.map_err(|error| refuse(key, TlsProblem::Unusable(error)))?;
    let certified = CertifiedKey::new(chain, private_key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(refuse(key, TlsProblem::OtherKey(certificate.to_owned())))
        }
        Err(error) => Err(refuse(certificate, TlsProblem::Unusable(error))),
    }
}

/// The certificates of the PEM file, in its order; at least one.
///
/// # Errors
///
/// If the file cannot be read, or holds none.
pub fn load_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(refuse(path, TlsProblem::NoCertificate)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(refuse(path, not_pem(&error))),
    }
}

fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = SecretSlice::from(read(path)?);
    let text = text.expose_secret();
    // PKCS #8 says it in the label, the older form in a header (RFC 1421 section 4.6.1.1).
    let encrypted = [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.into_iter().any(|mark| text.windows(mark.len()).any(|window| window == mark)) {
        return Err(refuse(path, TlsProblem::EncryptedKey));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        PemError::NoItemsFound => refuse(path, TlsProblem::NoKey),
        error => refuse(path, not_pem(&error)),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| refuse(path, TlsProblem::Io(error)))
}

/// The library's own words would print bytes of the file.
const fn not_pem(error: &PemError) -> TlsProblem {
    TlsProblem::Pem(match error {
        PemError::MissingSectionEnd { .. } => "a section has no END line",
        PemError::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        PemError::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be parsed",
    })
}

fn refuse(path: &Path, problem: TlsProblem) -> TlsError {
    TlsError { path: path.to_owned(), problem }
}

#[cfg(test)]
pub(crate) mod tests;
