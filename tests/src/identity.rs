//! Certificates of clients, with their keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    PublicKeyData as _, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};

use crate::{Authority, base64url, sha256_of};

/// A client's certificate, those that it is shown with, and the key.
#[derive(Clone, Debug)]
pub struct Identity {
    certificate: String,
    key: String,
    point: Vec<u8>,
}

impl Identity {
    /// A certificate that signed itself, with a new key.
    #[must_use]
    pub fn self_signed(common_name: &str) -> Self {
        Self::signed_by_itself(&subject(common_name))
    }

    /// A certificate of these fields that signed itself, with a new key.
    #[must_use]
    pub fn signed_by_itself(params: &CertificateParams) -> Self {
        Self::with_own_signature(params, &KeyPair::generate().expect("a key"))
    }

    /// A certificate of these fields that was signed by its own key.
    #[must_use]
    pub fn with_own_signature(params: &CertificateParams, key: &KeyPair) -> Self {
        Self::new(params.self_signed(key).expect("a certificate").pem(), key)
    }

    /// A certificate of these fields by the authority, with a new key.
    #[must_use]
    pub fn by(authority: &Authority, params: &CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self::new(authority.sign(params, &key), &key)
    }

    fn new(certificate: String, key: &KeyPair) -> Self {
        let point = key.der_bytes().to_vec();
        Self { certificate, key: key.serialize_pem(), point }
    }

    /// The same key with a certificate that nobody can read.
    #[must_use]
    pub fn broken(&self) -> Self {
        let mut der = self.der().to_vec();
        // The length of what is signed.
        der[6] ^= 0x3f;
        let body = STANDARD.encode(der);
        let certificate =
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        Self { certificate, ..self.clone() }
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// Its private key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    /// `x5t#S256`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        sha256_of(&self.der())
    }

    /// The certificate as it stands in `Client-Cert` (RFC 9440).
    #[must_use]
    pub fn in_client_cert(&self) -> String {
        format!(":{}:", STANDARD.encode(self.der()))
    }

    /// The certificate in PEM with everything in percent encoding that nginx encodes.
    #[must_use]
    pub fn escaped(&self) -> String {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        self.certificate.bytes().map(encode).collect()
    }

    /// The public key as a JWK, with the certificate as `x5c` if asked for (RFC 7517 section 4.7).
    #[must_use]
    pub fn jwk(&self, with_certificate: bool) -> Value {
        let (x, y) = (base64url(&self.point[1..33]), base64url(&self.point[33..]));
        let mut jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        if with_certificate {
            jwk["x5c"] = json!([STANDARD.encode(self.der())]);
        }
        jwk
    }

    /// Writes the certificate and the key into a folder, as files for curl and the like.
    #[must_use]
    pub fn write_into(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let paths = ["client.pem", "client.key"].map(|name| folder.join(name));
        fs::write(&paths[0], &self.certificate).expect("the file can be written");
        fs::write(&paths[1], &self.key).expect("the file can be written");
        let [certificate, key] = paths;
        (certificate, key)
    }

    /// What TLS needs.
    pub(crate) fn tls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        (vec![self.der()], key)
    }
}

/// The fields of a client's certificate with this name, of the organization "Tests".
#[must_use]
pub fn subject(common_name: &str) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Tests");
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}
