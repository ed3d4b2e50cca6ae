//! What is told of the certificate that a request shows. It tells nobody more than who asks knows.

use serde::{Deserialize, Serialize};
use tokenbind_binding::{Clock, PeerCertificate, Thumbprint};

use super::{Peer, Shown};
use crate::system::SystemClock;

/// Which certificate a request is taken to show.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Report {
    /// The one that counts; none if the request shows none, or none that counts.
    certificate: Option<Told>,
    /// What a trusted proxy says, if the request came through one that tells of certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<FromProxy>,
}

#[derive(Serialize, Deserialize, Debug)]
struct Told {
    shown_by: Way,
    #[serde(rename = "x5t#S256")]
    thumbprint: Thumbprint,
    /// Whether an authority of `mtls.client_trust_anchors` vouches for it.
    vouched_for: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum Way {
    Connection,
    Header,
}

#[derive(Serialize, Deserialize, Debug)]
struct FromProxy {
    /// Whether its header counts yet.
    counts: bool,
    header: InHeader,
}

/// What stands in the header of a trusted proxy.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InHeader {
    /// No certificate.
    Nothing,
    /// The one with this thumbprint.
    Certificate(Thumbprint),
    /// Something that is not understood.
    Unreadable,
}

impl Report {
    /// Of the request that comes from `peer`.
    pub(crate) fn of(peer: &Peer) -> Self {
        let way = match peer.shown() {
            Shown::ByConnection(_) => Way::Connection,
            Shown::ByHeader { .. } => Way::Header,
        };
        let counted = peer.certificate().ok().flatten();
        Self {
            certificate: counted.map(|certificate| Told::of(&certificate, way)),
            proxy: FromProxy::of(peer.shown()),
        }
    }

    /// The thumbprint of the certificate that counts.
    pub(crate) fn counted(&self) -> Option<Thumbprint> {
        self.certificate.as_ref().map(|told| told.thumbprint)
    }

    /// What the trusted proxy says; `None` if the request did not come through one.
    pub(crate) fn in_header(&self) -> Option<InHeader> {
        self.proxy.as_ref().map(|proxy| proxy.header)
    }
}

impl Told {
    fn of(certificate: &PeerCertificate, shown_by: Way) -> Self {
        let vouched_for = certificate.is_trusted(SystemClock.now().timestamp());
        Self { shown_by, thumbprint: certificate.thumbprint(), vouched_for }
    }
}

impl FromProxy {
    fn of(shown: &Shown) -> Option<Self> {
        let Shown::ByHeader { on, found } = shown else { return None };
        let header = match found {
            Ok(None) => InHeader::Nothing,
            Ok(Some(certificate)) => InHeader::Certificate(certificate.thumbprint()),
            Err(_) => InHeader::Unreadable,
        };
        Some(Self { counts: *on, header })
    }
}
