//! Authorization requests and their answers, as an application makes and reads them.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Url;

use crate::{answer::assert_description, sha256};

/// The parameters of an authorization request, and what the application keeps to itself.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// In the order in which they are sent.
    pub parameters: Vec<(String, String)>,
    /// What `code_challenge` was made from (RFC 7636).
    pub verifier: String,
}

/// How an answer came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In its fragment.
    Fragment,
    /// In a form for the browser to post there.
    FormPost,
}

/// The answer to an authorization request, as the application receives it.
#[derive(Clone, Debug)]
pub struct Callback {
    /// What was asked.
    pub request: AuthorizationRequest,
    /// The issuer that was asked.
    pub issuer: String,
    /// Where the browser was sent, without the parameters of the answer.
    pub redirect_uri: String,
    /// How.
    pub mode: ResponseMode,
    /// The parameters of the answer.
    pub parameters: Vec<(String, String)>,
}

impl AuthorizationRequest {
    /// A request for a code, for the scope `openid`. Verifier, `state` and `nonce` are used once only.
    #[must_use]
    pub fn new(client_id: &str, redirect_uri: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // RFC 7636 section 4.1: 43 characters.
        let verifier = sha256(&format!("verifier {number}"));
        let challenge = sha256(&verifier);
        let (state, nonce) = (format!("state &+%= {number}"), format!("nonce {number}"));
        let parameters = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Self { parameters: parameters.map(owned).to_vec(), verifier }
    }

    /// With this parameter in place of all of its name.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).also(name, value)
    }

    /// With this parameter besides all that are there.
    #[must_use]
    pub fn also(mut self, name: &str, value: &str) -> Self {
        self.parameters.push(owned((name, value)));
        self
    }

    /// Without the parameters of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(each, _)| each != name);
        self
    }

    /// Without PKCE.
    #[must_use]
    pub fn without_pkce(self) -> Self {
        self.without("code_challenge").without("code_challenge_method")
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// The parameters as a query or a form has them.
    #[must_use]
    pub fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }

    /// Path and query of the request by GET.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/oauth2/authorize?{}", self.encoded())
    }
}

impl Callback {
    /// The answer that a redirect to `location` carries, if that leads to the redirect URI of the
    /// request. The parameters of the redirect URI itself must all still be there.
    pub(crate) fn from_redirect(
        request: &AuthorizationRequest,
        issuer: &str,
        location: &str,
    ) -> Option<Self> {
        let redirect_uri = request.get("redirect_uri")?;
        let rest = location.strip_prefix(redirect_uri)?;
        let mode = match rest.chars().next()? {
            '?' | '&' => ResponseMode::Query,
            '#' => ResponseMode::Fragment,
            _ => return None,
        };
        let parameters = form_urlencoded::parse(&rest.as_bytes()[1..]).into_owned().collect();
        let (request, issuer) = (request.clone(), issuer.to_owned());
        let redirect_uri = redirect_uri.to_owned();
        Some(Self { request, issuer, redirect_uri, mode, parameters })
    }

    /// The value of a parameter, which is there once or not at all.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let count = self.parameters.iter().filter(|(each, _)| each == name).count();
        assert!(count <= 1, "{name} is there {count} times: {:?}", self.parameters);
        find(&self.parameters, name)
    }

    /// The code of a good answer.
    #[must_use]
    pub fn code(&self) -> &str {
        self.assert_carries(&["code", "state", "iss"]);
        self.get("code").expect("a code")
    }

    /// The `error_description` of a refusal with this `error`.
    #[must_use]
    pub fn refused(&self, error: &str) -> String {
        self.assert_carries(&["error", "error_description", "state", "iss"]);
        assert_eq!(self.get("error"), Some(error), "{:?}", self.parameters);
        let description = self.get("error_description").expect("a description");
        assert_description(description);
        description.to_owned()
    }

    /// RFC 6749 section 4.1.2: `state` is "the exact value received from the client"; RFC 9207 section 2: `iss` is the
    /// issuer, in errors too. Nothing else comes along.
    fn assert_carries(&self, names: &[&str]) {
        assert_eq!(self.get("state"), self.request.get("state"), "{:?}", self.parameters);
        assert_eq!(self.get("iss"), Some(&*self.issuer), "{:?}", self.parameters);
        let stray = self.parameters.iter().find(|(name, _)| !names.contains(&&**name));
        assert_eq!(stray, None, "{:?}", self.parameters);
    }
}

/// Whether `url` leads to the server at `base`.
pub(crate) fn is_at(url: &Url, base: &str) -> bool {
    url.origin() == Url::parse(base).expect("a URL").origin()
}

fn find<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(each, _)| each == name).map(|(_, value)| &**value)
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
