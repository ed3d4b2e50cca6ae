//! HTTP Basic as client authentication (RFC 6749 section 2.3.1, RFC 7617).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::form;

/// The id and the secret that a client showed.
pub struct BasicCredentials {
    /// The `client_id`.
    pub client_id: String,
    /// The client secret.
    pub client_secret: Zeroizing<String>,
}

/// An `Authorization` header that is no readable Basic header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedBasic {
    /// Some other scheme.
    #[error("the Authorization header must use the scheme Basic")]
    OtherScheme,
    /// Not base64 of `id:secret`.
    #[error(
        "the Basic header must be base64 of the url-encoded client_id, a colon and the \
         url-encoded client_secret"
    )]
    Unreadable,
}

impl BasicCredentials {
    /// Reads the value of an `Authorization` header. RFC 6749 section 2.3.1: id and secret are encoded "using
    /// the `application/x-www-form-urlencoded` encoding algorithm" before they are joined.
    ///
    /// # Errors
    /// [`MalformedBasic`].
    pub fn parse(header: &str) -> Result<Self, MalformedBasic> {
        let (scheme, encoded) = header.split_once(' ').ok_or(MalformedBasic::OtherScheme)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(MalformedBasic::OtherScheme);
        }
        Self::decode(encoded.trim()).ok_or(MalformedBasic::Unreadable)
    }

    fn decode(encoded: &str) -> Option<Self> {
        let joined = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = joined.iter().position(|&byte| byte == b':')?;
        let client_id = form::decode(&joined[..colon])?.into_owned();
        let client_secret = Zeroizing::new(form::decode(&joined[colon + 1..])?.into_owned());
        (!client_id.is_empty()).then_some(Self { client_id, client_secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(joined: &str) -> Result<(String, String), MalformedBasic> {
        BasicCredentials::parse(&format!("Basic {}", STANDARD.encode(joined)))
            .map(|shown| (shown.client_id, shown.client_secret.to_string()))
    }

    #[test]
    fn rfc6749_section_2_3_1_id_and_secret_are_url_encoded() {
        assert_eq!(parse("a%3Ab:p%25+q"), Ok(("a:b".into(), "p% q".into())));
        assert_eq!(parse("app:s:t"), Ok(("app".into(), "s:t".into())));
    }

    #[test]
    fn the_scheme_is_compared_without_case() {
        let header = format!("bAsIc {}", STANDARD.encode("app:s"));
        assert!(BasicCredentials::parse(&header).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for header in ["", "Basic", "Bearer abc"] {
            let refused = BasicCredentials::parse(header).err();
            assert_eq!(refused, Some(MalformedBasic::OtherScheme), "{header}");
        }
        for header in ["Basic !!!", "Basic YXBw", "Basic Og==", "Basic /w=="] {
            let refused = BasicCredentials::parse(header).err();
            assert_eq!(refused, Some(MalformedBasic::Unreadable), "{header}");
        }
    }
}
