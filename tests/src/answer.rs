//! Answers of the server, and what every answer of a kind must hold to.

use reqwest::{
    Response, Version,
    header::{HeaderMap, HeaderName},
};
use serde::Deserialize;
use serde_json::Value;

/// A response with its body read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The protocol it came by.
    pub version: Version,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// A successful token response (RFC 6749 section 5.1). A member that is not known fails the test.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// `Bearer` or `DPoP`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: u64,
    /// The refresh token, where there is one.
    pub refresh_token: Option<String>,
    /// The scope, where it is not empty.
    pub scope: Option<String>,
    /// The ID token, where the scope has `openid` and a user signed in.
    pub id_token: Option<String>,
    /// What kind of token an exchange gave (RFC 8693 section 2.2.1).
    pub issued_token_type: Option<String>,
}

impl Tokens {
    /// The refresh token.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        self.refresh_token.as_deref().expect("a refresh token")
    }

    /// The ID token.
    #[must_use]
    pub fn id_token(&self) -> &str {
        self.id_token.as_deref().expect("an ID token")
    }
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Result<Self, reqwest::Error> {
        Ok(Self {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    /// The body as text, for messages.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, if it is there and printable.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON, which the header must say it is.
    #[must_use]
    pub fn json(&self) -> Value {
        let content_type = self.header(&reqwest::header::CONTENT_TYPE);
        assert_eq!(content_type, Some("application/json"), "{} {}", self.status, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The JSON of an answer with this status.
    #[must_use]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The tokens of a successful token response.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        self.tokens_of_type("Bearer")
    }

    /// The same where the access token is bound to a key (RFC 9449 section 5).
    #[must_use]
    pub fn dpop_tokens(&self) -> Tokens {
        self.tokens_of_type("DPoP")
    }

    fn tokens_of_type(&self, token_type: &str) -> Tokens {
        let json = self.expect(200);
        assert_eq!(self.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        let tokens: Tokens = serde_json::from_value(json).expect("a token response");
        assert_eq!(tokens.token_type, token_type);
        tokens
    }

    /// The `error_description` of a refusal with this status and `error`, of the form that RFC 6749
    /// section 5.2 gives it.
    #[must_use]
    pub fn refused(&self, status: u16, error: &str) -> String {
        let json = self.expect(status);
        assert_eq!(json["error"], error, "{json}");
        assert_eq!(self.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        let description = json["error_description"].as_str().expect("a description");
        assert_description(description);
        description.to_owned()
    }

    /// The nonce that the next DPoP proof is to have, if it tells one (RFC 9449 section 8: "there MUST NOT be more
    /// than one DPoP-Nonce header").
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        assert!(self.headers.get_all("dpop-nonce").iter().count() < 2, "{:?}", self.headers);
        self.header(&HeaderName::from_static("dpop-nonce"))
    }

    /// The `error_description` of a refusal of the token that was shown, which a resource server tells
    /// in `WWW-Authenticate` (RFC 6750 section 3).
    #[must_use]
    pub fn challenged(&self, error: &str) -> String {
        self.challenged_by("Bearer", error)
    }

    /// The same by this scheme.
    #[must_use]
    pub fn challenged_by(&self, scheme: &str, error: &str) -> String {
        assert_eq!(self.status, 401, "{}", self.text());
        let challenge = self.header(&reqwest::header::WWW_AUTHENTICATE).expect("a challenge");
        let parameters = challenge.strip_prefix(scheme).expect("the scheme");
        assert_eq!(quoted(parameters, "error"), Some(error), "{challenge}");
        let description = quoted(parameters, "error_description").expect("a description");
        assert_description(description);
        description.to_owned()
    }
}

/// RFC 6749 section 5.2: the characters that a description may have.
pub(crate) fn assert_description(description: &str) {
    let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(!description.is_empty() && description.bytes().all(allowed), "{description:?}");
}

/// The value of a parameter of a challenge, given as a quoted string without escapes.
fn quoted<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = parameters;
    loop {
        let (each, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if each.trim_start_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = after;
    }
}
