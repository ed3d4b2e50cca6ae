//! `POST /oauth2/par` (RFC 9126 section 2).

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, Request, StatusCode};
use tokenbind_issuer::{Endpoint, form::Form};

use super::{App, counted, private_json};
use crate::{
    cors::{self, Page},
    error_response::with_dpop_nonce,
    request::read_form,
};

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    let mut page = Page::of(request.headers());
    let response = counted(&app.par, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let shown = incoming.evidence(&form, Endpoint::PushedAuthorizationRequest)?;
        page.of_client(&app.issuer, shown).await;
        let pushed = app.issuer.push_authorization_request(shown).await?;
        let response = private_json(StatusCode::CREATED, &pushed)?;
        Ok(with_dpop_nonce(response, pushed.dpop_nonce()))
    })
    .await;
    page.may_read(&app.issuer, response).await
}

pub(super) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    cors::preflight(&app.issuer, &headers, "POST").await
}
