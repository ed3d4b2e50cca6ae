//! The authorities whose certificates authenticate clients (RFC 8705 section 2.1).

use std::{path::PathBuf, time::Duration};

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use tokenbind_binding::Timestamp;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::tls::{self, TlsError, TlsProblem};

/// Authorities that the operator trusts to say who a client is; perhaps none.
#[derive(Debug, Default)]
pub(crate) struct ClientTrust {
    anchors: Vec<TrustAnchor<'static>>,
}

impl ClientTrust {
    /// The certificates of these PEM files.
    ///
    /// # Errors
    /// If a file cannot be read, or holds what is no certificate.
    pub(crate) fn load(files: &[PathBuf]) -> Result<Self, TlsError> {
        let mut anchors = Vec::new();
        for file in files {
            for certificate in tls::load_chain(file)? {
                let anchor = anchor_from_trusted_cert(&certificate).map_err(|error| {
                    let problem = rustls::Error::General(error.to_string());
                    TlsError { path: file.clone(), problem: TlsProblem::Unusable(problem) }
                })?;
                anchors.push(anchor.to_owned());
            }
        }
        Ok(Self { anchors })
    }

    /// Until when the certificate is vouched for by one of the authorities: the first end of validity on
    /// the way to it. `None` if it is not vouched for now, or not for the authentication of clients
    /// (RFC 5280 section 4.2.1.12).
    pub(super) fn vouches_until(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.anchors.is_empty() {
            return None;
        }
        let end_entity = EndEntityCert::try_from(certificate).ok()?;
        let provider = tls::provider();
        let path = end_entity
            .verify_for_usage(
                provider.signature_verification_algorithms.all,
                &self.anchors,
                intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs())),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .ok()?;
        let mut until = valid_until(certificate)?;
        for intermediate in path.intermediate_certificates() {
            until = until.min(valid_until(&intermediate.der())?);
        }
        Some(until)
    }
}

/// The end of its validity; `None` for what is no certificate.
fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let secs = certificate.validity().not_after.timestamp();
    u64::try_from(secs).ok().map(Timestamp::from_secs)
}
