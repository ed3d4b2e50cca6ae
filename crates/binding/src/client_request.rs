//! `client-request`: the instance that the client names with `tokenBindingId`.
//!
//! A label, not a proof: it keeps instances apart and lets one of them be ended, but does not stop a
//! thief, who simply does not name one. Combine it with `dpop` or `certificate` for that.

use std::fmt;

use crate::{
    bindings::{Binding, BindingType, Mismatch, Seen},
    evidence::Evidence,
    id::ClientId,
    reference::Reference,
};

/// The longest `tokenBindingId`, in Unicode characters.
pub const MAX_CHARACTERS: usize = 255;

/// A `tokenBindingId`: 1 to 255 characters, compared exactly.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenBindingId(Box<str>);

/// A `tokenBindingId` of more than 255 characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("tokenBindingId must have at most 255 characters, {0} were sent")]
pub struct TooLong(pub usize);

impl TokenBindingId {
    /// Reads the parameter's value. Blank (empty, or nothing but white space) counts as absent.
    ///
    /// # Errors
    /// [`TooLong`] from 256 characters on.
    pub fn parse(text: &str) -> Result<Option<Self>, TooLong> {
        let characters = text.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(TooLong(characters));
        }
        let blank = text.chars().all(char::is_whitespace);
        Ok((!blank).then(|| Self(text.into())))
    }

    fn reference(&self, client_id: &ClientId) -> Reference {
        Reference::of(BindingType::ClientRequest, client_id, self.0.as_bytes())
    }
}

impl fmt::Debug for TokenBindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenBindingId(…)")
    }
}

/// The reference of an instance, for ending all that it holds.
///
/// # Errors
/// [`TooLong`]; a blank id is no instance and gives `Ok(None)`.
pub fn reference_of(client_id: &ClientId, id: &str) -> Result<Option<Reference>, TooLong> {
    Ok(TokenBindingId::parse(id)?.map(|id| id.reference(client_id)))
}

/// At the token endpoint: the id is optional, and without one there is nothing to bind to.
pub(crate) fn at_token(evidence: &Evidence, client_id: &ClientId) -> Option<Reference> {
    evidence.token_binding_id.as_ref().map(|id| id.reference(client_id))
}

/// At refresh: a different id is refused, none shown keeps the binding.
pub(crate) fn at_refresh(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    match at_token(evidence, client_id) {
        Some(shown) if shown != binding.reference => {
            Err(Mismatch { binding_type: BindingType::ClientRequest, seen: Seen::Another })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_counts_as_absent() {
        for blank in ["", " ", "\t\u{a0}\u{3000}"] {
            assert_eq!(TokenBindingId::parse(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn the_limit_counts_unicode_characters() {
        let longest = "é".repeat(255);
        assert!(matches!(TokenBindingId::parse(&longest), Ok(Some(_))));
        assert_eq!(TokenBindingId::parse(&"é".repeat(256)), Err(TooLong(256)));
        assert_eq!(TokenBindingId::parse(&" ".repeat(256)), Err(TooLong(256)));
    }

    #[test]
    fn is_compared_exactly() {
        let client = ClientId::from("app");
        let tv = reference_of(&client, "tv").unwrap();
        for other in ["TV", "tv ", " tv", "t\u{200b}v"] {
            assert_ne!(tv, reference_of(&client, other).unwrap(), "{other:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_value() {
        let id = TokenBindingId::parse("secret-device").unwrap();
        assert!(!format!("{id:?}").contains("secret"));
    }
}
