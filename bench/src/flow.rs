//! The code flow of a browser that is signed in already: one authorization request and the redemption
//! of its code, with PKCE and an ID token.

use form_urlencoded::Serializer;
use serde_json::json;

use crate::{
    Result,
    http::{HOST, OwnedAnswer},
    load::{Credentials, Requests},
    subject::{Subject, User},
};

const REDIRECT_URI: &str = "https://app.example/callback";

/// The example of RFC 7636 appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What an application that signs users in is registered with.
pub(crate) fn metadata() -> serde_json::Value {
    json!({
        "grant_types": ["authorization_code"],
        "redirect_uris": [REDIRECT_URI],
        "id_token_signed_response_alg": "ES256",
        "skip_consent": true,
    })
}

/// The whole flow of a browser that has this `cookie`.
pub(crate) fn requests(who: &Credentials, cookie: &str) -> Requests {
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("code_verifier", CODE_VERIFIER)
        .append_pair("code", "")
        .finish();
    let path = format!("/oauth2/authorize?{}", query(who));
    Requests::new("/oauth2/token", who, &form, "\"id_token\"").with_code_from(&path, cookie)
}

fn query(who: &Credentials) -> String {
    Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &who.client_id)
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("scope", "openid profile")
        .append_pair("state", "af0ifjsldkj")
        .append_pair("nonce", "n-0S6_WzA2Mj")
        .append_pair("code_challenge", CODE_CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .finish()
}

/// Signs a user in; the cookies that the browser has from then on.
pub(crate) async fn sign_in(subject: &Subject, who: &Credentials) -> Result<String> {
    let request = query(who);
    let page = format!("GET /oauth2/authorize?{request} HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    let page = subject.target.endpoint.once(page.as_bytes()).await?;
    let User { username, password } = &subject.user;
    let form = Serializer::new(String::new())
        .append_pair("csrf", hidden(&page.body, "csrf")?)
        .append_pair("request", &request)
        .append_pair("username", username)
        .append_pair("password", password)
        .finish();
    let (cookies, length) = (page.cookies(), form.len());
    let post = format!(
        "POST /sign-in HTTP/1.1\r\nhost: {HOST}\r\ncookie: {cookies}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    );
    let answer: OwnedAnswer = subject.target.endpoint.once(post.as_bytes()).await?;
    match answer.cookies() {
        cookies if answer.status == 303 && !cookies.is_empty() => Ok(cookies),
        _ => Err(format!("signing in was answered {}: {}", answer.status, answer.body).into()),
    }
}

/// The value of a hidden field, which holds nothing that HTML would escape.
fn hidden<'p>(page: &'p str, name: &str) -> Result<&'p str> {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&field).ok_or_else(|| format!("no {field} in {page}"))?;
    let (value, _) = rest.split_once('"').ok_or("a value without an end")?;
    Ok(value)
}
