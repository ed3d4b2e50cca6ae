//! The certificate that a request shows: on its own connection or, where a proxy ends TLS, in a header
//! of that proxy's.
//!
//! [`Peer`] says so, and nothing but this module makes one. A header of anybody else is never more than
//! something to be counted.

mod report;
mod strangers;
mod trust;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use rustls::ServerConnection;
use rustls_pki_types::CertificateDer;
use tokenbind_binding::{
    Clock, PeerCertificate,
    certificate_header::{self, ForwardedCertificate, UnreadableHeader},
};

use crate::{config, system::SystemClock};
pub(crate) use report::{InHeader, Report};
use strangers::Strangers;
pub(crate) use trust::ClientTrust;

/// Header fields that proxies put certificates in. Whoever sends one directly means to deceive, or to be
/// behind a proxy that is not configured.
static KNOWN: [HeaderName; 2] =
    [HeaderName::from_static("client-cert"), HeaderName::from_static("x-forwarded-client-cert")];

/// `Client-Cert-Chain` (RFC 9440 section 2.3).
static CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// Decides what certificate each request is taken to show.
#[derive(Debug)]
pub(crate) struct Gate {
    trust: ClientTrust,
    trusted_proxies: Vec<IpNet>,
    header: Option<HeaderMode>,
    strangers: Strangers,
}

/// Certificates in a header of trusted proxies.
#[derive(Debug)]
struct HeaderMode {
    format: config::CertificateHeader,
    /// Off until the proxy was seen to keep forged headers out.
    on: AtomicBool,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    address: IpAddr,
    is_proxy: bool,
    certificate: Option<Arc<PeerCertificate>>,
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: IpAddr,
    is_proxy: bool,
    shown: Shown,
}

/// How a certificate is shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// On the connection: the handshake proved its key.
    ByConnection(Option<Arc<PeerCertificate>>),
    /// In the header of a trusted proxy, which has seen the handshake.
    ByHeader {
        /// Whether it counts.
        on: bool,
        /// What is in the header.
        found: Result<Option<Arc<PeerCertificate>>, UnreadableHeader>,
    },
}

impl Peer {
    /// Where the connection comes from.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// The same, unless that is a proxy, which sends the requests of others.
    pub(crate) fn sender(&self) -> Option<IpAddr> {
        (!self.is_proxy).then_some(self.address)
    }

    /// How the request shows a certificate, whether that counts or not.
    pub(crate) const fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The certificate that the request shows, its private key proved.
    ///
    /// # Errors
    /// [`UnreadableHeader`] where a trusted proxy says what cannot be understood.
    pub(crate) fn certificate(&self) -> Result<Option<Arc<PeerCertificate>>, UnreadableHeader> {
        match &self.shown {
            Shown::ByConnection(certificate) => Ok(certificate.clone()),
            Shown::ByHeader { on: true, found } => found.clone(),
            // Nor the one of the connection, which is the proxy's own.
            Shown::ByHeader { on: false, .. } => Ok(None),
        }
    }
}

impl Gate {
    /// By this configuration.
    pub(crate) fn new(trust: ClientTrust, proxy: &config::Proxy) -> Self {
        let header = proxy.certificate_header.clone();
        Self {
            trust,
            trusted_proxies: proxy.trusted.clone(),
            header: header.map(|format| HeaderMode { format, on: AtomicBool::new(false) }),
            strangers: Strangers::new(),
        }
    }

    /// From now on certificates in headers count, if they are configured.
    pub(crate) fn open_header_mode(&self) {
        if let Some(header) = &self.header {
            header.on.store(true, Ordering::Release);
        }
    }

    /// What holds for a whole connection whose handshake is done.
    pub(crate) fn connected(&self, address: SocketAddr, tls: &ServerConnection) -> Connected {
        let address = address.ip().to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&address));
        let certificate = match tls.peer_certificates() {
            Some([certificate, intermediates @ ..]) => {
                Some(self.vouched_for(certificate.clone().into_owned(), intermediates.to_vec()))
            }
            Some([]) | None => None,
        };
        Connected { address, is_proxy, certificate }
    }

    /// What a request with these headers shows.
    pub(crate) fn peer(&self, connected: &Connected, headers: &HeaderMap) -> Peer {
        let shown = match &self.header {
            Some(header) if connected.is_proxy => Shown::ByHeader {
                on: header.on.load(Ordering::Acquire),
                found: self.read(&header.format, headers),
            },
            _ => {
                self.note_stranger(connected, headers);
                Shown::ByConnection(connected.certificate.clone())
            }
        };
        Peer { address: connected.address, is_proxy: connected.is_proxy, shown }
    }

    /// RFC 9440 section 4, RFC 8705 section 7.3: who is no trusted proxy cannot speak for a client.
    fn note_stranger(&self, connected: &Connected, headers: &HeaderMap) {
        let configured = self.header.as_ref().map(|header| header.format.name());
        let known = KNOWN.iter().chain(configured);
        if let Some(name) = known.into_iter().find(|name| headers.contains_key(*name)) {
            self.strangers.note(connected.address, name);
        }
    }

    fn read(
        &self,
        format: &config::CertificateHeader,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<PeerCertificate>>, UnreadableHeader> {
        let value = single(headers, format.name())?;
        let found = match format {
            config::CertificateHeader::ClientCert => {
                certificate_header::client_cert(value, &all(headers, &CHAIN)?)?
            }
            config::CertificateHeader::XForwardedClientCert => {
                certificate_header::x_forwarded_client_cert(value)?
            }
            config::CertificateHeader::EscapedPem(_) => certificate_header::escaped_pem(value)?,
        };
        Ok(found.map(|ForwardedCertificate { certificate, intermediates }| {
            self.vouched_for(certificate, intermediates)
        }))
    }

    fn vouched_for(
        &self,
        certificate: CertificateDer<'static>,
        intermediates: Vec<CertificateDer<'static>>,
    ) -> Arc<PeerCertificate> {
        let now = SystemClock.now().timestamp();
        let until = self.trust.vouches_until(&certificate, &intermediates, now);
        Arc::new(PeerCertificate::new(certificate, intermediates, until))
    }
}

/// The one field of this name. A second one is somebody else's, and nobody can tell which.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, UnreadableHeader> {
    match all(headers, name)?[..] {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(UnreadableHeader::Repeated),
    }
}

fn all<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Vec<&'a str>, UnreadableHeader> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().map_err(|_| UnreadableHeader::Malformed)).collect()
}
