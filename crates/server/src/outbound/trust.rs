//! Whose certificates are trusted in calls to others.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    server::ParsedCertificate,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::OutboundError;
use crate::tls::{self, TlsError, TlsProblem};

/// TLS to others: certificates of authorities that the operating system or one of `files` names, and
/// those that stand in `files` themselves.
///
/// # Errors
/// If a file cannot be read, or holds no certificate.
pub(crate) fn client_config(files: &[PathBuf]) -> Result<ClientConfig, OutboundError> {
    let mut roots = of_operating_system();
    let mut named = Vec::new();
    for file in files {
        for certificate in tls::load_chain(file)? {
            let refused = |problem| TlsError { path: file.clone(), problem };
            roots.add(certificate.clone()).map_err(|error| refused(TlsProblem::Unusable(error)))?;
            named.push(certificate);
        }
    }
    if roots.is_empty() {
        tracing::warn!(
            "the operating system names no certificate authorities, so that no application can be \
             called; name some in outbound.trust_anchors"
        );
    }
    with_roots(roots, named)
}

fn of_operating_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "a certificate of the operating system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn with_roots(
    roots: RootCertStore,
    named: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, OutboundError> {
    let provider = tls::provider();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    if roots.is_empty() {
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let by_authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let verifier = Arc::new(Verifier { by_authority, named });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Verifies by the rules of the web's authorities, and takes besides a certificate that signed itself,
/// as `openssl req -x509` makes it, if the operator named this very one.
#[derive(Debug)]
struct Verifier {
    by_authority: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error) if only_lacks_an_issuer(&error) && self.named.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// Whether the certificate is good but for being an authority's own, which no authority can issue. The
/// library finds that after it has checked the dates.
fn only_lacks_an_issuer(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::tls::{server_config, tests::shake};

    /// A server's certificate and key in files, and a file to name as trust anchor.
    struct Called {
        directory: TempDir,
    }

    impl Called {
        fn new(certificate: &str, key: &KeyPair, anchor: &str) -> Self {
            let called = Self { directory: TempDir::new().unwrap() };
            for (name, pem) in [
                ("cert.pem", certificate),
                ("key.pem", &key.serialize_pem()),
                ("anchor.pem", anchor),
            ] {
                fs::write(called.path(name), pem).unwrap();
            }
            called
        }

        /// A certificate that signed itself, and is its own trust anchor.
        fn self_signed(params: &CertificateParams) -> Self {
            let key = KeyPair::generate().unwrap();
            let pem = params.self_signed(&key).unwrap().pem();
            Self::new(&pem, &key, &pem)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Shakes hands under `name` with a client that trusts these files.
        fn shaken(&self, name: &str, anchors: &[PathBuf]) -> Result<(), Error> {
            let server = server_config(&self.path("cert.pem"), &self.path("key.pem")).unwrap();
            let client = client_config(anchors).unwrap();
            shake(Arc::new(client), name, Arc::new(server)).map(drop)
        }

        fn trusted(&self, name: &str) -> Result<(), Error> {
            self.shaken(name, &[self.path("anchor.pem")])
        }
    }

    fn leaf() -> CertificateParams {
        CertificateParams::new(["app.example".to_owned()]).unwrap()
    }

    fn authority(mut params: CertificateParams) -> CertificateParams {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    /// What `openssl req -x509` makes: an authority that is its own server.
    fn as_openssl_makes_it() -> CertificateParams {
        authority(leaf())
    }

    #[test]
    fn a_named_authority_is_trusted_for_what_it_issued() {
        let authority = authority(CertificateParams::new([]).unwrap());
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = leaf().signed_by(&key, &issuer).unwrap();
        let called = Called::new(&certificate.pem(), &key, &issuer.pem());
        called.trusted("app.example").unwrap();
        assert!(called.trusted("other.example").is_err(), "another name");
        assert!(called.shaken("app.example", &[]).is_err(), "not named");
    }

    #[test]
    fn a_named_certificate_that_signed_itself_is_trusted() {
        for params in [leaf(), as_openssl_makes_it()] {
            let called = Called::self_signed(&params);
            called.trusted("app.example").unwrap();
            assert!(called.trusted("other.example").is_err(), "another name");
            assert!(called.shaken("app.example", &[]).is_err(), "not named");
            let other = Called::self_signed(&params);
            let anchors = [other.path("anchor.pem")];
            assert!(called.shaken("app.example", &anchors).is_err(), "another is named");
        }
    }

    #[test]
    fn a_named_certificate_is_not_trusted_beyond_its_dates() {
        for (from, to) in [(2000, 2001), (3000, 3001)] {
            for mut params in [leaf(), as_openssl_makes_it()] {
                params.not_before = date_time_ymd(from, 1, 1);
                params.not_after = date_time_ymd(to, 1, 1);
                assert!(Called::self_signed(&params).trusted("app.example").is_err());
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = client_config(&["/nonexistent/ca.pem".into()]).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/ca.pem: cannot be read"), "{error}");
    }
}
