//! Client authentication by a TLS certificate (RFC 8705 section 2).

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Map, Value, json};
use tokenbind_binding::{PeerCertificate, jwk::PublicKey};
use x509_parser::{
    certificate::X509Certificate,
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
    },
    prelude::FromDer as _,
    public_key,
    x509::SubjectPublicKeyInfo,
};

use super::invalid_client;
use crate::{
    error::OAuthError,
    issuer::Issuer,
    settings::{CertificateName, ClientAuthMethod, Settings},
};

impl Issuer {
    /// Whether the certificate of the connection is the client's.
    ///
    /// # Errors
    /// `invalid_client`, or that the client's keys cannot be had.
    pub(super) async fn check_certificate(
        &self,
        settings: &Settings,
        shown: Option<&PeerCertificate>,
    ) -> Result<(), OAuthError> {
        let certificate = shown.ok_or_else(|| {
            invalid_client(
                "the application authenticates by a TLS client certificate, and none was shown",
            )
        })?;
        if settings.token_endpoint_auth_method == ClientAuthMethod::TlsClientAuth {
            self.check_name(settings, certificate)
        } else {
            self.check_registered(settings, certificate).await
        }
    }

    /// RFC 8705 section 2.1: the certificate is of a trusted authority, and for the name that is expected.
    fn check_name(
        &self,
        settings: &Settings,
        certificate: &PeerCertificate,
    ) -> Result<(), OAuthError> {
        if !certificate.is_trusted(self.now().timestamp()) {
            return Err(invalid_client(
                "expected a client certificate that is valid now, may authenticate clients, and \
                 comes from an authority that this server trusts",
            ));
        }
        let expected = CertificateName::of(settings)?;
        let parsed = parse(certificate.der());
        match (expected, parsed) {
            (Some(expected), Some(certificate)) if expected.is_of(&certificate) => Ok(()),
            _ => {
                Err(invalid_client("the client certificate is not for the name that is registered"))
            }
        }
    }

    /// RFC 8705 section 2.2: the certificate is one that the client registered. Who issued it and how long it is
    /// valid say nothing, since nobody but the client vouches for it.
    async fn check_registered(
        &self,
        settings: &Settings,
        certificate: &PeerCertificate,
    ) -> Result<(), OAuthError> {
        if is_the_one_registered(settings, certificate) {
            return Ok(());
        }
        let keys = self.client_keys(settings).await?;
        let key = parse(certificate.der()).and_then(|parsed| key_of(parsed.public_key()));
        let is_theirs = keys.iter().any(|registered| match &registered.certificate {
            // RFC 7517 section 4.7: its key "MUST match the public key represented by the other members".
            Some(der) => der == certificate.der() && Some(&registered.key) == key.as_ref(),
            None => Some(&registered.key) == key.as_ref(),
        });
        if is_theirs {
            return Ok(());
        }
        Err(invalid_client("the client certificate is none that the application registered"))
    }
}

fn is_the_one_registered(settings: &Settings, certificate: &PeerCertificate) -> bool {
    let registered = settings.certificate.as_ref();
    let registered = registered.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    registered.is_some_and(|registered| *registered == *certificate.der())
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// The key of a certificate, if it is of a kind that is known.
fn key_of(info: &SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
    let jwk: Map<String, Value> = jwk_of(info)?.as_object()?.clone();
    PublicKey::from_jwk(&jwk).ok()
}

fn jwk_of(info: &SubjectPublicKeyInfo<'_>) -> Option<Value> {
    let algorithm = &info.algorithm;
    let bytes = &*info.subject_public_key.data;
    if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
        let Ok(public_key::PublicKey::RSA(key)) = info.parsed() else { return None };
        let [n, e] = [key.modulus, key.exponent].map(without_leading_zeros);
        return Some(json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) }));
    }
    if algorithm.algorithm == OID_SIG_ED25519 {
        return Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(bytes) }));
    }
    let curve = algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    let is_p256 = algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve? == OID_EC_P256;
    match (is_p256, bytes) {
        // The uncompressed point (RFC 5480 section 2.2).
        (true, [4, point @ ..]) if point.len() == 64 => {
            let (x, y) = point.split_at(32);
            Some(json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) }))
        }
        _ => None,
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn base64url(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}
