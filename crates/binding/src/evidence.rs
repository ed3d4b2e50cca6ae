//! What a request shows that could prove a binding.

use std::fmt;

use crate::{
    bindings::{BindingType, Seen},
    certificate::ShownCertificate,
    client_request::TokenBindingId,
    device_flow::ShownDeviceCode,
    id::ClientId,
    reference::Reference,
    thumbprint::Thumbprint,
};

/// Collected once, at the edge, from everything that a request shows.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The form parameter `tokenBindingId`.
    pub token_binding_id: Option<TokenBindingId>,
    /// The form parameter `device_code`.
    pub device_code: Option<ShownDeviceCode>,
    /// The cookies that matter.
    pub cookies: Cookies,
    /// The TLS client certificate.
    pub certificate: ShownCertificate,
    /// The key (`jkt`) that a DPoP proof proved, every check of RFC 9449 section 4.3 passed and its `jti`
    /// claimed.
    pub dpop: Option<Thumbprint>,
}

/// The cookies of a request that can prove something.
#[derive(Clone, Debug, Default)]
pub struct Cookies {
    /// `atbv`.
    pub atbv: ShownCookie,
    /// The cookie of the login session.
    pub session: ShownCookie,
}

/// A cookie as a request shows it. Its value does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum ShownCookie {
    /// Not at all.
    #[default]
    Absent,
    /// Once.
    One(Box<str>),
    /// More than once, so that nobody can tell which one is meant. Never proves anything.
    Several,
}

impl ShownCookie {
    /// The value, if there is exactly one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Absent | Self::Several => None,
        }
    }

    /// This cookie, and `value` shown besides.
    #[must_use]
    pub fn and(self, value: &str) -> Self {
        match self {
            Self::Absent => Self::One(value.into()),
            Self::One(_) | Self::Several => Self::Several,
        }
    }

    /// Whether it is the value that has this reference.
    ///
    /// # Errors
    /// What was seen instead.
    pub(crate) fn must_be(
        &self,
        binding_type: BindingType,
        client_id: &ClientId,
        expected: Reference,
    ) -> Result<(), Seen> {
        match self {
            Self::Absent => Err(Seen::Nothing),
            Self::Several => Err(Seen::Several),
            Self::One(value) => {
                let shown = Reference::of(binding_type, client_id, value.as_bytes());
                if shown == expected { Ok(()) } else { Err(Seen::Another) }
            }
        }
    }
}

impl fmt::Debug for ShownCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::One(_) => "One(…)",
            Self::Several => "Several",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cookies_of_one_name_are_several_even_if_they_are_equal() {
        let one = ShownCookie::default().and("a");
        assert_eq!(one.value(), Some("a"));
        let two = one.and("a");
        assert_eq!(two.value(), None);
        assert_eq!(two, ShownCookie::Several);
    }

    #[test]
    fn debug_does_not_show_the_value() {
        let cookies = Cookies { atbv: ShownCookie::One("secret".into()), ..Cookies::default() };
        assert!(!format!("{cookies:?}").contains("secret"));
    }
}
