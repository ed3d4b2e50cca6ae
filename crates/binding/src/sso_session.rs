//! `sso-session`: the login session.
//!
//! The token dies with the login, whoever holds it. Until then it works for a thief too, unless its
//! validation is on: then the session's cookie must be shown with it.

use crate::{
    bindings::{Binding, BindingType, Mismatch, Refusal},
    evidence::Evidence,
    id::ClientId,
    reference::Reference,
};

/// The reference of a session by the raw value of its cookie, for the application.
#[must_use]
pub fn reference_of(client_id: &ClientId, cookie: &str) -> Reference {
    Reference::of(BindingType::SsoSession, client_id, cookie.as_bytes())
}

/// At the token endpoint: taken from the code. Whether the session is alive is judged apart.
pub(crate) fn at_token(authorized: Option<Reference>) -> Result<Reference, Refusal> {
    authorized.ok_or(Refusal::NotAuthorized(BindingType::SsoSession))
}

/// At refresh and at use, with validation on: the request must show the session's cookie.
pub(crate) fn check(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    let binding_type = BindingType::SsoSession;
    let shown = &evidence.cookies.session;
    shown
        .must_be(binding_type, client_id, binding.reference)
        .map_err(|seen| Mismatch { binding_type, seen })
}
