//! From an answer for an application to what the browser does with it.

use axum::response::Response;
use http::{StatusCode, header};
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    authorization::{AuthorizationAnswer, ResponseMode},
    uri::with_query,
};
use url::{Url, form_urlencoded};

use super::App;
use crate::{
    cookies,
    pages::{FormPostPage, Policy, html, origin_source},
    response::see_other,
};

/// Sends the browser to the application, with the cookie that its tokens are bound to.
pub(super) fn send(app: &App, answer: &AuthorizationAnswer) -> Result<Response, OAuthError> {
    let destination = destination(&answer.redirect_uri)?;
    let mut response = match answer.mode {
        ResponseMode::Query => see_other(in_query(answer))?,
        ResponseMode::Fragment => see_other(with_fragment(answer))?,
        ResponseMode::FormPost => form_post(app, answer, &destination)?,
    };
    if let Some(value) = &answer.atbv {
        let cookie = cookies::atbv(value, &app.cookie)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// No registered URI has a scheme that runs in the browser; should one ever get here, it goes no further.
fn destination(uri: &str) -> Result<Url, OAuthError> {
    let url = Url::parse(uri).ok();
    url.filter(|url| matches!(url.scheme(), "https" | "http") || url.scheme().contains('.'))
        .ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, "the redirect URI leads nowhere"))
}

/// RFC 6749 section 3.1.2: the query of the URI "MUST be retained when adding additional query parameters".
fn in_query(answer: &AuthorizationAnswer) -> String {
    let parameters: Vec<_> =
        answer.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
    with_query(&answer.redirect_uri, &parameters)
}

/// OAuth 2.0 Multiple Response Type Encoding Practices section 2.1.
fn with_fragment(answer: &AuthorizationAnswer) -> String {
    format!("{}#{}", answer.redirect_uri, encoded(answer))
}

fn encoded(answer: &AuthorizationAnswer) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &answer.parameters {
        text.append_pair(name, value);
    }
    text.finish()
}

fn form_post(
    app: &App,
    answer: &AuthorizationAnswer,
    destination: &Url,
) -> Result<Response, OAuthError> {
    let page = FormPostPage {
        site: &app.site,
        action: &answer.redirect_uri,
        destination: destination.host_str().unwrap_or(destination.scheme()),
        fields: &answer.parameters,
    };
    let source = origin_source(&answer.redirect_uri).unwrap_or_default();
    html(StatusCode::OK, &page, &Policy::posting_to(&source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(redirect_uri: &str) -> AuthorizationAnswer {
        AuthorizationAnswer {
            redirect_uri: redirect_uri.into(),
            mode: ResponseMode::Query,
            parameters: vec![("code", "c".into()), ("state", "a b&c=d#é".into())],
            atbv: None,
        }
    }

    #[test]
    fn rfc6749_section_3_1_2_a_query_of_the_redirect_uri_is_retained() {
        let parameters = "code=c&state=a+b%26c%3Dd%23%C3%A9";
        for (uri, expected) in [
            ("https://a.example/cb", format!("https://a.example/cb?{parameters}")),
            ("https://a.example/cb?x=1", format!("https://a.example/cb?x=1&{parameters}")),
            ("https://a.example/cb?", format!("https://a.example/cb?{parameters}")),
            ("com.example.app:/cb", format!("com.example.app:/cb?{parameters}")),
        ] {
            assert_eq!(in_query(&answer(uri)), expected);
        }
    }

    #[test]
    fn a_fragment_leaves_the_query_alone() {
        let uri = with_fragment(&answer("https://a.example/cb?x=1"));
        assert_eq!(uri, "https://a.example/cb?x=1#code=c&state=a+b%26c%3Dd%23%C3%A9");
    }

    #[test]
    fn a_scheme_that_runs_in_the_browser_leads_nowhere() {
        for uri in ["javascript:alert(1)", "data:text/html,x", "file:///etc", "/relative", ""] {
            assert!(destination(uri).is_err(), "{uri}");
        }
        for uri in ["https://a.example/", "http://127.0.0.1:1/", "com.example.app:/cb"] {
            assert!(destination(uri).is_ok(), "{uri}");
        }
    }
}
