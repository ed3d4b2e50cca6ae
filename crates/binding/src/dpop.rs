//! `dpop`: the client's key (RFC 9449).
//!
//! The token is worth nothing without a fresh proof by the key, which never leaves its holder.

pub mod htu;
pub mod nonce;
pub mod proof;

use crate::{
    bindings::{Binding, BindingType, Mismatch, Refusal, Seen},
    evidence::Evidence,
    id::ClientId,
    jwk::JwsAlgorithm,
    reference::Reference,
    thumbprint::Thumbprint,
};

/// The signatures that a proof may have (`dpop_signing_alg_values_supported`, RFC 9449 section 5.1).
pub const ALGORITHMS: [&str; 3] = [
    ACCEPTED_ALGORITHMS[0].as_str(),
    ACCEPTED_ALGORITHMS[1].as_str(),
    ACCEPTED_ALGORITHMS[2].as_str(),
];

/// The same as types. Never RS256, whose padding is best left behind, and nothing symmetric.
const ACCEPTED_ALGORITHMS: [JwsAlgorithm; 3] =
    [JwsAlgorithm::ES256, JwsAlgorithm::PS256, JwsAlgorithm::EdDSA];

/// The `DPoP` header as a request shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShownProof<'a> {
    /// Not at all.
    #[default]
    Absent,
    /// Once.
    One(&'a str),
    /// More than once, or not as text: never proves anything.
    Unusable,
}

/// The reference of a key by its JWK thumbprint, for the application.
#[must_use]
pub fn reference_of(client_id: &ClientId, jkt: Thumbprint) -> Reference {
    Reference::of(BindingType::Dpop, client_id, jkt.to_string().as_bytes())
}

/// At the token endpoint: the key that the request proves, which must be the code's if that is bound to
/// one.
pub(crate) fn at_token(
    authorized: Option<Thumbprint>,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Binding, Refusal> {
    let binding_type = BindingType::Dpop;
    let missing = Mismatch { binding_type, seen: Seen::Nothing };
    let jkt = evidence.dpop.ok_or(missing)?;
    check_authorized(authorized, evidence)?;
    Ok(Binding {
        binding_type,
        reference: reference_of(client_id, jkt),
        validated: true,
        confirmation: Some(jkt),
    })
}

/// RFC 9449 section 10: a code that names a key is redeemed with a proof by that key alone, whatever its
/// tokens are bound to.
pub(crate) fn check_authorized(
    authorized: Option<Thumbprint>,
    evidence: &Evidence,
) -> Result<(), Mismatch> {
    let binding_type = BindingType::Dpop;
    match (authorized, evidence.dpop) {
        (Some(expected), Some(shown)) if expected == shown => Ok(()),
        (Some(_), Some(_)) => Err(Mismatch { binding_type, seen: Seen::Another }),
        (Some(_), None) => Err(Mismatch { binding_type, seen: Seen::Nothing }),
        (None, _) => Ok(()),
    }
}

/// At refresh and at use: a proof by the same key.
pub(crate) fn check(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    let binding_type = BindingType::Dpop;
    let seen = match evidence.dpop {
        None => Seen::Nothing,
        Some(shown) if reference_of(client_id, shown) == binding.reference => return Ok(()),
        Some(_) => Seen::Another,
    };
    Err(Mismatch { binding_type, seen })
}
