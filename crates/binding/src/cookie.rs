//! `cookie`: the cookie `atbv` in the user's browser.
//!
//! A token that leaks from an application or a log is worth nothing without the browser's cookie. It
//! does not stop a thief who takes the cookies along.

use crate::{
    bindings::{Binding, BindingType, Mismatch, Refusal},
    evidence::Evidence,
    id::ClientId,
    reference::Reference,
};

/// The name of the cookie.
pub const NAME: &str = "atbv";

/// The reference of the cookie's value, for the application.
#[must_use]
pub fn reference_of(client_id: &ClientId, value: &str) -> Reference {
    Reference::of(BindingType::Cookie, client_id, value.as_bytes())
}

/// At the token endpoint: taken from the code. A request that shows an `atbv` must show the same.
pub(crate) fn at_token(
    authorized: Option<Reference>,
    validated: bool,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Reference, Refusal> {
    let reference = authorized.ok_or(Refusal::NotAuthorized(BindingType::Cookie))?;
    let binding =
        Binding { binding_type: BindingType::Cookie, reference, validated, confirmation: None };
    match check(&binding, evidence, client_id) {
        Err(mismatch) if validated && mismatch.seen.is_something() => Err(mismatch.into()),
        _ => Ok(reference),
    }
}

/// At refresh and at use: the request must show the cookie.
pub(crate) fn check(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    let binding_type = BindingType::Cookie;
    let shown = &evidence.cookies.atbv;
    shown
        .must_be(binding_type, client_id, binding.reference)
        .map_err(|seen| Mismatch { binding_type, seen })
}
