//! `certificate`: the TLS client certificate (RFC 8705).
//!
//! The token is worth nothing without the certificate's private key, which never leaves its holder.

use rustls_pki_types::CertificateDer;

use crate::{
    bindings::{Binding, BindingType, Mismatch, Refusal, Seen},
    evidence::Evidence,
    id::ClientId,
    reference::Reference,
    thumbprint::Thumbprint,
    time::Timestamp,
};

/// A client certificate whose private key the peer has proved to hold: by the TLS handshake, or to a
/// proxy that is trusted. Whoever makes one vouches for that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerCertificate {
    chain: Vec<CertificateDer<'static>>,
    thumbprint: Thumbprint,
    trusted_until: Option<Timestamp>,
}

impl PeerCertificate {
    /// The certificate with the intermediate ones that were shown with it. `trusted_until` where it was
    /// found to come from an authority that the operator trusts: the end of its validity.
    #[must_use]
    pub fn new(
        certificate: CertificateDer<'static>,
        intermediates: Vec<CertificateDer<'static>>,
        trusted_until: Option<Timestamp>,
    ) -> Self {
        let thumbprint = Thumbprint::of(&certificate);
        let mut chain = vec![certificate];
        chain.extend(intermediates);
        Self { chain, thumbprint, trusted_until }
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.chain.first().map_or(&[], |certificate| certificate.as_ref())
    }

    /// `x5t#S256`.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Whether an authority that the operator trusts vouches for it at `now`.
    #[must_use]
    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.trusted_until.is_some_and(|until| now < until)
    }
}

/// The certificate as a request shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShownCertificate {
    /// Not at all.
    #[default]
    Absent,
    /// One, that says nothing of who the client is.
    Shown(Thumbprint),
    /// The one that the client has just authenticated with (RFC 8705 section 2).
    Authenticating(Thumbprint),
}

impl ShownCertificate {
    const fn thumbprint(self) -> Option<Thumbprint> {
        match self {
            Self::Absent => None,
            Self::Shown(thumbprint) | Self::Authenticating(thumbprint) => Some(thumbprint),
        }
    }
}

/// The reference of a certificate, for the application.
#[must_use]
pub fn reference_of(client_id: &ClientId, thumbprint: Thumbprint) -> Reference {
    Reference::of(BindingType::Certificate, client_id, thumbprint.to_string().as_bytes())
}

/// At the token endpoint: the certificate that the request shows, which must be the device's if the code
/// is bound to one.
pub(crate) fn at_token(
    authorized: Option<Thumbprint>,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Binding, Refusal> {
    check_authorized(authorized, evidence)?;
    let shown = evidence.certificate.thumbprint();
    let thumbprint = shown.ok_or(Refusal::Missing(BindingType::Certificate))?;
    Ok(binding_to(thumbprint, client_id))
}

/// A device code that names a certificate is redeemed with that one alone, whatever its tokens are bound
/// to; or with any that authenticates the client now, as at refresh.
pub(crate) fn check_authorized(
    authorized: Option<Thumbprint>,
    evidence: &Evidence,
) -> Result<(), Refusal> {
    let Some(expected) = authorized else { return Ok(()) };
    match evidence.certificate {
        ShownCertificate::Authenticating(_) => Ok(()),
        ShownCertificate::Shown(shown) if shown == expected => Ok(()),
        ShownCertificate::Shown(_) => {
            let binding_type = BindingType::Certificate;
            Err(Mismatch { binding_type, seen: Seen::Another }.into())
        }
        ShownCertificate::Absent => Err(Refusal::Missing(BindingType::Certificate)),
    }
}

/// At refresh: the same certificate or, where the client has authenticated by one, that one: then the
/// refresh token follows the authentication (RFC 8705 section 6.3 and 7.1), so that a renewed certificate
/// logs nobody out. The new access token is bound to what was shown.
pub(crate) fn at_refresh(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Binding, Mismatch> {
    if let ShownCertificate::Authenticating(thumbprint) = evidence.certificate {
        return Ok(binding_to(thumbprint, client_id));
    }
    check(binding, evidence, client_id).map(|()| *binding)
}

/// At use: the same certificate.
pub(crate) fn check(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    let binding_type = BindingType::Certificate;
    let seen = match evidence.certificate.thumbprint() {
        None => Seen::Nothing,
        Some(shown) if reference_of(client_id, shown) == binding.reference => return Ok(()),
        Some(_) => Seen::Another,
    };
    Err(Mismatch { binding_type, seen })
}

fn binding_to(thumbprint: Thumbprint, client_id: &ClientId) -> Binding {
    Binding {
        binding_type: BindingType::Certificate,
        reference: reference_of(client_id, thumbprint),
        validated: true,
        confirmation: Some(thumbprint),
    }
}
