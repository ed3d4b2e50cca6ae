//! From an answer for an application to what the browser does with it.

use axum::response::Response;
use http::{StatusCode, header};
use tokenbind_issuer::{ErrorCode, OAuthError, authorization::AuthorizationAnswer};
use url::Url;

use super::App;
use crate::{
    cookies,
    pages::{FormPostPage, Policy, html, origin_source},
    response::see_other,
};

/// Sends the browser to the application, with the cookie that its tokens are bound to.
pub(super) fn send(app: &App, answer: &AuthorizationAnswer) -> Result<Response, OAuthError> {
    let destination = destination(&answer.redirect_uri)?;
    let mut response = match answer.location() {
        Some(location) => see_other(location)?,
        None => form_post(app, answer, &destination)?,
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
