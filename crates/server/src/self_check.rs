//! The server's look at itself from outside: whether a certificate that somebody just claims to have gets
//! through to it.
//!
//! Everybody can write a header. That one of the proxy's can be believed holds only if the proxy drops
//! what clients write there, and nothing but a request from outside shows that it does.

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Client, redirect::Policy};
use rustls::{
    ClientConfig,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::PrivateKeyDer;
use tokenbind_binding::Thumbprint;

use crate::{
    client_certificate::{Gate, InHeader, Report},
    config::{Certificate, CertificateHeader, Config},
    outbound::{self, OutboundError},
    tls,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server waits before it calls itself again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// Why there is no check.
#[derive(Debug, thiserror::Error)]
pub enum SelfCheckError {
    /// No calls can be made.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// No certificate can be forged.
    #[error("no certificate can be made for the check: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// The check, ready to be made.
#[derive(Debug)]
pub(crate) struct SelfCheck {
    /// One that shows no certificate, and one that shows its own: a proxy may want one, and may treat the
    /// two differently.
    callers: [Caller; 2],
    addresses: Vec<String>,
    header: Option<CertificateHeader>,
    forged: Forged,
}

#[derive(Debug)]
struct Caller {
    client: Client,
    /// The certificate that it shows.
    shows: Option<Thumbprint>,
}

/// A certificate that the caller has no key of.
#[derive(Debug)]
struct Forged {
    der: Vec<u8>,
    pem: String,
}

/// What was found at one address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// The base of the URLs there.
    pub(crate) address: String,
    /// What.
    pub(crate) found: Found,
}

/// What came of forged certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// The proxy keeps them out.
    KeptOut,
    /// The request came to the server without a trusted proxy, and they were ignored.
    Ignored,
    /// They come through.
    ComesThrough,
    /// Something comes through that the proxy did not write alone.
    Mixed,
    /// Nothing is known yet: there was no answer, or not one of this server.
    Unknown(String),
}

impl Found {
    /// Whether header mode must not run with it.
    pub(crate) const fn is_bad(&self) -> bool {
        matches!(self, Self::ComesThrough | Self::Mixed)
    }
}

/// What all findings say together.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    Passed,
    NotYet(String),
    Failed(String),
}

impl SelfCheck {
    /// A check of the addresses that this configuration tells clients.
    ///
    /// # Errors
    /// [`SelfCheckError`].
    pub(crate) fn new(config: &Config) -> Result<Self, SelfCheckError> {
        let mut addresses = vec![config.issuer.clone()];
        addresses.extend(config.mtls.base_url.clone().filter(|base| *base != config.issuer));
        let callers = [Caller::bare(config)?, Caller::certified(config)?];
        let header = config.proxy.certificate_header.clone();
        Ok(Self { callers, addresses, header, forged: Forged::new()? })
    }

    /// Calls until it is clear what becomes of forged certificates. Opens header mode if they are kept out.
    ///
    /// # Errors
    /// What the operator has to do, if they come through.
    pub(crate) async fn open(&self, gate: &Gate) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.verdict(&self.findings().await) {
                Verdict::Passed => {
                    tracing::info!("forged client certificates are kept out: the proxy's count");
                    gate.open_header_mode();
                    return Ok(());
                }
                Verdict::Failed(reason) => return Err(reason),
                Verdict::NotYet(reason) => {
                    tracing::warn!(
                        "client certificates in headers do not count yet, since it is not known \
                         whether forged ones come through: {reason}"
                    );
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Calls each address once in every way.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for address in &self.addresses {
            let found = self.found_at(address).await;
            findings.push(Finding { address: address.clone(), found });
        }
        findings
    }

    /// The worst that forged headers do there.
    async fn found_at(&self, address: &str) -> Found {
        let [bare, certified] = &self.callers;
        let found = [self.found_by(bare, address).await, self.found_by(certified, address).await];
        match found {
            [bad, _] | [_, bad] if bad.is_bad() => bad,
            // It is enough to have got there in one way: a proxy may want a certificate.
            [Found::Unknown(_), known] | [known, _] => known,
        }
    }

    /// Written once, a proxy may pass it on; written twice, it may drop one of the two.
    async fn found_by(&self, caller: &Caller, address: &str) -> Found {
        let mut found = None;
        for header in self.headers() {
            for times in [1, 2] {
                let next = match self.call(caller, address, &header, times).await {
                    Ok(report) => judge(&report, self.forged.thumbprint(), caller.shows),
                    Err(reason) => Found::Unknown(reason),
                };
                if !matches!(next, Found::KeptOut | Found::Ignored) {
                    return next;
                }
                found.get_or_insert(next);
            }
        }
        found.unwrap_or(Found::Ignored)
    }

    /// The configured header or, without one, those that a server might believe.
    fn headers(&self) -> Vec<CertificateHeader> {
        let known = || vec![CertificateHeader::ClientCert, CertificateHeader::XForwardedClientCert];
        self.header.clone().map_or_else(known, |header| vec![header])
    }

    async fn call(
        &self,
        caller: &Caller,
        address: &str,
        header: &CertificateHeader,
        times: usize,
    ) -> Result<Report, String> {
        let mut request = caller.client.get(format!("{address}/oauth2/client-certificate"));
        for _ in 0..times {
            request = request.header(header.name(), self.forged.written_in(header));
        }
        let mut answer =
            request.send().await.map_err(|error| outbound::in_full(&error.without_url()))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{address} answers {}, which is not this server", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| outbound::in_full(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
        serde_json::from_slice(&body)
            .map_err(|_| format!("what answers at {address} is not this server"))
    }

    fn verdict(&self, findings: &[Finding]) -> Verdict {
        if let Some(bad) = findings.iter().find(|finding| finding.found.is_bad()) {
            return Verdict::Failed(self.advice(bad));
        }
        let unknown = findings.iter().find_map(|finding| match &finding.found {
            Found::Unknown(reason) => Some(reason.clone()),
            _ => None,
        });
        if let Some(reason) = unknown {
            return Verdict::NotYet(reason);
        }
        // An address of the server's own says nothing of a proxy.
        if findings.iter().any(|finding| finding.found == Found::KeptOut) {
            return Verdict::Passed;
        }
        let addresses = self.addresses.join(" and ");
        Verdict::NotYet(format!(
            "calls to {addresses} did not come back through one of trusted_proxies; clients must \
             not reach the server past its proxy, and the server has to resolve the name as they do"
        ))
    }

    /// What the operator has to do.
    pub(crate) fn advice(&self, Finding { address, found }: &Finding) -> String {
        let header = self.header.as_ref().map_or("client-cert", |header| header.name().as_str());
        match found {
            Found::KeptOut => format!("{address}: the proxy keeps forged certificates out"),
            Found::Ignored => {
                format!(
                    "{address}: reached without a trusted proxy; forged certificates are ignored"
                )
            }
            Found::ComesThrough => format!(
                "{address}: a forged certificate in the header {header} comes through, so that \
                 anybody could pretend to have any certificate; have the proxy remove that header \
                 from what clients send, or always overwrite it, and keep clients and this machine \
                 from reaching the server past the proxy"
            ),
            Found::Mixed => format!(
                "{address}: what a client writes in the header {header} comes through beside what \
                 the proxy writes, or spoils it; have the proxy overwrite that header and not add \
                 to it"
            ),
            Found::Unknown(reason) => format!("{address}: {reason}"),
        }
    }
}

/// What the server itself is known by, and what the operator trusts besides.
fn trusted(config: &Config) -> Vec<PathBuf> {
    let mut files = config.outbound.trust_anchors.clone();
    let local = config.data.join("tls").join("ca.pem");
    if config.certificate == Certificate::Local && local.is_file() {
        files.push(local);
    }
    files
}

fn judge(report: &Report, forged: Thumbprint, shown: Option<Thumbprint>) -> Found {
    if report.counted() == Some(forged) {
        return Found::ComesThrough;
    }
    match report.in_header() {
        None => Found::Ignored,
        Some(InHeader::Nothing) => Found::KeptOut,
        Some(InHeader::Certificate(found)) if found == forged => Found::ComesThrough,
        Some(InHeader::Certificate(found)) if Some(found) == shown => Found::KeptOut,
        // One that nobody showed.
        Some(InHeader::Certificate(_) | InHeader::Unreadable) => Found::Mixed,
    }
}

impl Caller {
    fn bare(config: &Config) -> Result<Self, SelfCheckError> {
        let client = client(outbound::client_config(&trusted(config))?)?;
        Ok(Self { client, shows: None })
    }

    fn certified(config: &Config) -> Result<Self, SelfCheckError> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["self-check.invalid".to_owned()])?;
        let certificate = certificate.self_signed(&key)?.der().clone();
        let shows = Some(Thumbprint::of(&certificate));
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = tls::provider().key_provider.load_private_key(key);
        let key = key.map_err(OutboundError::from)?;
        let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
        let mut tls = outbound::client_config(&trusted(config))?;
        tls.client_auth_cert_resolver = Arc::new(resolver);
        Ok(Self { client: client(tls)?, shows })
    }
}

fn client(tls: ClientConfig) -> Result<Client, OutboundError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .https_only(true)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIMEOUT);
    Ok(builder.build()?)
}

impl Forged {
    fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(["forged.invalid".to_owned()])?.self_signed(&key)?;
        Ok(Self { der: certificate.der().to_vec(), pem: certificate.pem() })
    }

    fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.der)
    }

    fn written_in(&self, header: &CertificateHeader) -> String {
        let escaped = || utf8_percent_encode(&self.pem, NON_ALPHANUMERIC).to_string();
        match header {
            CertificateHeader::ClientCert => format!(":{}:", STANDARD.encode(&self.der)),
            CertificateHeader::XForwardedClientCert => format!("Cert=\"{}\"", escaped()),
            CertificateHeader::EscapedPem(_) => escaped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn check() -> (TempDir, SelfCheck) {
        let folder = TempDir::new().unwrap();
        let mut config = Config::default_for(folder.path());
        config.mtls.base_url = Some("https://mtls.example".into());
        config.proxy.certificate_header = Some(CertificateHeader::ClientCert);
        (folder, SelfCheck::new(&config).unwrap())
    }

    fn verdict(found: [Found; 2]) -> Verdict {
        let (_folder, check) = check();
        let finding = |found| Finding { address: "https://a.example".into(), found };
        check.verdict(&found.map(finding))
    }

    #[test]
    fn header_mode_opens_when_a_proxy_was_seen_to_keep_forged_certificates_out() {
        assert_eq!(verdict([Found::KeptOut, Found::KeptOut]), Verdict::Passed);
        assert_eq!(verdict([Found::KeptOut, Found::Ignored]), Verdict::Passed);
    }

    #[test]
    fn header_mode_stays_shut_while_anything_is_unknown() {
        let unknown = Found::Unknown("no answer".into());
        assert_eq!(verdict([Found::KeptOut, unknown]), Verdict::NotYet("no answer".into()));
        let not_seen = verdict([Found::Ignored, Found::Ignored]);
        assert!(matches!(not_seen, Verdict::NotYet(_)), "no proxy was seen at work");
    }

    #[test]
    fn one_way_in_is_enough_to_fail() {
        for bad in [Found::ComesThrough, Found::Mixed] {
            for other in [Found::KeptOut, Found::Ignored, Found::Unknown("no answer".into())] {
                let found = verdict([other, bad.clone()]);
                assert!(matches!(found, Verdict::Failed(_)), "{found:?}");
            }
        }
    }

    #[test]
    fn what_the_server_tells_is_judged() {
        let forged = Thumbprint::of(b"forged");
        let judged = |report: serde_json::Value| {
            judge(&serde_json::from_value(report).unwrap(), forged, Some(Thumbprint::of(b"own")))
        };
        let through = |header: serde_json::Value| serde_json::json!({ "certificate": null, "proxy": { "counts": false, "header": header } });
        assert_eq!(judged(serde_json::json!({ "certificate": null })), Found::Ignored);
        assert_eq!(judged(through("nothing".into())), Found::KeptOut);
        assert_eq!(judged(through("unreadable".into())), Found::Mixed);
        let certificate = |thumbprint: Thumbprint| serde_json::json!({ "certificate": thumbprint });
        assert_eq!(judged(through(certificate(forged))), Found::ComesThrough);
        assert_eq!(judged(through(certificate(Thumbprint::of(b"own")))), Found::KeptOut);
        assert_eq!(judged(through(certificate(Thumbprint::of(b"other")))), Found::Mixed);
        let counted = serde_json::json!({
            "certificate": { "shown_by": "header", "x5t#S256": forged, "vouched_for": false },
        });
        assert_eq!(judged(counted), Found::ComesThrough);
    }

    #[test]
    fn the_forged_certificate_can_be_read_in_every_header() {
        use tokenbind_binding::certificate_header as read;
        let forged = Forged::new().unwrap();
        let name = CertificateHeader::EscapedPem(http::HeaderName::from_static("x-cert"));
        let [plain, envoy, escaped] =
            [CertificateHeader::ClientCert, CertificateHeader::XForwardedClientCert, name]
                .map(|header| forged.written_in(&header));
        for found in [
            read::client_cert(Some(&plain), &[]),
            read::x_forwarded_client_cert(Some(&envoy)),
            read::escaped_pem(Some(&escaped)),
        ] {
            assert_eq!(found.unwrap().unwrap().certificate.as_ref(), forged.der);
        }
    }
}
