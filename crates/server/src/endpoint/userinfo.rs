//! `/oauth2/userinfo` (OpenID Connect Core section 5.3).

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, Request, StatusCode};
use tokenbind_issuer::{Endpoint, ErrorCode, OAuthError, Userinfo, form::Form};

use super::{App, counted, private_json};
use crate::{
    cors::{self, Page},
    error_response::{with_dpop_nonce, with_resource_metadata},
    request::read_optional_form,
};

/// By GET, and by POST with or without a form (RFC 6750 section 2.2).
pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    let mut page = Page::of(request.headers());
    let response = counted(&app.userinfo, async {
        let told = tell(&app, request, &mut page).await.map_err(of_a_resource)?;
        let response = private_json(StatusCode::OK, &told.claims)?;
        Ok(with_dpop_nonce(response, told.dpop_nonce.as_deref()))
    })
    .await;
    let response = with_resource_metadata(response, || app.issuer.userinfo_metadata_url());
    page.may_read(&app.issuer, response).await
}

pub(super) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    cors::preflight(&app.issuer, &headers, "GET, POST").await
}

async fn tell(app: &App, request: Request<Body>, page: &mut Page) -> Result<Userinfo, OAuthError> {
    refuse_token_in_query(request.uri().query())?;
    let incoming = read_optional_form(request, app.limits).await?;
    let form = Form::parse(&incoming.body)?;
    let shown = incoming.token_evidence(&form, Endpoint::Userinfo)?;
    page.of_token(&app.issuer, shown).await;
    app.issuer.userinfo(shown).await
}

/// RFC 6750 section 3: whoever shows no token that lets them in gets a challenge, also where the request
/// cannot be read.
fn of_a_resource(error: OAuthError) -> OAuthError {
    match error.code {
        ErrorCode::InvalidRequest => {
            OAuthError { code: ErrorCode::InvalidResourceRequest, ..error }
        }
        _ => error,
    }
}

/// RFC 9700 section 4.3.2: access tokens do not go into URLs, where logs and histories keep them.
fn refuse_token_in_query(query: Option<&str>) -> Result<(), OAuthError> {
    let query = Form::parse(query.unwrap_or_default().as_bytes())?;
    if query.get("access_token").is_none() {
        return Ok(());
    }
    Err(OAuthError::new(
        ErrorCode::InvalidRequest,
        "the access token belongs in the Authorization header, never in the URL",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9700_section_4_3_2_an_access_token_in_the_url_is_refused() {
        assert!(refuse_token_in_query(Some("a=b&access_token=x")).is_err());
        assert!(refuse_token_in_query(Some("schema=openid")).is_ok());
        assert!(refuse_token_in_query(None).is_ok());
    }
}
