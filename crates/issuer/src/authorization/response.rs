//! Authorization responses (RFC 6749 section 4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode).

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::form_urlencoded;

use crate::{secret::Secret, uri::with_query};

/// What a header cannot carry. A registered URI has none of it, unless somebody wrote it down loosely.
const NOT_IN_A_URL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// How the parameters of the answer travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts to it.
    FormPost,
    /// Signed, in the query: what `jwt` means for a code (JARM section 2.3.4).
    Jwt,
    /// Signed, in the query (JARM section 2.3.1).
    QueryJwt,
    /// Signed, in the fragment (JARM section 2.3.2).
    FragmentJwt,
    /// Signed, in a form (JARM section 2.3.3).
    FormPostJwt,
}

impl ResponseMode {
    /// The modes that this server answers in (`response_modes_supported`).
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Fragment,
        Self::FormPost,
        Self::Jwt,
        Self::QueryJwt,
        Self::FragmentJwt,
        Self::FormPostJwt,
    ];

    /// The value of `response_mode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::Jwt => "jwt",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the parameters travel in a JWT.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        match self {
            Self::Query | Self::Fragment | Self::FormPost => false,
            Self::Jwt | Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt => true,
        }
    }

    /// From the value of `response_mode`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// An answer for the application. Its `Debug` shows no code.
#[derive(Clone)]
pub struct AuthorizationAnswer {
    /// Where the browser is sent, checked to be the application's.
    pub redirect_uri: String,
    /// How the parameters travel.
    pub mode: ResponseMode,
    /// `code` or `error`, `state`, `iss` …, or `response` with all of these in it.
    pub parameters: Vec<(&'static str, String)>,
    /// The value of `atbv` that the browser is to keep, if it is to have a new one.
    pub atbv: Option<Secret>,
}

impl AuthorizationAnswer {
    /// The URL that the browser is redirected to; none where it posts the parameters to the redirect
    /// URI.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let uri = utf8_percent_encode(&self.redirect_uri, NOT_IN_A_URL).to_string();
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
        match self.mode {
            ResponseMode::Query | ResponseMode::Jwt | ResponseMode::QueryJwt => {
                Some(with_query(&uri, &parameters))
            }
            // OAuth 2.0 Multiple Response Type Encoding Practices section 2.1. No registered URI has a fragment.
            ResponseMode::Fragment | ResponseMode::FragmentJwt => {
                let mut encoded = form_urlencoded::Serializer::new(String::new());
                Some(format!("{uri}#{}", encoded.extend_pairs(&parameters).finish()))
            }
            ResponseMode::FormPost | ResponseMode::FormPostJwt => None,
        }
    }
}

impl fmt::Debug for AuthorizationAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("AuthorizationAnswer")
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODED: &str = "code=c&state=a+b%26c%3Dd%23%C3%A9%0D%0A";

    fn answer(redirect_uri: &str, mode: ResponseMode) -> AuthorizationAnswer {
        AuthorizationAnswer {
            redirect_uri: redirect_uri.into(),
            mode,
            parameters: vec![("code", "c".into()), ("state", "a b&c=d#\u{e9}\r\n".into())],
            atbv: None,
        }
    }

    #[test]
    fn every_mode_reads_back_from_its_name() {
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(ResponseMode::parse("web_message"), None);
    }

    #[test]
    fn rfc6749_section_3_1_2_a_query_of_the_redirect_uri_is_retained() {
        for (uri, joined) in [
            ("https://a.example/cb", "https://a.example/cb?"),
            ("https://a.example/cb?x=1", "https://a.example/cb?x=1&"),
            ("https://a.example/cb?x=1&", "https://a.example/cb?x=1&"),
            ("https://a.example/cb?", "https://a.example/cb?"),
            ("com.example.app:/cb", "com.example.app:/cb?"),
        ] {
            let location = answer(uri, ResponseMode::Query).location();
            assert_eq!(location, Some(format!("{joined}{ENCODED}")), "{uri}");
        }
    }

    #[test]
    fn multiple_response_types_section_2_1_a_fragment_leaves_the_query_alone() {
        let location = answer("https://a.example/cb?x=1", ResponseMode::Fragment).location();
        assert_eq!(location, Some(format!("https://a.example/cb?x=1#{ENCODED}")));
    }

    #[test]
    fn a_form_that_is_posted_leads_nowhere_by_itself() {
        assert_eq!(answer("https://a.example/cb", ResponseMode::FormPost).location(), None);
    }

    #[test]
    fn a_loosely_written_uri_breaks_no_header() {
        let uri = "https://a.example/c b\r\nSet-Cookie: x\u{e9}";
        let location = answer(uri, ResponseMode::Query).location().unwrap();
        assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    }

    #[test]
    fn debug_does_not_show_the_code() {
        let mut answer = answer("https://a.example/cb", ResponseMode::Query);
        answer.parameters[0].1 = "tb_ac_secret".into();
        assert!(!format!("{answer:?}").contains("tb_ac_secret"));
    }
}
